//! Giving what the payments of local sessions bought, for whoever learns something that decides it.

use pgrx::Uuid;

use super::dispatch::give;
use super::period;
use super::purchase::price_lock;
use super::target_kind::{PAID_FOR, TargetKind};
use crate::pg::advisory_lock;
use crate::pg::statement::{query, text};
use crate::pg::uuid::{is_uuid, uuid};

query!(FIND_PAYMENT_OF_STRIPE_SESSION, "fulfillment_sessions", "find_payment_of_stripe_session");
query!(FIND_PAYMENTS_OF_SESSIONS, "fulfillment_sessions", "find_payments_of_sessions");
query!(LOCK_PAYMENTS, "fulfillment_sessions", "lock_payments");
query!(FIND_SESSIONS_OF_PRICE, "fulfillment_sessions", "find_sessions_of_price");

/// Gives what the payments of one local session bought.
pub(super) fn give_session(kinds: &[TargetKind], session: &str) {
    give(kinds, &lock_payments_of(vec![session]));
}

/// Gives what the payment of one of Stripe's sessions bought, if its row says that it is of that session.
pub(super) fn give_payment_of(environment: &str, stripe_checkout_session_id: &str) {
    let payments: Vec<String> =
        FIND_PAYMENT_OF_STRIPE_SESSION.all(&[text(environment), text(stripe_checkout_session_id)]);
    let payments: Vec<Uuid> = payments.iter().map(|payment| uuid(payment)).collect();
    give(&PAID_FOR, &payments);
}

/// The payments of local sessions. An id that a source of fulfillments names may have been written by hand, and be none.
pub(super) fn payments_of(mut sessions: Vec<&str>) -> Vec<Uuid> {
    sessions.retain(|id| is_uuid(id));
    if sessions.is_empty() {
        return Vec::new();
    }
    let found: Vec<String> = FIND_PAYMENTS_OF_SESSIONS.all(&[sessions.into()]);
    found.iter().map(|payment| uuid(payment)).collect()
}

/// The same with their rows locked, which all of them must be before anything is given for one of them: a delivery locks its
/// payment first, and then what that gives to.
pub(super) fn lock_payments_of(sessions: Vec<&str>) -> Vec<Uuid> {
    let payments = payments_of(sessions);
    if payments.is_empty() {
        return payments;
    }
    let locked: Vec<String> = LOCK_PAYMENTS.all(&[payments.into()]);
    locked.iter().map(|payment| uuid(payment)).collect()
}

/// Decides the lines that waited for a price's product.
///
/// Who decides on a payment meanwhile shares the price's lock, so that either we see that a line waits, or it sees the
/// price. The payments' rows are locked before anything is written for one of them, as every delivery does it.
pub(super) fn give_price(environment: &str, price: &str) {
    advisory_lock::lock(&price_lock(environment, price));
    let sessions: Vec<String> = FIND_SESSIONS_OF_PRICE.all(&[text(environment), text(price)]);
    let payments = lock_payments_of(sessions.iter().map(String::as_str).collect());
    let subscriptions: Vec<String> = period::FIND_SUBSCRIPTIONS_OF_PRICE.all(&[text(environment), text(price)]);
    for subscription in &subscriptions {
        period::give(environment, subscription);
    }
    give(&PAID_FOR, &payments);
}
