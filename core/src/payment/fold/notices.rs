//! The notices about a payment that failed, as long as it is not paid.

use super::Notices;
use super::group::Group;
use crate::notice::{Notice, PAYMENT_ACTION_REQUIRED, PAYMENT_FAILED};
use crate::payment::fact::PaymentObject;
use crate::payment::object_history::ObjectHistory;
use crate::stripe::object::invoice::{Attempt, Invoice};
use crate::stripe::object::money_state::MoneyState;

/// An attempt, and the snapshot of the invoice that reports it.
type Attempted<'a> = (&'a Invoice, &'a Attempt);

impl Group<'_> {
    /// The notices; `None` if no fact ever gave a reason for one.
    pub(super) fn notices(&self) -> Option<Notices> {
        let failing: Vec<_> = self
            .invoices
            .iter()
            .filter(|(_, history)| attempts(history, false).chain(attempts(history, true)).next().is_some())
            .collect();
        // A payer with a card is still at the checkout and sees the failure. One with a delayed method has left.
        let failed =
            |history: &ObjectHistory| history.facts.iter().any(|fact| fact.object.state() == MoneyState::Failed);
        let sessions: Vec<_> = self
            .sessions
            .iter()
            .filter(|(session, history)| session.mode != "subscription" && session.invoice.is_none() && failed(history))
            .collect();
        if failing.is_empty() && sessions.is_empty() {
            return None;
        }
        let of_invoices = failing.iter().map(|(invoice, _)| invoice.id.clone());
        let about = of_invoices.chain(sessions.iter().map(|(session, _)| session.id.clone())).collect();
        let is_paid = self.state() == MoneyState::Succeeded;
        let mut rows = Vec::new();
        for (newest, history) in failing.iter().filter(|(invoice, _)| !is_paid && invoice.status == "open") {
            let failed = newest_attempt(history, false);
            // An attempt that waits for the payer is out of date once a later one fails.
            let waiting = newest_attempt(history, true)
                .filter(|(_, attempt)| failed.is_none_or(|(_, failed)| failed.count <= attempt.count));
            rows.extend(failed.map(|attempted| of_invoice(PAYMENT_FAILED, newest, attempted)));
            rows.extend(waiting.map(|attempted| of_invoice(PAYMENT_ACTION_REQUIRED, newest, attempted)));
        }
        rows.extend(sessions.iter().filter(|_| !is_paid).map(|(session, _)| Notice {
            kind: PAYMENT_FAILED.to_owned(),
            source: format!("session:{}", session.id),
            about: session.id.clone(),
            stripe_customer_id: session.customer.clone(),
            stripe_checkout_session_id: Some(session.id.clone()),
            amount_due: session.amount_total,
            currency: session.currency.clone(),
            ..Notice::default()
        }));
        Some(Notices { about, rows })
    }
}

/// The attempts that the snapshots of an invoice report.
fn attempts<'a>(history: &ObjectHistory<'a>, requires_action: bool) -> impl Iterator<Item = Attempted<'a>> {
    let told = history.facts.clone().into_iter().filter_map(|fact| match &fact.object {
        PaymentObject::Invoice(invoice) => Some((&**invoice, invoice.attempt.as_ref()?)),
        _ => None,
    });
    told.filter(move |(_, attempt)| attempt.requires_action == requires_action)
}

/// The last attempt, from the newest snapshot that reports it.
fn newest_attempt<'a>(history: &ObjectHistory<'a>, requires_action: bool) -> Option<Attempted<'a>> {
    attempts(history, requires_action).max_by_key(|(_, attempt)| attempt.count)
}

fn of_invoice(kind: &str, newest: &Invoice, (told, attempt): Attempted) -> Notice {
    Notice {
        kind: kind.to_owned(),
        source: format!("invoice:{}:{}", newest.id, attempt.count),
        about: newest.id.clone(),
        stripe_customer_id: newest.customer.clone(),
        stripe_subscription_id: newest.subscription.clone(),
        stripe_invoice_id: Some(newest.id.clone()),
        amount_due: told.amount_due,
        currency: told.currency.clone(),
        attempt: Some(attempt.count),
        next_attempt_at: attempt.next_at,
        hosted_invoice_url: attempt.hosted_invoice_url.clone(),
        reason: attempt.billing_reason.clone(),
        ..Notice::default()
    }
}
