//! The rows of a group's invoices: each is the newest snapshot of its invoice.

use serde::Serialize;

use super::group::Group;
use crate::payment::fact::Fact;
use crate::stripe::object::invoice::Invoice;

/// A row of `payments.invoices`, named as its columns. Amounts are minor units, times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct InvoiceRow {
    pub stripe_invoice_id: String,
    pub number: Option<String>,
    pub status: Option<String>,
    pub stripe_customer_id: Option<String>,
    pub stripe_subscription_id: Option<String>,
    pub subject_type: Option<String>,
    pub subject_id: Option<String>,
    pub currency: Option<String>,
    pub amount_due: Option<i64>,
    pub amount_paid: Option<i64>,
    pub amount_remaining: Option<i64>,
    pub period_start: Option<i64>,
    pub period_end: Option<i64>,
    pub due_date: Option<i64>,
    pub hosted_invoice_url: Option<String>,
    pub hosted_invoice_url_expires_at: Option<i64>,
    pub invoice_pdf: Option<String>,
    /// A draft that was deleted has no row.
    #[serde(skip)]
    pub deleted: bool,
}

const DAY: i64 = 86_400;

/// Until when the URL of the hosted page is valid, in Unix seconds: until 30 days after the due date, or after the
/// invoice was finalized if it has none, but at most 120 days after it was finalized. A URL that the API returned is
/// valid for at least 10 days. Source: <https://docs.stripe.com/invoicing/hosted-invoice-page#invoice-urls>.
fn url_expires_at(invoice: &Invoice, newest: &Fact) -> Option<i64> {
    invoice.hosted_invoice_url.as_ref()?;
    let finalized = invoice.finalized_at.or(invoice.created);
    let after = |time: Option<i64>, days: i64| time.map(|time| time.saturating_add(days * DAY));
    let of_invoice = after(invoice.due_date.or(finalized), 30);
    let at_most = after(finalized, 120);
    let of_invoice = of_invoice.map(|end| at_most.map_or(end, |most| end.min(most)));
    of_invoice.max(newest.is_sync().then(|| newest.created.saturating_add(10 * DAY)))
}

/// The rows of a group's invoices. Their subject is that of the payment.
pub(super) fn rows(group: &Group, subject_type: Option<&String>, subject_id: Option<&String>) -> Vec<InvoiceRow> {
    let row = |(invoice, newest): (&Invoice, &Fact)| InvoiceRow {
        stripe_invoice_id: invoice.id.clone(),
        number: invoice.number.clone(),
        status: Some(invoice.status.clone()).filter(|status| !status.is_empty()),
        stripe_customer_id: invoice.customer.clone(),
        stripe_subscription_id: invoice.subscription.clone(),
        subject_type: subject_type.cloned(),
        subject_id: subject_id.cloned(),
        currency: invoice.currency.clone(),
        amount_due: invoice.amount_due,
        amount_paid: invoice.amount_paid,
        amount_remaining: invoice.amount_remaining,
        period_start: invoice.period_start,
        period_end: invoice.period_end,
        due_date: invoice.due_date,
        hosted_invoice_url: invoice.hosted_invoice_url.clone(),
        hosted_invoice_url_expires_at: url_expires_at(invoice, newest),
        invoice_pdf: invoice.invoice_pdf.clone(),
        deleted: invoice.deleted,
    };
    group.invoices.iter().map(|(invoice, history)| row((invoice, history.newest))).collect()
}
