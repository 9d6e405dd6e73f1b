//! The stored event: recorded once, claimed by whoever runs it, and settled.

use payments_core::stripe::event::{Environment, Event};
use pgrx::JsonB;
use serde::Deserialize;
use serde_json::json;

use crate::pg::statement::{query, text};

query!(RECORD_EVENT, "webhook_event", "record_event");
query!(CLAIM_EVENT, "webhook_event", "claim_event");
query!(REFUSE_EVENT, "webhook_event", "refuse_event");
query!(SETTLE_EVENT, "webhook_event", "settle_event");

pub(crate) enum Recorded {
    /// Nobody has run it yet, or it failed before: it is ours to run, and its row is locked.
    Fresh,
    /// It has been dealt with.
    Duplicate(JsonB),
}

#[derive(Deserialize)]
struct StoredEvent {
    status: String,
    same_body: bool,
}

/// Writes the event down, once. Of two deliveries at once, one waits here for the other.
pub(crate) fn record(environment: Environment, event: &Event, body: &[u8], signature: Option<&str>) -> Recorded {
    let args = [
        text(environment.name()),
        text(event.id.as_str()),
        text(event.event_type.as_str()),
        event.livemode.unwrap_or(environment.livemode()).into(),
        text(event.account.as_deref()),
        text(event.object_type.as_deref()),
        text(event.object_id.as_deref()),
        text(event.readable.as_str()),
        text(std::str::from_utf8(body).ok()),
        text(signature),
    ];
    if RECORD_EVENT.execute(&args) == 1 {
        return Recorded::Fresh;
    }
    let known = [text(environment.name()), text(event.id.as_str()), text(event.readable.as_str())];
    let Some(stored) = CLAIM_EVENT.one::<StoredEvent>(&known) else { return Recorded::Fresh };
    if !stored.same_body {
        REFUSE_EVENT.execute(&[text(environment.name()), text(event.id.as_str())]);
        let error = "an event with this id and another body was received before; this one is refused";
        return Recorded::Duplicate(response(event, "refused", true, Some(error)));
    }
    match stored.status.as_str() {
        "processed" | "ignored" => Recorded::Duplicate(response(event, &stored.status, true, None)),
        _ => Recorded::Fresh,
    }
}

pub(crate) fn response(event: &Event, status: &str, duplicate: bool, error: Option<&str>) -> JsonB {
    JsonB(json!({
        "received": status != "refused",
        "handled": status == "processed",
        "duplicate": duplicate,
        "status": status,
        "event_id": event.id,
        "event_type": event.event_type,
        "error": error,
    }))
}

/// Writes down how a recorded event fared.
pub(crate) fn finish(environment: Environment, event: &Event, status: &str, error: Option<&str>) {
    SETTLE_EVENT.execute(&[text(environment.name()), text(event.id.as_str()), text(status), text(error)]);
}

/// Why it failed, with the object that it is about.
pub(crate) fn with_object(event: &Event, failure: &impl std::fmt::Display) -> String {
    let object = event.object_id.as_deref().unwrap_or("an object without id");
    format!("{failure}, projecting {object}")
}
