//! What a request to change a subscription may ask for: checks that need no database, and those of what the mirror and the catalog
//! say, once they are read.

use serde::Deserialize;

use super::free::Gives;
use super::limits::MAX_QUANTITY;
use super::{Refusal, environment, is_name, is_price, key, no_secret};

/// The columns of a request that its caller writes, named as the table names them.
#[derive(Debug, Default, Clone)]
pub struct Change {
    /// `test` or `live`.
    pub environment: Option<String>,
    /// `sub_…`.
    pub stripe_subscription_id: Option<String>,
    /// `cancel`, `resume` or `change`.
    pub action: Option<String>,
    /// The price to change to.
    pub stripe_price_id: Option<String>,
    /// How many of it.
    pub quantity: Option<i64>,
    /// The caller's own name of this request.
    pub idempotency_key: Option<String>,
}

/// What the mirror says of the subscription.
#[derive(Debug, Default, Clone, Deserialize)]
pub struct Subscribed {
    /// Stripe's word.
    pub status: String,
    /// Whether its trial goes on.
    #[serde(default)]
    pub trialing: bool,
    /// Whether its `pause_collection` is set.
    #[serde(default)]
    pub collection_paused: bool,
    /// Lower-case ISO code.
    pub currency: Option<String>,
    /// `charge_automatically` or `send_invoice`.
    pub collection_method: Option<String>,
    /// What is subscribed to.
    pub items: Vec<Item>,
}

/// An item of the subscription.
#[derive(Debug, Default, Clone, Deserialize)]
pub struct Item {
    /// `si_…`.
    pub id: String,
    /// `price_…`.
    pub price: Option<String>,
    /// `prod_…`.
    pub product: Option<String>,
    /// How many; none where it is billed by usage.
    pub quantity: Option<i64>,
}

/// What the catalog says of the price, in one environment.
#[derive(Debug, Default, Clone, Deserialize)]
pub struct Offered {
    /// `test` or `live`.
    pub environment: String,
    /// Whether it is sold.
    pub active: bool,
    /// Whether it is a subscription's.
    pub recurring: bool,
    /// Whether it is billed by usage.
    pub metered: bool,
    /// Lower-case ISO code.
    pub currency: Option<String>,
    /// `prod_…`.
    pub product: Option<String>,
}

impl Change {
    /// Checks all that needs no database.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Refusal> {
        self.no_secret()?;
        environment(self.environment.as_deref())?;
        match self.stripe_subscription_id.as_deref() {
            None => return Err(Refusal::Missing("stripe_subscription_id")),
            // It becomes part of a path.
            Some(id) if !is_id(id) => return Err(Refusal::StripeId("stripe_subscription_id")),
            Some(_) => {}
        }
        let gives = self.stripe_price_id.is_some() || self.quantity.is_some();
        match self.action.as_deref() {
            Some("cancel" | "resume") if gives => return Err(Refusal::ChangeOnly),
            Some("change") if !gives => return Err(Refusal::NothingToChange),
            Some("cancel" | "resume" | "change") => {}
            other => return Err(Refusal::Action(other.map(ToOwned::to_owned))),
        }
        if self.stripe_price_id.as_deref().is_some_and(|price| !is_price(price)) {
            return Err(Refusal::StripeId("stripe_price_id"));
        }
        let in_range = |quantity| u64::try_from(quantity).is_ok_and(|quantity| (1..=MAX_QUANTITY).contains(&quantity));
        match self.quantity {
            Some(quantity) if !in_range(quantity) => return Err(Refusal::Quantity(quantity)),
            _ => {}
        }
        self.idempotency_key.as_deref().map_or(Ok(()), key)
    }

    /// Whether any column contains what looks like a Stripe secret.
    #[must_use]
    pub fn holds_secret(&self) -> bool {
        self.no_secret().is_err()
    }

    fn no_secret(&self) -> Result<(), Refusal> {
        no_secret(&[
            ("environment", self.environment.as_deref()),
            ("stripe_subscription_id", self.stripe_subscription_id.as_deref()),
            ("action", self.action.as_deref()),
            ("stripe_price_id", self.stripe_price_id.as_deref()),
            ("idempotency_key", self.idempotency_key.as_deref()),
        ])
    }

    /// Whether the subscription can be changed so, and which of its items a change is about.
    ///
    /// `offered` is what the catalog says of the price, in each environment that has it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn item<'a>(&self, subscribed: &'a Subscribed, offered: &[Offered]) -> Result<Option<&'a Item>, Refusal> {
        if matches!(subscribed.status.as_str(), "canceled" | "incomplete_expired") {
            return Err(Refusal::SubscriptionEnded(subscribed.status.clone()));
        }
        if self.action.as_deref() != Some("change") {
            return Ok(None);
        }
        if subscribed.status == "incomplete" {
            return Err(Refusal::SubscriptionIncomplete);
        }
        // Stripe has no pending updates for these: it would change the subscription before it is paid for.
        if subscribed.collection_method.as_deref() == Some("send_invoice") {
            return Err(Refusal::InvoicesAreSent);
        }
        // The invoice of the difference would be voided, or stay a draft.
        if subscribed.collection_paused {
            return Err(Refusal::CollectionPaused);
        }
        let offered = match &self.stripe_price_id {
            Some(price) => Some(self.can_be_sold(price, subscribed, offered)?),
            None => None,
        };
        let item = self.chosen(subscribed, offered).ok_or(Refusal::ItemUnclear(subscribed.items.len()))?;
        let metered = offered.map_or(item.quantity.is_none(), |offered| offered.metered);
        if metered && self.quantity.is_some() {
            return Err(Refusal::MeteredQuantity);
        }
        Ok(Some(item))
    }

    /// What the price to change to is of; none where the catalog does not say it.
    #[must_use]
    pub fn product<'a>(&self, offered: &'a [Offered]) -> Option<&'a String> {
        self.here(offered)?.product.as_ref()
    }

    /// Whether an item would become another product than it is.
    #[must_use]
    pub fn is_for_another_product(&self, item: &Item, offered: &[Offered]) -> bool {
        let product = self.product(offered);
        self.stripe_price_id.is_some()
            && self.stripe_price_id != item.price
            && (product.is_none() || product != item.product.as_ref())
    }

    /// The price that an item has afterwards, and its product where the item says it.
    #[must_use]
    pub fn price_of<'a>(&'a self, item: &'a Item) -> Option<(&'a str, Option<&'a str>)> {
        let price = self.stripe_price_id.as_ref().or(item.price.as_ref())?;
        let product = item.product.as_deref().filter(|_| item.price.as_ref() == Some(price));
        Some((price, product))
    }

    /// Whether what an item becomes is no more than a caller may have of what costs him nothing, if its price gives that.
    /// `offers_trial`: a trial that goes on may go on with the new price.
    ///
    /// # Errors
    /// That it is more.
    pub fn is_within_free_quantity(
        &self,
        (item, subscribed): (&Item, &Subscribed),
        gives: &Gives,
        offers_trial: bool,
        most: u64,
    ) -> Result<(), Refusal> {
        let Some((price, _)) = self.price_of(item) else { return Ok(()) };
        let quantity = self.quantity.or(item.quantity).and_then(|quantity| u64::try_from(quantity).ok()).unwrap_or(1);
        let in_trial = subscribed.trialing && (offers_trial || item.price.as_deref() == Some(price));
        if quantity <= most || !gives.is_for_nothing(quantity, in_trial) {
            return Ok(());
        }
        let in_trial = !gives.is_for_nothing(quantity, false);
        Err(Refusal::FreeQuantity { price: price.to_owned(), quantity, most, in_trial })
    }

    /// What the catalog says of the price in the subscription's environment.
    fn here<'a>(&self, offered: &'a [Offered]) -> Option<&'a Offered> {
        offered.iter().find(|offered| self.environment.as_deref() == Some(offered.environment.as_str()))
    }

    fn can_be_sold<'a>(
        &self,
        price: &str,
        subscribed: &Subscribed,
        offered: &'a [Offered],
    ) -> Result<&'a Offered, Refusal> {
        let Some(here) = self.here(offered) else {
            return Err(if offered.is_empty() {
                Refusal::PriceUnknown(price.to_owned())
            } else {
                Refusal::PriceElsewhere(price.to_owned())
            });
        };
        if !here.active {
            return Err(Refusal::PriceInactive(price.to_owned()));
        }
        if !here.recurring {
            return Err(Refusal::PriceMode { price: price.to_owned(), recurring: false });
        }
        match (&here.currency, &subscribed.currency) {
            (Some(currency), Some(own)) if !currency.eq_ignore_ascii_case(own) => Err(Refusal::PriceCurrency {
                price: price.to_owned(),
                currency: currency.clone(),
                subscribed: own.clone(),
            }),
            _ => Ok(here),
        }
    }

    /// The item that has the price already, or is of its product, or is the only one.
    fn chosen<'a>(&self, subscribed: &'a Subscribed, offered: Option<&Offered>) -> Option<&'a Item> {
        let only = |items: Vec<&'a Item>| if let [item] = items[..] { Some(item) } else { None };
        let with_price = || subscribed.items.iter().filter(|item| item.price == self.stripe_price_id).collect();
        let product = offered.and_then(|offered| offered.product.as_ref());
        let of_product =
            || subscribed.items.iter().filter(|item| product.is_some() && item.product.as_ref() == product).collect();
        only(subscribed.items.iter().collect()).or_else(|| only(with_price())).or_else(|| only(of_product()))
    }
}

/// Whether it can be an id of Stripe's.
fn is_id(value: &str) -> bool {
    is_name(value) && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn change(price: Option<&str>, quantity: Option<i64>) -> Change {
        Change {
            environment: Some("test".into()),
            stripe_subscription_id: Some("sub_1".into()),
            action: Some("change".into()),
            stripe_price_id: price.map(ToOwned::to_owned),
            quantity,
            idempotency_key: None,
        }
    }

    fn item(id: &str, price: &str, product: &str) -> Item {
        Item { id: id.into(), price: Some(price.into()), product: Some(product.into()), quantity: Some(1) }
    }

    fn subscribed(items: &[Item]) -> Subscribed {
        Subscribed {
            status: "active".into(),
            trialing: false,
            collection_paused: false,
            currency: Some("usd".into()),
            collection_method: Some("charge_automatically".into()),
            items: items.to_vec(),
        }
    }

    fn offered(product: &str) -> Offered {
        Offered {
            environment: "test".into(),
            active: true,
            recurring: true,
            metered: false,
            currency: Some("usd".into()),
            product: Some(product.into()),
        }
    }

    /// The id of the item that changes.
    fn chosen(change: &Change, subscribed: &Subscribed, offered: &[Offered]) -> Result<Option<String>, Refusal> {
        change.item(subscribed, offered).map(|item| item.map(|item| item.id.clone()))
    }

    #[test]
    fn an_action_takes_what_belongs_to_it() {
        let with = |action: Option<&str>, change: Change| Change { action: action.map(ToOwned::to_owned), ..change };
        for action in ["cancel", "resume"] {
            assert_eq!(with(Some(action), change(None, None)).check(), Ok(()));
            assert_eq!(with(Some(action), change(Some("price_1"), None)).check(), Err(Refusal::ChangeOnly));
            assert_eq!(with(Some(action), change(None, Some(2))).check(), Err(Refusal::ChangeOnly));
        }
        assert_eq!(change(None, None).check(), Err(Refusal::NothingToChange));
        assert_eq!(change(Some("price_1"), None).check(), Ok(()));
        assert_eq!(change(None, Some(2)).check(), Ok(()));
        assert_eq!(with(Some("pause"), change(None, None)).check(), Err(Refusal::Action(Some("pause".into()))));
        assert_eq!(with(None, change(None, None)).check(), Err(Refusal::Action(None)));
    }

    #[test]
    fn each_column_is_checked() {
        let good = || change(Some("price_1"), Some(2));
        let of = |id: Option<&str>| Change { stripe_subscription_id: id.map(ToOwned::to_owned), ..good() }.check();
        assert_eq!(of(None), Err(Refusal::Missing("stripe_subscription_id")));
        for id in ["", " ", "sub_1/../x", "sub 1", "sub_é"] {
            assert_eq!(of(Some(id)), Err(Refusal::StripeId("stripe_subscription_id")), "{id}");
        }
        for quantity in [0, -1, 1_000_000] {
            assert_eq!(change(None, Some(quantity)).check(), Err(Refusal::Quantity(quantity)));
        }
        assert_eq!(change(None, Some(999_999)).check(), Ok(()));
        for price in ["", "price 1", "price_1\u{1b}[2J", "price_\u{202e}1"] {
            assert_eq!(change(Some(price), None).check(), Err(Refusal::StripeId("stripe_price_id")), "{price:?}");
        }
        assert_eq!(Change { environment: None, ..good() }.check(), Err(Refusal::Environment(None)));
        assert_eq!(Change { idempotency_key: Some(String::new()), ..good() }.check(), Err(Refusal::Key(0)));
        let secret = Change { idempotency_key: Some("sk_live_abcdefgh".into()), ..good() };
        assert_eq!(secret.check(), Err(Refusal::Secret("idempotency_key")));
        assert!(secret.holds_secret() && !good().holds_secret());
    }

    #[test]
    fn what_has_ended_or_is_not_paid_yet_stays_as_it_is() {
        let with =
            |status: &str| Subscribed { status: status.into(), ..subscribed(&[item("si_1", "price_0", "prod_1")]) };
        let cancel = Change { action: Some("cancel".into()), stripe_price_id: None, ..change(None, None) };
        for status in ["canceled", "incomplete_expired"] {
            assert_eq!(chosen(&cancel, &with(status), &[]), Err(Refusal::SubscriptionEnded(status.into())));
        }
        for status in ["active", "trialing", "past_due", "unpaid", "paused", "incomplete"] {
            assert_eq!(chosen(&cancel, &with(status), &[]), Ok(None), "{status}");
        }
        assert_eq!(chosen(&change(None, Some(2)), &with("incomplete"), &[]), Err(Refusal::SubscriptionIncomplete));
        let sent = Subscribed { collection_method: Some("send_invoice".into()), ..with("active") };
        assert_eq!(chosen(&change(None, Some(2)), &sent, &[]), Err(Refusal::InvoicesAreSent));
        assert_eq!(chosen(&cancel, &sent, &[]), Ok(None));
        let paused = Subscribed { collection_paused: true, ..with("active") };
        assert_eq!(chosen(&change(None, Some(2)), &paused, &[]), Err(Refusal::CollectionPaused));
        assert_eq!(chosen(&cancel, &paused, &[]), Ok(None));
    }

    #[test]
    fn the_price_must_be_one_that_is_sold_so() {
        let one = subscribed(&[item("si_1", "price_0", "prod_1")]);
        let of = |offered: &[Offered]| chosen(&change(Some("price_1"), None), &one, offered);
        assert_eq!(of(&[offered("prod_2")]), Ok(Some("si_1".into())));
        assert_eq!(of(&[]), Err(Refusal::PriceUnknown("price_1".into())));
        let live = Offered { environment: "live".into(), ..offered("prod_2") };
        assert_eq!(of(from_ref(&live)), Err(Refusal::PriceElsewhere("price_1".into())));
        assert_eq!(of(&[live, offered("prod_2")]), Ok(Some("si_1".into())));
        let inactive = Offered { active: false, ..offered("prod_2") };
        assert_eq!(of(&[inactive]), Err(Refusal::PriceInactive("price_1".into())));
        let one_time = Offered { recurring: false, ..offered("prod_2") };
        assert_eq!(of(&[one_time]), Err(Refusal::PriceMode { price: "price_1".into(), recurring: false }));
        let euros = Offered { currency: Some("eur".into()), ..offered("prod_2") };
        let refusal =
            Refusal::PriceCurrency { price: "price_1".into(), currency: "eur".into(), subscribed: "usd".into() };
        assert_eq!(of(&[euros]), Err(refusal));
        let capitals = Offered { currency: Some("USD".into()), ..offered("prod_2") };
        assert_eq!(of(&[capitals]), Ok(Some("si_1".into())));
    }

    #[test]
    fn of_several_items_the_one_of_the_product_changes() {
        let two = subscribed(&[item("si_1", "price_a", "prod_a"), item("si_2", "price_b", "prod_b")]);
        let to = |price: &str, product: &str| chosen(&change(Some(price), None), &two, &[offered(product)]);
        assert_eq!(to("price_a2", "prod_a"), Ok(Some("si_1".into())));
        assert_eq!(to("price_b", "prod_b"), Ok(Some("si_2".into())));
        assert_eq!(to("price_c", "prod_c"), Err(Refusal::ItemUnclear(2)));
        assert_eq!(chosen(&change(None, Some(3)), &two, &[]), Err(Refusal::ItemUnclear(2)));
        let same = subscribed(&[item("si_1", "price_a", "prod_a"), item("si_2", "price_b", "prod_a")]);
        assert_eq!(chosen(&change(Some("price_b"), Some(3)), &same, &[offered("prod_a")]), Ok(Some("si_2".into())));
        assert_eq!(chosen(&change(Some("price_c"), None), &same, &[offered("prod_a")]), Err(Refusal::ItemUnclear(2)));
        assert_eq!(chosen(&change(None, Some(3)), &subscribed(&[]), &[]), Err(Refusal::ItemUnclear(0)));
    }

    #[test]
    fn what_is_billed_by_usage_has_no_quantity() {
        let usage = Item { quantity: None, ..item("si_1", "price_a", "prod_a") };
        let metered = Offered { metered: true, ..offered("prod_a") };
        let one = subscribed(&[usage]);
        assert_eq!(chosen(&change(None, Some(3)), &one, &[]), Err(Refusal::MeteredQuantity));
        assert_eq!(chosen(&change(Some("price_b"), Some(3)), &one, from_ref(&metered)), Err(Refusal::MeteredQuantity));
        assert_eq!(chosen(&change(Some("price_b"), None), &one, &[metered]), Ok(Some("si_1".into())));
        assert_eq!(chosen(&change(Some("price_b"), Some(3)), &one, &[offered("prod_a")]), Ok(Some("si_1".into())));
    }

    #[test]
    fn another_price_of_the_product_is_no_other_product() {
        let of = |price: Option<&str>, product: Option<&str>, present: &Item| {
            let offered = [
                Offered { environment: "live".into(), ..offered("prod_live") },
                Offered { product: product.map(ToOwned::to_owned), ..offered("") },
            ];
            change(price, Some(1)).is_for_another_product(present, &offered)
        };
        let present = item("si_1", "price_a", "prod_a");
        assert!(of(Some("price_b"), Some("prod_b"), &present));
        assert!(!of(Some("price_b"), Some("prod_a"), &present));
        assert!(!of(Some("price_a"), Some("prod_b"), &present) && !of(None, None, &present));
        let unknown = Item { product: None, ..present };
        assert!(of(Some("price_b"), None, &unknown) && of(Some("price_b"), Some("prod_a"), &unknown));
    }

    #[test]
    fn what_costs_nothing_is_had_in_small_quantities() {
        let of = |change: Change, present: &Item, trialing: bool, unit: &str, offers_trial: bool| {
            let subscribed = Subscribed { trialing, ..subscribed(from_ref(present)) };
            let in_trials = change.price_of(present).is_some_and(|(price, _)| price == "price_b");
            let gives = Gives { unit: Some(unit.into()), credits: true, in_trials };
            let refused = change.is_within_free_quantity((present, &subscribed), &gives, offers_trial, 2).err()?;
            Some(if matches!(refused, Refusal::FreeQuantity { in_trial: true, .. }) { "tried" } else { "free" })
        };
        let (one, many) = (item("si_1", "price_a", "p"), Item { quantity: Some(9), ..item("si_1", "price_a", "p") });
        // Free: as many as are asked for, or as the item has and keeps.
        assert_eq!(of(change(None, Some(2)), &one, false, "0", false), None);
        assert_eq!(of(change(None, Some(3)), &one, false, "0", false), Some("free"));
        assert_eq!(of(change(Some("price_b"), None), &many, false, "0", false), Some("free"));
        assert_eq!(of(change(Some("price_b"), Some(2)), &many, false, "0", false), None);
        assert_eq!(of(change(None, Some(3)), &one, false, "500", false), None);
        // In a trial: the present price, or another where the trial may go on with it; what gives nothing then is not counted.
        let tried = Item { price: Some("price_b".into()), ..one.clone() };
        assert_eq!(of(change(None, Some(3)), &tried, true, "500", false), Some("tried"));
        assert_eq!(of(change(None, Some(3)), &tried, false, "500", false), None);
        assert_eq!(of(change(None, Some(3)), &one, true, "500", true), None);
        assert_eq!(of(change(Some("price_b"), Some(3)), &one, true, "500", true), Some("tried"));
        assert_eq!(of(change(Some("price_b"), Some(3)), &one, true, "500", false), None);
        assert_eq!(of(change(None, Some(3)), &Item { price: None, ..one }, false, "0", false), None);
    }

    #[test]
    fn an_item_says_the_product_of_its_own_price() {
        let present = item("si_1", "price_a", "prod_a");
        assert_eq!(change(None, Some(2)).price_of(&present), Some(("price_a", Some("prod_a"))));
        assert_eq!(change(Some("price_a"), None).price_of(&present), Some(("price_a", Some("prod_a"))));
        assert_eq!(change(Some("price_b"), None).price_of(&present), Some(("price_b", None)));
        assert_eq!(change(None, Some(2)).price_of(&Item { price: None, ..present }), None);
    }
}
