//! Writes the rows of `payments.payment_history` that a group of facts makes, where they differ.

use std::collections::BTreeSet;

use payments_core::payment::context::Context;
use payments_core::payment::fact::Fact;
use payments_core::payment::fold::{Folded, Payment, fold};
use payments_core::stripe::event::Environment;
use serde::Deserialize;

use crate::pg::statement::{Rows, Statement, query, text, written};
use crate::project::adopted::is_adopted;

query!(DELETE_PAYMENTS, "project_payment_row", "delete_payments");
query!(INSERT_PAYMENTS, "project_payment_row", "insert_payments");
query!(UPDATE_PAYMENTS, "project_payment_row", "update_payments");
query!(ROWS_OF_RETURNS, "project_payment_row", "rows_of_returns");
query!(FIND_PAYMENTS, "project_payment_row", "find_payments");
query!(PAYMENT_OF_INTENT, "project_payment_row", "payment_of_intent");
query!(PAYMENT_OF_SESSION, "project_payment_row", "payment_of_session");
query!(PAYMENT_OF_INVOICE, "project_payment_row", "payment_of_invoice");

/// Where a payment's row is.
pub(crate) enum RowLocation {
    /// Not there yet.
    New,
    /// Where this id is: the facts so far gave it a row.
    Of(&'static Statement, String),
    /// Unknown: there may be none, or several that have to become one.
    Unknown,
    /// The facts were projected before. If there is exactly one row, it is theirs.
    Projected,
}

impl RowLocation {
    /// By the ids that the row has from these facts.
    pub(crate) fn of(facts: &[Fact]) -> Self {
        let Some(payment) = fold(facts, &Context::default()).payment else { return Self::New };
        let named = [
            (&PAYMENT_OF_INTENT, payment.stripe_payment_intent_id),
            (&PAYMENT_OF_SESSION, payment.stripe_checkout_session_id),
            (&PAYMENT_OF_INVOICE, payment.stripe_invoice_id),
        ];
        let first = named.into_iter().find_map(|(query, id)| Some((query, id?)));
        first.map_or(Self::Unknown, |(query, id)| Self::Of(query, id))
    }
}

/// An existing row of a payment.
#[derive(Deserialize)]
struct PaymentRow {
    id: String,
    by_backend: bool,
}

/// What became of a payment's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// The row is as the facts say.
    Yes,
    /// Nothing was written: another backend wrote a row of the payment, which has to become a fact first.
    MetBackend,
}

/// Inserts the rows of payments that have none yet. Returns false where one of them was there, so that each has to be written by itself.
pub(crate) fn write_new_payments(environment: Environment, payments: &[&Payment]) -> bool {
    payments.is_empty() || insert(environment, payments)
}

/// Writes the row of a payment. If a later fact joined what were two payments, their rows become one.
pub(crate) fn write_payment(
    environment: Environment,
    payment: &Payment,
    place: &RowLocation,
    facts: &[Fact],
) -> Written {
    let written = match place {
        RowLocation::New => insert(environment, &[payment]),
        RowLocation::Of(query, id) => {
            let row: Option<String> = query.one(&[text(environment.name()), text(id.as_str())]);
            row.as_ref().is_some_and(|row| update(row, payment, facts))
        }
        RowLocation::Unknown | RowLocation::Projected => false,
    };
    if written {
        return Written::Yes;
    }
    let found: Vec<PaymentRow> = FIND_PAYMENTS.all(&[text(environment.name()), ids(facts).into()]);
    let is_own = matches!(place, RowLocation::Projected) && found.len() == 1;
    if !is_own && found.iter().any(|row| row.by_backend && !is_adopted(&row.id, facts)) {
        return Written::MetBackend;
    }
    let mut rows: Vec<String> = found.into_iter().map(|row| row.id).collect();
    if rows.is_empty() {
        insert(environment, &[payment]);
        return Written::Yes;
    }
    let kept = rows.remove(0);
    if !rows.is_empty() {
        DELETE_PAYMENTS.execute(&[rows.into()]);
    }
    update(&kept, payment, facts);
    Written::Yes
}

/// Every id that facts name.
pub(crate) fn ids(facts: &[Fact]) -> Vec<String> {
    let ids: BTreeSet<String> = facts.iter().flat_map(|fact| fact.object.keys()).collect();
    ids.into_iter().collect()
}

/// Writes the rows of refunds and disputes.
pub(crate) fn write_returns(environment: Environment, folded: &Folded) {
    let returns: Vec<&Payment> = folded.refunds.iter().chain(&folded.disputes).collect();
    if returns.is_empty() {
        return;
    }
    let ids: Vec<String> = returns.iter().filter_map(|row| of_return(row)).cloned().collect();
    let known: Vec<Return> = ROWS_OF_RETURNS.all(&[text(environment.name()), ids.into()]);
    for row in returns {
        match known.iter().find(|known| Some(&known.of) == of_return(row)) {
            Some(there) => update(&there.id, row, &[]),
            None => insert(environment, &[row]),
        };
    }
}

/// The row of a refund or dispute that is there.
#[derive(Deserialize)]
struct Return {
    id: String,
    of: String,
}

fn of_return(row: &Payment) -> Option<&String> {
    row.stripe_refund_id.as_ref().or(row.stripe_dispute_id.as_ref())
}

/// Inserts rows. Returns false if there was one with the ids of one of them.
fn insert(environment: Environment, payments: &[&Payment]) -> bool {
    let rows = columns(Rows::new(payments.len()).and(text(environment.name())), payments);
    INSERT_PAYMENTS.execute_rows(&rows) == payments.len() as u64
}

/// Updates a row where it differs. `by_backend` is set if a fact was made of the row.
fn update(id: &str, row: &Payment, facts: &[Fact]) -> bool {
    let rows = columns(Rows::new(1).texts([Some(id)]), &[row]).booleans([is_adopted(id, facts)]);
    UPDATE_PAYMENTS.execute_rows(&rows);
    true
}

/// Rows as the statements' arguments, after a first one.
fn columns<'a>(first: Rows<'a>, payments: &[&'a Payment]) -> Rows<'a> {
    let all = || payments.iter().copied();
    first
        .texts(all().map(|row| Some(row.payment_type)))
        .texts(all().map(|row| Some(row.status.as_str())))
        .texts(all().map(|row| row.subject_type.as_deref()))
        .texts(all().map(|row| row.subject_id.as_deref()))
        .texts(all().map(|row| row.stripe_customer_id.as_deref()))
        .texts(all().map(|row| row.customer_email_snapshot.as_deref()))
        .texts(all().map(|row| row.stripe_checkout_session_id.as_deref()))
        .texts(all().map(|row| row.stripe_payment_intent_id.as_deref()))
        .texts(all().map(|row| row.stripe_invoice_id.as_deref()))
        .texts(all().map(|row| row.stripe_charge_id.as_deref()))
        .texts(all().map(|row| row.stripe_refund_id.as_deref()))
        .texts(all().map(|row| row.stripe_dispute_id.as_deref()))
        .texts(all().map(|row| row.stripe_subscription_id.as_deref()))
        .texts(all().map(|row| row.stripe_product_id.as_deref()))
        .texts(all().map(|row| row.stripe_price_id.as_deref()))
        .numbers(all().map(|row| row.amount))
        .numbers(all().map(|row| row.amount_refunded))
        .texts(all().map(|row| row.currency.as_deref()))
        .texts(all().map(|row| row.description.as_deref()))
        .texts(all().map(|row| row.dispute_status.as_deref()))
        .timestamps(all().map(|row| row.paid_at))
        .timestamps(all().map(|row| row.failed_at))
        .timestamps(all().map(|row| row.refunded_at))
        .timestamps(all().map(|row| row.stripe_created_at))
        .numbers(all().map(|row| row.shortfall))
        .numbers(all().map(|row| row.subtotal))
        .numbers(all().map(|row| row.amount_lost))
        .booleans(all().map(|row| row.lost_in_other_currency))
        .written(all().map(|row| row.line_items.as_ref().map(ToString::to_string)))
        .written(all().map(|row| row.invoice_lines.as_ref().map(written)))
        .timestamps(all().map(|row| row.lost_at))
}
