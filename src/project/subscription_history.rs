//! What events said of a subscription, and what follows from all of it: its changes, and what workers are told.

use std::collections::BTreeSet;

use payments_core::figures::changes::{Change, changes, no_access_since};
use payments_core::figures::coupon::{Catalog, Coupon};
use payments_core::figures::entry::{Entry, sync_key};
use payments_core::figures::state::State;
use payments_core::mirror::{ObjectSnapshot, newest_and_undecided};
use payments_core::notice::of_subscription;
use payments_core::stripe::event::Environment;
use payments_core::stripe::object::Unreadable;
use payments_core::stripe::object::subscription::SubscriptionSnapshot;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::pg::statement::{json, query, text};
use crate::project::incoming::Incoming;
use crate::project::notices;

query!(UPSERT_ENTRY, "project_subscription_history", "upsert_entry");
query!(TOLD_OF_SUBSCRIPTION, "project_subscription_history", "told_of_subscription");
query!(SNAPSHOTS_OF_COUPONS, "project_subscription_history", "snapshots_of_coupons");
query!(SUBSCRIPTIONS_OF_COUPON, "project_subscription_history", "subscriptions_of_coupon");
query!(WRITE_CHANGES, "project_subscription_history", "write_changes");

/// Saves a snapshot of a subscription in its history. The subscription must be locked.
pub(super) fn keep(
    incoming: &Incoming,
    id: &str,
    deleted: bool,
    previous: &Map<String, Value>,
) -> Result<(), Unreadable> {
    let mut entry = Entry {
        deleted,
        previous: State::previous(previous),
        state: Some(State::read(&incoming.object, deleted)?),
        announces_trial_end: incoming.event_type == Some("customer.subscription.trial_will_end"),
        ..entry(incoming)
    };
    if entry.is_sync() {
        entry.event_id = sync_key(entry.created, entry.tells_more());
    }
    store(incoming.environment, id, &entry);
    Ok(())
}

/// An entry that says nothing yet.
pub(super) fn entry(incoming: &Incoming) -> Entry {
    let event_id = incoming.event_id.to_owned();
    Entry { event_id, created: incoming.created, rank: incoming.rank(), ..Entry::default() }
}

/// Saves an entry.
pub(super) fn store(environment: Environment, id: &str, entry: &Entry) {
    let coupon_ids: Vec<String> = entry.coupon_ids().into_iter().collect();
    let coupon_ids = (!coupon_ids.is_empty()).then_some(coupon_ids);
    let args = [
        text(environment.name()),
        text(id),
        text(entry.event_id.as_str()),
        entry.created.into(),
        json(entry),
        coupon_ids.into(),
    ];
    UPSERT_ENTRY.execute(&args);
}

/// The id under which the snapshots of a coupon are kept: sellers choose the ids of coupons, so one may be that of another object.
pub(super) fn coupon_key(id: &str) -> String {
    format!("coupon:{id}")
}

/// What these coupons take, as far as it is known.
pub(super) fn catalog(environment: Environment, ids: &BTreeSet<String>) -> Catalog {
    if ids.is_empty() {
        return Catalog::new();
    }
    let keys: Vec<String> = ids.iter().map(|id| coupon_key(id)).collect();
    let known: Vec<(String, ObjectSnapshot)> = SNAPSHOTS_OF_COUPONS.all(&[text(environment.name()), keys.into()]);
    let takes = |id: &String| {
        let snapshots: Vec<_> =
            known.iter().filter(|(key, _)| *key == coupon_key(id)).map(|(_, snapshot)| snapshot.clone()).collect();
        let (newest, _) = newest_and_undecided(&snapshots)?;
        Some((id.clone(), Coupon::read(&newest.object)?))
    };
    ids.iter().filter_map(takes).collect()
}

/// The subscriptions of which something was said that names a coupon.
pub(super) fn of_coupon(environment: Environment, id: &str) -> Vec<String> {
    SUBSCRIPTIONS_OF_COUPON.all(&[text(environment.name()), text(id)])
}

/// All that was said of a subscription, and what was derived from it before.
#[derive(Deserialize)]
struct Told {
    entries: Vec<Entry>,
    /// Read leniently: a value that somebody wrote by hand counts as no change, and is replaced.
    changes: Box<RawValue>,
    has_notices: bool,
}

/// The same, and what follows from it now.
pub(super) struct History {
    told: Told,
    changes: Vec<Change>,
}

/// What was said of a subscription by now.
pub(super) fn of(environment: Environment, id: &str) -> Option<History> {
    let mut told: Told = TOLD_OF_SUBSCRIPTION.one(&[text(environment.name()), text(id)])?;
    told.entries.sort_by(|a, b| a.event_id.cmp(&b.event_id));
    let named = told.entries.iter().flat_map(Entry::coupon_ids).collect();
    let changes = changes(&told.entries, &catalog(environment, &named));
    Some(History { told, changes })
}

/// Writes a subscription's changes, and what workers are told of it, where they differ; `known` is its newest snapshot.
pub(crate) fn derive(environment: Environment, id: &str, known: Option<&SubscriptionSnapshot>) {
    if let Some(history) = of(environment, id) {
        history.write(environment, id, known);
    }
}

impl History {
    /// Since when the subscription gives no access, if it gives none.
    pub(super) fn no_access_since(&self) -> Option<i64> {
        no_access_since(&self.changes)
    }

    /// Writes the changes, and what workers are told, where they differ; `known` is the newest snapshot.
    pub(super) fn write(&self, environment: Environment, id: &str, known: Option<&SubscriptionSnapshot>) {
        let written = serde_json::from_str::<Vec<Change>>(self.told.changes.get()).ok();
        if written.as_ref() != Some(&self.changes) {
            WRITE_CHANGES.execute(&[text(environment.name()), text(id), json(&self.changes)]);
        }
        let notices = of_subscription(id, known, &self.told.entries);
        if self.told.has_notices || !notices.is_empty() {
            notices::write(environment, &[id.to_owned()], &notices);
        }
    }
}
