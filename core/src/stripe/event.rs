//! The envelope of a webhook: what happened, to which object, when.
//!
//! Source: <https://docs.stripe.com/api/events/object>.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::json_text;

/// Why a verified body is not an event.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Malformed {
    /// It is not UTF-8 (SQLSTATE 22032).
    #[error("webhook body is not utf-8")]
    NotUtf8,
    /// It is not JSON, or it nests too deep (SQLSTATE 22032).
    #[error("webhook body is not valid json")]
    NotJson(String),
    /// It is JSON, but not an event (SQLSTATE 22023).
    #[error("webhook body is not a stripe event")]
    NotAnEvent(String),
}

/// The two environments of a Stripe account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// `livemode: false`.
    Test,
    /// `livemode: true`.
    Live,
}

impl Environment {
    /// Reads `test` or `live`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "test" => Some(Self::Test),
            "live" => Some(Self::Live),
            _ => None,
        }
    }

    /// Its name in every table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }

    /// The value of `livemode` in this environment.
    #[must_use]
    pub fn livemode(self) -> bool {
        self == Self::Live
    }
}

/// One event, with its object still as text.
#[derive(Debug)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// Such as `invoice.paid`.
    pub event_type: String,
    /// When Stripe made it, in Unix seconds.
    pub created: i64,
    /// Its environment; a thin event may leave it out.
    pub livemode: Option<bool>,
    /// The connected account that it comes from, if any.
    pub account: Option<String>,
    /// The account of an organization that it comes from, if any.
    pub context: Option<String>,
    /// Whether it is a thin event, which names its object but does not carry it.
    pub thin: bool,
    /// `data.object`, as JSON text; `null` for a thin event.
    pub object: String,
    /// `data.previous_attributes`, as JSON text.
    pub previous_attributes: Option<String>,
    /// `data.object.object`.
    pub object_type: Option<String>,
    /// `data.object.id`.
    pub object_id: Option<String>,
    /// Whether the body can be stored as it is: `jsonb` would not refuse it (see [`json_text::readable`]).
    pub storable: bool,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    id: Option<Cow<'a, str>>,
    object: Option<Cow<'a, str>>,
    #[serde(rename = "type")]
    event_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    created: Option<&'a RawValue>,
    livemode: Option<bool>,
    account: Option<Cow<'a, str>>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
    #[serde(borrow)]
    related_object: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    previous_attributes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ObjectRef<'a> {
    id: Option<Cow<'a, str>>,
    object: Option<Cow<'a, str>>,
    #[serde(rename = "type")]
    thin_type: Option<Cow<'a, str>>,
}

impl Event {
    /// The account that the event names, unless it is `own`, the account of this installation. Without `own`, every
    /// named account is foreign: Stripe names none in an account's own events.
    #[must_use]
    pub fn foreign_account(&self, own: Option<&str>) -> Option<&str> {
        let named = [self.account.as_deref(), self.context.as_deref()];
        named.into_iter().flatten().find(|account| Some(*account) != own)
    }

    /// Reads a body as an event.
    ///
    /// # Errors
    /// [`Malformed`]; its text says where, and never contains the content.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(body).map_err(|_| Malformed::NotUtf8)?;
        let readable = json_text::readable(text)
            .map_err(|_| Malformed::NotJson(format!("it nests deeper than {} levels", json_text::MAX_DEPTH)))?;
        let envelope: Envelope = serde_json::from_str(&readable).map_err(|error| {
            // The envelope can fail at a place before the invalid JSON, so the whole text is checked.
            match serde_json::from_str::<serde::de::IgnoredAny>(&readable) {
                Err(error) => Malformed::NotJson(place(&error)),
                Ok(_) => Malformed::NotAnEvent(place(&error)),
            }
        })?;
        let event = Self::from_envelope(&envelope)?;
        Ok(Self { storable: matches!(readable, Cow::Borrowed(_)), ..event })
    }

    fn from_envelope(envelope: &Envelope) -> Result<Self, Malformed> {
        let missing = |what: &str| Malformed::NotAnEvent(format!("it has no {what}"));
        let thin = envelope.object.as_deref() == Some("v2.core.event");
        if !thin && envelope.object.as_deref() != Some("event") {
            return Err(missing("object \"event\""));
        }
        let id = named(envelope.id.as_deref()).ok_or_else(|| missing("id of 1 to 255 characters"))?;
        let event_type = named(envelope.event_type.as_deref()).ok_or_else(|| missing("type"))?;
        if envelope.livemode.is_none() && !thin {
            return Err(missing("livemode"));
        }
        let created = envelope.created.and_then(|raw| raw.get().parse().ok());
        let data = envelope.data.as_ref();
        let (object, referred) = if thin {
            (None, envelope.related_object)
        } else {
            let object = data.and_then(|data| data.object).filter(|raw| raw.get().starts_with('{'));
            (Some(object.ok_or_else(|| missing("data.object"))?), object)
        };
        let reference: Option<ObjectRef> = referred.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let (object_id, object_type) = reference.map_or((None, None), |object| {
            let object_type = if thin { object.thin_type } else { object.object };
            (object.id.map(Cow::into_owned), object_type.map(Cow::into_owned))
        });
        Ok(Self {
            id,
            event_type,
            created: if thin { 0 } else { created.ok_or_else(|| missing("created in whole Unix seconds"))? },
            livemode: envelope.livemode,
            account: envelope.account.as_deref().map(ToOwned::to_owned),
            context: envelope.context.map(context),
            thin,
            object: object.map_or_else(|| "null".to_owned(), |raw| raw.get().to_owned()),
            previous_attributes: data.and_then(|data| data.previous_attributes).map(|raw| raw.get().to_owned()),
            object_type,
            object_id,
            storable: true,
        })
    }
}

/// How two bodies that carry one event id compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendering {
    /// They are deliveries of one event. The number of pending deliveries and the request that caused the event are in
    /// the body, and may differ.
    Same,
    /// They are one event, rendered by different API versions: for a second endpoint, or for a read of `/v1/events`.
    OtherVersion,
    /// They say different things, or one of them can't be read.
    Other,
}

/// Compares a body with another one that has the same event id.
#[must_use]
pub fn compare(body: &str, other: &str) -> Rendering {
    let read = |body: &str| {
        let readable = json_text::readable(body).ok()?;
        let mut event: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&readable).ok()?;
        event.remove("pending_webhooks");
        event.remove("request");
        Some((event.get("api_version").cloned(), event))
    };
    match (read(body), read(other)) {
        (Some((_, body)), Some((_, other))) if body == other => Rendering::Same,
        (Some((version, body)), Some((other_version, other)))
            if version != other_version && body.get("type") == other.get("type") =>
        {
            Rendering::OtherVersion
        }
        _ => Rendering::Other,
    }
}

/// A context that is not a string is foreign too, so its JSON text is its name.
fn context(raw: &RawValue) -> String {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().to_owned())
}

fn named(value: Option<&str>) -> Option<String> {
    value.filter(|text| !text.is_empty() && text.len() <= 255).map(ToOwned::to_owned)
}

/// Where the reader stopped, without the content there.
fn place(error: &serde_json::Error) -> String {
    format!("reading stopped at line {}, column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"id":"evt_1","object":"event","type":"invoice.paid","created":12,"livemode":false,
        "data":{"object":{"id":"in_1","object":"invoice"},"previous_attributes":{"paid":false}}}"#;

    #[test]
    fn an_event_is_read() {
        let event = Event::parse(EVENT.as_bytes()).unwrap();
        assert_eq!((event.id.as_str(), event.created, event.livemode), ("evt_1", 12, Some(false)));
        assert_eq!((event.object_id.as_deref(), event.object_type.as_deref()), (Some("in_1"), Some("invoice")));
        assert_eq!(event.previous_attributes.as_deref(), Some(r#"{"paid":false}"#));
    }

    #[test]
    fn deliveries_of_one_event_may_count_what_is_pending() {
        let with = |more: &str| EVENT.replacen('{', &format!("{{{more},"), 1);
        assert_eq!(compare(EVENT, EVENT), Rendering::Same);
        assert_eq!(compare(EVENT, &EVENT.replace(',', " ,\n")), Rendering::Same);
        let pending = (with(r#""pending_webhooks":1,"request":{"id":"req_1"}"#), with(r#""pending_webhooks":2"#));
        assert_eq!(compare(&pending.0, &pending.1), Rendering::Same);
        assert_eq!(compare(EVENT, &with(r#""account":"acct_1""#)), Rendering::Other);
        assert_eq!(compare(EVENT, &EVENT.replace("in_1", "in_2")), Rendering::Other);
        assert_eq!((compare(EVENT, "[]"), compare("[]", "[]")), (Rendering::Other, Rendering::Other));
    }

    #[test]
    fn an_event_may_be_rendered_by_another_version() {
        let with = |version: &str| EVENT.replacen('{', &format!("{{\"api_version\":\"{version}\","), 1);
        let (old, new) = (with("2025-02-24.acacia"), with("2025-03-31.basil").replace("in_1", "in_2"));
        assert_eq!(compare(&old, &new), Rendering::OtherVersion);
        assert_eq!(compare(&old, &old.replace("in_1", "in_2")), Rendering::Other);
        assert_eq!(compare(&old, &new.replace("invoice.paid", "invoice.voided")), Rendering::Other);
    }

    #[test]
    fn every_named_account_is_foreign_but_the_own_one() {
        let with = |more: &str| Event::parse(EVENT.replacen('{', &format!("{{{more},"), 1).as_bytes()).unwrap();
        let own = Event::parse(EVENT.as_bytes()).unwrap();
        assert_eq!((own.foreign_account(None), own.foreign_account(Some("acct_1"))), (None, None));
        for name in ["account", "context"] {
            let event = with(&format!("\"{name}\":\"acct_1\""));
            assert_eq!(event.foreign_account(None), Some("acct_1"));
            assert_eq!(event.foreign_account(Some("acct_2")), Some("acct_1"));
            assert_eq!(event.foreign_account(Some("acct_1")), None);
            assert_eq!(with(&format!("\"{name}\":null")).foreign_account(None), None);
        }
        let both = with("\"account\":\"acct_1\",\"context\":\"acct_2\"");
        assert_eq!(both.foreign_account(Some("acct_1")), Some("acct_2"));
        assert_eq!(with("\"context\":{\"a\":1}").foreign_account(Some("acct_1")), Some("{\"a\":1}"));
    }

    #[test]
    fn a_thin_event_is_known() {
        let body = r#"{"id":"evt_2","object":"v2.core.event","type":"v1.billing.meter.error_report_triggered","livemode":false,
            "created":"2025-01-01T00:00:00Z","related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/x"}}"#;
        let event = Event::parse(body.as_bytes()).unwrap();
        assert!(event.thin);
        assert_eq!(event.object_type.as_deref(), Some("billing.meter"));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for (from, to) in [
            ("\"object\":\"event\"", "\"object\":\"list\""),
            ("\"id\":\"evt_1\"", "\"id\":\"\""),
            ("\"created\":12", "\"created\":1.5"),
            ("\"created\":12", "\"created\":1e3"),
            ("\"created\":12", "\"created\":99999999999999999999"),
            ("\"livemode\":false,", ""),
            ("\"created\":12", "\"created\":12,\"created\":13"),
            ("\"object\":{\"id\":\"in_1\",\"object\":\"invoice\"}", "\"object\":7"),
        ] {
            let body = EVENT.replacen(from, to, 1);
            assert!(matches!(Event::parse(body.as_bytes()), Err(Malformed::NotAnEvent(_))), "{body}");
        }
        for body in ["", "nope", "[1", "{\"id\":}"] {
            assert!(matches!(Event::parse(body.as_bytes()), Err(Malformed::NotJson(_))), "{body}");
        }
        assert!(matches!(Event::parse(b"[]"), Err(Malformed::NotAnEvent(_))));
        assert!(matches!(Event::parse(b"\xff"), Err(Malformed::NotUtf8)));
        assert!(matches!(Event::parse("[".repeat(100_000).as_bytes()), Err(Malformed::NotJson(_))));
    }

    #[test]
    fn an_environment_has_a_name_and_a_livemode() {
        for (environment, name, livemode) in [(Environment::Test, "test", false), (Environment::Live, "live", true)] {
            assert_eq!((environment.name(), environment.livemode()), (name, livemode));
            assert_eq!(Environment::parse(name), Some(environment));
        }
        assert_eq!(Environment::parse("Live"), None);
    }

    #[test]
    fn an_event_knows_whether_its_body_can_be_stored_as_it_is() {
        let event = Event::parse(EVENT.as_bytes()).unwrap();
        assert!(event.storable);
        assert_eq!(event.object, r#"{"id":"in_1","object":"invoice"}"#);
        let event = Event::parse(EVENT.replacen("\"in_1\"", "\"in_1\",\"note\":\"\\u0000\"", 1).as_bytes()).unwrap();
        assert!(!event.storable);
        assert!(event.object.contains(r#""note":"\ufffd""#), "{}", event.object);
    }

    #[test]
    fn a_thin_event_may_lack_what_others_must_have() {
        let body = r#"{"id":"evt_2","object":"v2.core.event","type":"x","created":"2025-01-01T00:00:00Z"}"#;
        let event = Event::parse(body.as_bytes()).unwrap();
        assert!(event.thin);
        assert_eq!((event.created, event.livemode, event.object.as_str()), (0, None, "null"));
        assert_eq!((event.object_id, event.object_type), (None, None));
        assert!(!Event::parse(EVENT.as_bytes()).unwrap().thin);
    }

    #[test]
    fn names_have_1_to_255_characters() {
        let with = |field: &str, length: usize| {
            let body = match field {
                "id" => EVENT.replacen("evt_1", &"e".repeat(length), 1),
                _ => EVENT.replacen("invoice.paid", &"e".repeat(length), 1),
            };
            Event::parse(body.as_bytes()).is_ok()
        };
        for field in ["id", "type"] {
            assert!(with(field, 1) && with(field, 255), "{field}");
            assert!(!with(field, 0) && !with(field, 256), "{field}");
        }
    }

    #[test]
    fn what_is_missing_is_named_and_where_reading_stopped() {
        let error = |from: &str, to: &str| match Event::parse(EVENT.replacen(from, to, 1).as_bytes()) {
            Err(Malformed::NotAnEvent(why) | Malformed::NotJson(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(error("\"livemode\":false,", ""), "it has no livemode");
        assert_eq!(error("\"type\":\"invoice.paid\",", ""), "it has no type");
        assert_eq!(error("\"created\":12,", ""), "it has no created in whole Unix seconds");
        assert_eq!(error("\"data\":", "\"date\":"), "it has no data.object");
        assert_eq!(error("\"object\":\"event\"", "\"object\":1"), "reading stopped at line 1, column 24");
        assert_eq!(error("{", "{{"), "reading stopped at line 1, column 2");
        assert_eq!(
            error("12", &format!("{}12{}", "[".repeat(128), "]".repeat(128))),
            "it nests deeper than 128 levels"
        );
    }
}
