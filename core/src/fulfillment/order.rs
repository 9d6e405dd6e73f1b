//! Which payment pays an order, and what the order should say: decided over all payments that name it.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::app_key::uuid;
use super::decision::{FulfillmentDecision, FulfillmentState};
use super::line_items::{items, listed};
use super::money::Money;
use super::own::Own;
use super::prior::PriorFulfillment;
use super::record::Record;
use crate::Subject;

/// An order's row, as far as it decides. An outer `None`: the app's table has no such column, so it is not compared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Order {
    /// `pending`, `paid`, `fulfilled`, `canceled` or `refunded`.
    pub status: Option<String>,
    /// What it costs, in the currency's smallest unit.
    #[serde(default, deserialize_with = "present")]
    pub amount: Option<Option<i64>>,
    /// In which currency.
    #[serde(default, deserialize_with = "present")]
    pub currency: Option<Option<String>>,
    /// `test` or `live`, where the row says.
    #[serde(default)]
    pub environment: Option<String>,
    /// The user who owns it.
    #[serde(default, deserialize_with = "present")]
    pub user_id: Option<Option<String>>,
    /// The subject that owns it.
    #[serde(default, deserialize_with = "present")]
    pub subject_type: Option<Option<String>>,
    /// Its id.
    #[serde(default, deserialize_with = "present")]
    pub subject_id: Option<Option<String>>,
    /// The very line items that it is for, where it names them.
    #[serde(default, deserialize_with = "present")]
    pub line_items: Option<Option<Value>>,
}

/// A column that is there, NULL or not.
#[allow(clippy::option_option, reason = "a table without the column, a NULL in it, and a value are three things")]
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(column: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(column).map(Some)
}

/// One payment that names the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentCandidate {
    /// Which payment: `checkout:<local session>`.
    pub source: String,
    /// `test` or `live`.
    pub environment: String,
    /// Its money.
    pub money: Money,
    /// Who opened the local checkout session.
    pub created_by: Option<String>,
    /// For whom.
    pub subject: Option<Subject>,
    /// What was bought: as Stripe's line items say it, else as the session asked for it.
    pub line_items: Value,
    /// What Stripe's line items say, in words, where that is something else than was asked for.
    pub told: Option<String>,
    /// Whether a backend made the session, and so named the order for these line items. End users choose both.
    pub by_backend: bool,
    /// What the line items give by themselves.
    pub own: Own,
    /// Whether payments of the live environment are approved by now, or were.
    pub went_live: bool,
    /// What was decided on it before.
    pub before: Option<PriorDecision>,
}

/// What the ledger says of an earlier decision on one candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorDecision {
    /// Its state.
    pub state: FulfillmentState,
    /// The amount that was compared then.
    pub due: Option<i64>,
    /// The currency that was compared then.
    pub currency: Option<String>,
    /// Set where this payment paid the order.
    pub granted: Option<i64>,
    /// What Stripe's line items said by then, where that was something else than was asked for.
    pub told: Option<String>,
    /// What the order was, or would have been, before we made it `refunded`: the status that the app had given it, else `paid`.
    pub prior_status: Option<String>,
}

impl From<&PriorFulfillment> for PriorDecision {
    fn from(prior: &PriorFulfillment) -> Self {
        Self {
            state: prior.state,
            due: prior.amount_due,
            currency: prior.currency.clone(),
            granted: prior.granted,
            told: prior.benefit_source.clone(),
            prior_status: prior.prior_order_status.clone(),
        }
    }
}

/// What the order's row should say now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderUpdate {
    /// Its status.
    pub status: String,
    /// The candidate that pays it; none where none does any more.
    pub holder: Option<usize>,
}

/// What to record of one candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Its state, and why.
    pub decision: FulfillmentDecision,
    /// Whether this payment is the one that pays the order.
    pub pays_order: bool,
    /// Whether it could pay it: amount, currency, owner and environment match.
    pub matches: bool,
    /// See [`PriorDecision::prior_status`].
    pub prior_status: Option<String>,
    /// Whether it waits until the products of its prices are known.
    pub waits: bool,
    /// See [`PaymentCandidate::told`].
    pub told: Option<String>,
}

impl Settled {
    /// What is recorded of a payment and the order of this key.
    #[must_use]
    pub fn record(&self, key: &str, money: &Money) -> Record {
        Record {
            benefit_source: self.told.clone(),
            amount_due: money.amount,
            granted: if self.pays_order { money.amount.or(Some(0)) } else { None },
            amount_reversed: self.pays_order.then(|| money.returned()),
            currency: money.currency.clone(),
            matches: self.matches,
            prior_order_status: self.prior_status.clone(),
            ..Record::new(key, self.decision.clone())
        }
    }
}

/// Decides on an order for all payments that name it; the results are in the order of the candidates.
///
/// The payment that pays the order is the one that was paid first (then the smallest source) of those that match and whose
/// money is still there; if the money of all went back, the first of all. That is a property of the set, so the order in
/// which the payments became known leaves no trace. Only once the app went on with the order (`fulfilled`, `canceled`) it
/// stays with the payment that paid it then: another one would be taken for goods that it never bought.
#[must_use]
pub fn settle(order: &Order, candidates: &[PaymentCandidate]) -> (Option<OrderUpdate>, Vec<Settled>) {
    let status = order.status.as_deref().unwrap_or_default();
    let ours = candidates.iter().any(paid_before);
    let (mismatches, waits): (Vec<Option<String>>, Vec<bool>) = candidates
        .iter()
        .map(|candidate| {
            let before_goods = mismatch(order, candidate);
            let of_goods = if before_goods.is_none() { counts_twice(order, candidate) } else { None };
            let waits = of_goods.is_some() && matches!(candidate.own, Own::Unknown(_)) && named(order).is_none();
            (before_goods.or(of_goods), waits)
        })
        .unzip();
    let open = status == "pending" || ours;
    let prior_status = candidates
        .iter()
        .find_map(|candidate| candidate.before.as_ref().and_then(|before| before.prior_status.clone()));
    let went_on = kept(if status == "refunded" { prior_status.as_deref().unwrap_or(status) } else { status });
    let holder = (0..candidates.len())
        .filter(|place| open && mismatches[*place].is_none())
        .filter(|place| went_on.is_none() || paid_before(&candidates[*place]))
        .min_by_key(|place| {
            (candidates[*place].money.is_fully_returned(), candidates[*place].money.paid_at, &candidates[*place].source)
        });

    let write = match holder {
        Some(place) => next_status(status, &candidates[place], candidates, prior_status.as_deref())
            .map(|next| OrderUpdate { status: next, holder }),
        None if ours && (status == "paid" || (status == "refunded" && prior_status.as_deref() == Some("paid"))) => {
            Some(OrderUpdate { status: "pending".into(), holder: None })
        }
        None => None,
    };
    let settled = candidates
        .iter()
        .zip(&mismatches)
        .enumerate()
        .map(|(place, (candidate, mismatch))| Settled {
            decision: match (mismatch, holder) {
                (Some(reason), _) => candidate.money.needs_review(reason),
                (None, Some(first)) if first == place => decision_of_payer(candidate),
                (None, Some(first)) => {
                    candidate.money.needs_review(&format!("the order is already paid by {}", candidates[first].source))
                }
                (None, None) => candidate.money.needs_review(&format!("the order is {status}, not pending")),
            },
            pays_order: holder == Some(place),
            matches: mismatch.is_none(),
            prior_status: (holder == Some(place) && candidate.money.is_fully_returned())
                .then(|| if status == "refunded" { prior_status.clone() } else { kept(status).or(Some("paid".into())) })
                .flatten(),
            waits: waits[place],
            told: candidate.told.clone(),
        })
        .collect();
    (write, settled)
}

/// The status the order goes to; none where the app set `refunded` by itself, which is left alone.
fn next_status(
    status: &str,
    holder: &PaymentCandidate,
    candidates: &[PaymentCandidate],
    prior_status: Option<&str>,
) -> Option<String> {
    if holder.money.is_fully_returned() {
        return Some("refunded".into());
    }
    match status {
        "pending" => Some("paid".into()),
        "refunded" => {
            // A write that failed in between leaves the state `failed`, and the prior status as it is.
            let by_us = prior_status.is_some()
                || candidates
                    .iter()
                    .filter_map(|candidate| candidate.before.as_ref())
                    .any(|before| before.state == FulfillmentState::Reversed);
            by_us.then(|| prior_status.unwrap_or("paid").to_owned())
        }
        other => Some(other.to_owned()),
    }
}

/// The status that the app had given the order, which is restored if a refund fails later.
fn kept(status: &str) -> Option<String> {
    matches!(status, "fulfilled" | "canceled").then(|| status.to_owned())
}

fn paid_before(candidate: &PaymentCandidate) -> bool {
    candidate.before.as_ref().is_some_and(|before| before.granted.is_some())
}

fn decision_of_payer(candidate: &PaymentCandidate) -> FulfillmentDecision {
    if candidate.money.is_fully_returned() {
        return FulfillmentDecision::because(FulfillmentState::Reversed, candidate.money.return_reason());
    }
    if let Some(reason) = candidate.money.unclear_loss() {
        return FulfillmentDecision::because(FulfillmentState::NeedsReview, reason);
    }
    match candidate.money.part_returned() {
        None => FulfillmentDecision::applied(),
        Some(part) => FulfillmentDecision::because(FulfillmentState::Applied, part),
    }
}

/// Why this payment can't pay this order; none where it can.
///
/// A payment that already paid it is compared again only when its own figures changed: the order is the app's, which may
/// change it afterwards.
#[must_use]
pub fn mismatch(order: &Order, candidate: &PaymentCandidate) -> Option<String> {
    let money = &candidate.money;
    if money.is_subscription_invoice {
        return Some("an order is paid by a one-time payment; this one is a subscription's".into());
    }
    if let Some(reason) = money.withheld() {
        return Some(reason);
    }
    if paid_it_before(candidate) {
        return None;
    }
    if let Some(environment) = order.environment.as_ref().filter(|environment| **environment != candidate.environment) {
        return Some(format!("the order belongs to {environment}, the payment to {}", candidate.environment));
    }
    if order.environment.is_none() && candidate.environment == "test" && candidate.went_live {
        return Some("the order names no environment, and live is approved: a test payment does not pay it".into());
    }
    if let Some(due) = order.amount
        && (due.is_none() || (due != money.amount && due != money.subtotal))
    {
        return Some(format!("the order costs {}, {} was paid", shown(due), shown(money.amount)));
    }
    if let Some(currency) = &order.currency {
        let lower = |code: &Option<String>| code.as_ref().map(|code| code.to_lowercase());
        if currency.is_none() || lower(currency) != lower(&money.currency) {
            return Some(format!(
                "the order is in {}, the payment in {}",
                currency.as_deref().unwrap_or("no currency"),
                money.currency.as_deref().unwrap_or("no currency")
            ));
        }
    }
    (!owned(order, candidate))
        .then(|| "the order belongs to someone else than who opened or is billed for the checkout session".into())
}

/// A payment that paid it with the figures that it still has.
fn paid_it_before(candidate: &PaymentCandidate) -> bool {
    let money = &candidate.money;
    candidate.before.as_ref().is_some_and(|before| {
        before.granted.is_some()
            && before.due == money.amount
            && before.currency == money.currency
            && before.told == candidate.told
    })
}

/// Why this payment does not pay the order although the amount matches; none if it does. A buyer chooses both the line items of a session
/// and the order that it names, and one payment must not buy both.
fn counts_twice(order: &Order, candidate: &PaymentCandidate) -> Option<String> {
    if paid_it_before(candidate) {
        return None;
    }
    let bought = items(&candidate.line_items);
    if let Some(named) = named(order) {
        let Some(named) = items(named) else {
            return Some(
                "the order's line_items are no list of {price, quantity}, so that nothing can be compared with them"
                    .into(),
            );
        };
        return (bought.as_ref() != Some(&named)).then(|| {
            let bought = bought.as_ref().map_or_else(|| "something else".to_owned(), listed);
            format!("the order is for {}, the checkout session for {bought}", listed(&named))
        });
    }
    if candidate.by_backend {
        return None;
    }
    let twice = match &candidate.own {
        Own::Nothing => return None,
        Own::Gives(via) => {
            format!("what was bought gives something of its own (by {via}), and would pay the order too")
        }
        Own::Unknown(prices) => format!(
            "what was bought may give something of its own, and would pay the order too: the product of {} is not known yet",
            prices.join(", ")
        ),
    };
    let whole: Vec<Value> =
        bought.iter().flatten().map(|(price, quantity)| json!({"price": price, "quantity": quantity})).collect();
    let column = if order.line_items.is_some() { "" } else { ", in a column that the table lacks" };
    let known = if matches!(candidate.own, Own::Unknown(_)) { "sync the catalog, or, " } else { "" };
    Some(format!(
        "{twice}; {known}if the order is for just that, set its line_items to {}{column}, and call payments.retry_fulfillments()",
        Value::Array(whole)
    ))
}

/// The line items that an order names.
fn named(order: &Order) -> Option<&Value> {
    order.line_items.as_ref().and_then(Option::as_ref)
}

fn shown(amount: Option<i64>) -> String {
    amount.map_or_else(|| "an unknown amount".to_owned(), |amount| amount.to_string())
}

/// Whether the order's owner is the session's creator or subject. An order without an owner is anyone's to pay.
fn owned(order: &Order, candidate: &PaymentCandidate) -> bool {
    let user = order.user_id.clone().flatten();
    let id = order.subject_id.clone().flatten();
    let kind = order.subject_type.clone().flatten();
    if user.is_none() && id.is_none() {
        return true;
    }
    let is_user = |id: &String| {
        candidate.created_by.as_ref().is_some_and(|creator| same(creator, id))
            || candidate
                .subject
                .as_ref()
                .is_some_and(|billed| billed.subject_type == "user" && same(&billed.subject_id, id))
    };
    // An id without a type is compared with whoever is there.
    let is_subject = |id: &String| {
        candidate.subject.as_ref().is_some_and(|billed| {
            kind.as_ref().is_none_or(|kind| billed.subject_type == *kind) && same(&billed.subject_id, id)
        }) || (kind.as_ref().is_none_or(|kind| kind == "user") && is_user(id))
    };
    user.as_ref().is_some_and(is_user) || id.as_ref().is_some_and(is_subject)
}

/// Whether two ids name the same: equal, or the same uuid written differently.
fn same(one: &str, other: &str) -> bool {
    one == other || uuid(one).is_some_and(|one| uuid(other) == Some(one))
}

#[cfg(test)]
mod tests;
