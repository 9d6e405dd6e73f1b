//! What events said of a subscription, and what follows from all of it: its changes, and what workers are told.

use payments_core::figures::changes::changes;
use payments_core::figures::coupon::Discount;
use payments_core::figures::entry::{Entry, Renewal, sync_key};
use payments_core::figures::state::State;
use payments_core::mirror::newest_and_undecided;
use payments_core::notice::of_subscription;
use payments_core::snapshot::SYNC;
use payments_core::stripe::event::Environment;
use payments_core::stripe::object::subscription::SubscriptionSnapshot;
use payments_core::stripe::object::{Unreadable, read};
use serde_json::{Map, Value};

use crate::pg::statement::{json, query, text};
use crate::project::incoming::Incoming;
use crate::project::{mirror, notices, payment_group};
use crate::settings;

query!(UPSERT_ENTRY, "project_subscription_history", "upsert_entry");
query!(ENTRIES_OF_SUBSCRIPTION, "project_subscription_history", "entries_of_subscription");
query!(WRITE_CHANGES, "project_subscription_history", "write_changes");

/// Keeps what a snapshot of a subscription says. The subscription must be locked.
pub(super) fn keep(
    incoming: &Incoming,
    id: &str,
    deleted: bool,
    previous: &Map<String, Value>,
) -> Result<(), Unreadable> {
    let entry = Entry {
        deleted,
        previous: State::previous(previous),
        state: Some(State::read(&incoming.object, deleted)?),
        announces_trial_end: incoming.event_type == Some("customer.subscription.trial_will_end"),
        ..entry(incoming)
    };
    store(incoming.environment, id, &entry);
    Ok(())
}

/// Projects an invoice that Stripe is going to make: it announces a renewal.
pub(super) fn project_upcoming(incoming: &Incoming) -> Result<(), Unreadable> {
    let Some((id, renewal)) = Renewal::read(&incoming.object)? else { return Ok(()) };
    let customer = renewal.customer.clone();
    project(incoming, id, customer, Entry { renewal: Some(renewal), ..entry(incoming) })
}

/// Projects a discount of a subscription: it tells what the discount takes, where the subscription names only its id.
pub(super) fn project_discount(incoming: &Incoming) -> Result<(), Unreadable> {
    let object: Value = read("discount", &incoming.object)?;
    let id = |key: &str| {
        let value = object.get(key)?;
        value.as_str().or_else(|| value.get("id")?.as_str()).map(ToOwned::to_owned)
    };
    let discount = Discount::read(&object).filter(|discount| discount.coupon.is_some());
    let Some((subscription, discount)) = id("subscription").zip(discount) else { return Ok(()) };
    project(incoming, subscription, id("customer"), Entry { discount: Some(discount), ..entry(incoming) })
}

fn project(incoming: &Incoming, id: String, customer: Option<String>, entry: Entry) -> Result<(), Unreadable> {
    let environment = incoming.environment;
    let locked: Vec<String> = customer.into_iter().chain([id.clone()]).collect();
    payment_group::lock_objects(environment, &locked);
    store(environment, &id, &entry);
    let snapshots = mirror::mirrored(environment, &id);
    let known = match newest_and_undecided(&snapshots) {
        Some((newest, _)) => {
            let prefix = settings::metadata_prefix();
            Some(SubscriptionSnapshot::read(&newest.object.to_string(), newest.deleted, &prefix)?)
        }
        None => None,
    };
    derive(environment, &id, known.as_ref());
    Ok(())
}

fn entry(incoming: &Incoming) -> Entry {
    let event_id = if incoming.event_id == SYNC { sync_key(incoming.created) } else { incoming.event_id.to_owned() };
    Entry { event_id, created: incoming.created, rank: incoming.rank(), ..Entry::default() }
}

fn store(environment: Environment, id: &str, entry: &Entry) {
    let args = [text(environment.name()), text(id), text(entry.event_id.as_str()), entry.created.into(), json(entry)];
    UPSERT_ENTRY.execute(&args);
}

/// Writes a subscription's changes, and what workers are told of it, where they differ; `known` is its newest snapshot.
pub(crate) fn derive(environment: Environment, id: &str, known: Option<&SubscriptionSnapshot>) {
    let mut entries: Vec<Entry> = ENTRIES_OF_SUBSCRIPTION.all(&[text(environment.name()), text(id)]);
    entries.sort_by(|a, b| a.event_id.cmp(&b.event_id));
    WRITE_CHANGES.execute(&[text(environment.name()), text(id), json(&changes(&entries))]);
    notices::write_of_subscription(environment, id, &of_subscription(id, known, &entries));
}
