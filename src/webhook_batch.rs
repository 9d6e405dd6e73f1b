//! The same route for many events in one transaction: each is verified by itself, and they are projected together.
//!
//! They have the projection to themselves, and one savepoint. Where something fails, nothing of them remains, and each half is tried
//! again, until the event that fails is alone.

use std::collections::HashSet;

use payments_core::stripe::event::Environment;
use payments_core::stripe::event_type::ObjectKind;
use pgrx::prelude::*;
use pgrx::{Array, JsonB};
use serde_json::Value;

use crate::definer;
use crate::error::{Error, OrRaise};
use crate::pg::guc::SearchPath;
use crate::pg::savepoint::savepoint;
use crate::project::dispatch::{self, ProjectionOutcome};
use crate::projection_lock::{self, with_exclusive};
use crate::webhook::{Receiver, expected, prepare, settle};
use crate::webhook_event::{
    Delivery, Outcome, Recorded, Recording, count_foreign, finish, ignored_if_foreign, lock_events, record_all, refusal,
};

/// How many events are projected together: enough to share what a statement costs, and few to do again where one fails.
const TOGETHER: usize = 250;

/// Receives many webhooks at once, for a sender that collects them: `signatures` holds the `Stripe-Signature` header of each of the
/// `payloads`. As `receive_stripe_webhook`, all in the caller's transaction, at a fraction of the cost of each.
///
/// Returns an array with the answer to each, in their order. Each fails alone: one that is refused, for its signature or its body,
/// is answered with `received` false, `status` `refused` and the SQLSTATE and message in `error`.
///
/// # Errors
/// 22023: the arrays are not of one length. 55000: no secret is configured, or live is not approved.
/// Source: <https://docs.stripe.com/webhooks>.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::needless_pass_by_value, reason = "as the server passes them")]
fn receive_stripe_webhooks(
    environment: Option<&str>,
    payloads: Option<Array<&str>>,
    signatures: Option<Array<&str>>,
) -> JsonB {
    JsonB(receive_all(environment, payloads.as_ref(), signatures.as_ref()).or_raise())
}

fn receive_all(
    environment: Option<&str>,
    payloads: Option<&Array<&str>>,
    signatures: Option<&Array<&str>>,
) -> Result<Value, Error> {
    let receiver = Receiver::new(environment)?;
    let payloads = payloads.ok_or(Error::Missing("payloads"))?;
    let signatures = signatures.ok_or(Error::Missing("signatures"))?;
    if payloads.len() != signatures.len() {
        return Err(Error::Argument(
            "payloads and signatures must be of one length",
            format!("There are {} payloads and {} signatures.", payloads.len(), signatures.len()),
            "Pass the Stripe-Signature header of each payload at its place.",
        ));
    }
    receiver.require_secret()?;
    prepare(receiver.environment)?;
    let mut answers = Answers(vec![Value::Null; payloads.len()]);
    let mut deliveries = Vec::with_capacity(payloads.len());
    let mut foreign = 0;
    for (place, (payload, signature)) in payloads.iter().zip(signatures.iter()).enumerate() {
        match receiver.read(payload.map(str::as_bytes), signature) {
            Ok(delivery) => deliveries.push((place, delivery)),
            Err(error) => {
                let answer = ignored_if_foreign(&error);
                foreign += i64::from(answer.is_some());
                answers.set(place, answer.unwrap_or_else(|| refusal(&error.told())));
            }
        }
    }
    if !deliveries.is_empty() {
        definer::write(SearchPath::Ordinary, || take_all(receiver.environment, deliveries, &mut answers));
    }
    count_foreign(receiver.environment, foreign);
    Ok(Value::Array(answers.0))
}

/// The answers so far, each at its delivery's place.
struct Answers(Vec<Value>);

impl Answers {
    fn set(&mut self, place: usize, answer: Value) {
        if let Some(slot) = self.0.get_mut(place) {
            *slot = answer;
        }
    }
}

/// The locks of all events come first, as that of a single one does: who has the projection to himself waits for no event.
fn take_all(environment: Environment, mut deliveries: Vec<(usize, Delivery)>, answers: &mut Answers) {
    lock_events(environment, deliveries.iter().map(|(_, delivery)| delivery.event_id()));
    // Then the projection, before any row is locked: work that holds it may be waiting for such a row. It stays locked while
    // savepoints are rolled back.
    if deliveries.iter().any(|(_, delivery)| delivery.is_handled()) {
        projection_lock::lock_exclusive();
    }
    while !deliveries.is_empty() {
        let mut ids = HashSet::new();
        let is_first = |(_, delivery): &(usize, Delivery)| ids.insert(delivery.event_id().to_owned());
        // The second delivery of an event is a duplicate once the first one is written.
        let (first, again) = deliveries.into_iter().partition(is_first);
        take(environment, first, answers);
        deliveries = again;
    }
}

fn take(environment: Environment, deliveries: Vec<(usize, Delivery)>, answers: &mut Answers) {
    let (places, deliveries): (Vec<usize>, Vec<Delivery>) = deliveries.into_iter().unzip();
    let (mut fresh_places, mut fresh) = (Vec::new(), Vec::new());
    for (place, recording) in places.into_iter().zip(record_all(environment, deliveries)) {
        match recording {
            Recording::Fresh(recorded) => {
                fresh_places.push(place);
                fresh.push(recorded);
            }
            Recording::Duplicate(answer) => answers.set(place, answer),
        }
    }
    for (place, answer) in fresh_places.into_iter().zip(settle_all(environment, fresh)) {
        answers.set(place, answer);
    }
}

/// Derives what follows from recorded events, and tells how each fared, in their order.
pub(crate) fn settle_all(environment: Environment, mut events: Vec<Recorded>) -> Vec<Value> {
    let mut answers = Vec::with_capacity(events.len());
    while !events.is_empty() {
        let later = events.split_off(events.len().min(TOGETHER));
        answers.extend(settle_together(environment, events));
        events = later;
    }
    answers
}

fn settle_together(environment: Environment, mut events: Vec<Recorded>) -> Vec<Value> {
    if events.len() < 2 {
        let settled = |event: Recorded| {
            let kind = dispatch::kind_of(environment, event.event());
            settle(event, &kind)
        };
        return events.into_iter().map(settled).collect();
    }
    let Ok(outcomes) = savepoint(|| project_all(environment, &events)) else {
        events.iter().for_each(Recorded::rolled_back);
        let second_half = events.split_off(events.len() / 2);
        let mut answers = settle_together(environment, events);
        answers.extend(settle_together(environment, second_half));
        return answers;
    };
    let answer = |(event, outcome): (Recorded, ProjectionOutcome)| match outcome {
        ProjectionOutcome::Projected => event.answer(Outcome::Processed),
        ProjectionOutcome::Ignored(reason) => event.answer(Outcome::Ignored(&reason)),
        ProjectionOutcome::Unreadable(reason) => event.fail(&format!("22023: {reason}")),
    };
    events.into_iter().zip(outcomes).map(answer).collect()
}

/// Writes new events down as what they most probably become, for the projection may write to their rows, and projects all. A row that
/// was there before gets its outcome last: an app may wait for that.
fn project_all(environment: Environment, recorded: &[Recorded]) -> Vec<ProjectionOutcome> {
    let events: Vec<_> = recorded.iter().map(Recorded::event).collect();
    let kinds: Vec<Result<ObjectKind, String>> =
        events.iter().map(|event| dispatch::kind_of(environment, event)).collect();
    let project = || {
        let all = || recorded.iter().zip(&kinds);
        let new = all().filter(|(event, _)| event.is_written_once());
        finish(&new.map(|(event, kind)| (event, expected(kind))).collect::<Vec<_>>());
        let outcomes = dispatch::events(environment, &events, &kinds);
        let known = all().zip(&outcomes).filter(|((event, _), outcome)| {
            !event.is_written_once() && !matches!(outcome, ProjectionOutcome::Unreadable(_))
        });
        finish(&known.map(|((event, kind), _)| (event, expected(kind))).collect::<Vec<_>>());
        outcomes
    };
    if kinds.iter().any(Result::is_ok) { with_exclusive(project) } else { project() }
}
