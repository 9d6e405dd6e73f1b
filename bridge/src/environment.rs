//! Stripe's test and live environments, which share no data.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of Stripe's two environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Stripe's test mode, or a sandbox: no real money.
    Test,
    /// Stripe's live mode: real money.
    Live,
}

impl Environment {
    /// Both environments.
    pub const ALL: [Self; 2] = [Self::Test, Self::Live];

    /// The name in the database and in the paths of the webhook endpoints: `test` or `live`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
