//! What the catalog knows of the prices that a checkout asks for: whether they can be sold, and whether the subject has a subscription of
//! the product already.

use std::cell::RefCell;
use std::rc::Rc;

use payments_core::session::{Checkout, Refusal};
use serde::Deserialize;

use crate::error::Error;
use crate::pg::cache::{Cache, cached};
use crate::pg::catalog;
use crate::pg::slot::slot;
use crate::pg::statement::{query, text};
use crate::precondition::require_live_approval;
use crate::settings::allow_second_subscription;

query!(FIND_PRICE, "session_prices", "find_price");
query!(LIVING_SUBSCRIPTION, "session_prices", "living_subscription");

/// What the catalog knows of a price in one environment.
#[derive(Debug, Deserialize)]
struct Price {
    environment: String,
    active: bool,
    recurring: bool,
    product: Option<String>,
}

type Prices = Rc<[Price]>;

/// What the catalog knows of prices, by environment and price.
#[derive(Default)]
struct OfPrices(RefCell<Cache<(String, String), Prices>>);

/// What the catalog knows of a price that is asked for in an environment.
fn known(environment: &str, price: &str) -> Prices {
    let key = (environment.to_owned(), price.to_owned());
    cached(&slot::<OfPrices>().0, &[catalog::payments_table(c"prices")], key, |(environment, price)| {
        let found: Prices = FIND_PRICE.read(&[text(price.as_str())]).into();
        // One that it does not know there becomes known without anybody being told.
        let keep = found.iter().any(|known| known.environment == *environment);
        (found, keep)
    })
}

/// Whether the environment takes money and every price that the catalog knows can be sold in this mode. A subscription's checkout may
/// hold prices that are paid once beside one that recurs.
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

/// Refuses to sell a subject what it subscribes to already. Sessions that are open do not count: who closed the page would have to wait
/// a day to come back.
pub(super) fn is_first_subscription(asked: &Checkout, prices: &[String]) -> Result<(), Refusal> {
    #[derive(Deserialize)]
    struct Living {
        subscription: String,
        status: String,
    }
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
    let args =
        [text(environment), text(subject_type.as_str()), text(subject_id.as_str()), recurring.into(), products.into()];
    match LIVING_SUBSCRIPTION.read::<Living>(&args).pop() {
        Some(Living { subscription, status }) => Err(Refusal::SecondSubscription {
            subject_type: subject_type.clone(),
            subject_id: subject_id.clone(),
            subscription,
            status,
        }),
        None => Ok(()),
    }
}
