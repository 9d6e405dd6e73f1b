//! The fold: the facts about one payment become its row and the rows of its refunds and disputes.

mod amount;
mod bought;
mod group;
pub mod invoice;
mod notices;
pub mod review;

use serde::Serialize;

use self::group::Group;
use self::invoice::InvoiceRow;
use self::review::Reviews;
use super::adopted::AdoptedPayment;
use super::context::Context;
use super::fact::{Fact, PaymentObject};
use super::object_history::ObjectHistory;
use crate::notice::Notice;
use crate::stripe::object::dispute::Dispute;
use crate::stripe::object::invoice_line::InvoiceLines;
use crate::stripe::object::money_state::MoneyState;

/// A row of `payments.payment_history`, named as its columns. Amounts are minor units, times are Unix seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Payment {
    #[serde(rename = "type")]
    pub payment_type: &'static str,
    pub status: String,
    pub subject_type: Option<String>,
    pub subject_id: Option<String>,
    pub stripe_customer_id: Option<String>,
    pub customer_email_snapshot: Option<String>,
    pub stripe_checkout_session_id: Option<String>,
    pub stripe_payment_intent_id: Option<String>,
    pub stripe_invoice_id: Option<String>,
    pub stripe_charge_id: Option<String>,
    pub stripe_refund_id: Option<String>,
    pub stripe_dispute_id: Option<String>,
    pub stripe_subscription_id: Option<String>,
    pub stripe_product_id: Option<String>,
    pub stripe_price_id: Option<String>,
    pub amount: Option<i64>,
    pub amount_refunded: Option<i64>,
    pub subtotal: Option<i64>,
    pub shortfall: Option<i64>,
    pub amount_lost: Option<i64>,
    pub lost_in_other_currency: bool,
    pub line_items: Option<serde_json::Value>,
    pub currency: Option<String>,
    pub description: Option<String>,
    pub dispute_status: Option<String>,
    pub paid_at: Option<i64>,
    pub failed_at: Option<i64>,
    pub refunded_at: Option<i64>,
    pub stripe_created_at: Option<i64>,
    pub invoice_lines: Option<InvoiceLines>,
    pub lost_at: Option<i64>,
}

/// The rows that facts become.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Folded {
    /// The payment; `None` while the facts are no payment yet.
    pub payment: Option<Payment>,
    /// A row for each refund.
    pub refunds: Vec<Payment>,
    /// A row for each dispute.
    pub disputes: Vec<Payment>,
    /// A row for each invoice, even if it is no payment yet.
    pub invoices: Vec<InvoiceRow>,
    /// Whether there is a refund or a dispute, or a charge with a refunded amount.
    pub is_returned: bool,
    /// The notices about the payment; `None` if no fact ever gave a reason for one.
    pub notices: Option<Notices>,
    /// What a person is asked about the payment; `None` if no fact ever gave a reason to ask.
    pub reviews: Option<Reviews>,
}

/// The notices about a payment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Notices {
    /// The ids of the invoices and sessions that can have notices.
    pub about: Vec<String>,
    /// The notices that are true now.
    pub rows: Vec<Notice>,
}

impl Folded {
    /// The rows of `payments.payment_history`.
    pub fn rows(&self) -> impl Iterator<Item = &Payment> {
        self.payment.iter().chain(&self.refunds).chain(&self.disputes)
    }

    /// Whether a row has no subject.
    #[must_use]
    pub fn lacks_subject(&self) -> bool {
        self.rows().any(|row| row.subject_type.is_none()) || self.invoices.iter().any(|row| row.subject_type.is_none())
    }
}

/// Folds the facts about one payment.
#[must_use]
pub fn fold(facts: &[Fact], context: &Context) -> Folded {
    let group = Group::of(facts);
    let shared = shared_columns(&group, context);
    let refunds = group.refunds.iter().filter_map(|history| refund_row(history, &shared)).collect();
    let disputes = group.disputes.iter().map(|(dispute, history)| dispute_row(dispute, history, &shared)).collect();
    let invoices = invoice::rows(&group, shared.subject_type.as_ref(), shared.subject_id.as_ref());
    let payment = group.is_claimed().then(|| payment_row(&group, shared));
    let is_returned = !(group.refunds.is_empty() && group.disputes.is_empty())
        || group.charges.iter().any(|(charge, _)| charge.amount_refunded > 0);
    let (notices, reviews) = (group.notices(), group.reviews());
    Folded { payment, refunds, disputes, invoices, is_returned, notices, reviews }
}

/// Whether the money arrived, even if it was returned later.
#[must_use]
pub fn is_paid(facts: &[Fact]) -> bool {
    Group::of(facts).state() == MoneyState::Succeeded
}

/// When the money arrived, in Unix seconds.
#[must_use]
pub fn paid_at(facts: &[Fact]) -> Option<i64> {
    Group::of(facts).paid_at()
}

/// The columns that a payment's row shares with the rows of its refunds and disputes.
fn shared_columns(group: &Group, context: &Context) -> Payment {
    let subject = group.subject(context);
    let local = group.sessions.iter().find_map(|(session, _)| context.locals.get(&session.id));
    let mut shared = Payment {
        subject_type: subject.as_ref().map(|subject| subject.subject_type.clone()),
        subject_id: subject.map(|subject| subject.subject_id),
        stripe_customer_id: group.customer().map(ToOwned::to_owned),
        customer_email_snapshot: group.email(),
        stripe_checkout_session_id: group.session().map(|session| session.id.clone()),
        stripe_payment_intent_id: group.intent_id(),
        stripe_invoice_id: group.invoice_id(),
        stripe_charge_id: group.charge_id(),
        stripe_subscription_id: group.subscription().map(ToOwned::to_owned),
        stripe_product_id: group.invoices.iter().find_map(|(invoice, _)| invoice.product.clone()),
        stripe_price_id: group
            .invoices
            .iter()
            .find_map(|(invoice, _)| invoice.price.clone())
            .or_else(|| local.and_then(|local| local.price.clone())),
        ..Payment::default()
    };
    if let Some(row) = group.adopted() {
        let_names_stand(row, &mut shared);
    }
    shared
}

fn payment_row(group: &Group, shared: Payment) -> Payment {
    let state = group.state();
    let adopted = group.adopted();
    let (amount, currency) = match adopted.and_then(AdoptedPayment::arrived) {
        Some((amount, currency)) => (Some(amount), currency),
        None => group.amount(state),
    };
    let (amount, currency) = (amount.or_else(|| adopted?.amount), currency.or_else(|| adopted?.currency.clone()));
    let (amount_refunded, fully, refunded_at) = group.returned(amount, currency.as_deref());
    let is_subscription = group.invoices.iter().any(|(invoice, _)| invoice.subscription.is_some())
        || group.session().is_some_and(|session| session.mode == "subscription")
        || adopted.is_some_and(|row| row.payment_type == "subscription_invoice");
    let status = match state {
        MoneyState::Succeeded if fully => "refunded",
        MoneyState::Succeeded if amount_refunded > 0 => "partially_refunded",
        MoneyState::Succeeded => "succeeded",
        MoneyState::Failed => "failed",
        MoneyState::Pending | MoneyState::None => "pending",
    };
    let (amount_lost, lost_in_other_currency) = group.lost(currency.as_deref());
    let failures = || group.money().filter(|history| history.state() == MoneyState::Failed);
    let mut payment = Payment {
        payment_type: match (is_subscription, state) {
            (true, _) => "subscription_invoice",
            (false, MoneyState::Failed) => "failed_payment",
            (false, _) => "one_time_payment",
        },
        status: status.to_owned(),
        amount,
        amount_refunded: Some(amount_refunded),
        subtotal: group.subtotal(amount),
        shortfall: group.shortfall(state),
        amount_lost,
        lost_in_other_currency,
        line_items: group.bought(),
        currency,
        description: group.description(),
        dispute_status: group.dispute_status(),
        paid_at: if state == MoneyState::Succeeded {
            adopted.and_then(|row| row.paid_at).or_else(|| group.paid_at())
        } else {
            None
        },
        failed_at: if state == MoneyState::Failed {
            let told = failures().filter_map(|history| history.first_time_in(MoneyState::Failed)).min();
            told.or_else(|| adopted?.failed_at)
        } else {
            None
        },
        refunded_at,
        stripe_created_at: group.stripe_created_at(),
        invoice_lines: group.invoice_lines(),
        ..shared
    };
    if let Some(row) = adopted {
        let_purchase_stand(row, &mut payment);
    }
    payment
}

fn refund_row(history: &ObjectHistory, shared: &Payment) -> Option<Payment> {
    let PaymentObject::Refund(refund) = &history.newest.object else {
        return None;
    };
    let when = |state: MoneyState| {
        if refund.state == state { history.first_time_in(state) } else { None }
    };
    Some(Payment {
        payment_type: "refund",
        // Never 'succeeded', so that no sum of succeeded rows counts a refund as revenue.
        status: match refund.state {
            MoneyState::Succeeded => "refunded".to_owned(),
            MoneyState::Failed => refund.status.clone(),
            MoneyState::Pending | MoneyState::None => "pending".to_owned(),
        },
        stripe_refund_id: Some(refund.id.clone()),
        stripe_charge_id: refund.charge.clone().or_else(|| shared.stripe_charge_id.clone()),
        stripe_payment_intent_id: refund.payment_intent.clone().or_else(|| shared.stripe_payment_intent_id.clone()),
        amount: refund.amount,
        amount_refunded: Some(0),
        currency: refund.currency.clone(),
        description: refund.reason.clone(),
        refunded_at: when(MoneyState::Succeeded),
        failed_at: when(MoneyState::Failed),
        stripe_created_at: refund.created,
        ..shared.clone()
    })
}

/// The row of a dispute has none of the ids that are unique among payments. Its charge links it to the payment.
fn dispute_row(dispute: &Dispute, history: &ObjectHistory, shared: &Payment) -> Payment {
    let is_lost = |fact: &&&Fact| matches!(&fact.object, PaymentObject::Dispute(said) if said.is_lost());
    let told_lost = |by_sync: bool| {
        let told = history.facts.iter().filter(is_lost).filter(|fact| fact.is_sync() == by_sync);
        told.map(|fact| fact.created).min()
    };
    Payment {
        payment_type: "dispute",
        status: dispute.status.clone(),
        stripe_dispute_id: Some(dispute.id.clone()),
        stripe_charge_id: dispute.charge.clone().or_else(|| shared.stripe_charge_id.clone()),
        stripe_payment_intent_id: None,
        stripe_checkout_session_id: None,
        stripe_invoice_id: None,
        amount: dispute.amount,
        amount_refunded: Some(0),
        currency: dispute.currency.clone(),
        description: dispute.reason.clone(),
        dispute_status: Some(dispute.status.clone()),
        amount_lost: dispute.is_lost().then(|| dispute.lost()),
        lost_at: if dispute.is_lost() { told_lost(false).or_else(|| told_lost(true)) } else { None },
        stripe_created_at: dispute.created,
        ..shared.clone()
    }
}

/// The subject and the ids of another backend's row win over what the facts say.
fn let_names_stand(row: &AdoptedPayment, payment: &mut Payment) {
    stands(row.subject_type.as_ref(), &mut payment.subject_type);
    stands(row.subject_id.as_ref(), &mut payment.subject_id);
    stands(row.stripe_customer_id.as_ref(), &mut payment.stripe_customer_id);
    stands(row.customer_email_snapshot.as_ref(), &mut payment.customer_email_snapshot);
    stands(row.stripe_checkout_session_id.as_ref(), &mut payment.stripe_checkout_session_id);
    stands(row.stripe_payment_intent_id.as_ref(), &mut payment.stripe_payment_intent_id);
    stands(row.stripe_invoice_id.as_ref(), &mut payment.stripe_invoice_id);
    stands(row.stripe_charge_id.as_ref(), &mut payment.stripe_charge_id);
    stands(row.stripe_subscription_id.as_ref(), &mut payment.stripe_subscription_id);
    stands(row.stripe_product_id.as_ref(), &mut payment.stripe_product_id);
    stands(row.stripe_price_id.as_ref(), &mut payment.stripe_price_id);
}

/// So do its description, subtotal, shortfall and creation time. What Stripe says about disputes wins over the row.
fn let_purchase_stand(row: &AdoptedPayment, payment: &mut Payment) {
    stands(row.description.as_ref(), &mut payment.description);
    stands(row.subtotal.as_ref(), &mut payment.subtotal);
    stands(row.shortfall.as_ref(), &mut payment.shortfall);
    stands(row.stripe_created_at.as_ref(), &mut payment.stripe_created_at);
    payment.dispute_status = payment.dispute_status.take().or_else(|| row.dispute_status.clone());
    payment.amount_lost = payment.amount_lost.or(row.amount_lost);
    payment.lost_in_other_currency |= row.lost_in_other_currency;
}

fn stands<T: Clone>(row: Option<&T>, told: &mut Option<T>) {
    if let Some(row) = row {
        *told = Some(row.clone());
    }
}
