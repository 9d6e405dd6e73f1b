//! What a request to change a subscription may ask for: checks that need no database, and those of what the mirror and the catalog
//! say, once they are read.

use serde::Deserialize;

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
    pub fn item(&self, subscribed: &Subscribed, offered: &[Offered]) -> Result<Option<String>, Refusal> {
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
        let offered = match &self.stripe_price_id {
            Some(price) => Some(self.can_be_sold(price, subscribed, offered)?),
            None => None,
        };
        let item = self.chosen(subscribed, offered).ok_or(Refusal::ItemUnclear(subscribed.items.len()))?;
        let metered = offered.map_or(item.quantity.is_none(), |offered| offered.metered);
        if metered && self.quantity.is_some() {
            return Err(Refusal::MeteredQuantity);
        }
        Ok(Some(item.id.clone()))
    }

    fn can_be_sold<'a>(
        &self,
        price: &str,
        subscribed: &Subscribed,
        offered: &'a [Offered],
    ) -> Result<&'a Offered, Refusal> {
        let here = offered.iter().find(|offered| self.environment.as_deref() == Some(offered.environment.as_str()));
        let Some(here) = here else {
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
            assert_eq!(cancel.item(&with(status), &[]), Err(Refusal::SubscriptionEnded(status.into())));
        }
        for status in ["active", "trialing", "past_due", "unpaid", "paused", "incomplete"] {
            assert_eq!(cancel.item(&with(status), &[]), Ok(None), "{status}");
        }
        assert_eq!(change(None, Some(2)).item(&with("incomplete"), &[]), Err(Refusal::SubscriptionIncomplete));
        let sent = Subscribed { collection_method: Some("send_invoice".into()), ..with("active") };
        assert_eq!(change(None, Some(2)).item(&sent, &[]), Err(Refusal::InvoicesAreSent));
        assert_eq!(cancel.item(&sent, &[]), Ok(None));
    }

    #[test]
    fn the_price_must_be_one_that_is_sold_so() {
        let one = subscribed(&[item("si_1", "price_0", "prod_1")]);
        let of = |offered: &[Offered]| change(Some("price_1"), None).item(&one, offered);
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
        let to = |price: &str, product: &str| change(Some(price), None).item(&two, &[offered(product)]);
        assert_eq!(to("price_a2", "prod_a"), Ok(Some("si_1".into())));
        assert_eq!(to("price_b", "prod_b"), Ok(Some("si_2".into())));
        assert_eq!(to("price_c", "prod_c"), Err(Refusal::ItemUnclear(2)));
        assert_eq!(change(None, Some(3)).item(&two, &[]), Err(Refusal::ItemUnclear(2)));
        let same = subscribed(&[item("si_1", "price_a", "prod_a"), item("si_2", "price_b", "prod_a")]);
        assert_eq!(change(Some("price_b"), Some(3)).item(&same, &[offered("prod_a")]), Ok(Some("si_2".into())));
        assert_eq!(change(Some("price_c"), None).item(&same, &[offered("prod_a")]), Err(Refusal::ItemUnclear(2)));
        assert_eq!(change(None, Some(3)).item(&subscribed(&[]), &[]), Err(Refusal::ItemUnclear(0)));
    }

    #[test]
    fn what_is_billed_by_usage_has_no_quantity() {
        let usage = Item { quantity: None, ..item("si_1", "price_a", "prod_a") };
        let metered = Offered { metered: true, ..offered("prod_a") };
        let one = subscribed(&[usage]);
        assert_eq!(change(None, Some(3)).item(&one, &[]), Err(Refusal::MeteredQuantity));
        assert_eq!(change(Some("price_b"), Some(3)).item(&one, from_ref(&metered)), Err(Refusal::MeteredQuantity));
        assert_eq!(change(Some("price_b"), None).item(&one, &[metered]), Ok(Some("si_1".into())));
        assert_eq!(change(Some("price_b"), Some(3)).item(&one, &[offered("prod_a")]), Ok(Some("si_1".into())));
    }
}
