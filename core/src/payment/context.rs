//! What the fold needs to know besides the facts.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::subject::Subject;

/// What the fold needs to know of a local row of `payments.checkout_sessions`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LocalSession {
    /// The billed subject, which the database has checked.
    pub subject: Option<Subject>,
    /// The price, if the line items name only one.
    pub price: Option<String>,
}

/// What the fold needs to know besides the facts.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Context {
    /// The local rows of the payment's sessions, by `cs_…`.
    #[serde(default)]
    pub locals: BTreeMap<String, LocalSession>,
    /// The subjects in the metadata of subscriptions, by `sub_…`.
    #[serde(default)]
    pub subscriptions: BTreeMap<String, Subject>,
    /// The subjects that customers are mapped to, by `cus_…`.
    #[serde(default)]
    pub customers: BTreeMap<String, Subject>,
}
