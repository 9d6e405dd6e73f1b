//! How many sessions a member may have open at once (`payments.max_open_sessions`): each costs the app a request to Stripe. Guests have
//! no names, so with a limit one guest could lock out all others.

use payments_core::session::Refusal;

use super::Caller;
use crate::pg::advisory_lock;
use crate::pg::statement::{Statement, query, text};
use crate::settings::max_open_sessions;

query!(COUNT_OPEN_CHECKOUTS, "session_open_sessions", "count_open_checkouts");
query!(COUNT_OPEN_PORTALS, "session_open_sessions", "count_open_portals");
query!(COUNT_CHANGES, "session_open_sessions", "count_changes");

/// A kind of session.
#[derive(Clone, Copy)]
pub(super) enum SessionKind {
    Checkout,
    Portal,
    Change,
}

impl SessionKind {
    fn name(self) -> &'static str {
        match self {
            Self::Checkout => "checkout",
            Self::Portal => "customer portal",
            Self::Change => "subscription change",
        }
    }

    /// The kind as functions and queries name it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Checkout => "checkout",
            Self::Portal => "portal",
            Self::Change => "subscription",
        }
    }

    fn count(self) -> &'static Statement {
        match self {
            Self::Checkout => &COUNT_OPEN_CHECKOUTS,
            Self::Portal => &COUNT_OPEN_PORTALS,
            Self::Change => &COUNT_CHANGES,
        }
    }
}

/// Serializes the requests of one member, so that none is overlooked when they are counted. This lock comes before that of an idempotency
/// key.
pub(super) fn take_turns(caller: &Caller) {
    if let Caller::User(user) = caller
        && max_open_sessions() > 0
    {
        advisory_lock::lock(&["open sessions", user]);
    }
}

/// Whether the caller may open one more.
pub(super) fn has_room(caller: &Caller, kind: SessionKind) -> Result<(), Refusal> {
    let limit = max_open_sessions();
    let Caller::User(user) = caller else { return Ok(()) };
    if limit == 0 {
        return Ok(());
    }
    let open: i64 = kind.count().one(&[text(user.as_str()), limit.into()]).unwrap_or_default();
    if open < limit { Ok(()) } else { Err(Refusal::TooManyOpen { kind: kind.name(), limit }) }
}
