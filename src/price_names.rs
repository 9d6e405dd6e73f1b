//! By which names prices are asked for: Stripe's ids, and an app's lookup keys.

use payments_core::session::{AskedItem, PriceName, Refusal};

use crate::pg::statement::{query, text};

query!(FIND_LOOKUP_KEY, "price_names", "find_lookup_key");

/// The ids of the prices that are asked for. A lookup key names the price that has it now: Stripe may give it to another later.
pub(crate) fn price_ids(environment: Option<&str>, items: &[AskedItem]) -> Result<Vec<String>, Refusal> {
    let id_of = |item: &AskedItem| match &item.price {
        PriceName::Id(price) => Ok(price.clone()),
        PriceName::LookupKey(key) => {
            let mut found: Vec<String> = FIND_LOOKUP_KEY.read(&[text(environment), text(key.as_str())]);
            match (found.pop(), found.is_empty()) {
                (Some(price), true) => Ok(price),
                (Some(_), false) => Err(Refusal::LookupKeyAmbiguous(key.clone())),
                (None, _) => Err(Refusal::LookupKeyUnknown(key.clone())),
            }
        }
    };
    items.iter().map(id_of).collect()
}
