//! Active entitlement summaries: the features that Stripe says a customer has now.
//! Source: <https://docs.stripe.com/api/entitlements/active-entitlement>.

use serde::{Deserialize, Serialize};

use super::{List, Unreadable, read, reference};

/// One feature of a customer, named as the columns of `payments.active_entitlements`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActiveEntitlement {
    /// `ent_…`.
    pub stripe_entitlement_id: String,
    /// `feat_…`.
    pub stripe_feature_id: Option<String>,
    /// The app's own name for the feature.
    pub lookup_key: String,
}

/// The features that a customer has now.
#[derive(Debug, Clone)]
pub struct Summary {
    /// `cus_…`.
    pub customer: String,
    /// The features.
    pub entitlements: Vec<ActiveEntitlement>,
}

#[derive(Deserialize)]
struct RawSummary {
    #[serde(default, deserialize_with = "reference")]
    customer: Option<String>,
    entitlements: Option<List<Entitlement>>,
}

#[derive(Deserialize)]
struct Entitlement {
    id: String,
    #[serde(default, deserialize_with = "reference")]
    feature: Option<String>,
    lookup_key: String,
}

impl Summary {
    /// Reads the object of `entitlements.active_entitlement_summary.updated`.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let raw: RawSummary = read("entitlement summary", text)?;
        let entitlements =
            raw.entitlements.into_iter().flat_map(|list| list.data).map(|entitlement| ActiveEntitlement {
                stripe_entitlement_id: entitlement.id,
                stripe_feature_id: entitlement.feature,
                lookup_key: entitlement.lookup_key,
            });
        Ok(Self { customer: raw.customer.unwrap_or_default(), entitlements: entitlements.collect() })
    }
}
