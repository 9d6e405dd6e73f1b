//! Requests that wait to be sent to Stripe: who listens is told of a new one, and may claim it. The public functions are in
//! `sql/schema/requests.sql`.

use pgrx::prelude::*;
use serde::Deserialize;

use crate::definer;
use crate::pg::notify::notify;
use crate::pg::statement::query;
use crate::settings::notify_sessions;

query!(WAITING_REQUESTS, "session_waiting", "waiting_requests");

/// Tells whoever listens that a row of the environment waits, once this transaction commits.
pub(super) fn tell(environment: Option<&str>) {
    if notify_sessions() {
        notify(c"payments_sessions", if environment == Some("live") { c"live" } else { c"test" });
    }
}

/// A row that waits.
#[derive(Deserialize)]
struct Waiting {
    kind: String,
    session_id: String,
    environment: String,
}

/// Locks the rows that wait longest and are due, as many as are wanted of them all; those that somebody else has locked are passed over.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn waiting_requests(
    n: i32,
) -> TableIterator<'static, (name!(kind, String), name!(session_id, String), name!(environment, String))> {
    definer::require_inside();
    let rows: Vec<Waiting> = WAITING_REQUESTS.all(&[i64::from(n).into()]);
    TableIterator::new(rows.into_iter().map(|row| (row.kind, row.session_id, row.environment)))
}
