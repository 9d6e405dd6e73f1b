//! What a local checkout session sells.

use std::collections::BTreeMap;

/// One line of a local checkout session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Stripe's price.
    pub price: String,
    /// How many of it.
    pub quantity: i64,
    /// Stripe's product, where Stripe's own line items say it.
    pub product: Option<String>,
    /// Whether the price is a subscription's, where they say it.
    pub recurring: Option<bool>,
}

impl Line {
    /// So many of a price, of which no more is known.
    #[must_use]
    pub fn new(price: &str, quantity: i64) -> Self {
        Self { price: price.to_owned(), quantity, product: None, recurring: None }
    }
}

/// Stripe's own line items, as `payment_history.line_items` has them. Those of one price add up.
#[must_use]
pub fn told(line_items: &serde_json::Value) -> Vec<Line> {
    let mut lines = lines(line_items);
    for item in line_items.as_array().into_iter().flatten() {
        let price = item.get("price").and_then(serde_json::Value::as_str);
        if let Some(line) = lines.iter_mut().find(|line| Some(line.price.as_str()) == price) {
            line.product = item.get("product").and_then(serde_json::Value::as_str).map(ToOwned::to_owned);
            line.recurring = item.get("recurring").and_then(serde_json::Value::as_bool);
        }
    }
    lines
}

/// How many of each price there are.
#[must_use]
pub fn by_price(lines: &[Line]) -> BTreeMap<String, i64> {
    let mut items: BTreeMap<String, i64> = BTreeMap::new();
    for line in lines {
        let sum = items.entry(line.price.clone()).or_default();
        *sum = sum.saturating_add(line.quantity);
    }
    items
}

/// Items in words.
#[must_use]
pub fn listed(items: &BTreeMap<String, i64>) -> String {
    let listed: Vec<String> = items.iter().map(|(price, quantity)| format!("{quantity} × {price}")).collect();
    if listed.is_empty() { "nothing".to_owned() } else { listed.join(", ") }
}

/// Lines as a session's `line_items` write them.
#[must_use]
pub fn as_line_items(lines: &[Line]) -> serde_json::Value {
    lines.iter().map(|line| serde_json::json!({"price": line.price, "quantity": line.quantity})).collect()
}

/// Line items by price, with how many of each; none where there is anything else among them.
#[must_use]
pub fn items(line_items: &serde_json::Value) -> Option<BTreeMap<String, i64>> {
    let mut items = BTreeMap::new();
    for item in line_items.as_array()? {
        let item = item.as_object()?;
        let price = match (item.get("stripePriceId"), item.get("price")) {
            (Some(price), None) | (None, Some(price)) => price.as_str()?,
            _ => return None,
        };
        let quantity =
            item.get("quantity").map_or(Some(1), serde_json::Value::as_i64).filter(|quantity| *quantity > 0)?;
        let sum: &mut i64 = items.entry(price.to_owned()).or_default();
        *sum = sum.checked_add(quantity)?;
    }
    Some(items)
}

/// The price of a session's `line_items`, where there is just one.
#[must_use]
pub fn only_price(line_items: &serde_json::Value) -> Option<&str> {
    let [item] = line_items.as_array()?.as_slice() else { return None };
    ["stripePriceId", "price"].iter().find_map(|name| item.get(*name)?.as_str())
}

/// Reads a session's `line_items`; what is not a line of `{stripePriceId | price, quantity}` is passed over.
#[must_use]
pub fn lines(line_items: &serde_json::Value) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for item in line_items.as_array().into_iter().flatten() {
        let price = ["stripePriceId", "price"].iter().find_map(|name| item.get(*name)).and_then(|price| price.as_str());
        let quantity = item.get("quantity").map_or(Some(1), serde_json::Value::as_i64);
        let (Some(price), Some(quantity)) = (price, quantity.filter(|quantity| *quantity > 0)) else { continue };
        match lines.iter_mut().find(|line| line.price == price) {
            Some(line) => line.quantity = line.quantity.saturating_add(quantity),
            None => lines.push(Line::new(price, quantity)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_item_has_a_price() {
        let price = |items: serde_json::Value| only_price(&items).map(ToOwned::to_owned);
        assert_eq!(price(serde_json::json!([{"price": "price_a", "quantity": 2}])).as_deref(), Some("price_a"));
        let both = serde_json::json!([{"price": "price_a", "stripePriceId": "price_b"}]);
        assert_eq!(price(both).as_deref(), Some("price_b"));
        for none in [
            serde_json::json!([]),
            serde_json::json!([7]),
            serde_json::json!([{"price": "a"}, {"price": "a"}]),
            serde_json::Value::Null,
        ] {
            assert_eq!(price(none), None);
        }
    }

    #[test]
    fn lines_of_one_price_add_up_and_strange_ones_are_passed_over() {
        let items = serde_json::json!([
            {"stripePriceId": "price_a", "quantity": 2}, {"price": "price_b"}, {"stripePriceId": "price_a", "quantity": 1},
            {"quantity": 1}, {"price": "price_c", "quantity": 0}, {"price": "price_c", "quantity": -4}, 7, null,
        ]);
        let read: Vec<(String, i64)> = lines(&items).into_iter().map(|line| (line.price, line.quantity)).collect();
        assert_eq!(read, [("price_a".to_owned(), 3), ("price_b".to_owned(), 1)]);
        assert!(lines(&serde_json::json!({"price": "price_a"})).is_empty());
    }

    #[test]
    fn lines_are_written_as_a_session_writes_them() {
        let written = as_line_items(&[Line::new("price_a", 2), Line::new("price_b", 1)]);
        assert_eq!(
            written,
            serde_json::json!([{"price": "price_a", "quantity": 2}, {"price": "price_b", "quantity": 1}])
        );
    }

    #[test]
    fn items_are_the_same_in_any_order_and_nothing_strange_is_passed_over() {
        let of = |items: serde_json::Value| super::items(&items);
        let two = of(
            serde_json::json!([{"price": "b"}, {"stripePriceId": "a", "quantity": 2}, {"price": "b", "quantity": 1}]),
        );
        assert_eq!(two, of(serde_json::json!([{"price": "a", "quantity": 2}, {"price": "b", "quantity": 2}])));
        assert!(two.is_some_and(|two| two == BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 2)])));
        for strange in [
            serde_json::json!({"price": "a"}),
            serde_json::json!([{"price": "a"}, 7]),
            serde_json::json!([{"price": "a", "stripePriceId": "b"}]),
            serde_json::json!([{"price": "a", "quantity": 0}]),
            serde_json::json!([{"price": "a", "quantity": 1.5}]),
            serde_json::json!([{"price": "a", "quantity": null}]),
            serde_json::json!([{"name": "a book"}]),
        ] {
            assert_eq!(of(strange.clone()), None, "{strange}");
        }
    }
}
