//! The changes of a subscription. They are derived from its whole history each time, so the order of arrival does not
//! matter.
//!
//! Within one second only the newest snapshot counts. If the first snapshot is not that of the subscription's creation,
//! what was before is presumed from it: the subscription was in trial, then active, then scheduled to end, at the times
//! that the snapshot has.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::coupon::{Catalog, Coupons, Discount};
use super::entry::{Entry, coupons};
use super::recurring::{Recurring, Tiers, recurring};
use super::state::{Item, State};
use crate::fulfillment::billing_status::never_grants;
use crate::snapshot::newest;
use crate::stripe::event_type::CREATED;

/// A row of `payments.subscription_changes`, named as its columns. Amounts are minor units, times are Unix seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the columns of that table")]
pub struct Change {
    pub changed_at: i64,
    /// What changed: `start`, `status`, `ending`, `price`, `quantity`, `discount`.
    pub changed: Vec<String>,
    /// The event that reported it; `None` if a backfill did, or if it is presumed.
    pub stripe_event_id: Option<String>,
    pub stripe_customer_id: Option<String>,
    pub status: String,
    /// Whether it goes on, but is scheduled to end with its current period, or before.
    pub is_ending: bool,
    pub currency: Option<String>,
    pub items: Vec<ChangedItem>,
    pub discounts: Vec<Discount>,
    /// The monthly revenue from then on; `previous_mrr` is that before.
    pub mrr: i64,
    pub previous_mrr: i64,
    /// Whether everything that `mrr` needs is known.
    pub is_complete: bool,
    /// Whether no snapshot says it, and it is concluded from the first one.
    pub is_presumed: bool,
}

/// An item of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "see State")]
pub struct ChangedItem {
    pub item: String,
    #[serde(flatten)]
    pub state: Item,
}

/// The state of a subscription from a time on.
#[derive(Clone)]
struct Phase<'a> {
    since: i64,
    /// `None` if it is presumed.
    told_by: Option<&'a Entry>,
    state: State,
}

/// The changes of a subscription, oldest first. The catalog says what a coupon takes if entries only name it.
#[must_use]
pub fn changes(entries: &[Entry], catalog: &Catalog) -> Vec<Change> {
    let (coupons, tiers) = (coupons(entries, catalog), tiers(entries));
    let mut changes: Vec<Change> = Vec::new();
    for mut phase in phases(entries) {
        let before = changes.last();
        let mut brings = recurring(&phase.state, &coupons, &tiers);
        // If a snapshot leaves out the customer or the currency, it stays as it was.
        phase.state.customer = phase.state.customer.or_else(|| before?.stripe_customer_id.clone());
        brings.currency = brings.currency.or_else(|| before?.currency.clone());
        let words = what_changed(before, &phase.state, &brings);
        if words.is_empty() {
            continue;
        }
        let previous_mrr = before.map_or(0, |before| before.mrr);
        changes.push(change(phase, brings, words, previous_mrr, &coupons));
    }
    changes
}

/// Since when a subscription gives no access, in Unix seconds; `None` if its last change gives access. Of the changes
/// at the end that give no access, the first one counts. An incomplete subscription may still begin, when its first
/// invoice is paid, so it does not count.
#[must_use]
pub fn no_access_since(changes: &[Change]) -> Option<i64> {
    let without =
        changes.iter().rev().take_while(|change| never_grants(&change.status) && change.status != "incomplete");
    without.last().map(|change| change.changed_at)
}

fn change(phase: Phase, brings: Recurring, changed: Vec<String>, previous_mrr: i64, coupons: &Coupons) -> Change {
    let told = |discount: Discount| Discount {
        coupon: discount.coupon.or_else(|| coupons.get(&discount.id).cloned()),
        ..discount
    };
    let event = phase.told_by.filter(|entry| !entry.is_sync());
    Change {
        changed_at: phase.since,
        changed,
        stripe_event_id: event.map(|entry| entry.event_id.clone()),
        is_ending: phase.state.is_ending() && !phase.state.is_over(),
        stripe_customer_id: phase.state.customer,
        status: phase.state.status,
        currency: brings.currency,
        items: phase.state.items.into_iter().map(|(item, state)| ChangedItem { item, state }).collect(),
        discounts: phase.state.discounts.into_iter().map(told).collect(),
        mrr: brings.amount,
        previous_mrr,
        is_complete: brings.is_complete,
        is_presumed: phase.told_by.is_none(),
    }
}

/// What a state changes; empty if it differs in nothing that figures need.
fn what_changed(before: Option<&Change>, state: &State, brings: &Recurring) -> Vec<String> {
    let Some(before) = before else { return vec!["start".to_owned()] };
    let was: BTreeMap<Option<&str>, i64> = units(before.items.iter().map(|item| &item.state));
    let is: BTreeMap<Option<&str>, i64> = units(state.items.values());
    let prices = |units: &BTreeMap<Option<&str>, i64>| -> Vec<Option<String>> {
        units.keys().map(|price| price.map(ToOwned::to_owned)).collect()
    };
    let has_other_prices = prices(&was) != prices(&is);
    let discounts = |discounts: &[Discount]| -> Vec<String> { discounts.iter().map(|one| one.id.clone()).collect() };
    let of_items = |items: &mut dyn Iterator<Item = &Item>| -> BTreeSet<String> {
        items.flat_map(|item| discounts(&item.discounts)).collect()
    };
    let has_other_discounts = discounts(&before.discounts) != discounts(&state.discounts)
        || of_items(&mut before.items.iter().map(|item| &item.state)) != of_items(&mut state.items.values());
    let mut changed = Vec::new();
    for (is_changed, word) in [
        (before.status != state.status, "status"),
        (before.is_ending != state.is_ending() && !state.is_over(), "ending"),
        (has_other_prices, "price"),
        (!has_other_prices && was != is, "quantity"),
        (has_other_discounts, "discount"),
    ] {
        if is_changed {
            changed.push(word.to_owned());
        }
    }
    // A snapshot can say more about the same price than an earlier one.
    if changed.is_empty() && (before.mrr, before.is_complete) != (brings.amount, brings.is_complete) {
        changed.push("price".to_owned());
    }
    changed
}

/// How many units of each price there are.
fn units<'a>(items: impl Iterator<Item = &'a Item>) -> BTreeMap<Option<&'a str>, i64> {
    let mut units = BTreeMap::new();
    for item in items {
        let count: &mut i64 = units.entry(item.price.as_deref()).or_default();
        *count = count.saturating_add(item.quantity.unwrap_or(1));
    }
    units
}

/// The tiers of prices, as far as any entry embeds them. They never change, so it does not matter which entry does.
fn tiers(entries: &[Entry]) -> Tiers {
    let mut tiers = Tiers::new();
    let items = entries.iter().filter_map(|entry| entry.state.as_ref()).flat_map(|state| state.items.values());
    for item in items.filter(|item| !item.tiers.is_empty()) {
        let Some(price) = &item.price else { continue };
        let known = tiers.entry(price.clone()).or_insert_with(|| item.tiers.clone());
        if *known < item.tiers {
            known.clone_from(&item.tiers);
        }
    }
    tiers
}

/// The phases of a subscription, oldest first.
fn phases(entries: &[Entry]) -> Vec<Phase<'_>> {
    let told = || entries.iter().filter(|entry| entry.state.is_some());
    let end = told().filter(|entry| entry.deleted).map(Entry::since).min();
    let mut seconds: BTreeMap<i64, Vec<&Entry>> = BTreeMap::new();
    for entry in told().filter(|entry| end.is_none_or(|end| entry.since() <= end)) {
        seconds.entry(entry.since()).or_default().push(entry);
    }
    let mut phases: Vec<Phase> = Vec::new();
    for (since, said) in seconds {
        let is_beginning = said.iter().any(|entry| entry.rank == CREATED && !entry.is_sync());
        let Some((entry, state)) = newest(said).and_then(|entry| Some((entry, entry.state.clone()?))) else { continue };
        let state = match phases.last() {
            Some(before) => with_items_of(state, &before.state),
            None if is_beginning => state,
            None => {
                phases = presumed(&state, since);
                state
            }
        };
        phases.push(Phase { since, told_by: Some(entry), state });
    }
    phases
}

/// Adds the items that the snapshot leaves out because it embeds only some. It says nothing about the others.
fn with_items_of(mut state: State, before: &State) -> State {
    if state.has_more {
        for (id, item) in &before.items {
            state.items.entry(id.clone()).or_insert_with(|| item.clone());
        }
        state.has_more = before.has_more;
    }
    state
}

/// The phases before the first snapshot, which are presumed.
fn presumed(first: &State, since: i64) -> Vec<Phase<'static>> {
    let Some(created) = first.created.filter(|created| *created < since) else { return Vec::new() };
    let ended = first.status == "canceled" && first.ended_at.is_some_and(|ended| ended <= since);
    if !ended && !matches!(first.status.as_str(), "active" | "past_due" | "trialing") {
        return Vec::new();
    }
    let phase = |since: i64, status: &str, is_told: bool| Phase {
        since,
        told_by: None,
        state: State { status: status.to_owned(), cancel_at_period_end: is_told, cancel_at: None, ..first.clone() },
    };
    let trial_end = first.trial_end.filter(|end| *end > created);
    let is_in_trial = first.status == "trialing" || trial_end.is_some_and(|end| end >= since);
    let mut phases = Vec::new();
    if is_in_trial || trial_end.is_some() {
        phases.push(phase(created, "trialing", false));
    }
    let paid_since = trial_end.unwrap_or(created);
    if !is_in_trial {
        phases.push(phase(paid_since, "active", false));
    }
    let is_told = ended || first.is_ending();
    if let Some(told_at) = first.canceled_at.filter(|told_at| is_told && *told_at < since && *told_at >= created) {
        let status = if is_in_trial || told_at < paid_since { "trialing" } else { "active" };
        phases.retain(|phase| phase.since < told_at);
        phases.push(phase(told_at, status, true));
        if !is_in_trial && told_at < paid_since {
            phases.push(phase(paid_since, "active", true));
        }
    }
    phases
}

#[cfg(test)]
mod tests;
