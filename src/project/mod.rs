//! From an event, or a back-filled object, to rows: one match on what it is about, and a file for each kind of row.
//!
//! Locks are taken in one fixed order, so that no mix of events deadlocks: first the objects that rows of several payments
//! depend on (customers, subscriptions, subjects, the catalog), slot by slot; then the ids that join facts, by key, as
//! they are inserted; then the groups of facts, slot by slot (`lock.rs`). Where something is found that needs another
//! lock than these (two claims on one mapping, a group that moved meanwhile), the work is undone and done again alone, with
//! the whole projection locked.

pub(crate) mod groups;
pub(crate) mod mappings;
pub(crate) mod mirrors;
pub(crate) mod payments;
pub(crate) mod rebuild;
pub(crate) mod replay;
pub(crate) mod sync;

use payments_core::payment::fact::{Fact, PaymentObject};
use payments_core::stripe::event::{Environment, Event};
use payments_core::stripe::event_type::{EventType, ObjectKind, rank};
use payments_core::stripe::object::{Unreadable, entitlements};
use std::cell::Cell;

use crate::db::{self, Failure, statement, text};
use crate::settings;

statement!(LOCK_PROJECTION, "lock_projection");
statement!(OWN_ACCOUNT, "own_account");

/// What became of an event.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Every row that follows from it is written.
    Projected,
    /// Nothing follows from it, for this reason.
    Ignored(String),
    /// Its object is not what Stripe documents.
    Unreadable(String),
}

/// One snapshot on its way in.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) environment: Environment,
    pub(crate) event_id: &'a str,
    /// `None` in a back-fill.
    pub(crate) event_type: Option<&'a str>,
    /// Unix seconds.
    pub(crate) created: i64,
    pub(crate) object: &'a str,
    pub(crate) previous: Option<&'a str>,
    /// Whether the object is deleted.
    pub(crate) deleted: bool,
}

impl Incoming<'_> {
    /// Its place in the object's life.
    pub(crate) fn rank(&self) -> i16 {
        rank(self.event_type)
    }
}

/// Projects an event.
pub(crate) fn event(environment: Environment, event: &Event) -> Verdict {
    if event.thin {
        return Verdict::Ignored("a thin event carries no object; subscribe to snapshot events".to_owned());
    }
    let Some(kind) = EventType::named(&event.event_type).map(|event_type| event_type.object) else {
        return Verdict::Ignored(format!("events of type {} change no row", event.event_type));
    };
    if let Some(ignored) = foreign(environment, event) {
        return ignored;
    }
    let incoming = Incoming {
        environment,
        event_id: &event.id,
        event_type: Some(&event.event_type),
        created: event.created,
        object: &event.object,
        previous: event.previous_attributes.as_deref(),
        deleted: event.event_type.ends_with(".deleted"),
    };
    match project(kind, &incoming) {
        Ok(()) => Verdict::Projected,
        Err(unreadable) => Verdict::Unreadable(unreadable.to_string()),
    }
}

/// An event of a connected account, or of an organization's other one, changes nothing here. Stripe's events of one's own name none,
/// so that whoever names one is a stranger until `set_stripe_account` has named that very account.
fn foreign(environment: Environment, event: &Event) -> Option<Verdict> {
    event.foreign_account(None)?;
    let own = OWN_ACCOUNT.one::<String>(&[text(environment.name())]);
    let account = event.foreign_account(own.as_deref())?;
    Some(Verdict::Ignored(match own {
        Some(own) => format!("it is of the account {account}, not of {own}"),
        None => format!(
            "it is of the account {account}, and nobody has said that this is the own one: \
             payments.set_stripe_account('{}', …) does",
            environment.name()
        ),
    }))
}

/// Projects one snapshot: a fact about a payment, or a mirrored object.
pub(crate) fn project(kind: ObjectKind, incoming: &Incoming) -> Result<(), Unreadable> {
    let prefix = settings::metadata_prefix();
    let object = match PaymentObject::read(kind, incoming.object, incoming.event_type, &prefix)? {
        Some(object) => object,
        None if kind == ObjectKind::Entitlements => {
            return mirrors::entitlements(incoming, &entitlements::Summary::read(incoming.object)?);
        }
        None => return mirrors::project(kind, incoming, &prefix),
    };
    let statement = Fact {
        event_id: incoming.event_id.to_owned(),
        created: incoming.created,
        rank: incoming.rank(),
        previous: serde_json::Map::new(),
        object,
    };
    payments::project(incoming, &statement.with_previous(incoming.previous));
    Ok(())
}

/// How the present work of this backend holds the projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// Nothing is projected.
    Nothing,
    /// Beside other work.
    Beside,
    /// Alone: what runs waits, and what comes waits.
    Alone,
}

thread_local! {
    static HOLD: Cell<Hold> = const { Cell::new(Hold::Nothing) };
}

/// What the hold was before, which it is again on every exit.
struct Before(Hold);

impl Drop for Before {
    fn drop(&mut self) {
        HOLD.set(self.0);
    }
}

fn holding<T>(hold: Hold, work: impl FnOnce() -> T) -> T {
    let _before = Before(HOLD.replace(hold));
    work()
}

/// Whether a webhook or a back-fill is being projected, so that what a trigger sees is its doing.
pub(crate) fn is_at_work() -> bool {
    HOLD.get() != Hold::Nothing
}

/// Whether the work has the whole projection to itself.
pub(crate) fn is_alone() -> bool {
    HOLD.get() == Hold::Alone
}

/// For work that needs more locks than may be taken in order: goes on where it is alone, else does all again alone.
pub(crate) fn must_be_alone() {
    if !is_alone() {
        db::again();
    }
}

/// Does `work` in a savepoint beside other work; where it turns out to need the whole projection, again alone.
pub(crate) fn at_once_or_alone<T>(mut work: impl FnMut() -> T) -> Result<T, Failure> {
    db::first_try(|| holding(Hold::Beside, &mut work)).unwrap_or_else(|| db::savepoint(|| alone(work)))
}

/// The same for what follows from somebody's own statement, which fails where the work does. Within other work of the
/// projection it is part of that.
pub(crate) fn follow(mut work: impl FnMut()) {
    if is_at_work() {
        work();
    } else if db::unless_again(|| holding(Hold::Beside, &mut work)).is_none() {
        alone(work);
    }
}

/// Does `work` with the whole projection locked, until the end of the transaction: what runs waits, and what comes waits.
pub(crate) fn alone<T>(work: impl FnOnce() -> T) -> T {
    LOCK_PROJECTION.execute(&[]);
    holding(Hold::Alone, work)
}
