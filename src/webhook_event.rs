//! The stored event: recorded once, claimed by whoever runs it, and settled.

use payments_core::stripe::event::{Environment, Event};
use payments_core::stripe::signature::Verified;
use pgrx::JsonB;
use serde::Deserialize;
use serde_json::json;

use crate::pg::statement::{query, text};

query!(RECORD_EVENT, "webhook_event", "record_event");
query!(CLAIM_EVENT, "webhook_event", "claim_event");
query!(REFUSE_EVENT, "webhook_event", "refuse_event");
query!(UPDATE_EVENT_OUTCOME, "webhook_event", "update_event_outcome");

/// An event whose row is written and locked, and that is ours to run. Only this module makes one, so that nothing is projected
/// that was not recorded.
pub(crate) struct Recorded {
    environment: Environment,
    event: Event,
}

/// What recording an event came to.
#[allow(clippy::large_enum_variant, reason = "there is one for each event, on the stack")]
pub(crate) enum Recording {
    /// Nobody has run it yet, or it failed before.
    Fresh(Recorded),
    /// It has been dealt with, and this is the answer.
    Duplicate(JsonB),
}

#[derive(Deserialize)]
struct StoredEvent {
    status: String,
    same_body: bool,
}

/// Writes the event down, once. Of two deliveries at once, one waits here for the other.
#[allow(clippy::needless_pass_by_value, reason = "each stage takes the one before")]
pub(crate) fn record(environment: Environment, verified: Verified, event: Event, signature: Option<&str>) -> Recording {
    let args = [
        text(environment.name()),
        text(event.id.as_str()),
        text(event.event_type.as_str()),
        event.livemode.unwrap_or(environment.livemode()).into(),
        text(event.account.as_deref()),
        text(event.object_type.as_deref()),
        text(event.object_id.as_deref()),
        text(event.readable.as_str()),
        text(std::str::from_utf8(verified.body()).ok()),
        text(signature),
    ];
    if RECORD_EVENT.execute(&args) == 1 {
        return Recording::Fresh(Recorded { environment, event });
    }
    let known = [text(environment.name()), text(event.id.as_str()), text(event.readable.as_str())];
    let Some(stored) = CLAIM_EVENT.one::<StoredEvent>(&known) else {
        return Recording::Fresh(Recorded { environment, event });
    };
    if !stored.same_body {
        REFUSE_EVENT.execute(&[text(environment.name()), text(event.id.as_str())]);
        let error = "an event with this id and another body was received before; this one is refused";
        return Recording::Duplicate(response(&event, "refused", true, Some(error)));
    }
    match stored.status.as_str() {
        "processed" | "ignored" => Recording::Duplicate(response(&event, &stored.status, true, None)),
        _ => Recording::Fresh(Recorded { environment, event }),
    }
}

fn response(event: &Event, status: &str, duplicate: bool, error: Option<&str>) -> JsonB {
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

impl Recorded {
    /// One that was stored before; its row must be locked. `None` where the body is no event.
    pub(crate) fn again(environment: Environment, body: &[u8]) -> Option<Self> {
        Some(Self { environment, event: Event::parse(body).ok()? })
    }

    pub(crate) fn environment(&self) -> Environment {
        self.environment
    }

    pub(crate) fn event(&self) -> &Event {
        &self.event
    }

    /// Writes down how it fared.
    pub(crate) fn finish(&self, status: &str, error: Option<&str>) {
        UPDATE_EVENT_OUTCOME.execute(&[
            text(self.environment.name()),
            text(self.event.id.as_str()),
            text(status),
            text(error),
        ]);
    }

    /// Writes down why it failed, with the object that it is about, and answers so.
    pub(crate) fn fail(self, failure: &impl std::fmt::Display) -> JsonB {
        let object = self.event.object_id.as_deref().unwrap_or("an object without id");
        let reason = format!("{failure}, projecting {object}");
        self.finish("failed", Some(&reason));
        self.answer("failed", Some(&reason))
    }

    /// The answer to who delivered it.
    pub(crate) fn answer(self, status: &str, error: Option<&str>) -> JsonB {
        response(&self.event, status, false, error)
    }
}
