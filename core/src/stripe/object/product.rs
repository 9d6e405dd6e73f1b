//! Products. Source: <https://docs.stripe.com/api/products/object>.

use serde::{Deserialize, Serialize};

use super::{Metadata, Unreadable, or_default, read, reference};

/// The row of a product, named as the columns of `payments.products`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Product {
    /// `prod_…`.
    pub stripe_product_id: String,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Whether it is sold; a deleted product is not.
    pub active: bool,
    /// `price_…`.
    pub default_price_id: Option<String>,
    /// As the app wrote it.
    pub metadata: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RawProduct {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    description: Option<String>,
    active: Option<bool>,
    #[serde(default, deserialize_with = "reference")]
    default_price: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

impl Product {
    /// Reads a product. `deleted` is whether the event or the object says that it is deleted.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str, deleted: bool) -> Result<Self, Unreadable> {
        let raw: RawProduct = read("product", text)?;
        Ok(Self {
            stripe_product_id: raw.id,
            name: raw.name,
            description: raw.description,
            active: !deleted && raw.active.unwrap_or(true),
            default_price_id: raw.default_price,
            metadata: raw.metadata.0,
        })
    }
}
