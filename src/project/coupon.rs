//! Coupons: what discounts take that only name theirs. They have no row of their own; what they take shows in the changes of
//! subscriptions.

use payments_core::mirror::ObjectSnapshot;
use payments_core::stripe::event_type::ObjectKind;
use payments_core::stripe::object::{Unreadable, read};
use serde::Deserialize;

use crate::project::incoming::Incoming;
use crate::project::{announcement, mirror, payment_group, subscription_history};
use crate::projection_lock::require_exclusive;

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// Projects a coupon. Where it takes something else than was known, the changes of the subscriptions that it was told of follow.
pub(super) fn project(incoming: &Incoming) -> Result<(), Unreadable> {
    let environment = incoming.environment;
    let Named { id } = read("coupon", &incoming.object)?;
    let key = subscription_history::coupon_key(&id);
    payment_group::lock_objects(environment, std::slice::from_ref(&key));
    let catalog = || subscription_history::catalog(environment, &[id.clone()].into());
    let before = catalog();
    let snapshot = ObjectSnapshot {
        event_id: incoming.event_id.to_owned(),
        created: incoming.created,
        rank: incoming.rank(),
        deleted: incoming.deleted,
        previous: mirror::previous(incoming),
        object: read("coupon", &incoming.object)?,
    };
    mirror::keep(environment, ObjectKind::Coupon.name(), &key, snapshot);
    if catalog() == before {
        return Ok(());
    }
    // An event of a subscription that runs at the same time does not see this coupon, nor does this one see that subscription.
    require_exclusive();
    for subscription in subscription_history::of_coupon(environment, &id) {
        announcement::derive_again(environment, &subscription)?;
    }
    Ok(())
}
