//! From an event, or a backfilled object, to rows: one match on what it is about, and a file for each kind of row.
//!
//! Locks are taken in one fixed order, so that no mix of events deadlocks: first the objects that rows of several payments
//! depend on (customers, subscriptions, subjects, the catalog), slot by slot; then the ids that join facts, by key, as
//! they are inserted; then the groups of facts, slot by slot (`payment_group.rs`). Where something is found that needs another
//! lock than these (two claims on one mapping, a group that moved meanwhile), the work is undone and done again alone, with
//! the whole projection locked.

pub(crate) mod adopted;
pub(crate) mod announcement;
pub(crate) mod changed_mappings;
mod coupon;
pub(crate) mod customer_mapping;
pub(crate) mod dispatch;
pub(crate) mod incoming;
pub(crate) mod invoice_row;
pub(crate) mod local_row;
pub(crate) mod local_session;
pub(crate) mod mirror;
pub(crate) mod notices;
pub(crate) mod payment;
pub(crate) mod payment_group;
pub(crate) mod payment_row;
mod payments_together;
pub(crate) mod reassign;
pub(crate) mod recovered_session;
pub(crate) mod reviews;
pub(crate) mod subscription_history;
pub(crate) mod triggers;
