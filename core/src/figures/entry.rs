//! Entries of `payments.subscription_history`: what one event or one backfill said about a subscription.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::coupon::{Catalog, Coupon, Coupons, Discount};
use super::state::State;
use crate::snapshot::{SYNC, Snapshot};
use crate::stripe::object::{Unreadable, read};

/// One entry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The id of the event; [`sync_key`] for a backfill.
    pub event_id: String,
    /// Unix seconds: the event's `created`, or when the backfill's objects were fetched.
    pub created: i64,
    /// See [`crate::stripe::event_type::rank`].
    #[serde(default)]
    pub rank: i16,
    /// Whether the event type or the object says that the subscription is deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Those of the event's `previous_attributes` that a state has too.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub previous: Map<String, Value>,
    /// The state of the subscription; `None` if the event carries no snapshot of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Whether the event announced the end of the trial.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub announces_trial_end: bool,
    /// The renewal that the event announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<Renewal>,
    /// The discount that the event carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Discount>,
}

/// An announced renewal: the invoice that Stripe will make for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    /// When the current period ends, in Unix seconds.
    pub at: i64,
    /// `cus_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The amount that will be due, in minor units of `currency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_due: Option<i64>,
    /// Lower-case ISO code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// When Stripe will try to collect it, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<i64>,
}

impl Entry {
    /// Whether it comes from a backfill.
    #[must_use]
    pub fn is_sync(&self) -> bool {
        self.event_id.starts_with(SYNC)
    }

    /// All discounts in it.
    fn discounts(&self) -> impl Iterator<Item = &Discount> {
        let of_state = self
            .state
            .iter()
            .flat_map(|state| state.discounts.iter().chain(state.items.values().flat_map(|item| &item.discounts)));
        self.discount.iter().chain(of_state)
    }

    /// The ids of the coupons that it names without saying what they take.
    #[must_use]
    pub fn coupon_ids(&self) -> BTreeSet<String> {
        self.discounts().filter_map(|discount| discount.coupon_id.clone()).collect()
    }

    /// Whether it embeds what most snapshots only name: what a discount takes, or the id of its coupon, or a price's
    /// tiers.
    #[must_use]
    pub fn tells_more(&self) -> bool {
        let has_tiers = |state: &State| state.items.values().any(|item| !item.tiers.is_empty());
        self.discounts().any(|discount| discount.coupon.is_some() || discount.coupon_id.is_some())
            || self.state.as_ref().is_some_and(has_tiers)
    }

    /// Since when its state holds, in Unix seconds. If the subscription is over and the snapshot has an end that is not
    /// after `created`, since that end; otherwise since `created`.
    #[must_use]
    pub fn since(&self) -> i64 {
        let ended = self.state.as_ref().filter(|state| state.is_over()).and_then(|state| state.ended_at);
        ended.filter(|ended| *ended <= self.created).unwrap_or(self.created)
    }
}

impl Snapshot for Entry {
    fn is_final(&self) -> bool {
        self.deleted
    }
    fn created(&self) -> i64 {
        self.created
    }
    fn rank(&self) -> i16 {
        self.rank
    }
    fn event_id(&self) -> &str {
        &self.event_id
    }
    fn previous(&self) -> &Map<String, Value> {
        &self.previous
    }
    fn value(&self) -> Value {
        serde_json::to_value(&self.state).unwrap_or(Value::Null)
    }
}

/// The `event_id` of a backfill's entry. It is the same for a whole day in UTC, so the last backfill of a day counts.
/// An entry that [tells more](Entry::tells_more) has another key, so that a later one of the day does not replace what
/// only it knows.
#[must_use]
pub fn sync_key(created: i64, tells_more: bool) -> String {
    format!("{SYNC}:{}{}", created.div_euclid(86_400), if tells_more { ":more" } else { "" })
}

/// What discounts take, as far as any entry or the catalog says. This never changes, so it does not matter which entry
/// says it.
#[must_use]
pub fn coupons(entries: &[Entry], catalog: &Catalog) -> Coupons {
    let mut coupons = Coupons::new();
    for discount in entries.iter().flat_map(Entry::discounts) {
        let Some(coupon) = discount.takes(catalog) else { continue };
        let known = coupons.entry(discount.id.clone()).or_insert_with(|| coupon.clone());
        if *known < *coupon {
            *known = Coupon::clone(coupon);
        }
    }
    coupons
}

impl Renewal {
    /// Reads the object of `invoice.upcoming`: the id of its subscription, and the renewal. `None` if it names no
    /// subscription or no end of the period.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str) -> Result<Option<(String, Self)>, Unreadable> {
        let object: Value = read("upcoming invoice", text)?;
        let id = |value: &Value| value.as_str().or_else(|| value.get("id")?.as_str()).map(ToOwned::to_owned);
        let nested = object.pointer("/parent/subscription_details/subscription");
        let subscription = object.get("subscription").filter(|value| !value.is_null()).or(nested).and_then(id);
        let number = |key: &str| object.get(key).and_then(Value::as_i64);
        let Some((subscription, at)) = subscription.zip(number("period_end")) else { return Ok(None) };
        let renewal = Self {
            at,
            customer: object.get("customer").and_then(id),
            amount_due: number("amount_due"),
            currency: object.get("currency").and_then(Value::as_str).map(ToOwned::to_owned),
            next_attempt_at: number("next_payment_attempt"),
        };
        Ok(Some((subscription, renewal)))
    }
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value, reason = "helpers that take what they are given")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_upcoming_invoice_announces_a_renewal() {
        let read = |object: Value| Renewal::read(&object.to_string()).unwrap();
        let old = json!({"object": "invoice", "subscription": "sub_1", "customer": {"id": "cus_1"}, "period_end": 100, "amount_due": 7,
            "currency": "usd", "next_payment_attempt": 3700});
        let renewal = Renewal {
            at: 100,
            customer: Some("cus_1".into()),
            amount_due: Some(7),
            currency: Some("usd".into()),
            next_attempt_at: Some(3700),
        };
        assert_eq!(read(old), Some(("sub_1".into(), renewal)));
        let new = json!({"subscription": null, "parent": {"subscription_details": {"subscription": "sub_2"}}, "period_end": 5});
        assert_eq!(read(new).map(|(id, renewal)| (id, renewal.at)), Some(("sub_2".into(), 5)));
        assert_eq!(read(json!({"period_end": 5})), None);
        assert_eq!(read(json!({"subscription": "sub_1"})), None);
        assert!(Renewal::read("[").is_err());
    }

    #[test]
    fn a_look_counts_for_its_day() {
        let keys = [(0, false), (86_399, false), (86_400, false), (86_400, true)].map(|(at, more)| sync_key(at, more));
        assert_eq!(keys, ["sync:0", "sync:0", "sync:1", "sync:1:more"]);
        let look = Entry { event_id: sync_key(5, true), ..Entry::default() };
        assert!(look.is_sync() && !Entry { event_id: "evt_1".into(), ..Entry::default() }.is_sync());
    }

    #[test]
    fn what_is_over_is_so_since_its_end() {
        let entry = |status: &str, ended_at| {
            let state = State { status: status.into(), ended_at, ..State::default() };
            Entry { created: 100, state: Some(state), ..Entry::default() }.since()
        };
        assert_eq!(entry("canceled", Some(60)), 60);
        assert_eq!(entry("canceled", Some(101)), 100);
        assert_eq!(entry("canceled", None), 100);
        assert_eq!(entry("active", Some(60)), 100);
    }

    #[test]
    fn any_entry_may_tell_what_a_discount_takes() {
        let coupon = |percent: &str| Coupon { percent_off: Some(percent.into()), ..Coupon::default() };
        let told = |id: &str, percent: Option<&str>| Discount {
            id: id.into(),
            coupon: percent.map(coupon),
            ..Discount::default()
        };
        let state = State { discounts: vec![told("di_1", None), told("di_2", Some("20"))], ..State::default() };
        let item = super::super::state::Item { discounts: vec![told("di_3", Some("30"))], ..Default::default() };
        let with_item = State { items: [("si_1".into(), item)].into(), ..State::default() };
        let entries = [
            Entry { state: Some(state), ..Entry::default() },
            Entry { state: Some(with_item), ..Entry::default() },
            Entry { discount: Some(told("di_1", Some("10"))), ..Entry::default() },
        ];
        let known: Vec<(String, Coupon)> = coupons(&entries, &Catalog::new()).into_iter().collect();
        assert_eq!(
            known,
            [("di_1".into(), coupon("10")), ("di_2".into(), coupon("20")), ("di_3".into(), coupon("30"))]
        );
        let contradicting =
            [&entries[1..2], &[Entry { discount: Some(told("di_3", Some("9"))), ..Entry::default() }]].concat();
        let backwards: Vec<Entry> = contradicting.iter().rev().cloned().collect();
        let told_by = |entries: &[Entry]| coupons(entries, &Catalog::new());
        assert_eq!(told_by(&contradicting), told_by(&backwards));
        assert_eq!(told_by(&contradicting)["di_3"], coupon("9"));
        // If a coupon is only named, the catalog says what it takes.
        let named = Discount { coupon_id: Some("TEN".into()), ..told("di_1", None) };
        let naming = Entry { discount: Some(named), ..Entry::default() };
        let catalog = Catalog::from([("TEN".to_owned(), coupon("10"))]);
        assert_eq!(coupons(std::slice::from_ref(&naming), &catalog)["di_1"], coupon("10"));
        assert!(told_by(std::slice::from_ref(&naming)).is_empty());
        assert_eq!(naming.coupon_ids().into_iter().collect::<Vec<_>>(), ["TEN"]);
        assert!(entries.iter().all(|entry| entry.coupon_ids().is_empty()));
    }

    #[test]
    fn what_tells_more_than_most_is_seen() {
        let tells_more = |object: Value| {
            let state = State::read(&object.to_string(), false).unwrap();
            Entry { state: Some(state), ..Entry::default() }.tells_more()
        };
        let with_items = |item: Value| json!({"id": "sub_1", "items": {"data": [item]}});
        assert!(!tells_more(json!({"id": "sub_1", "discounts": ["di_1"]})));
        assert!(tells_more(json!({"id": "sub_1", "discounts": [{"id": "di_1", "source": {"coupon": "HALF"}}]})));
        assert!(tells_more(json!({"id": "sub_1", "discounts": [{"id": "di_1", "coupon": {"duration": "once"}}]})));
        assert!(!tells_more(with_items(json!({"id": "si_1", "price": {"id": "price_1"}, "discounts": ["di_1"]}))));
        assert!(tells_more(with_items(
            json!({"id": "si_1", "discounts": [{"id": "di_1", "source": {"coupon": "HALF"}}]})
        )));
        assert!(tells_more(with_items(json!({"id": "si_1", "price": {"id": "price_1", "tiers": [{"up_to": null}]}}))));
        assert!(!Entry::default().tells_more());
    }
}
