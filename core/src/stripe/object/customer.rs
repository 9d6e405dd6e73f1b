//! Customers. Source: <https://docs.stripe.com/api/customers/object>.

use serde::{Deserialize, Serialize};

use super::{Metadata, Unreadable, read};

/// The row of a customer, named as the columns of `payments.customers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// `cus_…`.
    pub stripe_customer_id: String,
    /// The customer's e-mail address.
    pub email: Option<String>,
    /// The customer's name.
    pub name: Option<String>,
    /// The customer's phone number.
    pub phone: Option<String>,
    /// A deleted customer stays deleted.
    pub deleted: bool,
    /// As the app wrote it.
    pub metadata: std::collections::BTreeMap<String, String>,
    /// When Stripe made it, in Unix seconds.
    pub stripe_created_at: Option<i64>,
}

#[derive(Deserialize)]
struct RawCustomer {
    id: String,
    email: Option<String>,
    name: Option<String>,
    phone: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    created: Option<i64>,
}

impl Customer {
    /// Reads a customer. `deleted` is whether the event or the object says that it is deleted: the object often lacks
    /// the flag.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str, deleted: bool) -> Result<Self, Unreadable> {
        let raw: RawCustomer = read("customer", text)?;
        Ok(Self {
            stripe_customer_id: raw.id,
            email: raw.email,
            name: raw.name,
            phone: raw.phone,
            deleted,
            metadata: raw.metadata.0,
            stripe_created_at: raw.created,
        })
    }
}
