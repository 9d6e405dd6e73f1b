//! What a person is asked about payments: written where it differs.

use payments_core::payment::fold::review::Reviews;
use payments_core::stripe::event::Environment;

use crate::pg::statement::{json, query, text};

query!(WRITE_REVIEWS, "project_reviews", "write_reviews");

/// Writes what a person is asked about a payment, which must be locked.
pub(super) fn write(environment: Environment, asked: &Reviews) {
    WRITE_REVIEWS.execute(&[text(environment.name()), asked.about.clone().into(), json(&asked.rows)]);
}
