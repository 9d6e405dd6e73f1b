//! The part of payments that needs no database: no SQL, no clock, no server. Everything here is a pure function, so that
//! its unit and property tests run in microseconds.
//!
//! - [`stripe`]: the outside world, typed: signatures, events, and what each Stripe object says in every API shape.
//! - [`mirror`]: customers, subscriptions and the catalog, each its own newest snapshot.
//! - [`payment`]: which snapshot is the newest, and how the facts about one payment become its row.
//! - [`fulfillment`]: what a payment or a subscription gives, and what is taken back.
//! - [`search_path`]: where names are looked up while we act as another role.

pub mod fulfillment;
pub mod mirror;
pub mod payment;
pub mod search_path;
pub mod session;
pub mod stripe;
mod subject;

pub use subject::Subject;
