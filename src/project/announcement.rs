//! What events say of a subscription without carrying it: a renewal that is to come, and what a discount takes.

use payments_core::figures::coupon::Discount;
use payments_core::figures::entry::{Entry, Renewal};
use payments_core::mirror::newest_and_undecided;
use payments_core::stripe::event::Environment;
use payments_core::stripe::object::subscription::SubscriptionSnapshot;
use payments_core::stripe::object::{Unreadable, read};
use serde_json::Value;

use crate::project::incoming::Incoming;
use crate::project::{mirror, payment_group, subscription_history};
use crate::settings;

/// Projects an invoice that Stripe is going to make: it announces a renewal.
pub(super) fn project_upcoming(incoming: &Incoming) -> Result<(), Unreadable> {
    let Some((id, renewal)) = Renewal::read(&incoming.object)? else { return Ok(()) };
    let customer = renewal.customer.clone();
    project(incoming, &id, customer, &Entry { renewal: Some(renewal), ..subscription_history::entry(incoming) })
}

/// Projects a discount of a subscription: it tells what the discount takes, or by which coupon, where the subscription names only its
/// id.
pub(super) fn project_discount(incoming: &Incoming) -> Result<(), Unreadable> {
    let object: Value = read("discount", &incoming.object)?;
    let id = |key: &str| {
        let value = object.get(key)?;
        value.as_str().or_else(|| value.get("id")?.as_str()).map(ToOwned::to_owned)
    };
    let tells = |discount: &Discount| discount.coupon.is_some() || discount.coupon_id.is_some();
    let discount = Discount::read(&object).filter(tells);
    let Some((subscription, discount)) = id("subscription").zip(discount) else { return Ok(()) };
    project(
        incoming,
        &subscription,
        id("customer"),
        &Entry { discount: Some(discount), ..subscription_history::entry(incoming) },
    )
}

fn project(incoming: &Incoming, id: &str, customer: Option<String>, entry: &Entry) -> Result<(), Unreadable> {
    let environment = incoming.environment;
    let locked: Vec<String> = customer.into_iter().chain([id.to_owned()]).collect();
    payment_group::lock_objects(environment, &locked);
    subscription_history::store(environment, id, entry);
    derive_again(environment, id)
}

/// Derives what follows from all that was said of a subscription. It must be locked.
pub(super) fn derive_again(environment: Environment, id: &str) -> Result<(), Unreadable> {
    let snapshots = mirror::mirrored(environment, id);
    let known = match newest_and_undecided(&snapshots) {
        Some((newest, _)) => {
            let prefix = settings::metadata_prefix();
            Some(SubscriptionSnapshot::read(&newest.object.to_string(), newest.deleted, &prefix)?)
        }
        None => None,
    };
    subscription_history::derive(environment, id, known.as_ref());
    Ok(())
}
