//! What workers are told of invoices, sessions and subscriptions: written where it differs. A trigger makes jobs of it.

use payments_core::notice::Notice;
use payments_core::stripe::event::Environment;

use crate::pg::statement::{json, query, text};

query!(WRITE_NOTICES, "project_notices", "write_notices");

/// Writes what is told of these invoices, sessions or subscriptions, which must be locked.
pub(super) fn write(environment: Environment, about: &[String], notices: &[Notice]) {
    WRITE_NOTICES.execute(&[text(environment.name()), about.to_vec().into(), json(notices)]);
}
