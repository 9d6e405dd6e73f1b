//! The rows of `payments.invoices` that a group of facts comes to: written where they differ.

use payments_core::payment::fold::invoice::InvoiceRow;
use payments_core::stripe::event::Environment;

use crate::pg::statement::{query, text};
use crate::pg::time::timestamp;

query!(WRITE_INVOICE, "project_invoice_row", "write_invoice");
query!(DELETE_INVOICE, "project_invoice_row", "delete_invoice");

/// Writes the rows of a group's invoices, and deletes those of drafts that were deleted.
pub(crate) fn write_invoices(environment: Environment, rows: &[InvoiceRow]) {
    for row in rows {
        if row.deleted {
            DELETE_INVOICE.execute(&[text(environment.name()), text(row.stripe_invoice_id.as_str())]);
        } else {
            write(environment, row);
        }
    }
}

fn write(environment: Environment, row: &InvoiceRow) {
    WRITE_INVOICE.execute(&[
        text(environment.name()),
        text(row.stripe_invoice_id.as_str()),
        text(row.number.as_deref()),
        text(row.status.as_deref()),
        text(row.stripe_customer_id.as_deref()),
        text(row.stripe_subscription_id.as_deref()),
        text(row.subject_type.as_deref()),
        text(row.subject_id.as_deref()),
        text(row.currency.as_deref()),
        row.amount_due.into(),
        row.amount_paid.into(),
        row.amount_remaining.into(),
        timestamp(row.period_start),
        timestamp(row.period_end),
        timestamp(row.due_date),
        text(row.hosted_invoice_url.as_deref()),
        timestamp(row.hosted_invoice_url_expires_at),
        text(row.invoice_pdf.as_deref()),
    ]);
}
