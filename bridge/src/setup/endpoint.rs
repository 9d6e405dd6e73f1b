//! A webhook endpoint as Stripe tells it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A webhook endpoint of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// Where Stripe posts to.
    pub url: String,
    /// `enabled` or `disabled`.
    #[serde(default)]
    pub status: String,
    /// In which version of the API events are rendered; none: the account's default.
    #[serde(default)]
    pub api_version: Option<String>,
    /// The types that it is told; `*` is all.
    #[serde(default)]
    pub enabled_events: Vec<String>,
    /// What `setup` notes here.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

impl Endpoint {
    /// Whether Stripe posts to it.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.status == "enabled"
    }

    /// Whether it is told exactly these types.
    #[must_use]
    pub fn is_told(&self, types: &[String]) -> bool {
        let sorted = |types: &[String]| {
            let mut types = types.to_vec();
            types.sort();
            types
        };
        sorted(&self.enabled_events) == sorted(types)
    }

    /// Those of these types that it is not told.
    #[must_use]
    pub fn missing<'a>(&self, types: &'a [String]) -> Vec<&'a str> {
        if self.enabled_events.iter().any(|told| told == "*") {
            return Vec::new();
        }
        types.iter().map(String::as_str).filter(|one| !self.enabled_events.iter().any(|told| told == one)).collect()
    }
}
