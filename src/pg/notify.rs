//! Notifications, which are sent when the transaction commits.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};

use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;

// The server's own, which pgrx does not declare: commands/async.h.
unsafe extern "C-unwind" {
    fn Async_Notify(channel: *const c_char, payload: *const c_char);
}

/// Notifies a channel at the commit. The same twice in one transaction is sent once.
pub(crate) fn notify(channel: &CStr, payload: &CStr) {
    // SAFETY: both are strings that end with a NUL, which the server copies.
    unsafe { pg_guard_ffi_boundary(|| Async_Notify(channel.as_ptr(), payload.as_ptr())) }
}
