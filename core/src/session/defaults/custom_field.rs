//! A field that the app adds to Stripe's page: what of it must fit together.

use serde_json::Value;

use super::refusal::{DefaultsRefusal, shown, within};

const TYPES: [&str; 3] = ["dropdown", "numeric", "text"];

/// Checks that a field has the object of its own type and no other, and that its lengths and its default value fit.
///
/// # Errors
/// What does not fit.
pub(super) fn check(path: &str, field: &Value) -> Result<(), DefaultsRefusal> {
    let Some(own) = field.get("type").and_then(Value::as_str) else { return Ok(()) };
    let other = TYPES.into_iter().find(|kind| *kind != own && field.get(*kind).is_some());
    let missing = (own == "dropdown" && field.get(own).is_none()).then_some(own);
    if let Some(kind) = other.or(missing) {
        let own = shown(&own.into());
        return Err(refusal(&within(path, kind), &format!("A field of type {own} has {own} and none of the others.")));
    }
    let Some(of_type) = field.get(own) else { return Ok(()) };
    let path = within(path, own);
    if own == "dropdown" { dropdown(&path, of_type) } else { lengths(&path, of_type, own == "numeric") }
}

fn dropdown(path: &str, of_type: &Value) -> Result<(), DefaultsRefusal> {
    let Some(default) = of_type.get("default_value") else { return Ok(()) };
    let options = of_type.get("options").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if options.iter().any(|option| option.get("value") == Some(default)) {
        return Ok(());
    }
    Err(refusal(&within(path, "default_value"), "Stripe takes the value of one of the options."))
}

fn lengths(path: &str, of_type: &Value, is_numeric: bool) -> Result<(), DefaultsRefusal> {
    let number = |name: &str| of_type.get(name).and_then(Value::as_u64);
    let (least, most) = (number("minimum_length").unwrap_or(0), number("maximum_length").unwrap_or(255));
    if least > most {
        return Err(refusal(&within(path, "minimum_length"), "Stripe takes no more than maximum_length."));
    }
    let Some(default) = of_type.get("default_value").and_then(Value::as_str) else { return Ok(()) };
    let length = default.chars().count() as u64;
    if length < least || length > most || (is_numeric && !default.bytes().all(|byte| byte.is_ascii_digit())) {
        let of = if is_numeric { "digits" } else { "characters" };
        return Err(refusal(&within(path, "default_value"), &format!("Stripe takes {least} to {most} {of} there.")));
    }
    Ok(())
}

fn refusal(path: &str, hint: &str) -> DefaultsRefusal {
    DefaultsRefusal {
        message: "a custom field does not fit its type".to_owned(),
        detail: format!("Parameter {path}."),
        hint: hint.to_owned(),
    }
}
