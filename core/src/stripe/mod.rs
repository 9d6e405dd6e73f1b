//! The outside world, typed and pure: what Stripe signs, sends and says.

pub mod body;
pub mod event;
pub mod object;
pub mod signature;
