//! What Stripe signs and sends, typed.

pub mod event;
pub mod event_type;
pub mod json_text;
pub mod object;
pub mod signature;
