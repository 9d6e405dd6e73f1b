//! Checkout defaults: what an admin says once for all checkouts of an environment, or for those with a price; never the caller, who
//! could give himself a trial. [`check()`] is asked when they are set, [`merge()`] when the request to Stripe is made.

mod allowed;
mod check;
mod custom_field;
mod merge;
mod params;
mod refusal;
mod said;
mod words;

pub use check::check;
pub use merge::{CheckoutRequest, is_version, merge};
pub use params::Params;
pub use refusal::DefaultsRefusal;
pub use said::{PriceDefaults, trial_days};

#[cfg(test)]
mod tests;
