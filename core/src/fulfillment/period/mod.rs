//! Credits of subscriptions: what the lines of paid invoices give, in parts or at once, what is taken back of it, and when it lapses.
//!
//! Everything is a target: what the ledger should have of each grant, by all that is known now. So neither the order of the events matters,
//! nor when the ledger is written.

pub mod calendar;
pub mod change;
pub mod covered;
pub mod credited;
pub mod lapse;
pub mod line;
pub mod target;
