//! How many sessions a member may have open at once (`payments.max_open_sessions`): each costs the app a request to Stripe. Guests have
//! no names, so with a limit one guest could lock out all others.

use payments_core::session::Refusal;

use super::Caller;
use crate::pg::advisory_lock;
use crate::pg::statement::{query, text};
use crate::settings::max_open_sessions;

query!(COUNT_OPEN_PORTALS, "session_open_sessions", "count_open_portals");
query!(COUNT_CHANGES, "session_open_sessions", "count_changes");

/// Serializes the requests of one member, so that none is overlooked when they are counted. This lock comes before that of an idempotency
/// key.
pub(super) fn take_turns(caller: &Caller) {
    if let Caller::User(user) = caller
        && max_open_sessions() > 0
    {
        advisory_lock::lock(&["open sessions", user]);
    }
}

/// Whether the caller may open one more of a kind. `count` counts what a user has open, up to a limit.
pub(super) fn has_room(
    caller: &Caller,
    kind: &'static str,
    count: impl FnOnce(&str, i64) -> i64,
) -> Result<(), Refusal> {
    let limit = max_open_sessions();
    let Caller::User(user) = caller else { return Ok(()) };
    if limit == 0 || count(user, limit) < limit { Ok(()) } else { Err(Refusal::TooManyOpen { kind, limit }) }
}

/// How many customer portal sessions a user has open, up to a limit.
pub(super) fn portals(user: &str, limit: i64) -> i64 {
    COUNT_OPEN_PORTALS.one(&[text(user), limit.into()]).unwrap_or_default()
}

/// How many changes of subscriptions a user asked for, up to a limit.
pub(super) fn changes(user: &str, limit: i64) -> i64 {
    COUNT_CHANGES.one(&[text(user), limit.into()]).unwrap_or_default()
}
