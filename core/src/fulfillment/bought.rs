//! What was bought: Stripe's line items where they are known, else those that the local row asked for, as long as the money does not
//! contradict them.

use serde_json::Value;

use super::line_items::{Line, items, lines, listed, told};
use super::money::Money;
use crate::stripe::object::invoice_line::InvoiceLines;

/// What the catalog says of a price, as far as it decides what a line costs.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
pub struct CatalogPrice {
    /// `one_time` or `recurring`.
    #[serde(rename = "type")]
    pub price_type: Option<String>,
    /// Lower-case ISO code.
    pub currency: Option<String>,
    /// What one unit costs; none where tiers or the payer decide it, or where nothing is known of it.
    pub unit_amount: Option<i64>,
}

impl CatalogPrice {
    /// Whether it says anything of money that a one-time purchase can be compared with.
    fn is_priced(&self) -> bool {
        !self.is_recurring() && (self.currency.is_some() || self.unit_amount.is_some())
    }

    /// Whether it is a subscription's.
    #[must_use]
    pub fn is_recurring(&self) -> bool {
        self.price_type.as_deref() == Some("recurring")
    }
}

/// What Stripe's line items say of a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Nothing.
    Nothing,
    /// There are more than are known.
    Part,
    /// All of them.
    All(Vec<Line>),
}

impl Told {
    /// From `payment_history.line_items`.
    #[must_use]
    pub fn of(line_items: &Value) -> Self {
        match line_items {
            Value::Array(_) => Self::All(told(line_items)),
            Value::Object(_) => Self::Part,
            _ => Self::Nothing,
        }
    }
}

/// Whether two lists have the same quantity of each price.
#[must_use]
pub fn is_same(line_items: &Value, lines: &[Line]) -> bool {
    items(line_items).is_some_and(|asked| asked == super::line_items::by_price(lines))
}

/// Lines as text, as decisions show and compare them.
#[must_use]
pub fn shown(lines: &[Line]) -> String {
    listed(&super::line_items::by_price(lines))
}

/// Why the local row's line items can't be what was bought, or why nobody can tell; `None` where nothing contradicts them.
///
/// A price that the catalog lacks contradicts nothing, and neither does a session without a subtotal.
#[must_use]
pub fn contradiction<'a>(
    line_items: &Value,
    money: &Money,
    catalog: impl Fn(&str) -> Option<&'a CatalogPrice>,
) -> Option<String> {
    let subtotal = money.subtotal?;
    let mut sum = 0_i128;
    let mut is_whole = items(line_items).is_some();
    for line in lines(line_items) {
        let Some(price) = catalog(&line.price).filter(|price| price.is_priced()) else {
            is_whole = false;
            continue;
        };
        if let (Some(currency), Some(paid)) = (&price.currency, &money.currency)
            && !currency.eq_ignore_ascii_case(paid)
        {
            return Some(format!("{} is priced in {currency}, and the checkout session is in {paid}", line.price));
        }
        let Some(unit_amount) = price.unit_amount else {
            return Some(format!("what {} costs can't be computed: by tiers, or as the payer chooses", line.price));
        };
        sum += i128::from(unit_amount) * i128::from(line.quantity);
    }
    let is_less = sum > i128::from(subtotal);
    (is_less || (is_whole && sum != i128::from(subtotal))).then(|| {
        format!("the items asked for cost {sum} before discounts and tax, those of the checkout session {subtotal}")
    })
}

/// Why a purchase waits, and what ends that.
#[must_use]
pub fn waiting(why: &str, environment: &str, session: Option<&str>) -> String {
    let session = session.unwrap_or("cs_…");
    format!(
        "{why}, so what was bought is not known: fetch GET /v1/checkout/sessions/{session}/line_items?limit=100 and pass it to payments.sync_stripe_objects('{environment}', …)"
    )
}

/// The prices of a subscription's first invoice.
#[derive(Debug, Default)]
pub struct Invoiced {
    /// Those of subscription items.
    pub items: Vec<String>,
    /// The others, and those of lines that do not say what they are for.
    pub others: Vec<String>,
}

impl Invoiced {
    /// As `payment_history.invoice_lines` says it of a paid invoice; none where it says nothing.
    #[must_use]
    pub fn of(invoice_lines: &Value) -> Option<Self> {
        let lines: InvoiceLines = serde_json::from_value(invoice_lines.clone()).ok()?;
        let items = lines.lines.into_iter().map(|line| line.price).collect();
        (!lines.unpaid).then_some(Self { items, others: lines.others })
    }

    fn has(&self, price: &String) -> bool {
        self.items.contains(price) || self.others.contains(price)
    }

    fn is_silent(&self) -> bool {
        self.items.is_empty() && self.others.is_empty()
    }
}

/// Of a subscription's checkout session, the lines that are paid once.
///
/// Stripe's own line items decide it first. Then the first invoice: a price that it has for a subscription's item recurs, and one that it
/// does not have was not bought, or is not known yet. If its lines do not say it, the catalog decides; else a price recurs if it is among
/// the subscription's items. While the invoice or the items are unknown (`None`), a line that nothing decides is left out.
#[must_use]
pub fn paid_once<'a>(
    lines: Vec<Line>,
    catalog: impl Fn(&str) -> Option<&'a CatalogPrice>,
    invoiced: Option<&Invoiced>,
    subscribed: Option<&[String]>,
) -> Vec<Line> {
    let is_once = |line: &Line| {
        let by_invoice = || {
            let Some(invoiced) = invoiced else { return Some(true) };
            let recurs = invoiced.items.contains(&line.price) || !invoiced.has(&line.price);
            (recurs && !invoiced.is_silent()).then_some(true)
        };
        let by_catalog = || Some(catalog(&line.price)?.price_type.as_deref()? == "recurring");
        let by_items = || Some(subscribed?.contains(&line.price));
        line.recurring.or_else(by_invoice).or_else(by_catalog).or_else(by_items) == Some(false)
    };
    lines.into_iter().filter(|line| is_once(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paid(subtotal: Option<i64>) -> Money {
        Money { subtotal, currency: Some("usd".into()), ..Money::default() }
    }

    fn priced(currency: &str, unit_amount: Option<i64>) -> CatalogPrice {
        CatalogPrice { price_type: Some("one_time".into()), currency: Some(currency.into()), unit_amount }
    }

    fn of(asked: &Value, subtotal: Option<i64>, catalog: &[(&str, CatalogPrice)]) -> Option<String> {
        contradiction(asked, &paid(subtotal), |price| {
            catalog.iter().find(|(id, _)| *id == price).map(|(_, price)| price)
        })
    }

    #[test]
    fn the_sum_must_be_the_subtotal() {
        let asked = json!([{"price": "price_a", "quantity": 2}, {"price": "price_b"}]);
        let catalog = [("price_a", priced("usd", Some(1000))), ("price_b", priced("USD", Some(500)))];
        assert_eq!(of(&asked, Some(2500), &catalog), None);
        assert_eq!(of(&asked, None, &catalog), None);
        let reason = "the items asked for cost 2500 before discounts and tax, those of the checkout session 1500";
        assert_eq!(of(&asked, Some(1500), &catalog).as_deref(), Some(reason));
        assert!(of(&asked, Some(9000), &catalog).is_some());
    }

    #[test]
    fn what_the_catalog_lacks_contradicts_nothing() {
        let asked = json!([{"price": "price_a", "quantity": 2}, {"price": "price_b"}]);
        assert_eq!(of(&asked, Some(10), &[]), None);
        let one = [("price_a", priced("usd", Some(1000)))];
        assert_eq!(of(&asked, Some(2500), &one), None);
        // The one that is known costs more than all of it.
        assert!(of(&asked, Some(1500), &one).is_some());
        // A row that says nothing of money, and a subscription's price, which no one-time session can hold.
        let silent = [("price_a", CatalogPrice::default()), ("price_b", CatalogPrice::default())];
        assert_eq!(of(&asked, Some(10), &silent), None);
        let recurring = CatalogPrice { price_type: Some("recurring".into()), ..priced("usd", Some(1500)) };
        assert_eq!(of(&json!([{"price": "price_a"}]), Some(2000), &[("price_a", recurring)]), None);
        // Something that is no line may cost anything.
        assert_eq!(of(&json!([{"price": "price_a", "quantity": 2}, {"name": "a book"}]), Some(2500), &one), None);
    }

    #[test]
    fn what_cannot_be_computed_waits() {
        let asked = json!([{"price": "price_a"}]);
        let tiers = of(&asked, Some(1000), &[("price_a", priced("usd", None))]);
        assert_eq!(tiers.as_deref(), Some("what price_a costs can't be computed: by tiers, or as the payer chooses"));
        let other = of(&asked, Some(1000), &[("price_a", priced("eur", Some(1000)))]);
        assert_eq!(other.as_deref(), Some("price_a is priced in eur, and the checkout session is in usd"));
        let reason = waiting("why", "test", Some("cs_a"));
        assert!(
            reason.contains("/v1/checkout/sessions/cs_a/line_items") && reason.contains("sync_stripe_objects('test'")
        );
    }

    #[test]
    fn lines_of_a_subscriptions_session_are_paid_once_or_again() {
        let line = |price: &str, recurring| Line { recurring, ..Line::new(price, 1) };
        let prices = |lines: &[Line]| lines.iter().map(|line| line.price.clone()).collect::<Vec<_>>();
        let once = |lines: Vec<Line>, subscribed: Option<&[String]>| {
            let (one, again) = (
                CatalogPrice { price_type: Some("one_time".into()), ..CatalogPrice::default() },
                CatalogPrice { price_type: Some("recurring".into()), ..CatalogPrice::default() },
            );
            prices(&paid_once(
                lines,
                |price| match price {
                    "price_once" => Some(&one),
                    "price_again" => Some(&again),
                    _ => None,
                },
                Some(&Invoiced::default()),
                subscribed,
            ))
        };
        let all =
            || vec![line("price_once", None), line("price_again", None), line("price_x", None), line("price_y", None)];
        assert_eq!(once(all(), None), ["price_once"]);
        assert_eq!(once(all(), Some(&["price_x".to_owned(), "price_once".to_owned()])), ["price_once", "price_y"]);
        assert_eq!(once(vec![line("price_again", Some(false)), line("price_once", Some(true))], None), ["price_again"]);
    }

    #[test]
    fn the_first_invoice_says_what_recurs_and_what_was_not_bought() {
        let invoiced = json!({"lines": [{"id": "il_1", "price": "price_a", "start": 1, "end": 2, "quantity": 1, "amount": 1}],
            "others": ["price_pack", "price_untyped"]});
        let invoiced = Invoiced::of(&invoiced).unwrap();
        let lines =
            || ["price_a", "price_pack", "price_untyped", "price_dropped"].map(|price| Line::new(price, 1)).to_vec();
        let once = |invoiced: &Invoiced| {
            let lines = paid_once(lines(), |_| None, Some(invoiced), Some(&["price_b".into(), "price_untyped".into()]));
            lines.into_iter().map(|line| line.price).collect::<Vec<_>>()
        };
        // The plan was switched from price_a to price_b since.
        assert_eq!(once(&invoiced), ["price_pack"]);
        assert!(Invoiced::of(&Value::Null).is_none());
        // It says so whatever the catalog says, also where it has nothing else.
        let one_time = CatalogPrice { price_type: Some("one_time".into()), ..CatalogPrice::default() };
        for (items, others) in [(vec!["price_a".to_owned()], vec![]), (vec![], vec!["price_b".to_owned()])] {
            let invoiced = Invoiced { items, others };
            let lines = vec![Line::new("price_a", 1)];
            assert!(paid_once(lines, |_| Some(&one_time), Some(&invoiced), None).is_empty(), "{invoiced:?}");
        }
        // Without the invoice no line can be decided.
        assert!(paid_once(lines(), |_| None, None, Some(&[])).is_empty());
    }

    #[test]
    fn what_stripe_says_is_known_from_its_shape() {
        assert_eq!((Told::of(&Value::Null), Told::of(&json!({"has_more": true}))), (Told::Nothing, Told::Part));
        let Told::All(lines) =
            Told::of(&json!([{"price": "price_a", "quantity": 2, "product": "prod_a", "recurring": false}]))
        else {
            panic!("all of them");
        };
        assert_eq!(
            (lines[0].product.as_deref(), lines[0].recurring, lines[0].quantity),
            (Some("prod_a"), Some(false), 2)
        );
        assert!(is_same(&json!([{"stripePriceId": "price_a", "quantity": 2}]), &lines));
        assert!(!is_same(&json!([{"price": "price_a"}]), &lines) && !is_same(&json!([7]), &lines));
        assert_eq!(shown(&lines), "2 × price_a");
        assert_eq!(shown(&[]), "nothing");
    }
}
