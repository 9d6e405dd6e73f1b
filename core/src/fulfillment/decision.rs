//! What became of one thing that a payment or a subscription should have given, and why.

use serde::{Deserialize, Serialize};

use crate::visible::visible;

/// What became of one thing that a payment should have given; the `state` of a row of `payments.fulfillments`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FulfillmentState {
    /// Given, and it stands.
    Applied,
    /// Given, and taken back because the money went back.
    Reversed,
    /// Not given: a person must look.
    NeedsReview,
    /// Giving it raised an error; `retry_fulfillments` completes it once the cause is mended.
    Failed,
    /// Nothing to give.
    Skipped,
}

impl FulfillmentState {
    /// The state's name, as the column holds it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Reversed => "reversed",
            Self::NeedsReview => "needs_review",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// A state and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FulfillmentDecision {
    /// What became of it.
    pub state: FulfillmentState,
    /// Why, in words for a person; none where it is plain.
    pub reason: Option<String>,
}

impl FulfillmentDecision {
    /// Given, and it stands.
    #[must_use]
    pub fn applied() -> Self {
        Self { state: FulfillmentState::Applied, reason: None }
    }

    /// A state with its reason. The buyer may have written parts of the reason, and an admin reads it.
    #[must_use]
    pub fn because(state: FulfillmentState, reason: impl Into<String>) -> Self {
        let reason = visible(&reason.into()).into_owned();
        Self { state, reason: Some(reason) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_called_as_it_is_read_and_written() {
        for (state, name) in [
            (FulfillmentState::Applied, "applied"),
            (FulfillmentState::Reversed, "reversed"),
            (FulfillmentState::NeedsReview, "needs_review"),
            (FulfillmentState::Failed, "failed"),
            (FulfillmentState::Skipped, "skipped"),
        ] {
            assert_eq!(state.name(), name);
            assert_eq!(serde_json::to_value(state).unwrap(), name);
        }
    }
}
