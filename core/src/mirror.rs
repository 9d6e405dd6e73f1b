//! Mirrors: customers, subscriptions, products and prices, each of which is its own newest snapshot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::payment::newest::{Snapshot, newest};
use crate::stripe::object::Unreadable;
use crate::stripe::object::subscription::{Item, Snapshot as Subscription};

/// One snapshot of a mirrored object, kept whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mirrored {
    /// The event that carried it; [`crate::payment::fact::SYNC`] for a back-fill.
    pub event_id: String,
    /// Unix seconds: the event's `created`, or when a back-fill looked.
    pub created: i64,
    /// See [`crate::payment::newest::rank`].
    pub rank: i16,
    /// Whether the event type (or the object) says that it is deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The event's `previous_attributes`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub previous: Map<String, Value>,
    /// The object.
    pub object: Value,
}

impl Snapshot for Mirrored {
    fn deleted(&self) -> bool {
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

impl Mirrored {
    fn place(&self) -> (bool, i64, i16) {
        (self.deleted, self.created, self.rank)
    }

    fn embeds_all_items(&self) -> bool {
        self.object.pointer("/items/data").is_some_and(Value::is_array)
            && self.object.pointer("/items/has_more").and_then(Value::as_bool) != Some(true)
    }
}

/// The newest of an object's snapshots, and those that may still matter: the ones that tie with it, and for a
/// subscription whose newest snapshots embed only some of the items, all since the last that embedded them all.
#[must_use]
pub fn newest_and_kept(snapshots: &[Mirrored]) -> Option<(&Mirrored, Vec<&Mirrored>)> {
    let newest = newest(snapshots)?;
    let whole = snapshots.iter().filter(|snapshot| snapshot.embeds_all_items()).map(Mirrored::place).max();
    let floor = whole.map_or((false, i64::MIN, i16::MIN), |whole| whole.min(newest.place()));
    Some((newest, snapshots.iter().filter(|snapshot| snapshot.place() >= floor).collect()))
}

/// The items of a subscription: those of the newest snapshot that embeds them all, overlaid by the later ones.
///
/// # Errors
/// [`Unreadable`].
pub fn items(snapshots: &[Mirrored], prefix: &str) -> Result<Vec<Item>, Unreadable> {
    let base = newest(snapshots.iter().filter(|snapshot| snapshot.embeds_all_items()));
    let floor = base.map(Mirrored::place);
    let mut later: Vec<&Mirrored> = snapshots
        .iter()
        .filter(|snapshot| !snapshot.embeds_all_items() && floor.is_none_or(|floor| snapshot.place() >= floor))
        .collect();
    let last = newest(snapshots).map(|newest| &newest.event_id);
    later.sort_by_key(|snapshot| (snapshot.place(), Some(&snapshot.event_id) == last, &snapshot.event_id));
    let mut items = BTreeMap::new();
    for snapshot in base.into_iter().chain(later) {
        let read = Subscription::read(&snapshot.object.to_string(), snapshot.deleted, prefix)?;
        items.extend(read.items.into_iter().map(|item| (item.stripe_subscription_item_id.clone(), item)));
    }
    Ok(items.into_values().collect())
}
