//! How the facts about one payment become its row.
//!
//! Everything here is a function of a *set* of facts, so the order of arrival does not matter.

pub mod adopted;
pub mod by_payment;
pub mod context;
pub mod fact;
pub mod fold;
pub mod mapping;
pub mod object_history;
pub mod refunds;
pub mod session_owner;
