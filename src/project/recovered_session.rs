//! Checkout sessions that Stripe recovered from others: one family shares a local row.

use payments_core::payment::context::Context;
use payments_core::payment::fold::{Payment, fold};
use payments_core::payment::session_owner::{RelatedSession, recorded_ancestor, row_owner};
use payments_core::stripe::event::Environment;
use serde::Deserialize;

use crate::pg::statement::{query, text};
use crate::project::local_row::LocalRow;
use crate::projection_lock::require_exclusive;

query!(FAMILY_OF_SESSION, "project_recovered_session", "family_of_session");
query!(RECORDED_SESSIONS, "project_recovered_session", "recorded_sessions");
query!(REVIEW_RECOVERED, "project_recovered_session", "review_recovered");
query!(DELETE_RECOVERED, "project_recovered_session", "delete_recovered");

/// A local row for which a backend recorded a session.
#[derive(Debug, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) recorded: String,
    pub(crate) has_it: String,
    #[serde(flatten)]
    pub(crate) local: LocalRow,
}

/// A family: a session, those that it was recovered from, and those that were recovered from these, with the rows that were recorded for
/// them.
pub(crate) struct Family {
    pub(crate) relatives: Vec<RelatedSession>,
    pub(crate) rows: Vec<Recorded>,
}

impl Family {
    /// None where a session is alone.
    pub(crate) fn of(environment: Environment, session: &str) -> Option<Self> {
        let relatives: Vec<RelatedSession> = FAMILY_OF_SESSION.all(&[text(environment.name()), text(session)]);
        let ids: Vec<String> = relatives.iter().map(|one| one.id.clone()).collect();
        (!ids.is_empty()).then(|| {
            let rows = RECORDED_SESSIONS.all(&[text(environment.name()), ids.into()]);
            Self { relatives, rows }
        })
    }

    pub(crate) fn recorded(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row.recorded.as_str()).collect()
    }

    /// The row that a session goes back to.
    pub(crate) fn row_of(&self, session: &str) -> Option<&Recorded> {
        let recorded = recorded_ancestor(session, &self.relatives, &self.recorded())?;
        self.rows.iter().find(|row| row.recorded == recorded)
    }

    pub(crate) fn row_owner<'a>(&'a self, row: &'a Recorded) -> &'a str {
        row_owner(&row.recorded, &self.relatives, &self.recorded())
    }
}

/// The row that was recorded for a session of which others were recovered, or for one that it was recovered from itself.
pub(crate) fn inherited(environment: Environment, session: &str) -> Option<LocalRow> {
    let mut family = Family::of(environment, session)?;
    // Which of the family gets the row is decided with all of them.
    require_exclusive();
    let row = family.row_of(session)?.local.id.clone();
    let place = family.rows.iter().position(|one| one.local.id == row)?;
    let Recorded { recorded, has_it, local } = family.rows.swap_remove(place);
    Some(LocalRow { holder: Some(has_it).filter(|holder| holder != session), recorded: Some(recorded), ..local })
}

/// Asks for a review of a paid session whose local row another session has.
pub(crate) fn review(environment: Environment, family: &Family, one: &RelatedSession) {
    let source = format!("session:{}", one.id);
    let row = family.row_of(&one.id).filter(|row| family.row_owner(row) != one.id);
    let payment = fold(&one.facts, &Context::default()).payment;
    let arrived = |payment: &Payment| ["succeeded", "partially_refunded", "refunded"].contains(&&*payment.status);
    let (Some(row), Some(payment)) = (row, payment.filter(arrived)) else {
        DELETE_RECOVERED.execute(&[text(environment.name()), text(source.as_str())]);
        return;
    };
    let mut reason = format!(
        "{} has the checkout session that {} was recovered for; this payment gives nothing",
        family.row_owner(row),
        one.id
    );
    let gone = payment.amount_refunded.unwrap_or(0).saturating_add(payment.amount_lost.unwrap_or(0));
    let is_back = payment.status == "refunded" || (gone > 0 && Some(gone) >= payment.amount);
    if is_back {
        reason.push_str(", and its money went back");
    }
    let state = if is_back { "skipped" } else { "needs_review" };
    let args = [environment.name(), &source, &row.local.id, state, &reason].map(text);
    REVIEW_RECOVERED.execute(&args);
}
