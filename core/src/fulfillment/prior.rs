//! What was decided before on a purchase.

use serde::Deserialize;

use super::benefit::PendingLine;
use super::decision::FulfillmentState;

/// How the item of a line begins that can't be decided yet; its price follows.
pub const UNDECIDED: &str = "undecided:";

/// An earlier decision: a row of `payments.fulfillments`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[allow(missing_docs, reason = "the columns of that table")]
pub struct PriorFulfillment {
    pub kind: String,
    pub target_table: String,
    pub item: String,
    pub state: FulfillmentState,
    pub benefit_source: Option<String>,
    pub amount_due: Option<i64>,
    pub granted: Option<i64>,
    pub amount_reversed: Option<i64>,
    pub currency: Option<String>,
    pub prior_order_status: Option<String>,
    pub duration: Option<String>,
    /// In microseconds since 1970, as is the next.
    pub expires_at: Option<i64>,
    pub decided_at: i64,
}

impl PriorFulfillment {
    /// Whether it waits for a person or for another try.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, FulfillmentState::NeedsReview | FulfillmentState::Failed)
    }

    /// The line that it records as undecided, if it does.
    #[must_use]
    pub fn pending(&self) -> Option<PendingLine> {
        let price = self.item.strip_prefix(UNDECIDED)?.to_owned();
        Some(PendingLine { price, decided_at: (self.state != FulfillmentState::Failed).then_some(self.decided_at) })
    }
}
