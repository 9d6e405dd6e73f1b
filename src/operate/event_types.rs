//! Which events Stripe should send.

use payments_core::stripe::event_type::EVENT_TYPES;
use pgrx::prelude::*;

/// The types of the events that change rows here: those that a webhook endpoint is to be subscribed to, in the order of their names.
#[pg_extern(immutable, parallel_safe)]
#[search_path(pg_catalog, pg_temp)]
fn handled_event_types() -> SetOfIterator<'static, &'static str> {
    let mut names: Vec<&str> = EVENT_TYPES.iter().map(|event_type| event_type.name).collect();
    names.sort_unstable();
    SetOfIterator::new(names)
}
