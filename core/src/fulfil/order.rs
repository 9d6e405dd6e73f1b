//! Which payment pays an order, and what the order should say: decided over all payments that name it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{Money, State, Subject, Verdict, items};

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
pub struct Claim {
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
    /// What was bought, as the session says it.
    pub line_items: Value,
    /// Whether a backend made the session, and so named the order for these line items. End users choose both.
    pub by_backend: bool,
    /// What the line items give by themselves.
    pub own: Own,
    /// Whether payments of the live environment are approved by now, or were.
    pub live_approved: bool,
    /// What was decided on it before.
    pub before: Option<Before>,
}

/// What line items give by themselves, whatever order is named: money that buys that can't pay an order too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Own {
    /// Nothing.
    #[default]
    Nothing,
    /// Credits or a key, by this price or product.
    Gives(String),
    /// The products of these prices are not known yet, and products give something.
    Unknown(Vec<String>),
}

/// What the ledger says of an earlier decision on one claim.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Before {
    /// Its state.
    pub state: State,
    /// The amount that was compared then.
    pub due: Option<i64>,
    /// The currency that was compared then.
    pub currency: Option<String>,
    /// Set where this payment held the order.
    pub granted: Option<i64>,
    /// What the order was, or would have been, before we made it `refunded`: the status that the app had given it, else `paid`.
    pub held: Option<String>,
}

/// What the order's row should say now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Its status.
    pub status: String,
    /// The claim that pays it; none where none does any more.
    pub holder: Option<usize>,
}

/// What to record of one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// State and reason.
    pub verdict: Verdict,
    /// Whether this payment is the one that pays the order.
    pub holds: bool,
    /// Whether it could pay it: amount, currency, owner and environment match.
    pub matches: bool,
    /// See [`Before::held`].
    pub held: Option<String>,
    /// Whether it waits until the products of its prices are known.
    pub waits: bool,
}

/// Decides on an order for all payments that name it; the decisions are in the order of the claims.
///
/// The payment that pays the order is the one that was paid first (then the smallest source) of those that match and whose
/// money is still there; if the money of all went back, the first of all. That is a property of the set, so the order in
/// which the payments became known leaves no trace. Only once the app went on with the order (`fulfilled`, `canceled`) it
/// stays with the payment that paid it then: another one would be taken for goods that it never bought.
#[must_use]
pub fn settle(order: &Order, claims: &[Claim]) -> (Option<Write>, Vec<Decision>) {
    let status = order.status.as_deref().unwrap_or_default();
    let ours = claims.iter().any(holds_already);
    let (mismatches, waits): (Vec<Option<String>>, Vec<bool>) = claims
        .iter()
        .map(|claim| {
            let before_goods = mismatch(order, claim);
            let of_goods = if before_goods.is_none() { counts_twice(order, claim) } else { None };
            let waits = of_goods.is_some() && matches!(claim.own, Own::Unknown(_)) && named(order).is_none();
            (before_goods.or(of_goods), waits)
        })
        .unzip();
    let open = status == "pending" || ours;
    let held = claims.iter().find_map(|claim| claim.before.as_ref().and_then(|before| before.held.clone()));
    let went_on = kept(if status == "refunded" { held.as_deref().unwrap_or(status) } else { status });
    let holder = (0..claims.len())
        .filter(|place| open && mismatches[*place].is_none())
        .filter(|place| went_on.is_none() || holds_already(&claims[*place]))
        .min_by_key(|place| (claims[*place].money.returned(), claims[*place].money.paid_at, &claims[*place].source));

    let write = match holder {
        Some(place) => {
            next_status(status, &claims[place], claims, held.as_deref()).map(|next| Write { status: next, holder })
        }
        None if ours && (status == "paid" || (status == "refunded" && held.as_deref() == Some("paid"))) => {
            Some(Write { status: "pending".into(), holder: None })
        }
        None => None,
    };
    let decisions = claims
        .iter()
        .zip(&mismatches)
        .enumerate()
        .map(|(place, (claim, mismatch))| Decision {
            verdict: match (mismatch, holder) {
                (Some(reason), _) => unpaid(claim, reason.clone()),
                (None, Some(first)) if first == place => verdict_of_holder(claim),
                (None, Some(first)) => unpaid(claim, format!("the order is already paid by {}", claims[first].source)),
                (None, None) => unpaid(claim, format!("the order is {status}, not pending")),
            },
            holds: holder == Some(place),
            matches: mismatch.is_none(),
            held: (holder == Some(place) && claim.money.returned())
                .then(|| if status == "refunded" { held.clone() } else { kept(status).or(Some("paid".into())) })
                .flatten(),
            waits: waits[place],
        })
        .collect();
    (write, decisions)
}

/// The status the order goes to; none where the app set `refunded` by itself, which is left alone.
fn next_status(status: &str, holder: &Claim, claims: &[Claim], held: Option<&str>) -> Option<String> {
    if holder.money.returned() {
        return Some("refunded".into());
    }
    match status {
        "pending" => Some("paid".into()),
        "refunded" => {
            // A write that failed in between leaves the state `failed`, and what was held as it is.
            let by_us = held.is_some()
                || claims
                    .iter()
                    .filter_map(|claim| claim.before.as_ref())
                    .any(|before| before.state == State::Reversed);
            by_us.then(|| held.unwrap_or("paid").to_owned())
        }
        other => Some(other.to_owned()),
    }
}

/// What the app did with the order itself, which a refund that fails later must bring back.
fn kept(status: &str) -> Option<String> {
    matches!(status, "fulfilled" | "canceled").then(|| status.to_owned())
}

fn holds_already(claim: &Claim) -> bool {
    claim.before.as_ref().is_some_and(|before| before.granted.is_some())
}

/// A payment that does not pay: a person must look, unless its money is gone back anyway.
fn unpaid(claim: &Claim, reason: String) -> Verdict {
    if claim.money.returned() {
        return Verdict::because(State::Skipped, format!("{reason}; {}", claim.money.way_back()));
    }
    Verdict::because(State::NeedsReview, reason)
}

fn verdict_of_holder(claim: &Claim) -> Verdict {
    if claim.money.returned() {
        return Verdict::because(State::Reversed, claim.money.way_back());
    }
    match claim.money.refunded() {
        0 => Verdict::applied(),
        part => Verdict::because(State::Applied, format!("{part} of {} was refunded", claim.money.amount.unwrap_or(0))),
    }
}

/// Why this payment can't pay this order; none where it can.
///
/// A payment that already paid it is compared again only when its own figures changed: the order is the app's, which may
/// change it afterwards.
#[must_use]
pub fn mismatch(order: &Order, claim: &Claim) -> Option<String> {
    let money = &claim.money;
    if money.recurring {
        return Some("an order is paid by a one-time payment; this one is a subscription's".into());
    }
    if let Some(reason) = money.too_little() {
        return Some(reason);
    }
    if paid_it_before(claim) {
        return None;
    }
    if let Some(environment) = order.environment.as_ref().filter(|environment| **environment != claim.environment) {
        return Some(format!("the order belongs to {environment}, the payment to {}", claim.environment));
    }
    if order.environment.is_none() && claim.environment == "test" && claim.live_approved {
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
    (!owned(order, claim))
        .then(|| "the order belongs to someone else than who opened or is billed for the checkout session".into())
}

/// A payment that paid it with the figures that it still has.
fn paid_it_before(claim: &Claim) -> bool {
    let money = &claim.money;
    claim.before.as_ref().is_some_and(|before| {
        before.granted.is_some() && before.due == money.amount && before.currency == money.currency
    })
}

/// Why the money of this payment is not the order's, though it is as much; none where it is. Whoever opens a checkout session chooses
/// the line items and the order that it names, and one payment must not buy both.
fn counts_twice(order: &Order, claim: &Claim) -> Option<String> {
    if paid_it_before(claim) {
        return None;
    }
    let bought = items(&claim.line_items);
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
    if claim.by_backend {
        return None;
    }
    let twice = match &claim.own {
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
    let known = if matches!(claim.own, Own::Unknown(_)) { "sync the catalog, or, " } else { "" };
    Some(format!(
        "{twice}; {known}if the order is for just that, set its line_items to {}{column}, and call payments.retry_fulfillments()",
        Value::Array(whole)
    ))
}

/// The line items that an order names.
fn named(order: &Order) -> Option<&Value> {
    order.line_items.as_ref().and_then(Option::as_ref)
}

fn listed(items: &BTreeMap<String, i64>) -> String {
    let listed: Vec<String> = items.iter().map(|(price, quantity)| format!("{quantity} × {price}")).collect();
    if listed.is_empty() { "nothing".to_owned() } else { listed.join(", ") }
}

fn shown(amount: Option<i64>) -> String {
    amount.map_or_else(|| "an unknown amount".to_owned(), |amount| amount.to_string())
}

/// Whether the order's owner is the session's creator or subject. An order without an owner is anyone's to pay.
fn owned(order: &Order, claim: &Claim) -> bool {
    let user = order.user_id.clone().flatten();
    let id = order.subject_id.clone().flatten();
    let kind = order.subject_type.clone().flatten();
    if user.is_none() && id.is_none() {
        return true;
    }
    let is_user = |id: &String| {
        claim.created_by.as_ref().is_some_and(|creator| same(creator, id))
            || claim
                .subject
                .as_ref()
                .is_some_and(|billed| billed.subject_type == "user" && same(&billed.subject_id, id))
    };
    // An id without a type is compared with whoever is there.
    let is_subject = |id: &String| {
        claim.subject.as_ref().is_some_and(|billed| {
            kind.as_ref().is_none_or(|kind| billed.subject_type == *kind) && same(&billed.subject_id, id)
        }) || (kind.as_ref().is_none_or(|kind| kind == "user") && is_user(id))
    };
    user.as_ref().is_some_and(is_user) || id.as_ref().is_some_and(is_subject)
}

/// Whether two ids name the same: equal, or the same uuid written differently.
fn same(one: &str, other: &str) -> bool {
    one == other || uuid(one).is_some_and(|one| uuid(other) == Some(one))
}

/// The type of an app's key column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// `uuid`
    Uuid,
    /// `bigint`
    Bigint,
    /// `integer`
    Integer,
    /// `smallint`
    Smallint,
    /// `text` or the like
    Text,
}

impl KeyType {
    /// The type that Postgres calls by this name; of a domain it is the type below.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name {
            "uuid" => Self::Uuid,
            "bigint" => Self::Bigint,
            "integer" => Self::Integer,
            "smallint" => Self::Smallint,
            _ => Self::Text,
        }
    }
}

/// The key as Postgres would print it, or none where the text is not a key of that type: such an id names no order, and
/// must not raise.
#[must_use]
pub fn key(text: &str, kind: KeyType) -> Option<String> {
    let number = || text.trim_matches(' ').parse::<i64>().ok();
    match kind {
        KeyType::Text => (!text.is_empty() && !text.contains('\0')).then(|| text.to_owned()),
        KeyType::Bigint => number().map(|number| number.to_string()),
        KeyType::Integer => number().and_then(|number| i32::try_from(number).ok()).map(|number| number.to_string()),
        KeyType::Smallint => number().and_then(|number| i16::try_from(number).ok()).map(|number| number.to_string()),
        KeyType::Uuid => uuid(text),
    }
}

fn uuid(text: &str) -> Option<String> {
    let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let groups: Vec<&str> = bare.split('-').collect();
    let hyphens_are_right = groups.len() == 1 || groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]);
    let hex: String = groups.concat().to_ascii_lowercase();
    if !hyphens_are_right || hex.len() != 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

#[cfg(test)]
mod tests;
