//! What was decided before on a purchase.

use serde::Deserialize;

use super::benefit::PendingLine;
use super::decision::FulfillmentState;

/// How the item of a line begins that can't be decided yet; its price follows.
pub const UNDECIDED: &str = "undecided:";

/// The item that records that nothing is given.
pub const NOTHING: &str = "nothing";

/// The item that records what was bought, where that is not plainly what was asked for: not known yet, or what Stripe's line items say,
/// which stands in `benefit_source`.
pub const LINE_ITEMS: &str = "line_items";

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
    #[serde(default)]
    pub holder: Option<String>,
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

#[cfg(test)]
impl PriorFulfillment {
    /// A decision on an item, of which nothing else is known.
    pub(crate) fn on(item: &str, state: FulfillmentState) -> Self {
        Self {
            kind: String::new(),
            target_table: String::new(),
            item: item.into(),
            state,
            benefit_source: None,
            amount_due: None,
            granted: None,
            amount_reversed: None,
            currency: None,
            prior_order_status: None,
            duration: None,
            holder: None,
            expires_at: None,
            decided_at: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prior(item: &str, state: FulfillmentState) -> PriorFulfillment {
        PriorFulfillment { decided_at: 50, ..PriorFulfillment::on(item, state) }
    }

    #[test]
    fn what_waits_for_a_person_or_another_try_is_open() {
        let is_open = |state| prior("credits:price_a", state).is_open();
        assert!(is_open(FulfillmentState::NeedsReview) && is_open(FulfillmentState::Failed));
        for done in [FulfillmentState::Applied, FulfillmentState::Reversed, FulfillmentState::Skipped] {
            assert!(!is_open(done), "{done:?}");
        }
    }

    #[test]
    fn a_line_waits_since_it_was_decided_unless_it_was_out_of_range() {
        let waits = |decided_at| Some(PendingLine { price: "price_a".into(), decided_at });
        assert_eq!(prior("undecided:price_a", FulfillmentState::Skipped).pending(), waits(Some(50)));
        assert_eq!(prior("undecided:price_a", FulfillmentState::Failed).pending(), waits(None));
        assert_eq!(prior("credits:price_a", FulfillmentState::Failed).pending(), None);
    }
}
