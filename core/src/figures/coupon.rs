//! What a discount takes. Sources: <https://docs.stripe.com/api/discounts/object>,
//! <https://docs.stripe.com/api/coupons/object>.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a coupon takes. This never changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Coupon {
    /// `forever`, `once` or `repeating`.
    #[serde(default)]
    pub duration: String,
    /// The percentage, a decimal number up to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent_off: Option<String>,
    /// The amount that is taken off each invoice, in minor units of `currency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_off: Option<i64>,
    /// Lower-case ISO code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

/// A discount of a subscription or of one of its items.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discount {
    /// `di_…`.
    pub id: String,
    /// What it takes; `None` if the snapshot has only the id of the discount, or of its coupon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<Coupon>,
    /// The id of its coupon, if the snapshot names the coupon but does not embed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon_id: Option<String>,
}

/// What discounts take, by the ids of the discounts.
pub type Coupons = BTreeMap<String, Coupon>;

/// What coupons take, by the ids of the coupons, as Stripe's coupon objects say.
pub type Catalog = BTreeMap<String, Coupon>;

impl Coupon {
    /// Reads a coupon that is embedded as a whole; `None` for anything else.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
        Some(Self {
            duration: text("duration")?,
            percent_off: value.get("percent_off").filter(|percent| percent.is_number()).map(ToString::to_string),
            amount_off: value.get("amount_off").and_then(Value::as_i64),
            currency: text("currency"),
        })
    }
}

impl Discount {
    /// Reads a discount: its id, or the whole object; `None` for anything else. Since API version 2025-09-30 its coupon
    /// is in `source`, where events only name it.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        if let Some(id) = value.as_str() {
            return Some(Self { id: id.to_owned(), ..Self::default() });
        }
        let known = |coupon: &&Value| !coupon.is_null();
        let coupon = value.get("coupon").filter(known).or_else(|| value.get("source")?.get("coupon").filter(known));
        let coupon_id = coupon.and_then(|coupon| coupon.as_str().or_else(|| coupon.get("id")?.as_str()));
        // Before API version 2020-08-27 a discount had no id of its own.
        let id = value.get("id").and_then(Value::as_str).or(coupon_id)?;
        let coupon = coupon.and_then(Coupon::read);
        let coupon_id = coupon_id.filter(|_| coupon.is_none()).map(ToOwned::to_owned);
        Some(Self { id: id.to_owned(), coupon, coupon_id })
    }

    /// What it takes: as its snapshot says, or as the catalog says; `None` if neither does.
    #[must_use]
    pub fn takes<'a>(&'a self, catalog: &'a Catalog) -> Option<&'a Coupon> {
        self.coupon.as_ref().or_else(|| catalog.get(self.coupon_id.as_ref()?))
    }

    /// Reads the discounts of a subscription or an item: `discounts`, or the only one (`discount`) in older API
    /// versions.
    pub(crate) fn read_all(object: &Value) -> Vec<Self> {
        let listed: Vec<Self> =
            object.get("discounts").and_then(Value::as_array).into_iter().flatten().filter_map(Self::read).collect();
        let only = object.get("discount").filter(|discount| discount.is_object()).and_then(Self::read);
        let Some(only) = only else { return listed };
        if listed.is_empty() {
            return vec![only];
        }
        // Some API versions have both. Then the list has the ids, and the object says what the discount takes.
        listed.into_iter().map(|one| if one.id == only.id { only.clone() } else { one }).collect()
    }
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value, reason = "helpers that take what they are given")]
mod tests {
    use serde_json::json;

    use super::*;

    fn percent(percent_off: &str) -> Coupon {
        Coupon { duration: "forever".into(), percent_off: Some(percent_off.into()), ..Coupon::default() }
    }

    #[test]
    fn every_shape_of_a_discount_is_read() {
        let coupon =
            json!({"id": "HALF", "object": "coupon", "duration": "forever", "percent_off": 33.33, "amount_off": null});
        let known = Discount { id: "di_1".into(), coupon: Some(percent("33.33")), coupon_id: None };
        assert_eq!(Discount::read(&json!({"id": "di_1", "coupon": coupon})), Some(known.clone()));
        assert_eq!(Discount::read(&json!({"id": "di_1", "source": {"type": "coupon", "coupon": coupon}})), Some(known));
        let named = Discount { id: "di_1".into(), ..Discount::default() };
        assert_eq!(Discount::read(&json!("di_1")), Some(named.clone()));
        let of_coupon = Some(Discount { coupon_id: Some("HALF".into()), ..named });
        for names_its_coupon in [
            json!({"id": "di_1", "source": {"coupon": "HALF"}}),
            json!({"id": "di_1", "coupon": null, "source": {"type": "coupon", "coupon": "HALF"}}),
            json!({"id": "di_1", "coupon": {"id": "HALF", "deleted": true}}),
        ] {
            assert_eq!(Discount::read(&names_its_coupon), of_coupon);
        }
        assert_eq!(Discount::read(&json!({"coupon": coupon})).unwrap().id, "HALF");
        assert_eq!(Discount::read(&json!(7)), None);
    }

    #[test]
    fn what_is_embedded_counts_before_what_the_catalog_says() {
        let catalog = Catalog::from([("HALF".to_owned(), percent("50"))]);
        let told = Discount { id: "di_1".into(), coupon: Some(percent("20")), coupon_id: Some("HALF".into()) };
        let named = Discount { coupon: None, ..told.clone() };
        let unknown = Discount { coupon_id: Some("OTHER".into()), ..named.clone() };
        assert_eq!(told.takes(&catalog), Some(&percent("20")));
        assert_eq!(named.takes(&catalog), Some(&percent("50")));
        assert_eq!(unknown.takes(&catalog), None);
        assert_eq!(Discount { coupon_id: None, ..named }.takes(&catalog), None);
    }

    #[test]
    fn a_list_names_them_and_the_only_one_tells_what_it_takes() {
        let ids = |object: Value| -> Vec<(String, bool)> {
            Discount::read_all(&object).into_iter().map(|one| (one.id, one.coupon.is_some())).collect()
        };
        let only = json!({"id": "di_1", "coupon": {"id": "HALF", "duration": "forever", "percent_off": 50}});
        assert_eq!(ids(json!({"discount": only})), [("di_1".into(), true)]);
        assert_eq!(
            ids(json!({"discount": only, "discounts": ["di_1", "di_2"]})),
            [("di_1".into(), true), ("di_2".into(), false)]
        );
        assert_eq!(ids(json!({"discount": null, "discounts": ["di_2"]})), [("di_2".into(), false)]);
        assert!(ids(json!({"discounts": null})).is_empty());
    }

    #[test]
    fn a_coupon_takes_a_part_or_an_amount() {
        let read = |value| Coupon::read(&value);
        let amount = Coupon {
            duration: "once".into(),
            amount_off: Some(500),
            currency: Some("eur".into()),
            ..Coupon::default()
        };
        assert_eq!(
            read(json!({"duration": "once", "amount_off": 500, "currency": "eur", "percent_off": null})),
            Some(amount)
        );
        assert_eq!(read(json!({"duration": "forever", "percent_off": 25})), Some(percent("25")));
        assert_eq!(read(json!({"id": "X", "deleted": true})), None);
    }
}
