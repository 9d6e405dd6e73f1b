//! Which subject is mapped to which Stripe customer: the earliest evidence wins, in any order of arrival.

use serde::{Deserialize, Serialize};

use crate::subject::Subject;

/// What one completed session claims: that its subject is its customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// `cs_…`.
    pub stripe_checkout_session_id: String,
    /// The subject of its local row.
    #[serde(flatten)]
    pub subject: Subject,
    /// `cus_…`.
    pub stripe_customer_id: String,
    /// `created` of the first event that shows the completed session; of the session itself, if a backfill shows it.
    /// Unix seconds.
    pub evidence_created: i64,
    /// The id of that event, or that of a backfill.
    pub evidence_event_id: String,
}

/// A mapping of a subject to a customer. One that an admin wrote wins over every claim.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mapping {
    /// The subject.
    #[serde(flatten)]
    pub subject: Subject,
    /// `cus_…`.
    pub stripe_customer_id: String,
}

/// Splits claims into those that are accepted and those that are refused. A claim is refused if its subject or its
/// customer is taken by an admin's mapping (`fixed`) or by an earlier claim. A claim that repeats an accepted one or an
/// admin's mapping is in neither list.
#[must_use]
pub fn resolve<'a>(claims: &'a [Claim], fixed: &[Mapping]) -> (Vec<&'a Claim>, Vec<&'a Claim>) {
    let mut ordered: Vec<&Claim> = claims.iter().collect();
    // All claims from backfills have the same event id, so the session's id decides between them.
    let evidence = |claim: &&Claim| {
        (claim.evidence_created, claim.evidence_event_id.clone(), claim.stripe_checkout_session_id.clone())
    };
    ordered.sort_by_key(evidence);
    let mut taken: Vec<(&Subject, &str)> =
        fixed.iter().map(|mapping| (&mapping.subject, mapping.stripe_customer_id.as_str())).collect();
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    for claim in ordered {
        let pair = (&claim.subject, claim.stripe_customer_id.as_str());
        if taken.contains(&pair) {
            continue;
        }
        if taken.iter().any(|(subject, customer)| *subject == pair.0 || *customer == pair.1) {
            refused.push(claim);
        } else {
            taken.push(pair);
            accepted.push(claim);
        }
    }
    (accepted, refused)
}
