//! A payment that another backend wrote: its row as it stood when an object of Stripe's named it. It is one more fact about the payment.

use serde::{Deserialize, Serialize};

use super::fact::{Fact, PaymentObject};
use super::fold::Payment;
use crate::stripe::object::money_state::MoneyState;

/// The event id of a fact that a row told.
pub const ADOPTED: &str = "adopted";

/// A row of `payments.payment_history` that another backend wrote, named as its columns. Times are Unix seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct AdoptedPayment {
    /// `row:` and the row's id.
    pub row: String,
    #[serde(rename = "type")]
    pub payment_type: String,
    pub status: String,
    pub subject_type: Option<String>,
    pub subject_id: Option<String>,
    pub stripe_customer_id: Option<String>,
    pub customer_email_snapshot: Option<String>,
    pub stripe_checkout_session_id: Option<String>,
    pub stripe_payment_intent_id: Option<String>,
    pub stripe_invoice_id: Option<String>,
    pub stripe_charge_id: Option<String>,
    pub stripe_subscription_id: Option<String>,
    pub stripe_product_id: Option<String>,
    pub stripe_price_id: Option<String>,
    pub amount: Option<i64>,
    pub amount_refunded: Option<i64>,
    pub subtotal: Option<i64>,
    pub shortfall: Option<i64>,
    pub amount_lost: Option<i64>,
    pub lost_in_other_currency: bool,
    pub currency: Option<String>,
    pub description: Option<String>,
    pub dispute_status: Option<String>,
    pub paid_at: Option<i64>,
    pub failed_at: Option<i64>,
    pub refunded_at: Option<i64>,
    pub stripe_created_at: Option<i64>,
}

impl AdoptedPayment {
    /// What it means for the money.
    #[must_use]
    pub fn state(&self) -> MoneyState {
        match self.status.as_str() {
            "succeeded" | "partially_refunded" | "refunded" => MoneyState::Succeeded,
            "failed" => MoneyState::Failed,
            _ => MoneyState::Pending,
        }
    }

    /// Stripe's ids that it carries.
    pub(crate) fn ids(&self) -> impl Iterator<Item = String> {
        let ids = [
            &self.stripe_checkout_session_id,
            &self.stripe_payment_intent_id,
            &self.stripe_invoice_id,
            &self.stripe_charge_id,
        ];
        ids.into_iter().filter_map(Clone::clone)
    }

    /// The amount and the currency, where the money had arrived.
    pub(super) fn arrived(&self) -> Option<(i64, Option<String>)> {
        let amount = self.amount.filter(|_| self.state() == MoneyState::Succeeded)?;
        Some((amount, self.currency.clone()))
    }

    /// What had gone back by refunds, and whether that was all.
    pub(super) fn refunded(&self) -> (i64, bool) {
        let all = self.status == "refunded";
        (self.amount.filter(|_| all).or(self.amount_refunded).unwrap_or(0), all)
    }

    /// What the row says of whom and what the payment is stands, whatever else is told of it.
    pub(super) fn name(&self, payment: &mut Payment) {
        stands(&self.subject_type, &mut payment.subject_type);
        stands(&self.subject_id, &mut payment.subject_id);
        stands(&self.stripe_customer_id, &mut payment.stripe_customer_id);
        stands(&self.customer_email_snapshot, &mut payment.customer_email_snapshot);
        stands(&self.stripe_checkout_session_id, &mut payment.stripe_checkout_session_id);
        stands(&self.stripe_payment_intent_id, &mut payment.stripe_payment_intent_id);
        stands(&self.stripe_invoice_id, &mut payment.stripe_invoice_id);
        stands(&self.stripe_charge_id, &mut payment.stripe_charge_id);
        stands(&self.stripe_subscription_id, &mut payment.stripe_subscription_id);
        stands(&self.stripe_product_id, &mut payment.stripe_product_id);
        stands(&self.stripe_price_id, &mut payment.stripe_price_id);
    }

    /// So does what it says of the purchase; what came of the money since, Stripe tells.
    pub(super) fn complete(&self, payment: &mut Payment) {
        stands(&self.description, &mut payment.description);
        stands(&self.subtotal, &mut payment.subtotal);
        stands(&self.shortfall, &mut payment.shortfall);
        stands(&self.stripe_created_at, &mut payment.stripe_created_at);
        payment.dispute_status = payment.dispute_status.take().or_else(|| self.dispute_status.clone());
        payment.amount_lost = payment.amount_lost.or(self.amount_lost);
        payment.lost_in_other_currency |= self.lost_in_other_currency;
    }
}

impl From<AdoptedPayment> for Fact {
    fn from(row: AdoptedPayment) -> Self {
        Self {
            event_id: ADOPTED.to_owned(),
            created: row.stripe_created_at.or(row.paid_at).unwrap_or_default(),
            rank: 0,
            previous: serde_json::Map::new(),
            object: PaymentObject::AdoptedPayment(Box::new(row)),
        }
    }
}

fn stands<T: Clone>(row: &Option<T>, told: &mut Option<T>) {
    if row.is_some() {
        told.clone_from(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::context::Context;
    use crate::payment::fold::{Folded, fold};
    use crate::stripe::event_type::ObjectKind;

    fn row() -> AdoptedPayment {
        AdoptedPayment {
            row: "row:1".into(),
            payment_type: "one_time_payment".into(),
            status: "succeeded".into(),
            subject_type: Some("user".into()),
            subject_id: Some("u".into()),
            stripe_payment_intent_id: Some("pi".into()),
            amount: Some(2000),
            currency: Some("usd".into()),
            paid_at: Some(7),
            ..AdoptedPayment::default()
        }
    }

    fn told(kind: ObjectKind, created: i64, object: &str) -> Fact {
        let object = PaymentObject::read(kind, object, None, "payments_").unwrap().unwrap();
        Fact { event_id: format!("evt_{created}"), created, rank: 0, previous: serde_json::Map::new(), object }
    }

    fn refund(status: &str, amount: i64) -> Fact {
        let object = format!(
            r#"{{"id": "re", "object": "refund", "status": "{status}", "amount": {amount}, "currency": "usd", "created": 50,
                 "payment_intent": "pi", "charge": "ch"}}"#
        );
        told(ObjectKind::Refund, 50, &object)
    }

    fn folded(row: AdoptedPayment, facts: &[Fact]) -> Payment {
        let mut facts = facts.to_vec();
        facts.push(row.into());
        let Folded { payment, .. } = fold(&facts, &Context::default());
        payment.unwrap()
    }

    #[test]
    fn a_row_stands_and_refunds_count() {
        let payment = folded(row(), &[refund("succeeded", 500)]);
        assert_eq!((payment.status.as_str(), payment.amount_refunded), ("partially_refunded", Some(500)));
        assert_eq!((payment.amount, payment.paid_at, payment.refunded_at), (Some(2000), Some(7), Some(50)));
        assert_eq!((payment.subject_id.as_deref(), payment.stripe_charge_id.as_deref()), (Some("u"), Some("ch")));
        assert_eq!(folded(row(), &[refund("failed", 500)]).status, "succeeded");
        assert_eq!(folded(row(), &[refund("succeeded", 2000)]).status, "refunded");
    }

    #[test]
    fn what_went_back_before_counts_too() {
        let before = |status: &str, amount_refunded| AdoptedPayment { status: status.into(), amount_refunded, ..row() };
        let payment = folded(before("partially_refunded", Some(800)), &[refund("succeeded", 500)]);
        assert_eq!((payment.status.as_str(), payment.amount_refunded), ("partially_refunded", Some(800)));
        let payment = folded(before("refunded", None), &[refund("failed", 500)]);
        assert_eq!((payment.status.as_str(), payment.amount_refunded), ("refunded", Some(2000)));
        let payment = folded(before("pending", None), &[refund("failed", 500)]);
        assert_eq!((payment.status.as_str(), payment.amount, payment.paid_at), ("pending", Some(2000), None));
        let failed = AdoptedPayment { failed_at: Some(9), ..before("failed", None) };
        let payment = folded(failed, &[]);
        assert_eq!(
            (payment.payment_type, payment.status.as_str(), payment.failed_at),
            ("failed_payment", "failed", Some(9))
        );
    }

    #[test]
    fn a_session_joins_it_without_loss() {
        let session = r#"{"id": "cs", "object": "checkout.session", "mode": "payment", "status": "complete",
            "payment_status": "paid", "amount_total": 2000, "amount_subtotal": 1800, "currency": "usd", "payment_intent": "pi",
            "customer": "cus"}"#;
        let payment = folded(row(), &[told(ObjectKind::CheckoutSession, 60, session), refund("succeeded", 500)]);
        assert_eq!((payment.subject_id.as_deref(), payment.stripe_customer_id.as_deref()), (Some("u"), Some("cus")));
        assert_eq!((payment.stripe_checkout_session_id.as_deref(), payment.paid_at), (Some("cs"), Some(7)));
        assert_eq!((payment.subtotal, payment.amount_refunded), (Some(1800), Some(500)));
    }

    #[test]
    fn a_dispute_takes_its_part_and_an_invoice_stays_one() {
        let dispute = r#"{"id": "dp", "object": "dispute", "status": "lost", "amount": 700, "currency": "usd", "charge": "ch",
            "payment_intent": "pi", "created": 70, "reason": "fraudulent"}"#;
        let row = AdoptedPayment {
            payment_type: "subscription_invoice".into(),
            stripe_subscription_id: Some("sub".into()),
            ..row()
        };
        let payment = folded(row, &[told(ObjectKind::Dispute, 70, dispute)]);
        assert_eq!((payment.payment_type, payment.status.as_str()), ("subscription_invoice", "succeeded"));
        assert_eq!((payment.dispute_status.as_deref(), payment.amount_lost), (Some("lost"), Some(700)));
    }

    #[test]
    fn it_joins_by_every_id_that_it_carries() {
        let row = AdoptedPayment { stripe_charge_id: Some("ch".into()), stripe_invoice_id: Some("in".into()), ..row() };
        assert_eq!(Fact::from(row).object.keys(), ["ch", "in", "pi", "row:1"]);
    }
}
