//! Figures of subscriptions: what each was when, and what it brings in a month.
//!
//! - [`state`]: what a snapshot of a subscription says, as far as figures need it.
//! - [`coupon`]: what a discount takes.
//! - [`entry`]: what one event said of a subscription, as it is stored.
//! - [`changes`]: the changes of a subscription, derived from all that events said of it.
//! - [`recurring`]: what a state brings in a month.
//! - [`fraction`]: exact amounts, until they are rounded once.

pub mod changes;
pub mod coupon;
pub mod entry;
pub mod fraction;
pub mod recurring;
pub mod state;
