//! What a payment gives, decided without a database: orders, credits, entitlements, jobs, billing status.
//!
//! Every decision is a function of the present state (the money as Stripe tells it now, the app's row, what was given
//! before), never of the event that led there. So the order of arrival does not matter, and deciding again changes nothing.

pub mod app_key;
pub mod benefit;
pub mod billing_status;
pub mod bought;
pub mod credits;
pub mod decision;
pub mod entitlements;
pub mod grant;
pub mod jobs;
pub mod line_items;
pub mod money;
pub mod new_order;
pub mod order;
pub mod own;
pub mod pass;
pub mod period;
pub mod prior;
pub mod record;
pub mod returned;
