//! What the catalog knows of the prices that a checkout asks for: whether they can be sold, how many of them a caller may have for
//! nothing, and whether the subject has a subscription of the product already.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use payments_core::session::defaults::{Params, PriceDefaults, trial_days};
use payments_core::session::free::Gives;
use payments_core::session::{AskedItem, Checkout, Refusal};
use pgrx::prelude::*;
use serde::Deserialize;

use crate::definer;
use crate::error::Error;
use crate::pg::cache::{Cache, cached};
use crate::pg::catalog;
use crate::pg::slot::slot;
use crate::pg::statement::{query, text};
use crate::precondition::require_live_approval;
use crate::settings::{allow_second_subscription, max_free_quantity};

query!(FIND_PRICE, "session_prices", "find_price");
query!(FIND_GIVES, "session_prices", "find_gives");
query!(TRIAL_OF_SESSION, "session_prices", "trial_of_session");
query!(LIVING_SUBSCRIPTION, "session_prices", "living_subscription");

/// What the catalog knows of a price in one environment.
#[derive(Debug, Deserialize)]
struct Price {
    environment: String,
    active: bool,
    recurring: bool,
    product: Option<String>,
    gives: Gives,
}

type Prices = Rc<[Price]>;

/// What the catalog knows of prices, by environment and price.
#[derive(Default)]
struct OfPrices(RefCell<Cache<(String, String), Prices>>);

/// What the catalog knows of a price that is asked for in an environment.
fn known(environment: &str, price: &str) -> Prices {
    let key = (environment.to_owned(), price.to_owned());
    let tables = [catalog::payments_table(c"prices"), catalog::payments_table(c"benefits")];
    cached(&slot::<OfPrices>().0, &tables, key, |(environment, price)| {
        let found: Prices = FIND_PRICE.read(&[text(price.as_str())]).into();
        // A price that is new, or whose product becomes known, does not invalidate the cache. So it is kept only with its product.
        let keep = found.iter().any(|known| known.environment == *environment && known.product.is_some());
        (found, keep)
    })
}

/// What a price costs and gives; `product` is its product where the catalog does not know it.
pub(super) fn gives(environment: &str, price: &str, product: Option<&str>) -> Gives {
    FIND_GIVES.read(&[text(environment), text(price), text(product)]).pop().unwrap_or_default()
}

/// Whether so many of a price give credits and cost nothing, by the catalog or in a trial: for the request that changes a subscription.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn gives_for_nothing(environment: &str, price: &str, quantity: i64, in_trial: bool) -> bool {
    definer::require_inside();
    u64::try_from(quantity).is_ok_and(|quantity| gives(environment, price, None).is_for_nothing(quantity, in_trial))
}

/// Whether the environment is open, and every price that the catalog knows can be sold in this mode. A subscription's checkout may have
/// one-time prices beside a recurring one.
pub(super) fn can_be_sold(asked: &Checkout, prices: &[String]) -> Result<(), Error> {
    require_live_approval(asked.environment.as_deref())?;
    let environment = asked.environment.as_deref().unwrap_or_default();
    let is_subscription = asked.mode.as_deref() == Some("subscription");
    let mut paid_once = Vec::new();
    for price in prices {
        let found = known(environment, price);
        match found.iter().find(|known| known.environment == environment) {
            Some(known) if !known.active => return Err(Refusal::PriceInactive(price.clone()).into()),
            Some(known) if known.recurring && !is_subscription => {
                return Err(Refusal::PriceMode { price: price.clone(), recurring: true }.into());
            }
            Some(known) if !known.recurring => paid_once.push(price),
            None if !found.is_empty() => return Err(Refusal::PriceElsewhere(price.clone()).into()),
            _ => {}
        }
    }
    match paid_once.first() {
        Some(price) if is_subscription && paid_once.len() == prices.len() => {
            Err(Refusal::PriceMode { price: (*price).clone(), recurring: false }.into())
        }
        _ => Ok(()),
    }
}

/// Checks the quantities of prices that give credits and cost nothing, because they are free or begin with a trial.
pub(super) fn is_within_free_quantity(asked: &Checkout, items: &[AskedItem], prices: &[String]) -> Result<(), Refusal> {
    let most = max_free_quantity();
    let mut quantities: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (item, price) in items.iter().zip(prices) {
        quantities.entry(price).or_default().push(item.quantity);
    }
    let refuse = |price: &str, quantity: u64, in_trial: bool| {
        if quantity <= most {
            return Ok(());
        }
        Err(Refusal::FreeQuantity { price: price.to_owned(), quantity, most, in_trial })
    };
    let environment = asked.environment.as_deref().unwrap_or_default();
    let mut may_be_tried = false;
    for (price, quantities) in quantities.iter().filter(|(_, quantities)| quantities.iter().sum::<u64>() > most) {
        let found = known(environment, price);
        let of_catalog = found.iter().find(|known| known.environment == environment);
        refuse(price, of_catalog.map_or(0, |known| known.gives.for_nothing(quantities)), false)?;
        may_be_tried |= of_catalog.is_none_or(|known| known.gives.in_trials);
    }
    if !may_be_tried || asked.mode.as_deref() != Some("subscription") {
        return Ok(());
    }
    for price in tried(asked, quantities.keys().map(|price| (*price).to_owned()).collect()) {
        refuse(&price, quantities.get(price.as_str()).map_or(0, |quantities| quantities.iter().sum()), true)?;
    }
    Ok(())
}

/// The prices of a checkout that give credits in the trial that it may have.
fn tried(asked: &Checkout, prices: Vec<String>) -> Vec<String> {
    #[derive(Deserialize)]
    struct Tried {
        had_trial: bool,
        defaults: Params,
        prices: Vec<Price>,
    }
    #[derive(Deserialize)]
    struct Price {
        gives: Gives,
        #[serde(flatten)]
        defaults: PriceDefaults,
    }
    let args = [
        text(asked.environment.as_deref()),
        prices.into(),
        text(asked.subject_type.as_deref()),
        text(asked.subject_id.as_deref()),
    ];
    let found = TRIAL_OF_SESSION.read::<Tried>(&args).pop();
    let Some(Tried { had_trial: false, defaults, prices }) = found else { return Vec::new() };
    if trial_days(&defaults, prices.iter().map(|price| &price.defaults)).is_none() {
        return Vec::new();
    }
    let gives = |price: &Price| price.gives.in_trials && price.defaults.recurring != Some(false);
    prices.into_iter().filter(gives).map(|price| price.defaults.price).collect()
}

/// Refuses if a subject has a subscription of these prices or products, other than `but`.
pub(super) fn is_not_subscribed(
    environment: &str,
    (subject_type, subject_id): (&str, &str),
    prices: Vec<String>,
    products: Vec<String>,
    but: Option<&str>,
) -> Result<(), Refusal> {
    /// A subscription that has not ended, or might still begin.
    #[derive(Deserialize)]
    struct Living {
        subscription: String,
        status: String,
    }
    let args = [text(environment), text(subject_type), text(subject_id), prices.into(), products.into(), text(but)];
    let Some(Living { subscription, status }) = LIVING_SUBSCRIPTION.read(&args).pop() else { return Ok(()) };
    let (subject_type, subject_id) = (subject_type.to_owned(), subject_id.to_owned());
    Err(Refusal::SecondSubscription { subject_type, subject_id, subscription, status })
}

/// Refuses to sell a subject what it subscribes to already. Open sessions do not count, because then a buyer who closed the page would have
/// to wait a day.
pub(super) fn is_first_subscription(asked: &Checkout, prices: &[String]) -> Result<(), Refusal> {
    let (Some(subject_type), Some(subject_id)) = (&asked.subject_type, &asked.subject_id) else { return Ok(()) };
    if asked.mode.as_deref() != Some("subscription") || allow_second_subscription() {
        return Ok(());
    }
    let environment = asked.environment.as_deref().unwrap_or_default();
    let (mut recurring, mut products) = (Vec::new(), Vec::new());
    for price in prices {
        let found = known(environment, price);
        let of_catalog = found.iter().find(|known| known.environment == environment);
        if of_catalog.is_none_or(|known| known.recurring) {
            recurring.push(price.clone());
            products.extend(of_catalog.and_then(|known| known.product.clone()));
        }
    }
    is_not_subscribed(environment, (subject_type, subject_id), recurring, products, None)
}
