//! One snapshot on its way in, and what it is about.

use std::borrow::Cow;

use payments_core::stripe::event::Environment;
use payments_core::stripe::event_type::rank;

/// One snapshot on its way in.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) environment: Environment,
    pub(crate) event_id: &'a str,
    /// `None` in a backfill.
    pub(crate) event_type: Option<&'a str>,
    /// Unix seconds.
    pub(crate) created: i64,
    /// Its JSON text.
    pub(crate) object: Cow<'a, str>,
    pub(crate) previous: Option<&'a str>,
    /// Whether the object is deleted.
    pub(crate) deleted: bool,
}

impl Incoming<'_> {
    /// Its place in the object's life.
    pub(crate) fn rank(&self) -> i16 {
        rank(self.event_type)
    }
}
