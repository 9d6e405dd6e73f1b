//! A decision on its way to `payments.fulfillments`.

use super::benefit::PendingReason;
use super::decision::{FulfillmentDecision, FulfillmentState};
use super::prior::{LINE_ITEMS, NOTHING, PriorFulfillment, UNDECIDED};

/// One decision; the fields are columns of `payments.fulfillments`, times are in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of that table")]
pub struct Record {
    pub item: String,
    pub decision: FulfillmentDecision,
    /// Of a decision that failed.
    pub sqlstate: Option<String>,
    pub benefit_source: Option<String>,
    pub amount_due: Option<i64>,
    pub granted: Option<i64>,
    pub amount_reversed: Option<i64>,
    pub currency: Option<String>,
    pub starts_at: Option<i64>,
    pub expires_at: Option<i64>,
    pub matches: bool,
    pub prior_order_status: Option<String>,
    pub duration: Option<String>,
    pub holder: Option<String>,
    pub paid_at: Option<i64>,
    /// Whether the decision is deleted once the writes are done.
    pub is_deleted: bool,
}

impl Record {
    /// A decision on one thing.
    #[must_use]
    pub fn new(item: impl Into<String>, decision: FulfillmentDecision) -> Self {
        Self {
            item: item.into(),
            decision,
            sqlstate: None,
            benefit_source: None,
            amount_due: None,
            granted: None,
            amount_reversed: None,
            currency: None,
            starts_at: None,
            expires_at: None,
            matches: false,
            prior_order_status: None,
            duration: None,
            holder: None,
            paid_at: None,
            is_deleted: false,
        }
    }

    /// The same thing, which could not be given because of an error.
    #[must_use]
    pub fn failed(self, sqlstate: impl Into<String>, reason: impl Into<String>) -> Self {
        let decision = FulfillmentDecision::because(FulfillmentState::Failed, reason);
        Self { decision, sqlstate: Some(sqlstate.into()), ..self }
    }

    /// That a line can't be decided yet; `what` its product might give.
    #[must_use]
    pub fn undecided(price: &str, why: PendingReason, what: &str) -> Self {
        let reason = format!("the product of {price} is not known yet, and products give {what}");
        let decision = FulfillmentDecision::because(FulfillmentState::Skipped, reason);
        let record =
            Self { benefit_source: Some(price.to_owned()), ..Self::new(format!("{UNDECIDED}{price}"), decision) };
        match why {
            PendingReason::UnknownProduct => record,
            PendingReason::OutOfRange => {
                record.failed("22003", format!("so many of {price} give more than can be written"))
            }
        }
    }

    /// That what Stripe's line items say was bought, which is something else than was asked for.
    #[must_use]
    pub fn told(lines: &str) -> Self {
        let reason = format!("Stripe's line items say what was bought: {lines}");
        let decision = FulfillmentDecision::because(FulfillmentState::Skipped, reason);
        Self { benefit_source: Some(lines.to_owned()), ..Self::new(LINE_ITEMS, decision) }
    }

    /// That nothing is given until it is known what was bought.
    #[must_use]
    pub fn unknown_goods(decision: FulfillmentDecision) -> Self {
        Self::new(LINE_ITEMS, decision)
    }

    /// The same decision, to be deleted, because it turned out not to be bought.
    #[must_use]
    pub fn deleted(self) -> Self {
        Self { is_deleted: true, ..self }
    }

    /// That a test payment gives nothing any more: at all, or of what was tried before.
    #[must_use]
    pub fn test_refused(tried: Option<&PriorFulfillment>) -> Self {
        let reason = "the table names no environment, and live is approved: a test payment gives nothing to it";
        let decision = FulfillmentDecision::because(FulfillmentState::Skipped, reason);
        let Some(tried) = tried else { return Self::new(NOTHING, decision) };
        Self {
            benefit_source: tried.benefit_source.clone(),
            amount_due: tried.amount_due,
            duration: tried.duration.clone(),
            expires_at: tried.expires_at,
            ..Self::new(&tried.item, decision)
        }
    }

    /// That nothing is given, so that a benefit which is set later does not reach back to this payment.
    #[must_use]
    pub fn no_benefit(prices: &[&str]) -> Self {
        let reason = format!("no benefit of this kind is set for {}", prices.join(", "));
        Self::new(NOTHING, FulfillmentDecision::because(FulfillmentState::Skipped, reason))
    }
}
