//! Operating the extension: backfilling, replaying, rebuilding, verifying, signing test events, looking after all of it.

pub(crate) mod backfill;
pub(crate) mod doctor;
pub(crate) mod event_types;
pub(crate) mod facts;
pub(crate) mod rebuild;
pub(crate) mod replay;
pub(crate) mod signing;
