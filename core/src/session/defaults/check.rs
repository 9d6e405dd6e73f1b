//! Whether checkout defaults are what Stripe takes and what an admin may say.

use serde_json::Value;

use super::allowed::{Field, Kind, PARAMETERS};
use super::custom_field;
use super::refusal::{DefaultsRefusal, shown, within};

/// Checks that each parameter is one that an admin may say, and each value one that Stripe takes.
///
/// `seconds` tells how long an interval is, and nothing where the text is none.
///
/// # Errors
/// The first thing that is wrong, in the order of the names.
pub fn check(params: &Value, seconds: &dyn Fn(&str) -> Option<i64>) -> Result<(), DefaultsRefusal> {
    object("", PARAMETERS, params, seconds)?;
    if params.get("allow_promotion_codes").is_some() && params.get("discounts").is_some() {
        return Err(DefaultsRefusal {
            message: "allow_promotion_codes and discounts exclude each other".to_owned(),
            detail: "Parameters allow_promotion_codes and discounts.".to_owned(),
            hint: "Keep one of them: Stripe takes one discount for a checkout.".to_owned(),
        });
    }
    Ok(())
}

fn value(
    path: &str,
    kind: &'static Kind,
    given: &Value,
    seconds: &dyn Fn(&str) -> Option<i64>,
) -> Result<(), DefaultsRefusal> {
    let text = given.as_str();
    let is_valid = match kind {
        Kind::Flag => given.is_boolean(),
        Kind::Word(words) => text.is_some_and(|text| words.split(' ').any(|word| word == text)),
        Kind::Text(longest) => text.is_some_and(|text| is_text(text, *longest)),
        Kind::Plain(longest) => {
            text.is_some_and(|text| is_text(text, *longest) && text.chars().all(|c| c.is_ascii_alphanumeric()))
        }
        Kind::Statement(longest) => text.is_some_and(|text| is_statement(text, *longest)),
        Kind::Id(prefix) => text.is_some_and(|text| is_id(text, prefix)),
        Kind::Currency => text.is_some_and(is_currency),
        Kind::Number(least, most) => given.as_i64().is_some_and(|number| (*least..=*most).contains(&number)),
        Kind::Interval(least, most) => text.and_then(seconds).is_some_and(|length| (*least..=*most).contains(&length)),
        Kind::List(most, of) | Kind::Distinct(most, _, of) => return list(path, kind, *most, of, given, seconds),
        Kind::Object(fields) => return object(path, fields, given, seconds),
        Kind::CustomField(fields) => {
            object(path, fields, given, seconds)?;
            return custom_field::check(path, given);
        }
        Kind::OneOf(fields) => {
            object(path, fields, given, seconds)?;
            given.as_object().is_some_and(|given| given.len() == 1)
        }
        Kind::ByCurrency(of) => return by_currency(path, of, given, seconds),
    };
    if is_valid { Ok(()) } else { Err(wrong_value(path, kind, given)) }
}

fn list(
    path: &str,
    kind: &'static Kind,
    most: usize,
    of: &'static Kind,
    given: &Value,
    seconds: &dyn Fn(&str) -> Option<i64>,
) -> Result<(), DefaultsRefusal> {
    let items = given.as_array().map(Vec::as_slice).unwrap_or_default();
    // What no two of them may have alike.
    let own = |item: &Value| match kind {
        Kind::Distinct(_, field, _) => item.get(field).cloned(),
        _ => Some(item.clone()),
    };
    let all: Vec<Option<Value>> = items.iter().map(own).collect();
    let repeats = all.iter().enumerate().any(|(place, own)| own.is_some() && all[..place].contains(own));
    if items.is_empty() || items.len() > most || repeats {
        return Err(wrong_value(path, kind, given));
    }
    items.iter().enumerate().try_for_each(|(place, item)| value(&format!("{path}[{place}]"), of, item, seconds))
}

fn object(
    path: &str,
    fields: &'static [Field],
    given: &Value,
    seconds: &dyn Fn(&str) -> Option<i64>,
) -> Result<(), DefaultsRefusal> {
    let Value::Object(given) = given else {
        return Err(wrong_value(path, &Kind::Object(fields), given));
    };
    for (name, inner) in given {
        let path = within(path, name);
        match fields.iter().find(|field| field.name == name) {
            Some(field) => value(&path, &field.kind, inner, seconds)?,
            None => return Err(not_allowed(&path, fields)),
        }
    }
    if let Some(missing) = fields.iter().find(|field| field.required && !given.contains_key(field.name)) {
        return Err(DefaultsRefusal {
            message: "a parameter is missing that stripe needs".to_owned(),
            detail: format!("Parameter {}.", within(path, missing.name)),
            hint: format!("Stripe takes {}.", in_words(&missing.kind)),
        });
    }
    Ok(())
}

fn by_currency(
    path: &str,
    of: &'static Kind,
    given: &Value,
    seconds: &dyn Fn(&str) -> Option<i64>,
) -> Result<(), DefaultsRefusal> {
    let Some(given) = given.as_object().filter(|given| given.keys().all(|key| is_currency(key))) else {
        return Err(wrong_value(path, &Kind::ByCurrency(&Kind::Flag), given));
    };
    given.iter().try_for_each(|(currency, inner)| value(&within(path, currency), of, inner, seconds))
}

fn is_text(text: &str, longest: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= longest && !text.chars().any(|c| c.is_control() && c != '\n')
}

/// Some of what banks cannot show, Stripe refuses; and it wants a letter.
/// <https://docs.stripe.com/get-started/account/statement-descriptors>
fn is_statement(text: &str, longest: usize) -> bool {
    is_text(text, longest)
        && text.chars().any(char::is_alphabetic)
        && !text.chars().any(|c| matches!(c, '<' | '>' | '\\' | '\'' | '"' | '*' | '\n'))
}

fn is_id(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    !rest.is_empty() && text.len() <= 255 && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn not_allowed(path: &str, fields: &[Field]) -> DefaultsRefusal {
    let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
    DefaultsRefusal {
        message: "checkout defaults cannot hold this parameter".to_owned(),
        detail: format!("Parameter {path}."),
        hint: format!("Allowed there: {}.", names.join(", ")),
    }
}

fn wrong_value(path: &str, kind: &Kind, given: &Value) -> DefaultsRefusal {
    let path = if path.is_empty() { "params" } else { path };
    DefaultsRefusal {
        message: "a checkout default has a value that stripe does not take".to_owned(),
        detail: format!("Parameter {path} is {}.", shown(given)),
        hint: format!("Stripe takes {}.", in_words(kind)),
    }
}

fn in_words(kind: &Kind) -> String {
    match kind {
        Kind::Flag => "true or false".to_owned(),
        Kind::Word(words) => format!("one of {}", words.replace(' ', ", ")),
        Kind::Text(longest) => format!("a text of at most {longest} characters"),
        Kind::Plain(longest) => format!("a text of at most {longest} letters and digits"),
        Kind::Statement(longest) => {
            format!("a text of at most {longest} characters with a letter, and without < > \\ ' \" *")
        }
        Kind::Id("") => "an id".to_owned(),
        Kind::Id(prefix) => format!("an id that begins with {prefix}"),
        Kind::Currency => "a currency of three letters in lower case".to_owned(),
        Kind::Number(least, most) => format!("a whole number from {least} to {most}"),
        Kind::Interval(least, most) => {
            format!("an interval from {} minutes to {} hours, such as \"1 hour\"", least / 60, most / 3600)
        }
        Kind::List(most, _) => format!("a list of 1 to {most} different values"),
        Kind::Distinct(most, field, _) => format!("a list of 1 to {most} objects, each with another {field}"),
        Kind::Object(fields) | Kind::CustomField(fields) => format!("an object of {}", listed(fields)),
        Kind::OneOf(fields) => format!("an object of one of {}", listed(fields)),
        Kind::ByCurrency(_) => "an object whose keys are currencies in lower case".to_owned(),
    }
}

fn listed(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")
}
