//! Prices. Source: <https://docs.stripe.com/api/prices/object>.

use serde::{Deserialize, Serialize};

use super::{Metadata, Unreadable, read, reference};

/// The row of a price, named as the columns of `payments.prices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Price {
    /// `price_…`.
    pub stripe_price_id: String,
    /// `prod_…`.
    pub stripe_product_id: Option<String>,
    /// Whether it can be bought; a deleted price cannot.
    pub active: bool,
    /// Lower-case ISO code.
    pub currency: Option<String>,
    /// In minor units of `currency`.
    pub unit_amount: Option<i64>,
    /// `unit_amount` with up to 12 decimals.
    pub unit_amount_decimal: Option<String>,
    /// `one_time` or `recurring`.
    #[serde(rename = "type")]
    pub price_type: Option<String>,
    /// The app's own name for the price.
    pub lookup_key: Option<String>,
    /// `per_unit` or `tiered`.
    pub billing_scheme: Option<String>,
    /// `inclusive`, `exclusive` or `unspecified`.
    pub tax_behavior: Option<String>,
    /// `day`, `week`, `month` or `year`.
    pub recurring_interval: Option<String>,
    /// How many intervals a period has.
    pub recurring_interval_count: Option<i32>,
    /// As the app wrote it.
    pub metadata: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RawPrice {
    id: String,
    #[serde(default, deserialize_with = "reference")]
    product: Option<String>,
    active: Option<bool>,
    currency: Option<String>,
    unit_amount: Option<i64>,
    unit_amount_decimal: Option<String>,
    #[serde(rename = "type")]
    price_type: Option<String>,
    lookup_key: Option<String>,
    billing_scheme: Option<String>,
    tax_behavior: Option<String>,
    recurring: Option<Recurring>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Recurring {
    interval: Option<String>,
    interval_count: Option<i32>,
}

impl Price {
    /// Reads a price. `deleted` is whether the event or the object says that it is deleted.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str, deleted: bool) -> Result<Self, Unreadable> {
        let raw: RawPrice = read("price", text)?;
        let (interval, count) = raw.recurring.map_or((None, None), |r| (r.interval, r.interval_count));
        Ok(Self {
            stripe_price_id: raw.id,
            stripe_product_id: raw.product,
            active: !deleted && raw.active.unwrap_or(true),
            currency: raw.currency,
            unit_amount: raw.unit_amount,
            unit_amount_decimal: raw.unit_amount_decimal,
            price_type: raw.price_type,
            lookup_key: raw.lookup_key,
            billing_scheme: raw.billing_scheme,
            tax_behavior: raw.tax_behavior,
            recurring_interval: interval,
            recurring_interval_count: count,
            metadata: raw.metadata.0,
        })
    }
}
