//! The part of payments that needs no database: no SQL, no clock, no server. Every function here is pure, so its unit
//! and property tests run in microseconds.
//!
//! - [`stripe`]: what Stripe sends: signatures, events, and objects in every API shape.
//! - [`snapshot`]: which of an object's snapshots is the newest.
//! - [`mirror`]: customers, subscriptions and the catalog: each row is its object's newest snapshot.
//! - [`payment`]: how the facts about one payment become its row.
//! - [`fulfillment`]: what a payment or a subscription gives, and what is taken back.
//! - [`figures`]: what a subscription was when, and what it brings in a month.
//! - [`notice`]: what workers are told of invoices and subscriptions.
//! - [`query_file`]: one query of a file of queries, found while compiling.
//! - [`session`]: what a request to pay, or to open the portal, may hold.
//! - [`redact`]: what looks like one of Stripe's secrets, and texts without it.
//! - [`search_path`]: where names are looked up while the extension acts as another role.
//! - [`visible`]: makes the characters visible that would control a terminal.

pub mod figures;
pub mod fulfillment;
pub mod metadata_prefix;
pub mod mirror;
pub mod notice;
pub mod payment;
pub mod query_file;
pub mod redact;
pub mod search_path;
pub mod session;
pub mod snapshot;
pub mod stripe;
mod subject;
pub mod visible;

pub use subject::Subject;
