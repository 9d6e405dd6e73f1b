//! The stored event: taken by one transaction at a time, run once, and written down with its outcome.

use std::cell::{Cell, RefCell};

use payments_core::stripe::event::{Environment, Event, is_same_event};
use payments_core::stripe::signature::Verified;
use pgrx::JsonB;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::Error;
use crate::pg::advisory_lock::LockSpace;
use crate::pg::cache::{Cache, cached};
use crate::pg::catalog::payments_table;
use crate::pg::slot::slot;
use crate::pg::statement::{as_json, json_value, query, text};
use crate::pg::transaction::is_wal_logical;

query!(INSERT_EVENT, "webhook_event", "insert_event");
query!(IS_WATCHED, "webhook_event", "is_watched");
query!(CLAIM_EVENT, "webhook_event", "claim_event");
query!(REFUSE_EVENT, "webhook_event", "refuse_event");
query!(UPDATE_EVENT_OUTCOME, "webhook_event", "update_event_outcome");

/// An event that is ours to run: nobody else runs it before our transaction ends. Only this module makes one, so that nothing is
/// projected that was not recorded.
///
/// Its row is there, or is written once with the outcome, where nothing of an app's depends on seeing it before.
pub(crate) struct Recorded<'a> {
    environment: Environment,
    event: Event,
    /// What was delivered, until the row is there.
    delivered: Option<Delivered<'a>>,
    /// Whether the row was written since, in the savepoint that runs.
    written: Cell<bool>,
}

/// What is stored of a delivery.
struct Delivered<'a> {
    body: &'a str,
    signature: Option<&'a str>,
}

/// What recording an event came to.
#[allow(clippy::large_enum_variant, reason = "there is one for each event, on the stack")]
pub(crate) enum Recording<'a> {
    /// Nobody has run it yet, or it failed before.
    Fresh(Recorded<'a>),
    /// It has been dealt with, and this is the answer.
    Duplicate(JsonB),
}

#[derive(Deserialize)]
struct StoredEvent {
    status: String,
    /// Its body, where that is another text than the one that came now.
    other_body: Option<String>,
}

/// What stands in `payload` of an event whose body `jsonb` would refuse.
#[derive(Serialize)]
struct SafeEnvelope<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    created: i64,
    reason: &'static str,
}

impl<'a> From<&'a Event> for SafeEnvelope<'a> {
    fn from(event: &'a Event) -> Self {
        let reason = "jsonb would refuse the body, which is in signed_body";
        Self { id: &event.id, event_type: &event.event_type, created: event.created, reason }
    }
}

/// Takes an event to run it, once. Of two deliveries at once, one waits here for the other.
#[allow(clippy::needless_pass_by_value, reason = "each stage takes the one before")]
pub(crate) fn record<'a>(
    environment: Environment,
    verified: Verified<'a>,
    event: Event,
    signature: Option<&'a str>,
) -> Recording<'a> {
    let body = std::str::from_utf8(verified.body()).unwrap_or_default();
    LockSpace::Events.lock(environment.name(), [event.id.as_str()]);
    let known = [text(environment.name()), text(event.id.as_str()), text(body)];
    let Some(stored) = CLAIM_EVENT.one::<StoredEvent>(&known) else {
        let delivered = Some(Delivered { body, signature });
        let recorded = Recorded { environment, event, delivered, written: Cell::new(false) };
        return Recording::Fresh(if is_watched() { recorded.written_first() } else { recorded });
    };
    if stored.other_body.is_some_and(|other| !is_same_event(body, &other)) {
        REFUSE_EVENT.execute(&[text(environment.name()), text(event.id.as_str())]);
        let error = "an event with this id and another body was received before; this one is refused";
        return Recording::Duplicate(response(&event, "refused", true, Some(error)));
    }
    match stored.status.as_str() {
        "processed" | "ignored" => Recording::Duplicate(response(&event, &stored.status, true, None)),
        _ => Recording::Fresh(Recorded { environment, event, delivered: None, written: Cell::new(false) }),
    }
}

/// What is known of `webhook_events`.
#[derive(Default)]
struct Watched(RefCell<Cache<(), bool>>);

/// Whether an app may depend on a row of `webhook_events` being there before its outcome: by a trigger, a rule, a foreign key, a
/// publication, or another server that is told of every change.
fn is_watched() -> bool {
    let table = payments_table(c"webhook_events");
    is_wal_logical() || cached(&slot::<Watched>().0, &[table], (), |()| (IS_WATCHED.one(&[]) != Some(false), true))
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

impl Recorded<'_> {
    /// One that was stored before; its row must be locked. `None` where the body is no event.
    pub(crate) fn again(environment: Environment, body: &[u8]) -> Option<Self> {
        Some(Self { environment, event: Event::parse(body).ok()?, delivered: None, written: Cell::new(false) })
    }

    pub(crate) fn environment(&self) -> Environment {
        self.environment
    }

    pub(crate) fn event(&self) -> &Event {
        &self.event
    }

    /// Whether its row is written once, with the outcome.
    pub(crate) fn is_written_once(&self) -> bool {
        self.delivered.is_some()
    }

    /// With its row there.
    fn written_first(mut self) -> Self {
        self.insert("pending", None);
        self.delivered = None;
        self
    }

    /// Writes its row before the outcome: the work that follows may write to it.
    pub(crate) fn write(&self) {
        if self.delivered.is_some() && !self.written.replace(true) {
            self.insert("pending", None);
        }
    }

    /// Notes that the savepoint was rolled back in which its row was written.
    pub(crate) fn rolled_back(&self) {
        self.written.set(false);
    }

    fn insert(&self, status: &str, error: Option<&str>) {
        let (environment, event) = (self.environment, &self.event);
        let Some(Delivered { body, signature }) = self.delivered else { return };
        let (payload, signed_body) =
            if event.storable { (as_json(body), None) } else { (json_value(&SafeEnvelope::from(event)), Some(body)) };
        let inserted = INSERT_EVENT.execute(&[
            text(environment.name()),
            text(event.id.as_str()),
            text(event.event_type.as_str()),
            event.livemode.unwrap_or(environment.livemode()).into(),
            text(event.account.as_deref()),
            text(event.object_type.as_deref()),
            text(event.object_id.as_deref()),
            text(status),
            text(error),
            payload,
            text(signed_body),
            text(signature),
        ]);
        if inserted == 0 {
            Error::WrittenMeanwhile.raise();
        }
    }

    /// Writes down how it fared.
    pub(crate) fn finish(&self, status: &str, error: Option<&str>) {
        if self.delivered.is_some() && !self.written.get() {
            return self.insert(status, error);
        }
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
