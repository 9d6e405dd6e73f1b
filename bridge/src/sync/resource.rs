//! What Stripe has lists of, in the order in which they are synced: what others refer to comes first.

use serde_json::{Value, json};

/// A list of Stripe's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// Under which its position is stored.
    pub name: &'static str,
    /// Where the list is.
    pub path: &'static str,
    /// What else is fetched of each of its objects.
    pub further: Further,
}

/// What else is fetched of each object of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Further {
    /// Nothing.
    Nothing,
    /// The line items of a checkout session, which no list holds whole.
    LineItems,
    /// The lines of an invoice that did not fit into it.
    Lines,
    /// The payment methods of a customer, instead of the customer.
    PaymentMethods,
}

const fn plain(name: &'static str, path: &'static str) -> Resource {
    Resource { name, path, further: Further::Nothing }
}

/// All lists, in order.
pub const ALL: [Resource; 14] = [
    plain("products", "/v1/products"),
    plain("prices", "/v1/prices"),
    plain("customers", "/v1/customers"),
    plain("subscriptions", "/v1/subscriptions"),
    Resource { name: "checkout_sessions", path: "/v1/checkout/sessions", further: Further::LineItems },
    plain("payment_intents", "/v1/payment_intents"),
    plain("charges", "/v1/charges"),
    Resource { name: "invoices", path: "/v1/invoices", further: Further::Lines },
    plain("invoice_payments", "/v1/invoice_payments"),
    plain("refunds", "/v1/refunds"),
    plain("disputes", "/v1/disputes"),
    plain("credit_notes", "/v1/credit_notes"),
    plain("early_fraud_warnings", "/v1/radar/early_fraud_warnings"),
    Resource { name: "payment_methods", path: "/v1/customers", further: Further::PaymentMethods },
];

impl Resource {
    /// The parameters of its list.
    #[must_use]
    pub fn params(&self) -> Value {
        match self.name {
            // Without it, Stripe leaves out those that ended.
            "subscriptions" => json!({ "status": "all" }),
            _ => json!({}),
        }
    }

    /// The list that must be fetched beside an object, with its parameters.
    #[must_use]
    pub fn further_list(&self, object: &Value) -> Option<(String, Value)> {
        let id = object["id"].as_str()?;
        match self.further {
            Further::LineItems if object["status"] == "complete" => {
                Some((format!("/v1/checkout/sessions/{id}/line_items"), json!({})))
            }
            Further::Lines if object["lines"]["has_more"] == true => {
                Some((format!("/v1/invoices/{id}/lines"), json!({})))
            }
            Further::PaymentMethods => Some(("/v1/payment_methods".to_owned(), json!({ "customer": id }))),
            Further::Nothing | Further::LineItems | Further::Lines => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ALL;

    fn further(name: &str, object: &serde_json::Value) -> Option<String> {
        ALL.iter().find(|resource| resource.name == name)?.further_list(object).map(|(path, _)| path)
    }

    #[test]
    fn only_what_is_not_whole_is_fetched_again() {
        let session = |status: &str| json!({ "id": "cs_1", "status": status });
        let items = Some("/v1/checkout/sessions/cs_1/line_items".to_owned());
        assert_eq!(further("checkout_sessions", &session("complete")), items);
        assert_eq!(further("checkout_sessions", &session("open")), None);
        let invoice = |more: bool| json!({ "id": "in_1", "lines": { "has_more": more } });
        assert_eq!(further("invoices", &invoice(true)), Some("/v1/invoices/in_1/lines".to_owned()));
        assert_eq!(further("invoices", &invoice(false)), None);
        assert_eq!(further("payment_methods", &json!({ "id": "cus_1" })), Some("/v1/payment_methods".to_owned()));
        assert_eq!(further("products", &json!({ "id": "prod_1" })), None);
    }
}
