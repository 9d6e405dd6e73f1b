//! Each notice makes one job. The job is deleted when the notice is gone, unless a worker has begun it.

use std::collections::BTreeSet;

use payments_core::fulfillment::decision::{FulfillmentDecision, FulfillmentState};
use payments_core::fulfillment::record::Record;
use payments_core::notice;
use pgrx::prelude::PgTrigger;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::jobs;
use super::record::{Decided, failed, save};
use super::target::Target;
use super::target_kind::TargetKind;
use super::targets::targets;
use crate::pg::statement::{query, text};
use crate::pg::trigger_rows::{self, Row};

query!(FIND_NOTICE, "fulfillment_notices", "find_notice");
query!(IS_TOLD, "fulfillment_notices", "is_told");
query!(FIND_NOTICES_ABOUT, "fulfillment_notices", "find_notices_about");

/// The key of a notice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Key {
    pub(super) environment: String,
    pub(super) source: String,
    pub(super) kind: String,
}

/// A notice as it is now, and what was decided on it before.
#[derive(Deserialize)]
struct Found {
    /// None where there is no such notice any more.
    payload: Option<Box<RawValue>>,
    state: Option<FulfillmentState>,
}

/// Adds, updates or deletes the jobs of these notices.
pub(super) fn give(keys: &BTreeSet<Key>) {
    for target in targets(TargetKind::FulfillmentJobs).iter() {
        for key in keys {
            give_to(target, key);
        }
    }
}

/// The same for all notices about these invoices, sessions or subscriptions, because their subject changed. Each has its environment.
pub(super) fn give_about(about: &[(String, String)]) {
    if targets(TargetKind::FulfillmentJobs).is_empty() {
        return;
    }
    for (environment, id) in about {
        let keys: Vec<Key> = FIND_NOTICES_ABOUT.all(&[text(environment.as_str()), text(id.as_str())]);
        give(&keys.into_iter().collect());
    }
}

/// Whether the notice of a job is gone: its invoice was paid since, say.
pub(super) fn is_out_of_date(environment: &str, source: &str, kind: &str) -> bool {
    notice::is_kind(kind) && IS_TOLD.one::<bool>(&[text(environment), text(source), text(kind)]) == Some(false)
}

fn give_to(target: &Target, key: &Key) {
    let Key { environment, source, kind } = key;
    let args = [environment, source, kind, &target.relation].map(|value| text(value.as_str()));
    let Some(found) = FIND_NOTICE.one::<Found>(&args) else { return };
    let is_added = found.state == Some(FulfillmentState::Applied);
    let Some(payload) = found.payload else {
        if found.state.is_some() && (jobs::delete_if_unstarted(target, source, kind) || !is_added) {
            jobs::forget(environment, source, target, kind);
        }
        return;
    };
    let written = if is_added {
        jobs::update_payload(target, source, kind, payload.get())
    } else {
        jobs::add(target, source, kind, payload.get())
    };
    if is_added && written.is_ok() {
        return;
    }
    let record = Record::new(kind, FulfillmentDecision::applied());
    let record = match &written {
        Ok(()) => record,
        Err(failure) => failed(record, failure),
    };
    // If only its payload could not be changed, the job still counts as added.
    save(&[Decided {
        environment,
        source,
        kind: TargetKind::FulfillmentJobs,
        target: &target.relation,
        is_first: false,
        record,
    }]);
    if written.is_ok() {
        jobs::notify(kind);
    }
}

/// The notices among the rows, before and after.
pub(super) fn changed(trigger: &PgTrigger) -> BTreeSet<Key> {
    let [environment, source, kind] = trigger_rows::columns(trigger, [c"environment", c"source", c"kind"]);
    let mut changed = BTreeSet::new();
    trigger_rows::visit(trigger, |old, new| {
        let key = |row: &Row| {
            Some(Key { environment: row.get(environment)?, source: row.get(source)?, kind: row.get(kind)? })
        };
        changed.extend([old, new].into_iter().flatten().filter_map(key));
    });
    changed
}

/// Environment and id of the subscriptions among the rows that are new, or billed to another subject now.
pub(super) fn of_another_subject(trigger: &PgTrigger) -> Vec<(String, String)> {
    let [environment, id, subject_type, subject_id] =
        trigger_rows::columns(trigger, [c"environment", c"stripe_subscription_id", c"subject_type", c"subject_id"]);
    let mut changed: Vec<(String, String)> = Vec::new();
    trigger_rows::visit(trigger, |old, new| {
        let Some(new) = new else { return };
        if old.is_none_or(|old| new.differs(old, subject_type) || new.differs(old, subject_id)) {
            changed.extend(new.get(environment).zip(new.get(id)));
        }
    });
    changed
}

/// Environment and id of the invoices and sessions among the rows that are not paid, and billed to another subject now.
pub(super) fn failing_of_another(trigger: &PgTrigger) -> Vec<(String, String)> {
    let [environment, status, invoice, session, subject_type, subject_id] = trigger_rows::columns(
        trigger,
        [
            c"environment",
            c"status",
            c"stripe_invoice_id",
            c"stripe_checkout_session_id",
            c"subject_type",
            c"subject_id",
        ],
    );
    let mut changed: Vec<(String, String)> = Vec::new();
    trigger_rows::visit(trigger, |old, new| {
        let Some((old, new)) = old.zip(new) else { return };
        let is_failing = new.get::<String>(status).is_some_and(|word| word == "failed" || word == "pending");
        if is_failing && (new.differs(old, subject_type) || new.differs(old, subject_id)) {
            let ids = [new.get::<String>(invoice), new.get(session)].into_iter().flatten();
            changed.extend(ids.filter_map(|id| Some((new.get(environment)?, id))));
        }
    });
    changed
}
