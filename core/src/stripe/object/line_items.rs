//! What the payer of a checkout session really bought: Stripe's own line items.
//! Source: <https://docs.stripe.com/api/checkout/sessions/line_items>.
//!
//! No webhook carries them. They come with a session that was fetched with `line_items` expanded, or as a page of
//! `/v1/checkout/sessions/cs_…/line_items`.

use serde::{Deserialize, Serialize};

use super::{List, Unreadable, read, reference};

/// The beginning of the path of a session's line items.
const SESSIONS: &str = "/v1/checkout/sessions/";

/// The line items of one checkout session, as they were when they were fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineItems {
    /// Its id in `payments.facts`: `cs_…/line_items`, or `cs_…/line_items/part` if there are more, so that a part never
    /// replaces the whole.
    pub id: String,
    /// `cs_…`.
    pub session: String,
    /// The session's status then; `None` for a page, which does not say it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<String>,
    /// Whether there are more pages than this one.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub has_more: bool,
    /// What the line items cost before discounts and tax, in minor units, if each of them says it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount_subtotal: Option<i64>,
    /// Lower-case ISO code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub currency: Option<String>,
    /// The line items that have a price and a quantity greater than zero.
    pub lines: Vec<LineItem>,
}

/// One line item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineItem {
    /// `price_…`.
    pub price: String,
    /// The quantity; 1 if Stripe sends none.
    pub quantity: i64,
    /// `prod_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub product: Option<String>,
    /// Whether the price is recurring, if the line item says it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recurring: Option<bool>,
}

#[derive(Deserialize)]
struct RawSession {
    id: String,
    status: Option<String>,
    line_items: Option<List<RawItem>>,
}

#[derive(Deserialize)]
struct RawPage {
    url: String,
    #[serde(flatten)]
    list: List<RawItem>,
}

#[derive(Deserialize)]
struct RawItem {
    price: Option<RawPrice>,
    quantity: Option<i64>,
    amount_subtotal: Option<i64>,
    currency: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawPrice {
    Id(String),
    Object {
        id: String,
        #[serde(default, deserialize_with = "reference")]
        product: Option<String>,
        #[serde(rename = "type")]
        price_type: Option<String>,
    },
}

impl LineItems {
    /// Reads the line items that a session carries; `None` if it carries none, as in every webhook.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn of_session(text: &str) -> Result<Option<Self>, Unreadable> {
        if !text.contains("\"line_items\"") {
            return Ok(None);
        }
        let raw: RawSession = read("checkout session", text)?;
        let (id, status) = (raw.id, raw.status.unwrap_or_else(|| "open".to_owned()));
        Ok(raw.line_items.map(|list| Self::of_list(id, Some(status), list)))
    }

    /// Reads a page of line items.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn of_page(text: &str) -> Result<Self, Unreadable> {
        let raw: RawPage = read("list of line items", text)?;
        let session = session_of_path(&raw.url).unwrap_or_default().to_owned();
        Ok(Self::of_list(session, None, raw.list))
    }

    fn of_list(session: String, status: Option<String>, list: List<RawItem>) -> Self {
        let sum = list.data.iter().map(|item| item.amount_subtotal).sum::<Option<i64>>();
        let mut currencies: Vec<&String> = list.data.iter().filter_map(|item| item.currency.as_ref()).collect();
        currencies.dedup();
        let currency = if let [one] = currencies[..] { Some(one.clone()) } else { None };
        let mut lines: Vec<LineItem> = list.data.into_iter().filter_map(line).collect();
        lines.sort_by(|one, other| (&one.price, one.quantity).cmp(&(&other.price, other.quantity)));
        Self {
            id: format!("{session}/line_items{}", if list.has_more { "/part" } else { "" }),
            session,
            status,
            has_more: list.has_more,
            amount_subtotal: sum,
            currency,
            lines,
        }
    }

    /// Whether the session was completed then, so that its line items do not change any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.status.as_deref() == Some("complete")
    }
}

fn line(item: RawItem) -> Option<LineItem> {
    let (price, product, price_type) = match item.price? {
        RawPrice::Id(id) => (id, None, None),
        RawPrice::Object { id, product, price_type } => (id, product, price_type),
    };
    let recurring = price_type.map(|price_type| price_type == "recurring");
    Some(LineItem { price, quantity: item.quantity.unwrap_or(1), product, recurring }).filter(|line| line.quantity > 0)
}

/// The id of the session (`cs_…`) in the `url` of a list of its line items; `None` for another `url`.
#[must_use]
pub fn session_of_path(url: &str) -> Option<&str> {
    let (session, rest) = url.strip_prefix(SESSIONS)?.split_once('/')?;
    (rest == "line_items" && !session.is_empty()).then_some(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_carries_them_or_not() {
        assert_eq!(LineItems::of_session(r#"{"id": "cs_a"}"#), Ok(None));
        assert_eq!(LineItems::of_session(r#"{"id": "cs_a", "line_items": null}"#), Ok(None));
        let text = r#"{"id": "cs_a", "status": "complete", "line_items": {"object": "list", "has_more": false, "data": [
            {"id": "li_b", "object": "item", "price": {"id": "price_b", "object": "price", "product": "prod_b", "type": "one_time"},
             "quantity": 2, "amount_subtotal": 600, "amount_total": 500, "currency": "usd"},
            {"id": "li_a", "object": "item", "price": "price_a", "amount_subtotal": 400, "currency": "usd"},
            {"id": "li_c", "object": "item", "price": null, "quantity": 1, "amount_subtotal": 0, "currency": "usd"},
            {"id": "li_d", "object": "item", "price": "price_d", "quantity": 0, "amount_subtotal": 0, "currency": "usd"}]}}"#;
        let items = LineItems::of_session(text).unwrap().unwrap();
        assert_eq!((items.id.as_str(), items.session.as_str()), ("cs_a/line_items", "cs_a"));
        assert!(items.is_final() && !items.has_more);
        assert_eq!((items.amount_subtotal, items.currency.as_deref()), (Some(1000), Some("usd")));
        let line = |price: &str, quantity, product: Option<&str>, recurring| LineItem {
            price: price.into(),
            quantity,
            product: product.map(Into::into),
            recurring,
        };
        assert_eq!(items.lines, [line("price_a", 1, None, None), line("price_b", 2, Some("prod_b"), Some(false))]);
        assert!(LineItems::of_session(r#"{"id": "cs_a", "line_items": 7}"#).is_err());
    }

    #[test]
    fn a_page_names_its_session_in_its_url() {
        let text = r#"{"object": "list", "url": "/v1/checkout/sessions/cs_a/line_items", "has_more": true, "data": [
            {"id": "li_a", "object": "item", "price": {"id": "price_a", "product": "prod_a", "type": "recurring"}, "quantity": 3}]}"#;
        let page = LineItems::of_page(text).unwrap();
        assert_eq!((page.session.as_str(), page.status.as_deref(), page.has_more), ("cs_a", None, true));
        assert_eq!((page.amount_subtotal, page.lines[0].recurring), (None, Some(true)));
        for other in
            ["/v1/prices", "/v1/checkout/sessions/cs_a", "/v1/checkout/sessions//line_items", "/v1/checkout/sessions"]
        {
            assert_eq!(session_of_path(other), None, "{other}");
        }
    }
}
