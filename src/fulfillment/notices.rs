//! Notices become jobs, once each. One that is out of date loses its job, unless a worker has begun that.

use std::collections::BTreeSet;

use payments_core::fulfillment::decision::{FulfillmentDecision, FulfillmentState};
use payments_core::fulfillment::record::Record;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::jobs;
use super::record::{Decided, failed, save};
use super::target::Target;
use super::target_kind::TargetKind;
use super::targets::targets;
use crate::pg::statement::{query, text};

query!(FIND_NOTICE, "fulfillment_notices", "find_notice");
query!(FIND_NOTICES_ABOUT, "fulfillment_notices", "find_notices_about");

/// Which notice.
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

/// Makes the jobs of these notices what the notices say.
pub(super) fn give(keys: &BTreeSet<Key>) {
    for target in targets(TargetKind::FulfillmentJobs).iter() {
        keys.iter().for_each(|key| give_to(target, key));
    }
}

/// The same for all notices about these invoices, sessions or subscriptions, with the environment of each: whom they concern changed.
pub(super) fn give_about(about: &[(String, String)]) {
    if targets(TargetKind::FulfillmentJobs).is_empty() {
        return;
    }
    for (environment, id) in about {
        let keys: Vec<Key> = FIND_NOTICES_ABOUT.all(&[text(environment.as_str()), text(id.as_str())]);
        give(&keys.into_iter().collect());
    }
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
    // The job that is there is there, also where its payload could not be changed.
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
