//! The ids of requests: `stripe_request(id)` and the answers to it name a request by its id alone, so no two kinds share one.

use payments_core::session::Refusal;

use super::Row;
use crate::pg::statement::{query, text};

query!(ID_IS_TAKEN, "session_request_id", "id_is_taken");

/// Refuses an id for a portal session or a change of a subscription that a request of another kind has. Of its own kind the primary key
/// refuses it.
pub(super) fn is_free(row: &Row, kind: &str) -> Result<(), Refusal> {
    let id = row.id();
    if !id.is_empty() && ID_IS_TAKEN.one(&[text(id.as_str()), text(kind)]) == Some(true) {
        return Err(Refusal::IdTaken(id));
    }
    Ok(())
}
