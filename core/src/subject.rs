//! Who is billed.

use serde::{Deserialize, Serialize};

/// A billed subject: `('team', '…')`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// Chosen by the app: `user`, `team`, `organization`, …
    pub subject_type: String,
    /// Its id in the app.
    pub subject_id: String,
}
