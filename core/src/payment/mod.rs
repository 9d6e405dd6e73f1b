//! Facts and payments: which snapshot of an object is the newest, and how the facts about one payment become its row.
//!
//! Everything here is a function of a *set* of facts: the order in which they came cannot be seen.

pub mod fact;
pub mod fold;
pub mod mapping;
pub mod newest;
pub mod refunds;
pub mod rival;
