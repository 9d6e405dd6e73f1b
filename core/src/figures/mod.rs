//! Figures of subscriptions: their history, and their monthly revenue.
//!
//! - [`state`]: what a snapshot of a subscription says, as far as figures need it.
//! - [`coupon`]: what a discount takes.
//! - [`entry`]: what one event said about a subscription, as it is stored.
//! - [`changes`]: the changes of a subscription, derived from its history.
//! - [`recurring`]: the monthly revenue of a state.
//! - [`fraction`]: exact amounts, which are rounded only once.

pub mod changes;
pub mod coupon;
pub mod entry;
pub mod fraction;
pub mod recurring;
pub mod state;
