//! The pure part of payments: no database, no SQL, no clock, no server. So its unit and property tests run in
//! microseconds.
//!
//! - [`stripe`]: what Stripe sends: signatures, events, and objects in every API shape.
//! - [`snapshot`]: which of an object's snapshots is the newest.
//! - [`mirror`]: mirrored objects, such as customers and subscriptions: each row is its newest snapshot.
//! - [`payment`]: how the facts about one payment become its row.
//! - [`fulfillment`]: what a payment or a subscription gives, and what is taken back.
//! - [`figures`]: the history of a subscription, and its monthly revenue.
//! - [`notice`]: notices for workers about invoices and subscriptions.
//! - [`query_file`]: finds one query of a file of queries at compile time.
//! - [`session`]: the checks of a request to pay or to open the portal.
//! - [`metadata_prefix`]: the prefixes of our metadata keys on Stripe's objects.
//! - [`redact`]: finds what looks like one of Stripe's secrets in a text, and removes it.
//! - [`search_path`]: where names are looked up while the extension acts as another role.
//! - [`visible`]: makes characters visible that could control a terminal.

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
