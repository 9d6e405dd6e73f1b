//! Mirrored objects: customers, subscriptions, payment methods, products, prices and entitlement summaries. The row of
//! each is its newest snapshot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::snapshot::{Snapshot, newest};
use crate::stripe::object::Unreadable;
use crate::stripe::object::entitlements::{ActiveEntitlement, Summary};
use crate::stripe::object::subscription::{Item, SubscriptionSnapshot};

/// One snapshot of a mirrored object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectSnapshot {
    /// The event that carried it; [`crate::snapshot::SYNC`] for a backfill.
    pub event_id: String,
    /// Unix seconds: the event's `created`, or when the backfill's objects were fetched.
    pub created: i64,
    /// See [`crate::stripe::event_type::rank`].
    pub rank: i16,
    /// Whether the event type or the object says that it is deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The event's `previous_attributes`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub previous: Map<String, Value>,
    /// The object as Stripe sent it.
    pub object: Value,
}

impl Snapshot for ObjectSnapshot {
    fn is_final(&self) -> bool {
        self.deleted
    }
    fn created(&self) -> i64 {
        self.created
    }
    fn rank(&self) -> i16 {
        self.rank
    }
    fn event_id(&self) -> &str {
        &self.event_id
    }
    fn previous(&self) -> &Map<String, Value> {
        &self.previous
    }
    fn value(&self) -> Value {
        self.object.clone()
    }
}

impl ObjectSnapshot {
    fn place(&self) -> (bool, i64, i16) {
        (self.deleted, self.created, self.rank)
    }

    /// Whether it embeds its whole list: a subscription's items, or a customer's entitlements. True for objects without
    /// a list.
    fn embeds_all(&self) -> bool {
        let Some(list) = self.object.get("items").or(self.object.get("entitlements")) else {
            return self.object.get("object").and_then(Value::as_str) != Some("subscription");
        };
        list.get("data").is_some_and(Value::is_array) && list.get("has_more").and_then(Value::as_bool) != Some(true)
    }
}

/// The payment method that a customer or a subscription names as its default; `None` if that object is deleted or has
/// ended. An older source (`default_source`) counts only if no method is named, as when Stripe charges.
#[must_use]
pub fn default_method(snapshot: &ObjectSnapshot) -> Option<&str> {
    let object = &snapshot.object;
    let status = object.get("status").and_then(Value::as_str);
    if snapshot.deleted || matches!(status, Some("canceled" | "incomplete_expired")) {
        return None;
    }
    let of_customer = object.get("invoice_settings").and_then(|settings| settings.get("default_payment_method"));
    let named = [of_customer, object.get("default_payment_method"), object.get("default_source")];
    named.into_iter().flatten().find_map(|named| named.as_str().or_else(|| named.get("id")?.as_str()))
}

/// The newest of an object's snapshots, and all snapshots that may still matter: those that tie with it. If the newest
/// ones embed only a part of the object's list, also all since the last one that embedded the whole list.
#[must_use]
pub fn newest_and_undecided(snapshots: &[ObjectSnapshot]) -> Option<(&ObjectSnapshot, Vec<&ObjectSnapshot>)> {
    let newest = newest(snapshots)?;
    let whole = snapshots.iter().filter(|snapshot| snapshot.embeds_all()).map(ObjectSnapshot::place).max();
    let floor = whole.map_or((false, i64::MIN, i16::MIN), |whole| whole.min(newest.place()));
    Some((newest, snapshots.iter().filter(|snapshot| snapshot.place() >= floor).collect()))
}

/// The snapshots that together give an embedded list: the newest that embeds the whole list, then the later ones, in
/// order.
fn listing(snapshots: &[ObjectSnapshot]) -> impl Iterator<Item = &ObjectSnapshot> {
    let base = newest(snapshots.iter().filter(|snapshot| snapshot.embeds_all()));
    let floor = base.map(ObjectSnapshot::place);
    let mut later: Vec<&ObjectSnapshot> = snapshots
        .iter()
        .filter(|snapshot| !snapshot.embeds_all() && floor.is_none_or(|floor| snapshot.place() >= floor))
        .collect();
    let last = newest(snapshots).map(|newest| &newest.event_id);
    later.sort_by_key(|snapshot| (snapshot.place(), Some(&snapshot.event_id) == last, &snapshot.event_id));
    base.into_iter().chain(later)
}

/// A customer's entitlements: those of the newest snapshot that embeds them all, overlaid by the later ones.
///
/// # Errors
/// [`Unreadable`].
pub fn entitlements(snapshots: &[ObjectSnapshot]) -> Result<Vec<ActiveEntitlement>, Unreadable> {
    let mut all = BTreeMap::new();
    for snapshot in listing(snapshots) {
        let read = Summary::read(&snapshot.object.to_string())?;
        all.extend(read.entitlements.into_iter().map(|one| (one.lookup_key.clone(), one)));
    }
    Ok(all.into_values().collect())
}

/// The items of a subscription: those of the newest snapshot that embeds them all, overlaid by the later ones. An item
/// that the newest snapshot does not embed gets the period of the subscription, which may have been renewed since.
///
/// # Errors
/// [`Unreadable`].
pub fn items(snapshots: &[ObjectSnapshot], prefix: &str) -> Result<Vec<Item>, Unreadable> {
    let mut items: BTreeMap<String, Item> = BTreeMap::new();
    for snapshot in listing(snapshots) {
        let read = SubscriptionSnapshot::read(&snapshot.object.to_string(), snapshot.deleted, prefix)?;
        items.extend(read.items.into_iter().map(|item| (item.stripe_subscription_item_id.clone(), item)));
    }
    if let Some(newest) = newest(snapshots) {
        let read = SubscriptionSnapshot::read(&newest.object.to_string(), newest.deleted, prefix)?;
        let embeds = |id: &String| read.items.iter().any(|item| item.stripe_subscription_item_id == *id);
        for (_, item) in items.iter_mut().filter(|(id, _)| !embeds(id)) {
            item.current_period_start = read.row.current_period_start.or(item.current_period_start);
            item.current_period_end = read.row.current_period_end.or(item.current_period_end);
        }
    }
    Ok(items.into_values().collect())
}
