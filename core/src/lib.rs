//! The part of payments that needs no database: no SQL, no clock, no server. Everything here is a pure function, so that
//! its unit and property tests run in microseconds.
//!
//! - [`stripe`]: the outside world, typed: signatures, events, and what each Stripe object says in every API shape.
//! - [`mirror`]: customers, subscriptions and the catalog, each its own newest snapshot.
//! - [`payment`]: which snapshot is the newest, and how the facts about one payment become its row.
//! - [`fulfil`]: what a payment or a subscription gives, and what is taken back.
//! - [`query_file`]: one query of a file of queries, found while compiling.
//! - [`search_path`]: where names are looked up while we act as another role.

pub mod fulfil;
pub mod mirror;
pub mod payment;
pub mod query_file;
pub mod search_path;
pub mod session;
pub mod stripe;
