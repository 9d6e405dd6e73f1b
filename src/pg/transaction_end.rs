//! How often this backend rolled back a transaction or a savepoint: what was read before may have been undone by it, and no
//! snapshot tells.
#![allow(unsafe_code)]

use std::ffi::c_void;

use pgrx::prelude::*;

use crate::pg::transaction::ABORTS;
use crate::pg::{advisory_lock, cache};

/// The number of a whole transaction among its subtransactions.
const WHOLE: pg_sys::SubTransactionId = 1;

/// Begins to count; called once, when the library is loaded.
pub(crate) fn watch() {
    // SAFETY: the functions have the types that the server calls, and live as long as the library.
    unsafe {
        pg_sys::RegisterXactCallback(Some(transaction_ends), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(subtransaction_ends), std::ptr::null_mut());
    }
}

unsafe extern "C-unwind" fn transaction_ends(event: pg_sys::XactEvent::Type, _: *mut c_void) {
    use pg_sys::XactEvent::{XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PARALLEL_ABORT, XACT_EVENT_PREPARE};
    match event {
        // One that is prepared may still be rolled back, by anyone.
        XACT_EVENT_ABORT | XACT_EVENT_PARALLEL_ABORT | XACT_EVENT_PREPARE => undone(WHOLE),
        XACT_EVENT_COMMIT => cache::transaction_committed(),
        _ => {}
    }
}

unsafe extern "C-unwind" fn subtransaction_ends(
    event: pg_sys::SubXactEvent::Type,
    id: pg_sys::SubTransactionId,
    _: pg_sys::SubTransactionId,
    _: *mut c_void,
) {
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB {
        undone(id);
    }
}

fn undone(subtransaction: pg_sys::SubTransactionId) {
    ABORTS.set(ABORTS.get().wrapping_add(1));
    cache::subtransaction_aborted(subtransaction);
    advisory_lock::subtransaction_aborted(subtransaction);
}
