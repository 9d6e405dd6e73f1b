//! What a snapshot means for the money of a payment.

use serde::{Deserialize, Serialize};

/// What a snapshot means for the money, from the least to the greatest. Of several objects of one payment the greatest
/// counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoneyState {
    /// The snapshot says nothing of money: a session that was never completed, a draft.
    None,
    /// The money is on its way.
    Pending,
    /// The money does not come, unless the payer tries again.
    Failed,
    /// The money arrived.
    Succeeded,
}
