//! Giving what the payments of local sessions bought, for whoever learns something that decides it.

use super::dispatch::give;
use super::period;
use super::purchase::{price_lock, uuid};
use super::target_kind::{PAID_FOR, TargetKind};
use crate::pg::advisory_lock;
use crate::pg::statement::{query, text};

query!(FIND_PAYMENT_OF_STRIPE_SESSION, "fulfillment_sessions", "find_payment_of_stripe_session");
query!(FIND_PAYMENTS_OF_SESSIONS, "fulfillment_sessions", "find_payments_of_sessions");
query!(FIND_SESSIONS_OF_PRICE, "fulfillment_sessions", "find_sessions_of_price");

/// Gives what the payments of one local session bought.
pub(super) fn give_session(kinds: &[TargetKind], session: &str) {
    give_payments(kinds, &payments_of(vec![session]));
}

/// Gives what the payment of one of Stripe's sessions bought, if its row says that it is of that session.
pub(super) fn give_payment_of(environment: &str, stripe_checkout_session_id: &str) {
    let payments: Vec<String> =
        FIND_PAYMENT_OF_STRIPE_SESSION.all(&[text(environment), text(stripe_checkout_session_id)]);
    if !payments.is_empty() {
        give_payments(&PAID_FOR, &payments);
    }
}

/// The payments of local sessions. Their rows are locked, and so all of them must be before anything is given for one of
/// them: a delivery locks its payment first, and then what that gives to.
pub(super) fn payments_of(sessions: Vec<&str>) -> Vec<String> {
    FIND_PAYMENTS_OF_SESSIONS.all(&[sessions.into()])
}

/// Decides the lines that waited for a price's product.
///
/// Who decides on a payment meanwhile shares the price's lock, so that either we see that a line waits, or it sees the
/// price. The payments' rows are locked before anything is written for one of them, as every delivery does it.
pub(super) fn give_price(environment: &str, price: &str) {
    advisory_lock::lock(&price_lock(environment, price));
    let sessions: Vec<String> = FIND_SESSIONS_OF_PRICE.all(&[text(environment), text(price)]);
    let payments = payments_of(sessions.iter().map(String::as_str).collect());
    let subscriptions: Vec<String> = period::FIND_SUBSCRIPTIONS_OF_PRICE.all(&[text(environment), text(price)]);
    for subscription in &subscriptions {
        period::give(environment, subscription);
    }
    give_payments(&PAID_FOR, &payments);
}

fn give_payments(kinds: &[TargetKind], payments: &[String]) {
    let payments: Vec<pgrx::Uuid> = payments.iter().map(|payment| uuid(payment)).collect();
    give(kinds, &payments);
}
