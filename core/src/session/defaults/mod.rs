//! Checkout defaults: what an admin says once for all checkouts of an environment, or for those with a price; never the caller, who
//! could give himself a trial. [`check`] is asked when they are set, [`merge`] when the request to Stripe is made.

mod allowed;
mod check;
mod merge;
mod words;

pub use check::{DefaultsRefusal, check};
pub use merge::{CheckoutRequest, Params, PriceDefaults, is_version, merge, trial_days};

#[cfg(test)]
mod tests;
