//! What an order costs that a backend makes: line items, each a price that the catalog knows.

use serde::Deserialize;
use serde_json::{Value, json};

/// A line item and what the catalog knows of its price.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OrderItem {
    /// Stripe's id of the price.
    pub price: String,
    /// How many.
    pub quantity: i64,
    /// What the catalog knows; nothing where it does not know the price in this environment.
    pub known: Option<CatalogPrice>,
}

/// A price of the catalog.
#[allow(clippy::struct_excessive_bools, reason = "a row of answers")]
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CatalogPrice {
    /// Whether it is sold.
    pub active: bool,
    /// Whether it is a subscription's.
    pub recurring: bool,
    /// Its currency.
    pub currency: Option<String>,
    /// What one costs, in the currency's smallest unit.
    pub unit_amount: Option<i64>,
    /// Whether what one costs depends on how many are bought.
    pub tiered: bool,
    /// Whether several are sold as one.
    pub packaged: bool,
}

/// What an order says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// The sum.
    pub amount: i64,
    /// Its currency, in lower case.
    pub currency: String,
    /// As a checkout session writes them.
    pub line_items: Value,
}

/// Why no order is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRefusal {
    /// What is wrong.
    pub message: &'static str,
    /// With which price.
    pub detail: String,
    /// What to do.
    pub hint: &'static str,
}

/// What an order of these line items costs.
///
/// # Errors
/// The first price that has no sum known beforehand, or does not go with the others.
pub fn new_order(items: &[OrderItem]) -> Result<NewOrder, OrderRefusal> {
    let mut sum: Option<(i64, String)> = None;
    for item in items {
        let (cost, currency) = cost(item)?;
        sum = Some(match sum {
            None => (cost, currency),
            Some((_, other)) if other != currency => {
                return Err(OrderRefusal {
                    message: "prices of an order have several currencies",
                    detail: format!("Price {} is in {currency}, another in {other}.", item.price),
                    hint: "Make an order for each currency: one payment has one.",
                });
            }
            Some((before, currency)) => (before.checked_add(cost).ok_or_else(|| too_much(item))?, currency),
        });
    }
    let (amount, currency) = sum.unwrap_or_default();
    let line_items = items.iter().map(|item| json!({"price": item.price, "quantity": item.quantity})).collect();
    Ok(NewOrder { amount, currency, line_items })
}

fn cost(item: &OrderItem) -> Result<(i64, String), OrderRefusal> {
    let refuse = |message, hint| Err(OrderRefusal { message, detail: format!("Price {}.", item.price), hint });
    let Some(price) = &item.known else {
        return refuse(
            "price is not in the catalog",
            "Sync the catalog with payments.sync_stripe_objects(); the order's amount comes from there.",
        );
    };
    if !price.active {
        return refuse("price is not active", "Sell an active price.");
    }
    if price.recurring {
        return refuse("a recurring price has no order", "Open a checkout session with mode subscription for it.");
    }
    if price.tiered || price.packaged {
        return refuse(
            "price has no fixed amount for one unit",
            "Its sum is Stripe's to compute (tiers, or packages). Insert the order yourself with the amount that you agreed on.",
        );
    }
    match (price.unit_amount, price.currency.as_deref()) {
        (Some(amount), Some(currency)) if amount >= 0 => {
            let cost = amount.checked_mul(item.quantity).ok_or_else(|| too_much(item))?;
            Ok((cost, currency.to_ascii_lowercase()))
        }
        _ => refuse(
            "price has no fixed amount for one unit",
            "The buyer chooses it, or it has fractions of the smallest unit. Insert the order yourself with the amount that you agreed on.",
        ),
    }
}

fn too_much(item: &OrderItem) -> OrderRefusal {
    OrderRefusal {
        message: "order costs more than an amount can say",
        detail: format!("Price {}, {} of it.", item.price, item.quantity),
        hint: "Order less at once.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(price: &str, quantity: i64, change: impl FnOnce(&mut CatalogPrice)) -> OrderItem {
        let mut known = CatalogPrice {
            active: true,
            recurring: false,
            currency: Some("usd".to_owned()),
            unit_amount: Some(1000),
            tiered: false,
            packaged: false,
        };
        change(&mut known);
        OrderItem { price: price.to_owned(), quantity, known: Some(known) }
    }

    fn refused(items: &[OrderItem]) -> &'static str {
        new_order(items).expect_err("it must be refused").message
    }

    #[test]
    fn an_order_costs_what_its_items_cost() {
        let order = new_order(&[
            item("a", 2, |_| {}),
            item("b", 1, |p| p.unit_amount = Some(0)),
            item("c", 3, |p| p.unit_amount = Some(5)),
        ]);
        let line_items =
            json!([{"price": "a", "quantity": 2}, {"price": "b", "quantity": 1}, {"price": "c", "quantity": 3}]);
        assert_eq!(order, Ok(NewOrder { amount: 2015, currency: "usd".to_owned(), line_items }));
    }

    #[test]
    fn currencies_are_written_alike_and_do_not_mix() {
        let upper = |p: &mut CatalogPrice| p.currency = Some("USD".to_owned());
        assert_eq!(new_order(&[item("a", 1, upper), item("b", 1, |_| {})]).map(|order| order.amount), Ok(2000));
        let euro = |p: &mut CatalogPrice| p.currency = Some("eur".to_owned());
        assert_eq!(refused(&[item("a", 1, |_| {}), item("b", 1, euro)]), "prices of an order have several currencies");
    }

    #[test]
    fn a_price_without_a_sum_makes_no_order() {
        assert_eq!(
            refused(&[OrderItem { price: "a".to_owned(), quantity: 1, known: None }]),
            "price is not in the catalog"
        );
        assert_eq!(refused(&[item("a", 1, |p| p.active = false)]), "price is not active");
        assert_eq!(refused(&[item("a", 1, |p| p.recurring = true)]), "a recurring price has no order");
        for without in [
            item("a", 1, |p| p.tiered = true),
            item("a", 1, |p| p.packaged = true),
            item("a", 1, |p| p.unit_amount = None),
            item("a", 1, |p| p.unit_amount = Some(-1)),
            item("a", 1, |p| p.currency = None),
        ] {
            assert_eq!(refused(&[without]), "price has no fixed amount for one unit");
        }
    }

    #[test]
    fn a_sum_that_is_too_large_is_refused() {
        let half = |p: &mut CatalogPrice| p.unit_amount = Some(i64::MAX / 2 + 1);
        assert_eq!(refused(&[item("a", 2, half)]), "order costs more than an amount can say");
        assert_eq!(refused(&[item("a", 1, half), item("b", 1, half)]), "order costs more than an amount can say");
    }
}
