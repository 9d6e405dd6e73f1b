//! A client of Stripe's API.

pub mod client;
pub mod form;
pub mod key;
pub mod list;
pub mod verdict;
