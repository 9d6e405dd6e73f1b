//! Stripe's lists, in the order of the sync: an object is synced before the objects that refer to it.

use serde_json::{Value, json};

/// A list that `sync` copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// The name, for `--only`, in the output, and for the stored position.
    pub name: &'static str,
    /// The path of the list in Stripe's API.
    pub path: &'static str,
    /// The related list to fetch for each object.
    pub related: Related,
}

/// A related list to fetch for each object of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Related {
    /// No related list.
    Nothing,
    /// The line items of a completed checkout session, which Stripe leaves out of the session.
    LineItems,
    /// The lines of an invoice, if the invoice does not contain all of them.
    Lines,
    /// The payment methods of a customer. The customer itself is not synced again.
    PaymentMethods,
}

const fn plain(name: &'static str, path: &'static str) -> Resource {
    Resource { name, path, related: Related::Nothing }
}

/// All lists, in order.
pub const ALL: [Resource; 15] = [
    plain("products", "/v1/products"),
    plain("prices", "/v1/prices"),
    plain("customers", "/v1/customers"),
    plain("coupons", "/v1/coupons"),
    plain("subscriptions", "/v1/subscriptions"),
    Resource { name: "checkout_sessions", path: "/v1/checkout/sessions", related: Related::LineItems },
    plain("payment_intents", "/v1/payment_intents"),
    plain("charges", "/v1/charges"),
    Resource { name: "invoices", path: "/v1/invoices", related: Related::Lines },
    plain("invoice_payments", "/v1/invoice_payments"),
    plain("refunds", "/v1/refunds"),
    plain("disputes", "/v1/disputes"),
    plain("credit_notes", "/v1/credit_notes"),
    plain("early_fraud_warnings", "/v1/radar/early_fraud_warnings"),
    Resource { name: "payment_methods", path: "/v1/customers", related: Related::PaymentMethods },
];

impl Resource {
    /// The parameters of the list.
    #[must_use]
    pub fn params(&self) -> Value {
        match self.name {
            // By default, Stripe leaves out canceled subscriptions, and which coupon a discount is of. It expands at most four levels.
            "subscriptions" => {
                json!({ "status": "all", "expand": ["data.discounts", "data.items.data.discounts"] })
            }
            _ => json!({}),
        }
    }

    /// The path and the parameters of the related list of an object, or `None` if none is needed.
    #[must_use]
    pub fn related_list(&self, object: &Value) -> Option<(String, Value)> {
        let id = object["id"].as_str()?;
        match self.related {
            Related::LineItems if object["status"] == "complete" => {
                Some((format!("/v1/checkout/sessions/{id}/line_items"), json!({})))
            }
            Related::Lines if object["lines"]["has_more"] == true => {
                Some((format!("/v1/invoices/{id}/lines"), json!({})))
            }
            Related::PaymentMethods => Some(("/v1/payment_methods".to_owned(), json!({ "customer": id }))),
            Related::Nothing | Related::LineItems | Related::Lines => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ALL;

    fn related(name: &str, object: &serde_json::Value) -> Option<String> {
        ALL.iter().find(|resource| resource.name == name)?.related_list(object).map(|(path, _)| path)
    }

    #[test]
    fn related_lists_are_fetched_only_when_needed() {
        let session = |status: &str| json!({ "id": "cs_1", "status": status });
        let items = Some("/v1/checkout/sessions/cs_1/line_items".to_owned());
        assert_eq!(related("checkout_sessions", &session("complete")), items);
        assert_eq!(related("checkout_sessions", &session("open")), None);
        let invoice = |more: bool| json!({ "id": "in_1", "lines": { "has_more": more } });
        assert_eq!(related("invoices", &invoice(true)), Some("/v1/invoices/in_1/lines".to_owned()));
        assert_eq!(related("invoices", &invoice(false)), None);
        assert_eq!(related("payment_methods", &json!({ "id": "cus_1" })), Some("/v1/payment_methods".to_owned()));
        assert_eq!(related("products", &json!({ "id": "prod_1" })), None);
    }
}
