//! What a snapshot of a subscription says, as far as figures need it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::coupon::Discount;
use crate::stripe::object::Unreadable;
use crate::stripe::object::read;

/// A subscription at one moment. Times are Unix seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Stripe's status.
    pub status: String,
    /// `cus_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Lower-case ISO code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Whether it is scheduled to end with its period.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_at_period_end: bool,
    /// When it is scheduled to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_at: Option<i64>,
    /// When it was canceled; the end may be later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled_at: Option<i64>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
    /// Why it ended or is scheduled to end: `cancellation_requested`, `payment_failed`…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation_reason: Option<String>,
    /// When Stripe made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// When its trial ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial_end: Option<i64>,
    /// When its current period ends; since API version 2025-03-31, the latest end among its items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_end: Option<i64>,
    /// Its items, by their ids.
    pub items: BTreeMap<String, Item>,
    /// Whether it has more items than the snapshot embeds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_more: bool,
    /// Its discounts, in the order in which they apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<Discount>,
}

/// An item of a subscription, with what its own price object says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// `price_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// `prod_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// A metered item has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// The price of one unit, a decimal number of minor units; a tiered price has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_amount: Option<String>,
    /// Lower-case ISO code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// `day`, `week`, `month` or `year`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// How many intervals are between two invoices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_count: Option<i64>,
    /// Whether it is billed by usage.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub metered: bool,
    /// How many units are in a package, if the price is for a package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divide_by: Option<i64>,
    /// Whether a package that is not full is billed as a whole one; otherwise it is free.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub round_up: bool,
    /// `graduated` or `volume`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiers_mode: Option<String>,
    /// The tiers, if the snapshot embeds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
    /// Its own discounts, in the order in which they apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<Discount>,
}

/// One tier of a price.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tier {
    /// The last unit of the tier; the last tier has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<i64>,
    /// The price of one unit, a decimal number of minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_amount: Option<String>,
    /// The flat price of the tier, a decimal number of minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flat_amount: Option<String>,
}

impl State {
    /// Reads a subscription's JSON text. `deleted` is whether the event or the object says that it is deleted.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str, deleted: bool) -> Result<Self, Unreadable> {
        Ok(Self::of(&read("subscription", text)?, deleted))
    }

    fn of(object: &Value, deleted: bool) -> Self {
        let text = |key: &str| object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let time = |key: &str| object.get(key).and_then(Value::as_i64);
        let list = object.get("items");
        let data = || list.and_then(|list| list.get("data")).and_then(Value::as_array).into_iter().flatten();
        let ends = data().filter_map(|item| item.get("current_period_end").and_then(Value::as_i64));
        Self {
            status: text("status").unwrap_or(if deleted { "canceled" } else { "" }).to_owned(),
            customer: object.get("customer").and_then(id_of),
            currency: text("currency").map(ToOwned::to_owned),
            cancel_at_period_end: object.get("cancel_at_period_end").and_then(Value::as_bool) == Some(true),
            cancel_at: time("cancel_at"),
            canceled_at: time("canceled_at"),
            ended_at: time("ended_at"),
            cancellation_reason: object
                .pointer("/cancellation_details/reason")
                .and_then(Value::as_str)
                .map(ToOwned::to_owned),
            created: time("created"),
            trial_end: time("trial_end"),
            period_end: time("current_period_end").or(ends.max()),
            items: items(list),
            has_more: list.and_then(|list| list.get("data")).is_none_or(|data| !data.is_array())
                || list.and_then(|list| list.get("has_more")).and_then(Value::as_bool) == Some(true),
            discounts: Discount::read_all(object),
        }
    }

    /// Those of an event's `previous_attributes` that a state has too, in the form that it has.
    #[must_use]
    pub fn previous(attributes: &Map<String, Value>) -> Map<String, Value> {
        const KEYS: [&str; 7] =
            ["status", "cancel_at_period_end", "cancel_at", "canceled_at", "trial_end", "items", "discounts"];
        let object = Value::Object(attributes.clone());
        let was = serde_json::to_value(Self::of(&object, false)).unwrap_or_default();
        let said = |key: &str| match key {
            "discounts" => attributes.contains_key("discounts") || attributes.contains_key("discount"),
            "items" => object.pointer("/items/data").is_some_and(Value::is_array),
            _ => attributes.contains_key(key),
        };
        KEYS.into_iter()
            .filter(|key| said(key))
            .map(|key| (key.to_owned(), was.get(key).cloned().unwrap_or(Value::Null)))
            .collect()
    }

    /// Whether the subscription has ended, or never began (`incomplete_expired`).
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "canceled" | "incomplete_expired")
    }

    /// Whether it is scheduled to end with its current period, or before.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        let ends_with_period = |end| self.period_end.is_none_or(|period| end <= period);
        self.cancel_at_period_end || self.cancel_at.is_some_and(ends_with_period)
    }
}

fn id_of(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value.get("id")?.as_str()).map(ToOwned::to_owned)
}

fn items(list: Option<&Value>) -> BTreeMap<String, Item> {
    let data = list.and_then(|list| list.get("data")).and_then(Value::as_array);
    data.into_iter().flatten().filter_map(|item| Some((id_of(item)?, Item::of(item)))).collect()
}

/// An amount as a decimal number: the string `<key>_decimal`, or the whole number `<key>`.
fn decimal(object: &Value, key: &str) -> Option<String> {
    let exact = object.get(format!("{key}_decimal")).and_then(Value::as_str);
    exact.map(ToOwned::to_owned).or_else(|| object.get(key)?.as_i64().map(|amount| amount.to_string()))
}

impl Item {
    fn of(item: &Value) -> Self {
        let price = item.get("price").filter(|price| !price.is_null());
        // A plan is the older shape of a price. It has the attributes of `recurring` itself, and some under other
        // names.
        let priced = price.or_else(|| item.get("plan")).unwrap_or(&Value::Null);
        let recurring = priced.get("recurring").filter(|recurring| recurring.is_object()).unwrap_or(priced);
        let text = |object: &Value, key: &str| object.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
        let transform = priced.get("transform_quantity").or_else(|| priced.get("transform_usage"));
        let transform = transform.unwrap_or(&Value::Null);
        let tiers = priced.get("tiers").and_then(Value::as_array);
        Self {
            price: id_of(priced),
            product: priced.get("product").and_then(id_of),
            quantity: item.get("quantity").and_then(Value::as_i64),
            unit_amount: decimal(priced, "unit_amount").or_else(|| decimal(priced, "amount")),
            currency: text(priced, "currency"),
            interval: text(recurring, "interval"),
            interval_count: recurring.get("interval_count").and_then(Value::as_i64),
            metered: recurring.get("usage_type").and_then(Value::as_str) == Some("metered"),
            divide_by: transform.get("divide_by").and_then(Value::as_i64),
            round_up: transform.get("round").and_then(Value::as_str) == Some("up"),
            tiers_mode: text(priced, "tiers_mode"),
            tiers: tiers.into_iter().flatten().map(Tier::of).collect(),
            discounts: Discount::read_all(item),
        }
    }
}

impl Tier {
    fn of(tier: &Value) -> Self {
        Self {
            up_to: tier.get("up_to").and_then(Value::as_i64),
            unit_amount: decimal(tier, "unit_amount"),
            flat_amount: decimal(tier, "flat_amount"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value, reason = "helpers that take what they are given")]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(object: &Value) -> State {
        State::of(object, false)
    }

    #[test]
    fn a_price_and_a_plan_say_the_same() {
        let price = json!({"id": "price_1", "product": "prod_1", "currency": "usd", "unit_amount": 1500, "unit_amount_decimal": "1500",
            "recurring": {"interval": "month", "interval_count": 3, "usage_type": "licensed"}});
        let plan = json!({"id": "price_1", "product": {"id": "prod_1"}, "currency": "usd", "amount": 1500, "interval": "month",
            "interval_count": 3, "usage_type": "licensed"});
        let item = |key: &str, value: &Value| Item::of(&json!({"id": "si_1", "quantity": 2, key: value}));
        assert_eq!(item("price", &price), item("plan", &plan));
        let read = item("price", &price);
        assert_eq!((read.price.as_deref(), read.product.as_deref()), (Some("price_1"), Some("prod_1")));
        assert_eq!((read.quantity, read.unit_amount.as_deref()), (Some(2), Some("1500")));
        assert_eq!((read.interval.as_deref(), read.interval_count, read.metered), (Some("month"), Some(3), false));
        let metered = Item::of(&json!({"id": "si_1", "price": {"id": "p", "recurring": {"usage_type": "metered"}}}));
        assert!(metered.metered);
    }

    #[test]
    fn the_exact_amount_counts_and_packages_and_tiers_are_read() {
        let read = Item::of(
            &json!({"price": {"id": "p", "unit_amount": 1, "unit_amount_decimal": "0.5", "tiers_mode": "volume",
            "transform_quantity": {"divide_by": 10, "round": "up"},
            "tiers": [{"up_to": 5, "unit_amount": 100, "flat_amount": null}, {"up_to": null, "flat_amount_decimal": "7"}]}}),
        );
        assert_eq!(read.unit_amount.as_deref(), Some("0.5"));
        assert_eq!((read.divide_by, read.round_up, read.tiers_mode.as_deref()), (Some(10), true, Some("volume")));
        let tier = |up_to, unit: Option<&str>, flat: Option<&str>| Tier {
            up_to,
            unit_amount: unit.map(Into::into),
            flat_amount: flat.map(Into::into),
        };
        assert_eq!(read.tiers, [tier(Some(5), Some("100"), None), tier(None, None, Some("7"))]);
    }

    #[test]
    fn a_subscription_ends_with_its_period_if_it_was_told_so() {
        let ends = |more: Value| {
            let mut object = json!({"id": "sub_1", "items": {"data": [{"id": "si_1", "current_period_end": 100}]}});
            object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            of(&object).is_ending()
        };
        assert!(!ends(json!({})));
        assert!(ends(json!({"cancel_at_period_end": true})));
        assert!(ends(json!({"cancel_at": 100})));
        assert!(!ends(json!({"cancel_at": 101})));
        assert!(ends(json!({"cancel_at": 101, "current_period_end": 200})));
    }

    #[test]
    fn what_is_not_embedded_may_be_more() {
        assert!(of(&json!({"id": "sub_1"})).has_more);
        assert!(of(&json!({"items": {"data": [], "has_more": true}})).has_more);
        assert!(!of(&json!({"items": {"data": []}})).has_more);
        assert_eq!(State::of(&json!({}), true).status, "canceled");
        assert!(State::of(&json!({}), true).is_over() && !of(&json!({"status": "unpaid"})).is_over());
        assert!(State::read("{", false).is_err());
    }

    #[test]
    fn only_attributes_of_a_state_are_compared() {
        let attributes = json!({"metadata": {}, "status": "trialing", "cancel_at": null, "latest_invoice": "in_1",
            "items": {"data": [{"id": "si_1", "quantity": 1}]}});
        let previous = State::previous(attributes.as_object().unwrap());
        assert_eq!(
            Value::Object(previous),
            json!({"status": "trialing", "cancel_at": null, "items": {"si_1": {"quantity": 1}}})
        );
        let part = State::previous(json!({"items": {"url": "x"}, "discount": null}).as_object().unwrap());
        assert_eq!(Value::Object(part), json!({"discounts": null}));
    }
}
