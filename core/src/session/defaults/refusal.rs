//! Why checkout defaults are refused.

use serde_json::Value;

use crate::redact::without_secrets;

/// Why checkout defaults are refused. No text of it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultsRefusal {
    /// What is wrong.
    pub message: String,
    /// Which parameter it is about, as Stripe's API names it: `subscription_data.trial_period_days`.
    pub detail: String,
    /// What is allowed in its place.
    pub hint: String,
}

/// The name of a field within what a path names, which no secret is shown of.
pub(super) fn within(path: &str, name: &str) -> String {
    let name = without_secrets(&name.chars().take(100).collect::<String>());
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// A value in short, without secrets.
pub(super) fn shown(given: &Value) -> String {
    without_secrets(&given.to_string()).chars().take(100).collect()
}
