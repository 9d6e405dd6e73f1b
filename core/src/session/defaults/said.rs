//! The defaults that hold for the line items of one session: an admin sets them for the environment and for single prices. A buyer chooses
//! what goes into a cart, so the defaults of one price must not make another price cheaper, or less safe to sell.

use serde::Deserialize;
use serde_json::Value;

use super::params::{Params, at, overlay, put, remove};

type Path = &'static [&'static str];

/// Parameters that lower the price. Stripe accepts one of them.
const OFFERS: [&str; 2] = ["allow_promotion_codes", "discounts"];
/// Parameters that change who pays what, how, or when. If the prices differ in one, the environment's value holds.
const SHARED: [Path; 5] = [
    &["adaptive_pricing"],
    &["payment_intent_data", "capture_method"],
    &["payment_intent_data", "setup_future_usage"],
    &["payment_method_configuration"],
    &["tax_id_collection"],
];
/// The same for parameters of a subscription, in which only recurring prices count.
const SHARED_BY_RECURRING: [Path; 2] =
    [&["subscription_data", "billing_mode"], &["subscription_data", "trial_settings"]];
/// The same, but if the environment has no value, that of a price holds: an item that is not shipped does not remove the shipping of
/// another.
const SHIPPING: [Path; 2] = [&["shipping_address_collection"], &["shipping_options"]];
/// Parameters with a strict value, which holds if one price has it.
const STRICT: [(Path, Strict); 4] = [
    (&["automatic_tax", "enabled"], Strict::On),
    (&["billing_address_collection"], Strict::Word("required")),
    (&["consent_collection", "terms_of_service"], Strict::Word("required")),
    (&["phone_number_collection", "enabled"], Strict::On),
];
const RECOVERY: Path = &["after_expiration", "recovery", "enabled"];
const RECOVERY_CODES: Path = &["after_expiration", "recovery", "allow_promotion_codes"];

enum Strict {
    On,
    Word(&'static str),
}

/// A line item's price and the defaults of that price.
#[derive(Debug, Clone, Deserialize)]
pub struct PriceDefaults {
    /// Stripe's id.
    pub price: String,
    /// Whether it recurs, where the catalog knows it.
    pub recurring: Option<bool>,
    /// What an admin said for sessions with it.
    pub params: Params,
}

/// The defaults for this session. Of parameters that cost nobody money, the value of the last price in the order of the ids holds, so the
/// order of the line items changes nothing.
pub(super) fn said(defaults: &Params, prices: &[PriceDefaults]) -> Params {
    let mut prices: Vec<&PriceDefaults> = prices.iter().collect();
    prices.sort_by(|one, other| one.price.as_bytes().cmp(other.price.as_bytes()));
    let mut params = defaults.clone();
    for price in &prices {
        overlay(&mut params, price.params.clone());
    }
    let all: Vec<Params> = prices.iter().map(|price| of_price(defaults, price)).collect();
    let recurring = prices.iter().zip(&all).filter(|(price, _)| recurs(price)).map(|(_, own)| own.clone());
    let recurring: Vec<Params> = recurring.collect();
    hold_offers(&mut params, &all);
    for path in SHARED {
        share(&mut params, defaults, &all, path, false);
    }
    for path in SHARED_BY_RECURRING {
        share(&mut params, defaults, &recurring, path, false);
    }
    for path in SHIPPING {
        share(&mut params, defaults, &all, path, true);
    }
    for (path, strict) in STRICT {
        let strict: Value = match strict {
            Strict::On => true.into(),
            Strict::Word(word) => word.into(),
        };
        if all.iter().any(|own| at(own, path) == Some(&strict)) {
            put(&mut params, path, Some(strict));
        }
    }
    // A payment method is optional only if it is optional for each recurring price.
    if !recurring.iter().all(|own| at(own, &["payment_method_collection"]) == Some(&"if_required".into()))
        && let Some(collection) = params.get_mut("payment_method_collection")
    {
        *collection = "always".into();
    }
    hold_payment_methods(&mut params, defaults, &all);
    params
}

/// How long the trial of a subscription is: the shortest of the recurring line items. If one of them has no trial, there is none.
#[must_use]
pub fn trial_days<'a>(defaults: &Params, prices: impl IntoIterator<Item = &'a PriceDefaults>) -> Option<i64> {
    let days =
        |price: &PriceDefaults| at(&of_price(defaults, price), &["subscription_data", "trial_period_days"])?.as_i64();
    prices.into_iter().filter(|price| recurs(price)).map(days).min().flatten()
}

/// The defaults of one line item: those of its price over those of the environment.
fn of_price(defaults: &Params, price: &PriceDefaults) -> Params {
    let mut params = defaults.clone();
    if OFFERS.iter().any(|offer| price.params.contains_key(*offer)) {
        remove(&mut params, &OFFERS);
    }
    overlay(&mut params, price.params.clone());
    params
}

/// Whether a price recurs, or may.
fn recurs(price: &PriceDefaults) -> bool {
    price.recurring != Some(false)
}

/// An offer holds only if every line item has it.
fn hold_offers(params: &mut Params, all: &[Params]) {
    remove(params, &OFFERS);
    let mut offers = all.iter().map(|own| OFFERS.map(|offer| own.get(offer).cloned()));
    if let Some(first) = offers.next()
        && offers.all(|other| other == first)
    {
        for (name, offer) in OFFERS.into_iter().zip(first) {
            put(params, &[name], offer);
        }
    }
    // A session that Stripe recovers has the same cart.
    let every = |path: Path| all.iter().all(|own| at(own, path) == Some(&true.into()));
    if !every(RECOVERY) {
        params.remove("after_expiration");
    } else if !every(RECOVERY_CODES) {
        put(params, RECOVERY_CODES, None);
    }
}

/// Takes the value that all prices share, else the environment's. If that has none, the value of some prices, if `some_may_say`.
fn share(params: &mut Params, defaults: &Params, all: &[Params], path: &[&str], some_may_say: bool) {
    let mut values = all.iter().map(|own| at(own, path));
    let first = values.next().flatten();
    let of_environment = at(defaults, path);
    if values.all(|other| other == first) {
        put(params, path, first.cloned());
    } else if of_environment.is_some() || !some_may_say {
        put(params, path, of_environment.cloned());
    }
}

/// Excludes what one price excludes, and allows what every price allows that has a list.
fn hold_payment_methods(params: &mut Params, defaults: &Params, all: &[Params]) {
    let lists =
        |name: &str| -> Vec<Vec<Value>> { all.iter().filter_map(|own| own.get(name)?.as_array().cloned()).collect() };
    let mut excluded: Vec<Value> = Vec::new();
    for method in lists("excluded_payment_method_types").concat() {
        if !excluded.contains(&method) {
            excluded.push(method);
        }
    }
    excluded.sort_by_key(ToString::to_string);
    if !excluded.is_empty() {
        params.insert("excluded_payment_method_types".to_owned(), excluded.into());
    }
    let allowed = lists("allowed_payment_method_types");
    let Some((first, others)) = allowed.split_first() else { return };
    let by_all = |method: &&Value| others.iter().all(|other| other.contains(method));
    let common: Vec<Value> = first.iter().filter(by_all).cloned().collect();
    let common =
        if common.is_empty() { defaults.get("allowed_payment_method_types").cloned() } else { Some(common.into()) };
    if let Some(common) = common {
        params.insert("allowed_payment_method_types".to_owned(), common);
    }
}
