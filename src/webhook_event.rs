//! The stored event: taken by one transaction at a time, run once, and written down with its outcome.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use payments_core::stripe::event::{Environment, Event, Rendering, compare};
use payments_core::stripe::event_type::EventType;
use payments_core::stripe::signature::Verified;
use payments_core::visible::visible;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::definer;
use crate::error::Error;
use crate::pg::advisory_lock::LockSpace;
use crate::pg::cache::{Cache, cached};
use crate::pg::catalog::payments_table;
use crate::pg::guc::SearchPath;
use crate::pg::slot::slot;
use crate::pg::statement::{Rows, as_json, query, text, written};
use crate::pg::transaction::is_wal_logical;

query!(INSERT_EVENTS, "webhook_event", "insert_events");
query!(IS_WATCHED, "webhook_event", "is_watched");
query!(CLAIM_EVENT, "webhook_event", "claim_event");
query!(CLAIM_EVENTS, "webhook_event", "claim_events");
query!(REFUSE_EVENT, "webhook_event", "refuse_event");
query!(UPDATE_EVENT_BODY, "webhook_event", "update_event_body");
query!(COUNT_WRONG_LIVEMODE, "webhook_event", "count_wrong_livemode");
query!(UPDATE_EVENT_OUTCOME, "webhook_event", "update_event_outcome");

/// An event that is ours to run: nobody else runs it before our transaction ends. Only this module makes one, so that nothing is
/// projected that was not recorded.
///
/// Its row is written as what the event most probably becomes, and so once, unless something of an app's depends on seeing it before.
pub(crate) struct Recorded<'a> {
    environment: Environment,
    event: Event,
    /// What was delivered, if it is new.
    delivered: Option<Delivered<'a>>,
    /// The status with which we have written the row of a new event.
    written_as: Cell<Option<&'static str>>,
}

/// What is stored of a delivery.
#[derive(Clone, Copy)]
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
    Duplicate(Value),
}

/// A verified event on its way in, as it was delivered.
pub(crate) struct Delivery<'a> {
    event: Event,
    delivered: Delivered<'a>,
}

impl<'a> Delivery<'a> {
    /// Reads a verified body.
    ///
    /// # Errors
    /// It is no event, or of the other environment.
    #[allow(clippy::needless_pass_by_value, reason = "each stage takes the one before")]
    pub(crate) fn read(
        environment: Environment,
        verified: Verified<'a>,
        signature: Option<&'a str>,
    ) -> Result<Self, Error> {
        let event = Event::parse(verified.body()).map_err(Error::Body)?;
        if let Some(livemode) = event.livemode.filter(|livemode| *livemode != environment.livemode()) {
            let (event_id, event_type) = (event.id, event.event_type);
            return Err(Error::Livemode { event_id, event_type, livemode, environment: environment.name() });
        }
        let body = std::str::from_utf8(verified.body()).unwrap_or_default();
        Ok(Self { event, delivered: Delivered { body, signature } })
    }

    pub(crate) fn event(&self) -> &Event {
        &self.event
    }

    /// Whether rows may follow from it.
    pub(crate) fn is_handled(&self) -> bool {
        EventType::named(&self.event.event_type).is_some()
    }

    /// `evt_…`.
    pub(crate) fn event_id(&self) -> &str {
        &self.event.id
    }
}

#[derive(Deserialize)]
struct StoredEvent {
    event_id: String,
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

/// Takes an event to run it, once. Of two deliveries at once, one waits here for the other. The row of a new one is written as what it
/// is expected to become; where an app depends on that row, it is looked for first, because even an INSERT that meets a row fires
/// triggers.
pub(crate) fn record<'a>(environment: Environment, delivery: Delivery<'a>, expected: Outcome) -> Recording<'a> {
    lock_events(environment, [delivery.event_id()]);
    let delivered = delivery.delivered;
    let recorded = Recorded::new(environment, delivery);
    if !is_watched() && insert(&[(&recorded, expected)]) {
        return Recording::Fresh(recorded);
    }
    let event = recorded.event;
    let known = CLAIM_EVENT.one(&[text(environment.name()), text(event.id.as_str()), text(delivered.body)]);
    take(environment, Delivery { event, delivered }, known)
}

/// The same for many of different ids, which [`lock_events`] has locked, in their order.
pub(crate) fn record_all<'a>(environment: Environment, deliveries: Vec<Delivery<'a>>) -> Vec<Recording<'a>> {
    let rows = Rows::many(deliveries.len())
        .and(text(environment.name()))
        .texts(deliveries.iter().map(|delivery| Some(delivery.event_id())))
        .texts(deliveries.iter().map(|delivery| Some(delivery.delivered.body)));
    let known = CLAIM_EVENTS.all::<StoredEvent>(rows.args());
    let mut known: HashMap<String, StoredEvent> =
        known.into_iter().map(|stored| (stored.event_id.clone(), stored)).collect();
    let taken = |delivery: Delivery<'a>| {
        let stored = known.remove(&delivery.event.id);
        take(environment, delivery, stored)
    };
    deliveries.into_iter().map(taken).collect()
}

/// Waits until nobody else runs any of these events.
pub(crate) fn lock_events<'a>(environment: Environment, ids: impl IntoIterator<Item = &'a str>) {
    LockSpace::Events.lock(environment.name(), ids);
}

fn take(environment: Environment, delivery: Delivery, known: Option<StoredEvent>) -> Recording {
    let Some(stored) = known else {
        let recorded = Recorded::new(environment, delivery);
        if is_watched() {
            recorded.finish(Outcome::Pending);
        }
        return Recording::Fresh(recorded);
    };
    let Delivery { event, delivered: Delivered { body, signature } } = delivery;
    let rendering = stored.other_body.map_or(Rendering::Same, |other| compare(body, &other));
    if rendering == Rendering::Other {
        REFUSE_EVENT.execute(&[text(environment.name()), text(event.id.as_str())]);
        let error = "an event with this id and another body was received before; this one is refused";
        return Recording::Duplicate(response(&event, "refused", true, Some(error)));
    }
    if matches!(stored.status.as_str(), "processed" | "ignored") {
        return Recording::Duplicate(response(&event, &stored.status, true, None));
    }
    if rendering == Rendering::OtherVersion {
        // What failed as one version wrote it may be readable as another does, and is then what was run.
        let (payload, signed_body) = stored_as(&event, body);
        let payload = as_json(payload);
        UPDATE_EVENT_BODY.execute(&[
            text(environment.name()),
            text(event.id.as_str()),
            payload,
            text(signed_body),
            text(signature),
        ]);
    }
    Recording::Fresh(Recorded::known(environment, event))
}

/// What stands in `payload` and in `signed_body` of a delivery.
fn stored_as<'a>(event: &Event, body: &'a str) -> (String, Option<&'a str>) {
    if event.storable { (body.to_owned(), None) } else { (written(&SafeEnvelope::from(event)), Some(body)) }
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

fn response(event: &Event, status: &str, duplicate: bool, error: Option<&str>) -> Value {
    json!({
        "received": status != "refused",
        "handled": status == "processed",
        "duplicate": duplicate,
        "status": status,
        "event_id": event.id,
        "event_type": event.event_type,
        "error": error,
    })
}

/// The answer to a verified event of the other environment, which is counted and stored nowhere: a Connect endpoint of live receives
/// test events too, and Stripe would send again what is answered with an error. None of any other error.
pub(crate) fn ignored_if_foreign(error: &Error) -> Option<Value> {
    let Error::Livemode { event_id, event_type, livemode, .. } = error else { return None };
    Some(json!({
        "received": true, "handled": false, "duplicate": false, "status": "ignored",
        "event_id": event_id, "event_type": event_type,
        "error": format!("{}: it says livemode {livemode}", error.message()),
    }))
}

/// Counts events of the other environment; last, for whoever holds the projection may write to that row.
pub(crate) fn count_foreign(environment: Environment, count: i64) {
    if count > 0 {
        let args = [text(environment.name()), count.into()];
        definer::write(SearchPath::Ordinary, || COUNT_WRONG_LIVEMODE.execute(&args));
    }
}

/// The answer to a delivery that was not taken.
pub(crate) fn refusal(error: &str) -> Value {
    json!({
        "received": false, "handled": false, "duplicate": false, "status": "refused",
        "event_id": null, "event_type": null, "error": error,
    })
}

impl<'a> Recorded<'a> {
    fn new(environment: Environment, delivery: Delivery<'a>) -> Self {
        let Delivery { event, delivered } = delivery;
        Self { environment, event, delivered: Some(delivered), written_as: Cell::new(None) }
    }

    /// One whose row was there before.
    fn known(environment: Environment, event: Event) -> Self {
        Self { environment, event, delivered: None, written_as: Cell::new(None) }
    }

    /// One that was stored before; its row must be locked. `None` where the body is no event.
    pub(crate) fn again(environment: Environment, body: &[u8]) -> Option<Self> {
        Some(Self::known(environment, Event::parse(body).ok()?))
    }

    pub(crate) fn environment(&self) -> Environment {
        self.environment
    }

    pub(crate) fn event(&self) -> &Event {
        &self.event
    }

    /// Whether its row is written once, as what it becomes: it is new, and nothing of an app's depends on seeing it before.
    pub(crate) fn is_written_once(&self) -> bool {
        self.delivered.is_some() && self.written_as.get() != Some(Outcome::Pending.status())
    }

    /// Whether its row is still to be written.
    fn is_to_be_written(&self) -> bool {
        self.delivered.is_some() && self.written_as.get().is_none()
    }

    /// Notes that the savepoint was rolled back in which its row was written.
    pub(crate) fn rolled_back(&self) {
        if self.is_written_once() {
            self.written_as.set(None);
        }
    }

    /// Writes down how it fared.
    pub(crate) fn finish(&self, outcome: Outcome) {
        finish(&[(self, outcome)]);
    }

    /// Writes down why it failed, with the object that it is about, and answers so.
    pub(crate) fn fail(self, failure: &impl std::fmt::Display) -> Value {
        let object = self.event.object_id.as_deref().unwrap_or("an object without id");
        let reason = format!("{failure}, projecting {object}");
        self.finish(Outcome::Failed(&reason));
        self.answer(Outcome::Failed(&reason))
    }

    /// The answer to who delivered it.
    pub(crate) fn answer(self, outcome: Outcome) -> Value {
        response(&self.event, outcome.status(), false, outcome.error())
    }
}

/// How an event fared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome<'a> {
    /// It is being run.
    Pending,
    /// Every row that follows from it is written.
    Processed,
    /// Nothing follows from it, for this reason.
    Ignored(&'a str),
    /// Nothing of it remains, for this reason.
    Failed(&'a str),
}

impl<'a> Outcome<'a> {
    fn status(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processed => "processed",
            Self::Ignored(_) => "ignored",
            Self::Failed(_) => "failed",
        }
    }

    fn error(self) -> Option<&'a str> {
        match self {
            Self::Pending | Self::Processed => None,
            Self::Ignored(reason) | Self::Failed(reason) => Some(reason),
        }
    }
}

/// Writes down how events fared: new rows in one statement, the others one by one, unless they say so already.
pub(crate) fn finish(events: &[(&Recorded, Outcome)]) {
    let (new, known): (Vec<_>, Vec<_>) = events.iter().copied().partition(|(event, _)| event.is_to_be_written());
    if !insert(&new) {
        Error::WrittenMeanwhile.raise();
    }
    for (event, outcome) in known {
        if event.written_as.get() == Some(outcome.status()) {
            continue;
        }
        UPDATE_EVENT_OUTCOME.execute(&[
            text(event.environment.name()),
            text(event.event.id.as_str()),
            text(outcome.status()),
            text(outcome.error().map(visible).as_deref()),
        ]);
    }
}

/// Writes rows, unless one of them is there already.
fn insert(events: &[(&Recorded, Outcome)]) -> bool {
    let Some((Recorded { environment, .. }, _)) = events.first() else { return true };
    let all = || events.iter().map(|(recorded, _)| &recorded.event);
    let delivered = || events.iter().map(|(recorded, _)| recorded.delivered.as_ref());
    let (payloads, signed_bodies): (Vec<Option<String>>, Vec<Option<&str>>) = events
        .iter()
        .filter_map(|(recorded, _)| Some(stored_as(&recorded.event, recorded.delivered.as_ref()?.body)))
        .map(|(payload, signed_body)| (Some(payload), signed_body))
        .unzip();
    let errors: Vec<_> = events.iter().map(|(_, outcome)| outcome.error().map(visible)).collect();
    let rows = Rows::new(events.len())
        .and(text(environment.name()))
        .texts(all().map(|event| Some(event.id.as_str())))
        .texts(all().map(|event| Some(event.event_type.as_str())))
        .booleans(all().map(|event| event.livemode.unwrap_or(environment.livemode())))
        .texts(all().map(|event| event.account.as_deref()))
        .texts(all().map(|event| event.object_type.as_deref()))
        .texts(all().map(|event| event.object_id.as_deref()))
        .texts(events.iter().map(|(_, outcome)| Some(outcome.status())))
        .texts(errors.iter().map(Option::as_deref))
        .jsons(payloads)
        .texts(signed_bodies)
        .texts(delivered().map(|delivered| delivered.and_then(|delivered| delivered.signature)));
    if INSERT_EVENTS.execute_rows(&rows) < rows.count() as u64 {
        return false;
    }
    for (event, outcome) in events {
        event.written_as.set(Some(outcome.status()));
    }
    true
}
