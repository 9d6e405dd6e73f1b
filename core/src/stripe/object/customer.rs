//! Customers. Source: <https://docs.stripe.com/api/customers/object>.

use serde::{Deserialize, Serialize};

use super::{Metadata, Unreadable, read};

/// The mirror's row of a customer, named as the columns of `payments.customers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// `cus_…`.
    pub stripe_customer_id: String,
    /// Of the customer.
    pub email: Option<String>,
    /// Of the customer.
    pub name: Option<String>,
    /// Of the customer.
    pub phone: Option<String>,
    /// Deleted stays deleted.
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
    /// Reads a customer; whether it is deleted is the event type's word, for the object often lacks the flag.
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
