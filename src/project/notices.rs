//! What workers are told of invoices, sessions and subscriptions: written where it differs. A trigger makes jobs of it.

use payments_core::notice::Notice;
use payments_core::stripe::event::Environment;

use crate::pg::statement::{json, query, text};

query!(WRITE_NOTICES, "project_notices", "write_notices");
query!(ARE_NOTICES, "project_notices", "are_notices");

/// Writes what is told of these invoices, sessions or subscriptions, which must be locked.
pub(super) fn write(environment: Environment, about: &[String], notices: &[Notice]) {
    WRITE_NOTICES.execute(&[text(environment.name()), about.to_vec().into(), json(notices)]);
}

/// Writes what is told of a subscription: nothing is written where nothing is and was told.
pub(super) fn write_of_subscription(environment: Environment, id: &str, notices: &[Notice]) {
    if notices.is_empty() && ARE_NOTICES.one::<bool>(&[text(environment.name()), text(id)]).is_none() {
        return;
    }
    write(environment, &[id.to_owned()], notices);
}
