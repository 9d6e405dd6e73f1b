//! A payment that another backend wrote: its row, as it was when one of Stripe's objects named it. It is one more fact
//! about the payment.

use serde::{Deserialize, Serialize};

use crate::stripe::object::money_state::MoneyState;

/// The event id of a fact that was made from such a row.
pub const ADOPTED: &str = "adopted";

/// A row of `payments.payment_history` that another backend wrote, named as its columns. Amounts are minor units, times
/// are Unix seconds.
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

    /// The ids in it that join facts.
    pub(crate) fn ids(&self) -> impl Iterator<Item = String> {
        let ids = [
            &self.stripe_checkout_session_id,
            &self.stripe_payment_intent_id,
            &self.stripe_invoice_id,
            &self.stripe_charge_id,
        ];
        ids.into_iter().filter_map(Clone::clone)
    }

    /// The amount and the currency, if the money arrived.
    pub(crate) fn arrived(&self) -> Option<(i64, Option<String>)> {
        let amount = self.amount.filter(|_| self.state() == MoneyState::Succeeded)?;
        Some((amount, self.currency.clone()))
    }

    /// How much was refunded, and whether that was all of it.
    pub(crate) fn refunded(&self) -> (i64, bool) {
        let all = self.status == "refunded";
        (self.amount.filter(|_| all).or(self.amount_refunded).unwrap_or(0), all)
    }
}
