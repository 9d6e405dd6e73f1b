//! Payments that another backend wrote: their rows become facts, once an object of Stripe's names them.

use payments_core::payment::adopted::AdoptedPayment;
use payments_core::payment::fact::{Fact, PaymentObject};
use payments_core::stripe::event::Environment;

use crate::pg::statement::{query, text};

query!(ROWS_OF_BACKENDS, "project_adopted", "rows_of_backends");
query!(LINKED_IDS, "project_adopted", "linked_ids");

/// The rows that other backends wrote with one of these ids, but for those that are among the facts already.
pub(crate) fn rows_of_backends(environment: Environment, ids: Vec<String>, facts: &[Fact]) -> Vec<Fact> {
    let rows: Vec<AdoptedPayment> = ROWS_OF_BACKENDS.all(&[text(environment.name()), ids.into()]);
    rows.into_iter().filter(|row| !is_among(&row.row, facts)).map(Fact::from).collect()
}

/// Whether the row of this id is among the facts.
pub(crate) fn is_adopted(id: &str, facts: &[Fact]) -> bool {
    is_among(&format!("row:{id}"), facts)
}

fn is_among(row: &str, facts: &[Fact]) -> bool {
    facts.iter().any(|fact| matches!(&fact.object, PaymentObject::AdoptedPayment(payment) if payment.row == row))
}

/// Those of ids that a fact has named.
pub(crate) fn linked_ids(environment: Environment, ids: Vec<String>) -> Vec<String> {
    LINKED_IDS.all(&[text(environment.name()), ids.into()])
}
