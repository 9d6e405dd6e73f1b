//! Payment methods. Source: <https://docs.stripe.com/api/payment_methods/object>.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Unreadable, read, reference};

/// The row of a payment method, named as the columns of `payments.payment_methods`. Other objects say whether it is a
/// default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaymentMethod {
    /// `pm_…`; older ones are `card_…` or `src_…`.
    pub stripe_payment_method_id: String,
    /// `cus_…`; for a detached one, the customer that it belonged to.
    pub stripe_customer_id: Option<String>,
    /// `card`, `sepa_debit`, `us_bank_account`, …
    #[serde(rename = "type")]
    pub method_type: Option<String>,
    /// The brand of a card, or the name of a bank.
    pub brand: Option<String>,
    /// The last four digits of a card or of an account.
    pub last4: Option<String>,
    /// When a card expires: the month, from 1.
    pub exp_month: Option<i32>,
    /// When a card expires: the year.
    pub exp_year: Option<i32>,
    /// When it was detached, in Unix seconds. It cannot be attached again.
    pub detached_at: Option<i64>,
}

#[derive(Deserialize)]
struct RawMethod {
    id: String,
    #[serde(default, deserialize_with = "reference")]
    customer: Option<String>,
    #[serde(rename = "type")]
    method_type: Option<String>,
    #[serde(flatten)]
    details: Map<String, Value>,
}

impl PaymentMethod {
    /// Reads a payment method. `detached` is when an event said that it was detached, in Unix seconds. Its object then
    /// names no customer, but the event's `previous_attributes` do. The details under the type's name differ by type,
    /// so whatever is there is used.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str, detached: Option<i64>, previous: &Map<String, Value>) -> Result<Self, Unreadable> {
        let raw: RawMethod = read("payment method", text)?;
        let details = raw.method_type.as_ref().and_then(|method_type| raw.details.get(method_type));
        let word = |key: &str| details?.get(key)?.as_str().map(ToOwned::to_owned);
        let number = |key: &str| details?.get(key)?.as_i64().and_then(|number| i32::try_from(number).ok());
        Ok(Self {
            stripe_payment_method_id: raw.id,
            stripe_customer_id: raw.customer.or_else(|| owner_before(detached.is_some(), previous)),
            brand: word("brand").or_else(|| word("bank_name")).or_else(|| word("bank")),
            last4: word("last4"),
            exp_month: number("exp_month"),
            exp_year: number("exp_year"),
            method_type: raw.method_type,
            detached_at: detached,
        })
    }
}

/// The customer that a detached payment method belonged to, from the event's `previous_attributes`.
#[must_use]
pub fn owner_before(is_detached: bool, previous: &Map<String, Value>) -> Option<String> {
    let customer = previous.get("customer").filter(|_| is_detached)?;
    customer.as_str().or_else(|| customer.get("id")?.as_str()).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn method(more: &Value) -> PaymentMethod {
        let mut object = json!({"id": "pm_1", "object": "payment_method", "customer": "cus_1"});
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        PaymentMethod::read(&object.to_string(), None, &Map::new()).unwrap()
    }

    #[test]
    fn a_card_tells_its_brand_and_when_it_expires() {
        let card = json!({"brand": "visa", "last4": "4242", "exp_month": 8, "exp_year": 2031, "fingerprint": "x"});
        let read = method(&json!({"type": "card", "card": card}));
        assert_eq!((read.method_type.as_deref(), read.brand.as_deref()), (Some("card"), Some("visa")));
        assert_eq!((read.last4.as_deref(), read.exp_month, read.exp_year), (Some("4242"), Some(8), Some(2031)));
        assert_eq!((read.stripe_customer_id.as_deref(), read.detached_at), (Some("cus_1"), None));
    }

    #[test]
    fn other_types_tell_what_they_have() {
        for (object, brand, last4) in [
            (
                json!({"type": "us_bank_account", "us_bank_account": {"bank_name": "STRIPE TEST BANK", "last4": "6789"}}),
                Some("STRIPE TEST BANK"),
                Some("6789"),
            ),
            (
                json!({"type": "sepa_debit", "sepa_debit": {"bank_code": "37040044", "last4": "3000"}}),
                None,
                Some("3000"),
            ),
            (json!({"type": "ideal", "ideal": {"bank": "ing", "bic": "INGBNL2A"}}), Some("ing"), None),
            (json!({"type": "link", "link": {"email": "ada@example.com"}}), None, None),
            (json!({"type": "blik", "blik": {}}), None, None),
            (json!({"type": "card", "card": null}), None, None),
            (json!({"type": "new_one", "new_one": {"brand": {"name": "x"}, "last4": 7, "exp_month": "8"}}), None, None),
            (json!({}), None, None),
        ] {
            let read = method(&object);
            assert_eq!(
                (read.brand.as_deref(), read.last4.as_deref(), read.exp_month),
                (brand, last4, None),
                "{object}"
            );
        }
    }

    #[test]
    fn a_detached_one_was_whose_the_event_says() {
        let detached =
            r#"{"id":"pm_1","object":"payment_method","customer":null,"type":"card","card":{"last4":"4242"}}"#;
        let whose = |previous: Value, at: Option<i64>| {
            let previous = previous.as_object().unwrap();
            let read = PaymentMethod::read(detached, at, previous).unwrap();
            (read.stripe_customer_id, read.detached_at)
        };
        let customer = Some("cus_1".to_owned());
        assert_eq!(whose(json!({"customer": "cus_1"}), Some(7)), (customer.clone(), Some(7)));
        assert_eq!(whose(json!({"customer": {"id": "cus_1", "object": "customer"}}), Some(7)), (customer, Some(7)));
        assert_eq!(whose(json!({"customer": null}), Some(7)), (None, Some(7)));
        assert_eq!(whose(json!({}), Some(7)), (None, Some(7)));
        // In another event than a detachment, the previous customer is not the owner.
        assert_eq!(whose(json!({"customer": "cus_1"}), None), (None, None));
        assert!(PaymentMethod::read(r#"{"type":"card"}"#, None, &Map::new()).is_err());
    }
}
