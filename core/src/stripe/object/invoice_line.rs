//! The lines of an invoice, as far as credits are counted from them.
//! Source: <https://docs.stripe.com/api/invoice-line-item/object>.

use serde::{Deserialize, Serialize};

use super::{List, Unreadable, or_default, read as read_object, reference};

/// A line for an item of a subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceLine {
    /// `il_…`.
    pub id: String,
    /// `si_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub item: Option<String>,
    /// `price_…`.
    pub price: String,
    /// `prod_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub product: Option<String>,
    /// The start of what it is for, in Unix seconds.
    pub start: i64,
    /// The end of what it is for, in Unix seconds.
    pub end: i64,
    /// The quantity; 1 if Stripe sends none.
    pub quantity: i64,
    /// In minor units, before discounts.
    pub amount: i64,
    /// Whether it is for a part of a period, or credits one.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub proration: bool,
    /// The ids of the lines that it credits.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub credits: Vec<String>,
    /// The price's interval and interval count, if the line embeds the price.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub interval: Option<(String, i64)>,
    /// The price of one unit, in minor units, if the line embeds the price.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit_amount: Option<i64>,
    /// Whether it is billed by usage, if the line embeds the price.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub metered: bool,
}

/// The lines of an invoice, as one snapshot has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceLines {
    /// The lines of subscription items.
    pub lines: Vec<InvoiceLine>,
    /// The prices of all other lines, each once.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub others: Vec<String>,
    /// Whether the invoice has more lines than these.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub has_more: bool,
    /// Whether no snapshot says that the invoice is paid. Then it gives nothing, but paid invoices may credit its
    /// lines.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub unpaid: bool,
}

impl InvoiceLines {
    /// Whether there are no lines, and none are left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.others.is_empty() && !self.has_more
    }
}

/// Lines of an invoice that were fetched by themselves, because the invoice has more lines than its event carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedLines {
    /// Its id in `payments.facts`: `in_…/lines`, or `in_…/lines/part` if there are more, so that a part never replaces
    /// the whole.
    pub id: String,
    /// `in_…`.
    pub invoice: String,
    /// The lines.
    pub lines: InvoiceLines,
}

/// The beginning of the path of an invoice's lines.
const INVOICES: &str = "/v1/invoices/";

#[derive(Deserialize)]
struct RawPage {
    url: String,
    #[serde(flatten)]
    list: List<Line>,
}

impl FetchedLines {
    /// Reads a page of an invoice's lines.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn of_page(text: &str) -> Result<Self, Unreadable> {
        let raw: RawPage = read_object("list of invoice lines", text)?;
        let invoice = invoice_of_path(&raw.url).unwrap_or_default().to_owned();
        let lines = read(raw.list);
        let id = format!("{invoice}/lines{}", if lines.has_more { "/part" } else { "" });
        Ok(Self { id, invoice, lines })
    }

    /// Whether these are all lines of an invoice whose snapshot has only some (`told`): each of those is among them.
    #[must_use]
    pub fn completes(&self, told: &InvoiceLines) -> bool {
        let has = |line: &InvoiceLine| self.lines.lines.iter().any(|own| own.id == line.id);
        !self.lines.has_more
            && told.lines.iter().all(has)
            && told.others.iter().all(|price| self.lines.others.contains(price))
    }
}

/// The id of the invoice (`in_…`) in the `url` of a list of its lines; `None` for another `url`.
#[must_use]
pub fn invoice_of_path(url: &str) -> Option<&str> {
    let (invoice, rest) = url.strip_prefix(INVOICES)?.split_once('/')?;
    (rest == "lines" && !invoice.is_empty()).then_some(invoice)
}

/// A line as Stripe sends it.
#[derive(Deserialize)]
pub(super) struct Line {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) amount: i64,
    #[serde(rename = "type")]
    kind: Option<String>,
    quantity: Option<i64>,
    period: Option<Period>,
    proration: Option<bool>,
    proration_details: Option<ProrationDetails>,
    price: Option<Embedded>,
    plan: Option<Embedded>,
    pricing: Option<Pricing>,
    #[serde(default, deserialize_with = "reference")]
    subscription: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    subscription_item: Option<String>,
    parent: Option<LineParent>,
}

#[derive(Deserialize)]
struct Period {
    start: Option<i64>,
    end: Option<i64>,
}

#[derive(Deserialize)]
struct Pricing {
    price_details: Option<PriceDetails>,
}

#[derive(Deserialize)]
struct PriceDetails {
    #[serde(default, deserialize_with = "reference")]
    price: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    product: Option<String>,
}

#[derive(Deserialize)]
struct LineParent {
    subscription_item_details: Option<LineDetails>,
    invoice_item_details: Option<LineDetails>,
}

#[derive(Deserialize)]
struct LineDetails {
    #[serde(default, deserialize_with = "or_default")]
    proration: bool,
    proration_details: Option<ProrationDetails>,
    #[serde(default, deserialize_with = "reference")]
    subscription: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    subscription_item: Option<String>,
}

#[derive(Deserialize)]
struct ProrationDetails {
    credited_items: Option<CreditedItems>,
}

#[derive(Deserialize)]
struct CreditedItems {
    #[serde(default, deserialize_with = "or_default")]
    invoice_line_items: Vec<String>,
}

/// A price or a plan: the whole object, or only its id.
#[derive(Deserialize)]
#[serde(untagged)]
enum Embedded {
    Id(String),
    Object(Box<EmbeddedPrice>),
}

#[derive(Deserialize)]
struct EmbeddedPrice {
    id: String,
    #[serde(default, deserialize_with = "reference")]
    product: Option<String>,
    unit_amount: Option<i64>,
    /// The name of `unit_amount` in a plan.
    amount: Option<i64>,
    recurring: Option<Recurring>,
    #[serde(flatten)]
    of_plan: Recurring,
}

#[derive(Deserialize)]
struct Recurring {
    interval: Option<String>,
    interval_count: Option<i64>,
    usage_type: Option<String>,
}

impl Embedded {
    fn priced(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Id(id) => (Some(id.clone()), None),
            Self::Object(price) => (Some(price.id.clone()), price.product.clone()),
        }
    }

    fn object(&self) -> Option<&EmbeddedPrice> {
        match self {
            Self::Object(price) => Some(price),
            Self::Id(_) => None,
        }
    }
}

impl EmbeddedPrice {
    fn recurring(&self) -> &Recurring {
        self.recurring.as_ref().unwrap_or(&self.of_plan)
    }
}

impl Line {
    fn details(&self) -> Option<&LineDetails> {
        let parent = self.parent.as_ref()?;
        parent.subscription_item_details.as_ref().or(parent.invoice_item_details.as_ref())
    }

    pub(super) fn is_proration(&self) -> bool {
        self.proration.unwrap_or(false) || self.details().is_some_and(|details| details.proration)
    }

    /// The subscription that it names.
    pub(super) fn subscription(&self) -> Option<&str> {
        self.subscription.as_deref().or_else(|| self.details()?.subscription.as_deref())
    }

    pub(super) fn price_and_product(&self) -> (Option<String>, Option<String>) {
        if let Some(details) = self.pricing.as_ref().and_then(|pricing| pricing.price_details.as_ref()) {
            return (details.price.clone(), details.product.clone());
        }
        self.price.as_ref().or(self.plan.as_ref()).map_or((None, None), Embedded::priced)
    }

    /// Whether it is for an item of a subscription. A proration can be an invoice item instead.
    fn is_of_item(&self) -> bool {
        if let Some(parent) = &self.parent {
            return parent.subscription_item_details.is_some()
                || (self.is_proration() && self.subscription().is_some());
        }
        match self.kind.as_deref() {
            Some("subscription") => true,
            None => self.subscription.is_some(),
            Some(_) => self.is_proration() && self.subscription.is_some(),
        }
    }

    fn read(self) -> Option<InvoiceLine> {
        let period = self.period.as_ref();
        let (start, end) = (period.and_then(|p| p.start)?, period.and_then(|p| p.end)?);
        let details = self.details();
        let item = self.subscription_item.clone().or_else(|| details?.subscription_item.clone());
        let credited =
            details.and_then(|details| details.proration_details.as_ref()).or(self.proration_details.as_ref());
        let credits = credited.and_then(|credited| credited.credited_items.as_ref());
        let credits = credits.map(|credited| credited.invoice_line_items.clone()).unwrap_or_default();
        let embedded = || [&self.price, &self.plan].into_iter().flatten().filter_map(Embedded::object);
        let interval = embedded().find_map(|price| {
            let recurring = price.recurring();
            Some((recurring.interval.clone()?, recurring.interval_count.unwrap_or(1)))
        });
        let unit_amount = embedded().find_map(|price| price.unit_amount.or(price.amount));
        let metered = embedded().any(|price| price.recurring().usage_type.as_deref() == Some("metered"));
        let (id, amount, proration) = (self.id.clone(), self.amount, self.is_proration());
        let quantity = self.quantity.unwrap_or(1);
        let (price, product) = self.price_and_product();
        let price = price?;
        Some(InvoiceLine {
            id,
            item,
            price,
            product,
            start,
            end,
            quantity,
            amount,
            proration,
            credits,
            interval,
            unit_amount,
            metered,
        })
    }
}

/// Reads the lines, in the order of their ids.
pub(super) fn read(lines: List<Line>) -> InvoiceLines {
    let has_more = lines.has_more;
    let (of_items, others): (Vec<Line>, Vec<Line>) = lines.data.into_iter().partition(Line::is_of_item);
    let mut lines: Vec<InvoiceLine> = of_items.into_iter().filter_map(Line::read).collect();
    lines.sort_by(|one, other| one.id.cmp(&other.id));
    let mut others: Vec<String> = others.iter().filter_map(|line| line.price_and_product().0).collect();
    others.sort();
    others.dedup();
    InvoiceLines { lines, others, has_more, unpaid: false }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn lines(data: Value) -> Vec<InvoiceLine> {
        let mut list = json!({"has_more": false});
        list["data"] = data;
        read(serde_json::from_value(list).unwrap()).lines
    }

    #[test]
    fn both_shapes_of_a_line_say_the_same() {
        let period = json!({"start": 100, "end": 200});
        let new = json!({"id": "il_1", "amount": -500, "quantity": 2, "period": period,
            "pricing": {"price_details": {"price": "price_a", "product": "prod_a"}},
            "parent": {"type": "subscription_item_details", "subscription_item_details": {"proration": true,
                "proration_details": {"credited_items": {"invoice": "in_0", "invoice_line_items": ["il_0"]}},
                "subscription": "sub_a", "subscription_item": "si_a"}}});
        let old = json!({"id": "il_1", "amount": -500, "quantity": 2, "period": period, "type": "invoiceitem", "proration": true,
            "proration_details": {"credited_items": {"invoice": "in_0", "invoice_line_items": ["il_0"]}},
            "subscription": "sub_a", "subscription_item": "si_a",
            "price": {"id": "price_a", "product": "prod_a", "unit_amount": 900,
                      "recurring": {"interval": "month", "interval_count": 3, "usage_type": "licensed"}}});
        let told = InvoiceLine {
            id: "il_1".into(),
            item: Some("si_a".into()),
            price: "price_a".into(),
            product: Some("prod_a".into()),
            start: 100,
            end: 200,
            quantity: 2,
            amount: -500,
            proration: true,
            credits: vec!["il_0".into()],
            ..InvoiceLine::default()
        };
        assert_eq!(lines(json!([new])), std::slice::from_ref(&told));
        let embedded = InvoiceLine { interval: Some(("month".into(), 3)), unit_amount: Some(900), ..told };
        assert_eq!(lines(json!([old])), [embedded]);
    }

    #[test]
    fn a_plan_tells_what_a_price_tells() {
        let plan =
            json!({"id": "plan_a", "product": "prod_a", "amount": 0, "interval": "year", "usage_type": "metered"});
        let line = json!({"id": "il_1", "type": "subscription", "subscription": "sub_a", "period": {"start": 0, "end": 9},
            "plan": plan});
        let read = &lines(json!([line]))[0];
        assert_eq!((read.interval.clone(), read.unit_amount, read.metered), (Some(("year".into(), 1)), Some(0), true));
        assert_eq!((read.quantity, read.amount, read.price.as_str()), (1, 0, "plan_a"));
    }

    #[test]
    fn only_lines_of_subscription_items_count() {
        let period = json!({"start": 0, "end": 9});
        let item =
            json!({"id": "il_1", "type": "invoiceitem", "subscription": "sub_a", "period": period, "price": "price_a"});
        let one_off = json!({"id": "il_2", "period": period, "pricing": {"price_details": {"price": "price_a"}},
            "parent": {"invoice_item_details": {"proration": false, "subscription": "sub_a"}}});
        let proration = json!({"id": "il_3", "period": period, "pricing": {"price_details": {"price": "price_a"}},
            "parent": {"invoice_item_details": {"proration": true, "subscription": "sub_a"}}});
        let without_time = json!({"id": "il_4", "type": "subscription", "subscription": "sub_a", "price": "price_a"});
        let read = lines(json!([item, one_off, proration, without_time]));
        assert_eq!(read.iter().map(|line| line.id.as_str()).collect::<Vec<_>>(), ["il_3"]);
    }

    #[test]
    fn nothing_is_known_where_nothing_was_told_and_there_is_no_more() {
        let told = lines(
            json!([{"id": "il_1", "type": "subscription", "period": {"start": 0, "end": 9}, "price": "price_a"}]),
        );
        assert!(InvoiceLines::default().is_empty() && !told.is_empty());
        assert!(!InvoiceLines { lines: told, ..InvoiceLines::default() }.is_empty());
        assert!(!InvoiceLines { others: vec!["price_a".into()], ..InvoiceLines::default() }.is_empty());
        assert!(!InvoiceLines { has_more: true, ..InvoiceLines::default() }.is_empty());
    }

    #[test]
    fn lines_that_were_fetched_complete_those_that_were_told() {
        let line = |id: &str| json!({"id": id, "type": "subscription", "subscription": "sub_a", "period": {"start": 0, "end": 9}, "price": "price_a"});
        let page = |data: Value, has_more: bool| {
            let url = "/v1/invoices/in_a/lines";
            FetchedLines::of_page(
                &json!({"object": "list", "url": url, "has_more": has_more, "data": data}).to_string(),
            )
        };
        let all = page(json!([line("il_2"), line("il_1")]), false).unwrap();
        assert_eq!((all.id.as_str(), all.invoice.as_str()), ("in_a/lines", "in_a"));
        assert_eq!(all.lines.lines.iter().map(|line| line.id.as_str()).collect::<Vec<_>>(), ["il_1", "il_2"]);
        let part = page(json!([line("il_1")]), true).unwrap();
        assert_eq!(part.id, "in_a/lines/part");
        let told = |ids: &[&str]| {
            let lines = lines(ids.iter().map(|id| line(id)).collect());
            InvoiceLines { lines, has_more: true, ..InvoiceLines::default() }
        };
        assert!(all.completes(&told(&["il_1"])) && all.completes(&told(&[])));
        assert!(!all.completes(&told(&["il_1", "il_3"])), "another look at another invoice");
        assert!(!part.completes(&told(&["il_1"])));
        let other = InvoiceLines { others: vec!["price_b".into()], ..told(&["il_1"]) };
        assert!(!all.completes(&other));
        for other in ["/v1/invoices/in_a", "/v1/invoices//lines", "/v1/prices", "/v1/invoices/in_a/lines/x"] {
            assert_eq!(invoice_of_path(other), None, "{other}");
        }
        assert!(FetchedLines::of_page("{}").is_err());
    }
}
