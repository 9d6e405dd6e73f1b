//! Which of an object's snapshots is the newest: a choice from a set, so that the order of arrival doesn't matter.
//!
//! Snapshots are ordered by `(is_final, created, rank)`. Stripe's times are whole seconds, so two snapshots can tie.
//! Then `previous_attributes` tell which snapshot follows which; where they don't, the greatest event id wins. A tie is
//! decided over all tied snapshots at once, because deciding it in pairs would not be transitive.

use serde_json::{Map, Value};

/// The event id of a snapshot that a backfill carried.
pub const SYNC: &str = "sync";

/// One snapshot of an object, as far as its place among the others goes.
pub trait Snapshot {
    /// Whether the object's life is over: a deleted object stays deleted, and a session that was completed or expired
    /// never opens again.
    fn is_final(&self) -> bool;
    /// When it was taken, in Unix seconds.
    fn created(&self) -> i64;
    /// Where its event type stands in the object's life: see [`crate::stripe::event_type`].
    fn rank(&self) -> i16;
    /// The event that carried it; [`SYNC`] for a backfill.
    fn event_id(&self) -> &str;
    /// The event's `previous_attributes`.
    fn previous(&self) -> &Map<String, Value>;
    /// The object as JSON.
    fn value(&self) -> Value;
}

/// Whether a backfill's snapshot is outdated: of backfills only the last look at an object counts, and `known` holds
/// a later one.
pub fn is_late<'a, S: Snapshot + 'a>(snapshot: &S, known: impl IntoIterator<Item = &'a S>) -> bool {
    snapshot.event_id() == SYNC
        && known.into_iter().any(|known| known.event_id() == SYNC && known.created() > snapshot.created())
}

/// The most tied snapshots that are ordered by their `previous_attributes`: the search takes factorial time.
const MAX_CHAIN: usize = 7;

/// The newest of an object's snapshots.
pub fn newest<'a, S: Snapshot>(snapshots: impl IntoIterator<Item = &'a S>) -> Option<&'a S> {
    let mut tied: Vec<&S> = Vec::new();
    for snapshot in snapshots {
        let place = |s: &S| (s.is_final(), s.created(), s.rank());
        match tied.first().map(|first| place(snapshot).cmp(&place(first))) {
            Some(std::cmp::Ordering::Less) => {}
            Some(std::cmp::Ordering::Equal) => tied.push(snapshot),
            Some(std::cmp::Ordering::Greater) | None => tied = vec![snapshot],
        }
    }
    // A repeated event counts once: twice in the set, a snapshot could follow itself by way of another.
    tied.sort_by(|a, b| a.event_id().cmp(b.event_id()).then_with(|| a.value().to_string().cmp(&b.value().to_string())));
    tied.dedup_by(|a, b| a.event_id() == b.event_id() && a.value() == b.value());
    match tied.len() {
        2..=MAX_CHAIN => Some(last_of_chain(&tied)),
        _ => tied.pop(),
    }
}

/// The last snapshot of the best chain, in which each snapshot follows the one before it. The best chain is the
/// longest; of those the one with the most full matches; of those the one whose last snapshot has the greatest event
/// id. Where no snapshot follows another, each is a chain of its own.
fn last_of_chain<'a, S: Snapshot>(tied: &[&'a S]) -> &'a S {
    let values: Vec<Value> = tied.iter().map(|snapshot| snapshot.value()).collect();
    let follows = |later: usize, earlier: usize| {
        let previous = tied[later].previous();
        later != earlier
            && !previous.is_empty()
            && values[later] != values[earlier]
            && previous.iter().all(|(key, was)| same(values[earlier].get(key), was))
    };
    // Where an attribute is switched there and back, each snapshot follows the other by the attributes that are named.
    // Then the attributes that are not named decide.
    let matches_fully = |later: usize, earlier: usize| {
        follows(later, earlier) && unnamed_is_same(&values[earlier], &values[later], tied[later].previous())
    };
    let links = matrix(tied.len(), |later, earlier| match (follows(later, earlier), matches_fully(later, earlier)) {
        (true, true) => Some(1),
        (true, false) if !matches_fully(earlier, later) => Some(0),
        _ => None,
    });
    let mut best = (0, 0, 0);
    for start in 0..tied.len() {
        best = best.max(longest(&links, start, 1 << start, (1, 0)));
    }
    tied[best.2]
}

/// `links[later][earlier]`: 1 for a full match, 0 where only the named attributes match, none where `later` doesn't
/// follow.
type Links = Vec<Vec<Option<usize>>>;

fn matrix(size: usize, link: impl Fn(usize, usize) -> Option<usize>) -> Links {
    (0..size).map(|later| (0..size).map(|earlier| link(later, earlier)).collect()).collect()
}

/// Whether two snapshots agree in all attributes that the later one doesn't name as changed. `state` and `attempt` are
/// derived from the others and the event type, so they don't count.
fn unnamed_is_same(earlier: &Value, later: &Value, named: &Map<String, Value>) -> bool {
    let (Some(earlier), Some(later)) = (earlier.as_object(), later.as_object()) else { return false };
    let keys = earlier.keys().chain(later.keys());
    keys.filter(|key| !named.contains_key(*key) && !matches!(key.as_str(), "state" | "attempt"))
        .all(|key| earlier.get(key).unwrap_or(&Value::Null) == later.get(key).unwrap_or(&Value::Null))
}

/// The length, the full matches and the last snapshot of the best chain that continues from `at`, where the chain so
/// far has `(length, full matches)`. The bits of `used` are the snapshots of the chain so far.
fn longest(links: &Links, at: usize, used: u32, so_far: (usize, usize)) -> (usize, usize, usize) {
    let mut best = (so_far.0, so_far.1, at);
    for next in 0..links.len() {
        if used & (1 << next) == 0
            && let Some(full_match) = links[next][at]
        {
            best = best.max(longest(links, next, used | (1 << next), (so_far.0 + 1, so_far.1 + full_match)));
        }
    }
    best
}

/// Whether a value is what it was. Of an object only the named attributes count: Stripe names those that changed.
fn same(now: Option<&Value>, was: &Value) -> bool {
    match (now, was) {
        (None, was) => was.is_null(),
        (Some(Value::Object(now)), Value::Object(was)) => was.iter().all(|(key, value)| same(now.get(key), value)),
        (Some(now), was) => now == was,
    }
}
