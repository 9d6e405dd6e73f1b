//! Giving what was bought. Statement triggers on our own tables hand the payments that changed to one path ([`dispatch`]),
//! which is the same for one payment and for many: it reads the purchases, plans what they give (`payments_core::fulfillment`,
//! which is pure), writes that as the owner of each table in a savepoint ([`batch`]), and records what was decided in
//! `payments.fulfillments`. What fails is recorded too, and stops nothing else.

mod batch;
mod benefits;
mod changed_rows;
mod credits;
mod dispatch;
mod due;
mod entitlements;
mod jobs;
mod lapse;
mod new_order;
mod notices;
mod order;
mod passes;
mod paywall;
mod period;
mod purchase;
mod record;
mod retry;
mod returned;
mod sessions;
mod subscription;
mod target;
mod target_kind;
mod targets;
pub(crate) mod triggers;
mod workers;
mod write;
