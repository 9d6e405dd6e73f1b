//! Which of an object's snapshots is the newest. It is chosen from a set, so the order of arrival does not matter.
//!
//! Snapshots are ordered by `(is_final, created, rank)`. Stripe's times are whole seconds, so two snapshots can tie.
//! Then `previous_attributes` say which snapshot follows which; if they do not, the greatest event id wins. A tie is
//! decided over all tied snapshots at once, because deciding it in pairs would not be transitive.

use serde_json::{Map, Value};

/// The event id of a snapshot that comes from a backfill.
pub const SYNC: &str = "sync";

/// What the order of snapshots needs to know of one snapshot.
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

/// Whether a backfill's snapshot is outdated: only the last backfill of an object counts, and `known` has one from a
/// later backfill.
pub fn is_late<'a, S: Snapshot + 'a>(snapshot: &S, known: impl IntoIterator<Item = &'a S>) -> bool {
    snapshot.event_id() == SYNC
        && known.into_iter().any(|known| known.event_id() == SYNC && known.created() > snapshot.created())
}

/// The largest number of tied snapshots that are ordered by their `previous_attributes`: the search takes factorial
/// time.
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
    // A repeated event counts once. If it were in the set twice, a snapshot could follow itself through another one.
    tied.sort_by(|a, b| a.event_id().cmp(b.event_id()).then_with(|| a.value().to_string().cmp(&b.value().to_string())));
    tied.dedup_by(|a, b| a.event_id() == b.event_id() && a.value() == b.value());
    match tied.len() {
        2..=MAX_CHAIN => Some(last_of_chain(&tied)),
        _ => tied.pop(),
    }
}

/// The last snapshot of the best chain, in which each snapshot follows the one before it. The best chain is the
/// longest. Among equally long chains it is the one with the most full matches, and among those the one whose last
/// snapshot has the greatest event id. If no snapshot follows another, each is a chain of its own.
fn last_of_chain<'a, S: Snapshot>(tied: &[&'a S]) -> &'a S {
    let values: Vec<Value> = tied.iter().map(|snapshot| snapshot.value()).collect();
    let follows = |later: usize, earlier: usize| {
        let previous = tied[later].previous();
        later != earlier
            && !previous.is_empty()
            && values[later] != values[earlier]
            && previous.iter().all(|(key, was)| same(values[earlier].get(key), was))
    };
    // If an attribute is switched there and back, each snapshot follows the other by the attributes that are named.
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

/// `links[later][earlier]`: 1 for a full match, 0 if only the named attributes match, `None` if `later` does not
/// follow.
type Links = Vec<Vec<Option<usize>>>;

fn matrix(size: usize, link: impl Fn(usize, usize) -> Option<usize>) -> Links {
    (0..size).map(|later| (0..size).map(|earlier| link(later, earlier)).collect()).collect()
}

/// Whether two snapshots agree in all attributes that the later one does not name as changed. `state` and `attempt` do
/// not count, because they are derived from the others and the event type.
fn unnamed_is_same(earlier: &Value, later: &Value, named: &Map<String, Value>) -> bool {
    let (Some(earlier), Some(later)) = (earlier.as_object(), later.as_object()) else { return false };
    let keys = earlier.keys().chain(later.keys());
    keys.filter(|key| !named.contains_key(*key) && !matches!(key.as_str(), "state" | "attempt"))
        .all(|key| earlier.get(key).unwrap_or(&Value::Null) == later.get(key).unwrap_or(&Value::Null))
}

/// The length, the number of full matches and the last snapshot of the best chain that continues from `at`. The chain
/// so far has `(length, full matches)`; the bits of `used` are its snapshots.
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

/// Whether a value is equal to the previous one. In an object only the named attributes count, because Stripe names
/// those that changed.
fn same(now: Option<&Value>, was: &Value) -> bool {
    match (now, was) {
        (None, was) => was.is_null(),
        (Some(Value::Object(now)), Value::Object(was)) => was.iter().all(|(key, value)| same(now.get(key), value)),
        (Some(now), was) => now == was,
    }
}
