//! The local row that a Stripe checkout session was made for, as it is found.

use payments_core::Subject;
use payments_core::fulfillment::line_items::only_price;
use serde::Deserialize;

/// The local row that a Stripe session was made for.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LocalRow {
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) subject: Option<Subject>,
    #[serde(default)]
    pub(crate) line_items: serde_json::Value,
    /// Whether the session's metadata names the row, but the row does not have the session's id.
    #[serde(default)]
    pub(crate) by_name: bool,
    /// Another session that has the row: its metadata names the row too, or it is of the same family.
    #[serde(default)]
    pub(crate) holder: Option<String>,
    /// The session that was recorded for the row, where others were recovered from it.
    #[serde(default)]
    pub(crate) recorded: Option<String>,
}

impl LocalRow {
    /// Whether it has the session's id, and no other session can get it: then only new snapshots of the session change it.
    pub(crate) fn is_settled(&self) -> bool {
        !self.by_name && self.holder.is_none() && self.recorded.is_none()
    }

    /// The price, if the line items name just one.
    pub(crate) fn price(&self) -> Option<&str> {
        only_price(&self.line_items)
    }
}
