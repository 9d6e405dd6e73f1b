//! Notices: messages for workers about an invoice that is not paid, and about a subscription that is about to renew or
//! has ended.
//!
//! Each is derived from everything that is known. So the order of arrival does not matter, and a notice disappears when
//! it is no longer true: for example that of a failed attempt, once the invoice is paid.

use serde::{Deserialize, Serialize};

use crate::figures::entry::{Entry, Renewal};
use crate::figures::state::State;
use crate::stripe::object::subscription::SubscriptionSnapshot;

/// An attempt to collect an invoice failed, or a payment by a delayed method did.
pub const PAYMENT_FAILED: &str = "payment_failed";
/// The payer has to authenticate a payment of an invoice.
pub const PAYMENT_ACTION_REQUIRED: &str = "payment_action_required";
/// A trial ends in a few days.
pub const TRIAL_WILL_END: &str = "trial_will_end";
/// A subscription renews in a few days.
pub const RENEWAL_UPCOMING: &str = "renewal_upcoming";
/// A subscription has ended.
pub const SUBSCRIPTION_ENDED: &str = "subscription_ended";

/// Whether jobs of this kind are made from notices.
#[must_use]
pub fn is_kind(kind: &str) -> bool {
    [PAYMENT_FAILED, PAYMENT_ACTION_REQUIRED, TRIAL_WILL_END, RENEWAL_UPCOMING, SUBSCRIPTION_ENDED].contains(&kind)
}

/// A row of `payments.notices`, named as its columns. Amounts are minor units, times are Unix seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the columns of that table")]
pub struct Notice {
    pub kind: String,
    /// The invoice, session or subscription, and which attempt or period of it.
    pub source: String,
    /// The id of the invoice, session or subscription.
    pub about: String,
    pub stripe_customer_id: Option<String>,
    pub stripe_subscription_id: Option<String>,
    pub stripe_invoice_id: Option<String>,
    pub stripe_checkout_session_id: Option<String>,
    pub amount_due: Option<i64>,
    pub currency: Option<String>,
    pub attempt: Option<i64>,
    pub next_attempt_at: Option<i64>,
    pub hosted_invoice_url: Option<String>,
    /// When the trial or the period ends, or when the subscription ended.
    pub happens_at: Option<i64>,
    pub is_ending: bool,
    /// Stripe's reason: why the invoice was made, or why the subscription ended.
    pub reason: Option<String>,
}

/// The notices of a subscription. `known` is its newest snapshot, `None` if there is none yet; `entries` is its
/// history.
#[must_use]
pub fn of_subscription(id: &str, known: Option<&SubscriptionSnapshot>, entries: &[Entry]) -> Vec<Notice> {
    let trial = known.and_then(|known| trial_end(known, entries));
    let ended = known.and_then(|known| ended(known, entries));
    let notices = [trial, renewal(known, entries), ended].into_iter().flatten();
    notices
        .map(|notice| {
            let of = format!("subscription:{id}");
            let source = match notice.happens_at.filter(|_| notice.kind != SUBSCRIPTION_ENDED) {
                Some(at) => format!("{of}:{at}"),
                None => of,
            };
            Notice { source, about: id.to_owned(), stripe_subscription_id: Some(id.to_owned()), ..notice }
        })
        .collect()
}

fn is_ending(known: &SubscriptionSnapshot) -> bool {
    let row = &known.row;
    let ends_with_period = |end| row.current_period_end.is_none_or(|period| end <= period);
    row.cancel_at_period_end || row.cancel_at.is_some_and(ends_with_period)
}

/// The announced end of a trial, as long as the trial lasts and still ends at that time.
fn trial_end(known: &SubscriptionSnapshot, entries: &[Entry]) -> Option<Notice> {
    let end = known.row.trial_end.filter(|_| known.row.status == "trialing")?;
    let announces = |entry: &Entry| {
        entry.announces_trial_end && entry.state.as_ref().and_then(|state| state.trial_end) == Some(end)
    };
    entries.iter().any(announces).then(|| Notice {
        kind: TRIAL_WILL_END.to_owned(),
        stripe_customer_id: known.row.stripe_customer_id.clone(),
        happens_at: Some(end),
        is_ending: is_ending(known),
        ..Notice::default()
    })
}

/// The latest announced renewal. `None` once its period has begun, or if the subscription does not renew.
fn renewal(known: Option<&SubscriptionSnapshot>, entries: &[Entry]) -> Option<Notice> {
    let announced = entries.iter().filter_map(|entry| Some((entry, entry.renewal.as_ref()?)));
    let (_, renewal) = announced.max_by_key(|(entry, renewal)| (renewal.at, entry.created, &entry.event_id))?;
    let Renewal { at, customer, amount_due, currency, next_attempt_at } = renewal.clone();
    if let Some(known) = known {
        let starts = known.items.iter().filter_map(|item| item.current_period_start);
        let began = starts.chain(known.row.current_period_start).max();
        let goes_on = matches!(known.row.status.as_str(), "active" | "past_due" | "trialing") && !is_ending(known);
        if !goes_on || began >= Some(at) {
            return None;
        }
    }
    Some(Notice {
        kind: RENEWAL_UPCOMING.to_owned(),
        stripe_customer_id: customer.or_else(|| known?.row.stripe_customer_id.clone()),
        amount_due,
        currency,
        next_attempt_at,
        happens_at: Some(at),
        ..Notice::default()
    })
}

/// The end, if an event reported it. A backfill alone makes no notice: it also finds subscriptions that ended long ago.
fn ended(known: &SubscriptionSnapshot, entries: &[Entry]) -> Option<Notice> {
    if known.row.status != "canceled" {
        return None;
    }
    let is_end =
        |entry: &&Entry| !entry.is_sync() && entry.state.as_ref().is_some_and(|state| state.status == "canceled");
    let end = entries.iter().filter(is_end).min_by_key(|entry| (entry.since(), entry.created, &entry.event_id))?;
    Some(Notice {
        kind: SUBSCRIPTION_ENDED.to_owned(),
        stripe_customer_id: known.row.stripe_customer_id.clone(),
        happens_at: Some(end.since()),
        reason: entries.iter().filter(is_end).filter_map(cancellation_reason).max(),
        ..Notice::default()
    })
}

fn cancellation_reason(entry: &Entry) -> Option<String> {
    entry.state.as_ref().and_then(|state: &State| state.cancellation_reason.clone())
}

#[cfg(test)]
mod tests;
