//! A webhook endpoint as Stripe's API returns it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A webhook endpoint of the Stripe account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Endpoint {
    /// The id of the endpoint.
    pub id: String,
    /// The URL that Stripe posts events to.
    pub url: String,
    /// `enabled` or `disabled`.
    #[serde(default)]
    pub status: String,
    /// The API version of the events that Stripe posts, or `None` for the account's default version.
    #[serde(default)]
    pub api_version: Option<String>,
    /// The event types that Stripe posts; `*` means all.
    #[serde(default)]
    pub enabled_events: Vec<String>,
    /// The metadata, where `setup` marks its endpoints.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

impl Endpoint {
    /// Whether Stripe posts events to the endpoint.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.status == "enabled"
    }

    /// Whether the endpoint receives exactly these event types.
    #[must_use]
    pub fn has_exactly(&self, types: &[String]) -> bool {
        let sorted = |types: &[String]| {
            let mut types = types.to_vec();
            types.sort();
            types
        };
        sorted(&self.enabled_events) == sorted(types)
    }

    /// The event types, out of `types`, that the endpoint does not receive.
    #[must_use]
    pub fn missing_types<'a>(&self, types: &'a [String]) -> Vec<&'a str> {
        if self.enabled_events.iter().any(|enabled| enabled == "*") {
            return Vec::new();
        }
        types
            .iter()
            .map(String::as_str)
            .filter(|one| !self.enabled_events.iter().any(|enabled| enabled == one))
            .collect()
    }
}
