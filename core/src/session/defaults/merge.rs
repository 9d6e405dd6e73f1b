//! The parameters of a request to Stripe: the environment's defaults, then those of the prices, then what the row implies. What the
//! mode, the customer or the way of showing the page forbids is left out, since Stripe would refuse the whole request for it.
//!
//! Source: <https://docs.stripe.com/api/checkout/sessions/create>.

use serde::Deserialize;
use serde_json::{Value, json};

use super::params::{Params, at, json_object, overlay, put, remove};
use super::said::{PriceDefaults, said, trial_days};

/// From this version on `ui_mode` has other words.
/// <https://docs.stripe.com/changelog/dahlia/2026-03-25/updates-available-checkout-session-ui-modes>
const UI_MODES_RENAMED: &str = "2026-03-25";
/// From this version on `payment_method_types` is `allowed_payment_method_types`.
/// <https://docs.stripe.com/changelog/endive/2026-09-30/remove-payment-method-types-checkout-sessions>
const PAYMENT_METHOD_TYPES_RENAMED: &str = "2026-09-30";
/// Stripe takes an expiry of 30 minutes to 24 hours from when it makes the session, which is later than now, by a clock that may differ
/// from ours.
const EXPIRES_IN: (i64, i64) = (31 * 60, 24 * 60 * 60 - 60);

const ONLY_IN_SUBSCRIPTIONS: [&str; 2] = ["payment_method_collection", "subscription_data"];
const ONLY_IN_PAYMENTS: [&str; 5] =
    ["customer_creation", "invoice_creation", "payment_intent_data", "shipping_options", "submit_type"];
const NOT_IN_ELEMENTS: [&str; 4] = ["after_expiration", "custom_fields", "custom_text", "submit_type"];

/// All that the parameters of a checkout are made of.
#[derive(Debug, Clone, Deserialize)]
pub struct CheckoutRequest {
    /// Stripe's version, in whose words they are written.
    pub version: String,
    /// The environment's defaults. An `expires_after` is in seconds, here and in those of the prices.
    pub defaults: Params,
    /// The line items, each with the defaults of its price.
    pub prices: Vec<PriceDefaults>,
    /// What the row implies, as Stripe names it; its metadata are copied to what the checkout makes.
    pub row: Params,
    /// The subject's customer.
    pub customer: Option<String>,
    /// The caller's own word, for who has no customer.
    pub customer_email: Option<String>,
    /// Whether somebody is billed, who gets a customer by it.
    pub has_subject: bool,
    /// The currency to pay in, where it is known.
    pub currency: Option<String>,
    /// Whether the subject may have a trial.
    pub may_have_trial: bool,
    /// Seconds since 1970.
    pub now: i64,
}

/// The parameters of the request.
#[must_use]
pub fn merge(request: &CheckoutRequest) -> Value {
    let mut params = said(&request.defaults, &request.prices);
    let is_subscription = request.row.get("mode").and_then(Value::as_str) == Some("subscription");
    remove(&mut params, if is_subscription { &ONLY_IN_PAYMENTS } else { &ONLY_IN_SUBSCRIPTIONS });
    leave_out_what_is_off(&mut params);
    if is_subscription {
        set_subscription(&mut params, request);
    }
    name_payment_methods(&mut params, &request.version);
    if let Some(seconds) = params.remove("expires_after").as_ref().and_then(Value::as_i64) {
        params.insert("expires_at".to_owned(), (request.now + seconds.clamp(EXPIRES_IN.0, EXPIRES_IN.1)).into());
    }
    set_customer(&mut params, request, is_subscription);
    if let Some(currency) = &request.currency {
        params.insert("currency".to_owned(), currency.as_str().into());
    }
    let ui_mode = params.remove("ui_mode");
    params.extend(request.row.clone());
    let made = if is_subscription { "subscription_data" } else { "payment_intent_data" };
    let metadata = request.row.get("metadata").cloned().unwrap_or_default();
    overlay(&mut params, json_object(json!({made: {"metadata": metadata}})));
    set_ui_mode(&mut params, ui_mode.as_ref().and_then(Value::as_str), &request.version);
    Value::Object(params)
}

/// How something is done goes with what is done: what says how is left out where that is off.
fn leave_out_what_is_off(params: &mut Params) {
    for (name, how) in [("invoice_creation", "invoice_data"), ("tax_id_collection", "required")] {
        if let Some(Value::Object(given)) = params.get_mut(name)
            && given.get("enabled") == Some(&false.into())
        {
            given.remove(how);
        }
    }
    if !params.contains_key("shipping_address_collection") {
        put(params, &["custom_text", "shipping_address"], None);
    }
    if at(params, &["consent_collection", "terms_of_service"]) != Some(&"required".into()) {
        put(params, &["custom_text", "terms_of_service_acceptance"], None);
    }
    if params.get("custom_text") == Some(&json!({})) {
        params.remove("custom_text");
    }
}

/// What the subscription is like.
fn set_subscription(params: &mut Params, request: &CheckoutRequest) {
    let shortest = trial_days(&request.defaults, &request.prices).filter(|_| request.may_have_trial);
    let Some(Value::Object(data)) = params.get_mut("subscription_data") else { return };
    match shortest {
        Some(days) => {
            data.insert("trial_period_days".to_owned(), days.into());
        }
        None => remove(data, &["trial_period_days", "trial_settings"]),
    }
    if let Some(Value::Object(mode)) = data.get_mut("billing_mode")
        && mode.get("type").and_then(Value::as_str) == Some("classic")
    {
        mode.remove("flexible");
    }
}

/// What is allowed less what is excluded, in the version's words.
fn name_payment_methods(params: &mut Params, version: &str) {
    let Some(Value::Array(mut allowed)) = params.remove("allowed_payment_method_types") else { return };
    if let Some(Value::Array(excluded)) = params.remove("excluded_payment_method_types")
        && allowed.iter().any(|method| !excluded.contains(method))
    {
        allowed.retain(|method| !excluded.contains(method));
    }
    let name = if is_since(version, PAYMENT_METHOD_TYPES_RENAMED) {
        "allowed_payment_method_types"
    } else {
        // A fixed list stands in place of what a configuration would offer.
        params.remove("payment_method_configuration");
        "payment_method_types"
    };
    params.insert(name.to_owned(), allowed.into());
}

/// Who pays. Stripe updates a customer that it knows only where it is told to, and refuses taxes and tax ids that it could not save.
fn set_customer(params: &mut Params, request: &CheckoutRequest, is_subscription: bool) {
    let Some(customer) = &request.customer else {
        params.remove("customer_update");
        if let Some(email) = &request.customer_email {
            params.insert("customer_email".to_owned(), email.as_str().into());
        }
        // Without it a one-time checkout makes a guest, and the subject never gets a customer of its own.
        if !is_subscription && request.has_subject {
            params.insert("customer_creation".to_owned(), "always".into());
        }
        return;
    };
    params.remove("customer_creation");
    params.insert("customer".to_owned(), customer.as_str().into());
    let is_on =
        |params: &Params, name: &str| params.get(name).and_then(|value| value.get("enabled")) == Some(&true.into());
    let (taxes, tax_ids) = (is_on(params, "automatic_tax"), is_on(params, "tax_id_collection"));
    let ships = params.contains_key("shipping_address_collection");
    let mut update = params.remove("customer_update").map(json_object).unwrap_or_default();
    if taxes {
        update.entry("address").or_insert_with(|| "auto".into());
        if ships {
            update.insert("shipping".to_owned(), "auto".into());
        }
    }
    if tax_ids {
        update.insert("name".to_owned(), "auto".into());
    }
    if !update.is_empty() {
        params.insert("customer_update".to_owned(), update.into());
    }
}

/// How the page is shown, in the version's words. Where it is a part of the app's own page, the buyer returns to one URL.
fn set_ui_mode(params: &mut Params, ui_mode: Option<&str>, version: &str) {
    let renamed = is_since(version, UI_MODES_RENAMED);
    let word = match ui_mode {
        Some("embedded" | "embedded_page") if renamed => "embedded_page",
        Some("embedded" | "embedded_page") => "embedded",
        Some("form") => "form",
        Some("elements" | "custom") if renamed => "elements",
        Some("elements" | "custom") => "custom",
        _ => return,
    };
    if matches!(word, "elements" | "custom") {
        remove(params, &NOT_IN_ELEMENTS);
        if let Some(Value::Object(collection)) = params.get_mut("tax_id_collection") {
            collection.remove("required");
        }
    }
    params.remove("cancel_url");
    if let Some(url) = params.remove("success_url") {
        params.insert("return_url".to_owned(), url);
    }
    params.insert("ui_mode".to_owned(), word.into());
}

/// Whether a text names a version: `2026-10-28.endive`, or with features of a preview after it.
#[must_use]
pub fn is_version(text: &str) -> bool {
    let is_date = |date: &str| {
        date.bytes()
            .enumerate()
            .all(|(place, byte)| if matches!(place, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
    };
    let rest = text.get(10..).unwrap_or_default();
    text.get(..10).is_some_and(is_date)
        && (rest.is_empty() || rest.starts_with(['.', ';']))
        && rest.chars().all(|c| c.is_ascii_alphanumeric() || " .;=_-".contains(c))
}

/// Whether a version, which begins with a date, is of this date or later.
fn is_since(version: &str, date: &str) -> bool {
    version.get(..date.len()).is_some_and(|of| of >= date)
}
