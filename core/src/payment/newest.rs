//! Which of an object's snapshots is the newest: a choice from a set, whatever the order in which they came.
//!
//! The order is `(is over, created, rank, …)`. Stripe's times are whole seconds, so two updates can tie; then
//! `previous_attributes` tell which came after which where they can, and the event id where they cannot. Deciding ties in
//! pairs would not be transitive, so a tie is decided over all that tie at once.

use serde_json::{Map, Value};

use super::fact::{Fact, SYNC, Statement};

/// Where in an object's life an event type stands: `created` before what changes it, before what ends it.
#[must_use]
pub fn rank(event_type: &str) -> i16 {
    match event_type.rsplit_once('.').map_or(event_type, |(_, last)| last) {
        "created" => 0,
        "succeeded" if event_type.starts_with("payment_intent.") => 20,
        "finalized" | "processing" | "completed" | "succeeded" => 5,
        "payment_failed" | "async_payment_failed" => 11,
        "failed" if !event_type.starts_with("charge.") => 30,
        "async_payment_succeeded" | "paid" | "payment_succeeded" => 20,
        "closed" | "voided" | "marked_uncollectible" | "canceled" | "expired" | "deleted" => 30,
        "funds_reinstated" => 31,
        _ => 10,
    }
}

/// One snapshot of an object, as far as its place among the others goes.
pub trait Snapshot {
    /// Whether it says that the object's life is over: a deleted object stays so, and a session that was completed or expired
    /// is never open again.
    fn is_over(&self) -> bool {
        false
    }
    /// Unix seconds.
    fn created(&self) -> i64;
    /// See [`rank`].
    fn rank(&self) -> i16;
    /// The event that carried it.
    fn event_id(&self) -> &str;
    /// What the event says the object was before.
    fn previous(&self) -> &Map<String, Value>;
    /// What the object is now, as JSON.
    fn value(&self) -> Value;
}

impl Snapshot for Statement {
    fn is_over(&self) -> bool {
        matches!(&self.fact, Fact::CheckoutSession(session) if session.is_over())
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
        serde_json::to_value(&self.fact).unwrap_or(Value::Null)
    }
}

/// Whether a back-fill's snapshot is late: of back-fills only the last look at an object counts, and `known` has a later one.
pub fn is_late<'a, S: Snapshot + 'a>(snapshot: &S, known: impl IntoIterator<Item = &'a S>) -> bool {
    snapshot.event_id() == SYNC
        && known.into_iter().any(|known| known.event_id() == SYNC && known.created() > snapshot.created())
}

/// How many snapshots of one second are ordered by what they say came before; a larger tie goes by event id.
const MAX_CHAIN: usize = 7;

/// The newest of an object's snapshots.
pub fn newest<'a, S: Snapshot>(snapshots: impl IntoIterator<Item = &'a S>) -> Option<&'a S> {
    let mut tied: Vec<&S> = Vec::new();
    for snapshot in snapshots {
        let place = |s: &S| (s.is_over(), s.created(), s.rank());
        match tied.first().map(|first| place(snapshot).cmp(&place(first))) {
            Some(std::cmp::Ordering::Less) => {}
            Some(std::cmp::Ordering::Equal) => tied.push(snapshot),
            Some(std::cmp::Ordering::Greater) | None => tied = vec![snapshot],
        }
    }
    // The same event twice is one: counted twice, a snapshot could follow itself by way of another.
    tied.sort_by(|a, b| a.event_id().cmp(b.event_id()).then_with(|| a.value().to_string().cmp(&b.value().to_string())));
    tied.dedup_by(|a, b| a.event_id() == b.event_id() && a.value() == b.value());
    match tied.len() {
        0 | 1 => tied.pop(),
        2..=MAX_CHAIN => Some(last_of_chain(&tied)),
        _ => tied.pop(),
    }
}

/// The last link of the chains in which each snapshot follows the one before: those that use the most of the tied, of these
/// those in which the most agree in what is not named too, and among their ends the greatest event id. With no links at all,
/// every snapshot is a chain of its own.
fn last_of_chain<'a, S: Snapshot>(tied: &[&'a S]) -> &'a S {
    let values: Vec<Value> = tied.iter().map(|snapshot| snapshot.value()).collect();
    let named = |later: usize, earlier: usize| {
        let previous = tied[later].previous();
        later != earlier
            && !previous.is_empty()
            && values[later] != values[earlier]
            && previous.iter().all(|(key, was)| same(values[earlier].get(key), was))
    };
    // Where something is switched there and back, each follows the other by what is named; then what is not named tells.
    let wholly = |later: usize, earlier: usize| {
        named(later, earlier) && unnamed_is_same(&values[earlier], &values[later], tied[later].previous())
    };
    let links = matrix(tied.len(), |later, earlier| match (named(later, earlier), wholly(later, earlier)) {
        (true, true) => Some(1),
        (true, false) if !wholly(earlier, later) => Some(0),
        _ => None,
    });
    let mut best = (0, 0, 0);
    for start in 0..tied.len() {
        best = best.max(longest(&links, start, 1 << start, (1, 0)));
    }
    tied[best.2]
}

/// How well one follows the other: 1 where they agree in all that is not named; none where it does not follow.
type Links = Vec<Vec<Option<usize>>>;

fn matrix(size: usize, follows: impl Fn(usize, usize) -> Option<usize>) -> Links {
    (0..size).map(|later| (0..size).map(|earlier| follows(later, earlier)).collect()).collect()
}

/// Whether two snapshots agree in all that the later one does not name as changed. `state` is our own reading of the rest.
fn unnamed_is_same(earlier: &Value, later: &Value, named: &Map<String, Value>) -> bool {
    let (Some(earlier), Some(later)) = (earlier.as_object(), later.as_object()) else { return false };
    let keys = earlier.keys().chain(later.keys());
    keys.filter(|key| !named.contains_key(*key) && key.as_str() != "state")
        .all(|key| earlier.get(key).unwrap_or(&Value::Null) == later.get(key).unwrap_or(&Value::Null))
}

/// The length, the agreement and the end of the best chain that goes on from `at`, where it has come to `(length, agreement)`.
fn longest(links: &Links, at: usize, used: u32, so_far: (usize, usize)) -> (usize, usize, usize) {
    let mut best = (so_far.0, so_far.1, at);
    for next in 0..links.len() {
        if used & (1 << next) == 0
            && let Some(agrees) = links[next][at]
        {
            best = best.max(longest(links, next, used | (1 << next), (so_far.0 + 1, so_far.1 + agrees)));
        }
    }
    best
}

/// Whether a value is what it was: objects by the attributes that are named, since Stripe names only what changed.
fn same(now: Option<&Value>, was: &Value) -> bool {
    match (now, was) {
        (None, was) => was.is_null(),
        (Some(Value::Object(now)), Value::Object(was)) => was.iter().all(|(key, value)| same(now.get(key), value)),
        (Some(now), was) => now == was,
    }
}
