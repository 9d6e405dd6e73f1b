//! The one path that gives: payments go in, in batches.

use std::rc::Rc;

use pgrx::Uuid;

use super::batch::{self, Tables};
use super::purchase::Purchase;
use super::target_kind::TargetKind;

/// So many payments are given at a time.
const BATCH: usize = 256;

/// Gives what payments bought to every table of these kinds, in their order. Running it again changes nothing.
pub(super) fn give(kinds: &[TargetKind], payments: &[Uuid]) {
    if payments.is_empty() {
        return;
    }
    let tables = Tables::of(kinds);
    if tables.is_empty() {
        return;
    }
    let (mut rest, mut size) = (payments, BATCH);
    while !rest.is_empty() {
        let part = &rest[..size.min(rest.len())];
        let (places, purchases): (Vec<usize>, Vec<Rc<Purchase>>) = Purchase::find_all(part).into_iter().unzip();
        let given = if purchases.is_empty() { 0 } else { batch::give(&tables, &purchases) };
        // A batch that ended early begins anew with the next purchase, as it is by then.
        (rest, size) = match places.get(given) {
            Some(next) => (&rest[*next..], given),
            None => (&rest[part.len()..], (2 * size).min(BATCH)),
        };
        pgrx::check_for_interrupts!();
    }
}
