//! The settings. All are SUSET: whoever may set one could otherwise widen what a signature or a key allows.

use std::ffi::CString;

use payments_core::metadata_prefix;
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};

use crate::error::Error;
use crate::pg::guc;

static METADATA_PREFIX: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"payments_"));
static SIGNATURE_TOLERANCE: GucSetting<i32> = GucSetting::<i32>::new(300);
static MAX_BODY: GucSetting<i32> = GucSetting::<i32>::new(1024 * 1024);
static PERIOD_GRACE: GucSetting<i32> = GucSetting::<i32>::new(3 * 86_400);
static NOTIFY_SESSIONS: GucSetting<bool> = GucSetting::<bool>::new(true);
static MAX_OPEN_SESSIONS: GucSetting<i32> = GucSetting::<i32>::new(100);
static STRIPE_VERSION: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"2026-10-28.endive"));
static MAX_FREE_QUANTITY: GucSetting<i32> = GucSetting::<i32>::new(1);
static ALLOW_SECOND_SUBSCRIPTION: GucSetting<bool> = GucSetting::<bool>::new(false);

/// Defines them; called once, when the library is loaded.
pub(crate) fn define() {
    GucRegistry::define_string_guc(
        c"payments.metadata_prefix",
        c"Prefix of the metadata keys that link Stripe's objects to local rows.",
        c"Callers may not write keys that begin with it.",
        &METADATA_PREFIX,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"payments.signature_tolerance",
        c"How many seconds a webhook's signature may be old, or ahead.",
        c"Stripe's own libraries allow 300.",
        &SIGNATURE_TOLERANCE,
        1,
        86_400,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_int_guc(
        c"payments.max_body",
        c"The largest webhook body that is looked at, in bytes.",
        c"A larger one is refused before its signature is computed.",
        &MAX_BODY,
        1024,
        64 * 1024 * 1024,
        GucContext::Suset,
        GucFlags::UNIT_BYTE,
    );
    GucRegistry::define_int_guc(
        c"payments.max_open_sessions",
        c"How many checkout sessions, and how many customer portal sessions, a signed-in caller may have open at once.",
        c"Counted are those of the last 24 hours; 0 is no limit. Backends and guests have none.",
        &MAX_OPEN_SESSIONS,
        0,
        i32::MAX,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"payments.period_grace",
        c"How long a subscription that is not scheduled to end gives access beyond its period.",
        c"Stripe goes on delivering a webhook for three days: a renewal that is told late locks nobody out.",
        &PERIOD_GRACE,
        0,
        30 * 86_400,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
    define_checkout();
    GucRegistry::define_bool_guc(
        c"payments.notify_sessions",
        c"Whether a new session that waits to be sent to Stripe is notified on channel payments_sessions.",
        c"A backend that sends its sessions itself may turn it off: transactions that notify commit one after the other.",
        &NOTIFY_SESSIONS,
        GucContext::Suset,
        GucFlags::default(),
    );
    guc::reserve_prefix(c"payments");
}

/// Those of the request to Stripe.
fn define_checkout() {
    GucRegistry::define_string_guc(
        c"payments.stripe_version",
        c"Stripe's version, which requests name in the header Stripe-Version.",
        c"Their parameters are written in its words.",
        &STRIPE_VERSION,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"payments.allow_second_subscription",
        c"Whether a subject may subscribe again to a product of which it has a subscription.",
        c"It is refused otherwise, also to a backend.",
        &ALLOW_SECOND_SUBSCRIPTION,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"payments.max_free_quantity",
        c"How many a caller may ask for of a price that costs him nothing, or begins with a trial, and gives credits.",
        c"Backends may ask for any quantity.",
        &MAX_FREE_QUANTITY,
        1,
        999_999,
        GucContext::Suset,
        GucFlags::default(),
    );
}

/// Stripe's version: setting `payments.stripe_version`. It goes into a header, so that it may hold nothing else.
#[pg_extern(stable, parallel_safe)]
#[search_path(pg_catalog, pg_temp)]
fn stripe_version() -> String {
    let set = STRIPE_VERSION.get().map(|version| version.to_string_lossy().into_owned()).unwrap_or_default();
    if !payments_core::session::defaults::is_version(&set) {
        let shown: String = set.chars().take(100).collect();
        Error::Argument(
            "payments.stripe_version is no version of stripe's",
            format!("It is {shown:?}."),
            "Set it to a version such as 2026-10-28.endive.",
        )
        .raise();
    }
    set
}

/// Whether a subject may have several subscriptions of one product.
pub(crate) fn allow_second_subscription() -> bool {
    ALLOW_SECOND_SUBSCRIPTION.get()
}

/// How many of a price that costs nothing and gives credits a caller may ask for.
pub(crate) fn max_free_quantity() -> u64 {
    u64::try_from(MAX_FREE_QUANTITY.get()).unwrap_or(1)
}

/// The prefix of the metadata keys that we write: setting `payments.metadata_prefix`, `payments_` by default.
#[pg_extern(name = "metadata_prefix", stable, parallel_safe)]
#[search_path(pg_catalog, pg_temp)]
pub(crate) fn metadata_prefix() -> String {
    let set = METADATA_PREFIX.get().map(|prefix| prefix.to_string_lossy().into_owned());
    set.filter(|prefix| !prefix.is_empty()).unwrap_or_else(|| metadata_prefix::WRITTEN.to_owned())
}

/// The prefixes that are read, and reserved: that one, `payments_`, and `insforge_`, which existing backends wrote.
#[pg_extern(stable, parallel_safe)]
#[search_path(pg_catalog, pg_temp)]
pub(crate) fn metadata_prefixes() -> Vec<String> {
    metadata_prefix::all(&metadata_prefix()).map(ToOwned::to_owned).collect()
}

/// Seconds.
pub(crate) fn signature_tolerance() -> i64 {
    i64::from(SIGNATURE_TOLERANCE.get())
}

/// Microseconds.
pub(crate) fn period_grace() -> i64 {
    i64::from(PERIOD_GRACE.get()) * 1_000_000
}

/// Bytes.
pub(crate) fn max_body() -> usize {
    usize::try_from(MAX_BODY.get()).unwrap_or(0)
}

/// Sessions of a member; 0 is no limit.
pub(crate) fn max_open_sessions() -> i64 {
    i64::from(MAX_OPEN_SESSIONS.get())
}

/// Whether new sessions are notified.
pub(crate) fn notify_sessions() -> bool {
    NOTIFY_SESSIONS.get()
}
