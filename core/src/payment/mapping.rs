//! Which subject is which Stripe customer: the earliest evidence stands, whatever the arrival.

use serde::{Deserialize, Serialize};

use crate::stripe::object::Subject;

/// What one completed session says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// `cs_…`.
    pub stripe_checkout_session_id: String,
    /// The subject of its local row.
    #[serde(flatten)]
    pub subject: Subject,
    /// `cus_…`.
    pub stripe_customer_id: String,
    /// Unix seconds of the event that said so.
    pub evidence_created: i64,
    /// Its id.
    pub evidence_event_id: String,
}

/// A mapping that an admin made: it stands above every claim.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Fixed {
    /// The subject.
    #[serde(flatten)]
    pub subject: Subject,
    /// `cus_…`.
    pub stripe_customer_id: String,
}

/// Splits claims into those that stand and those that are refused. A claim is refused where its subject or its customer is
/// taken by an admin's mapping or by an earlier claim; one that says the same as what stands is neither.
#[must_use]
pub fn resolve<'a>(claims: &'a [Claim], fixed: &[Fixed]) -> (Vec<&'a Claim>, Vec<&'a Claim>) {
    let mut ordered: Vec<&Claim> = claims.iter().collect();
    // Back-filled claims have one event id in common.
    let evidence = |claim: &&Claim| {
        (claim.evidence_created, claim.evidence_event_id.clone(), claim.stripe_checkout_session_id.clone())
    };
    ordered.sort_by_key(evidence);
    let mut taken: Vec<(&Subject, &str)> =
        fixed.iter().map(|mapping| (&mapping.subject, mapping.stripe_customer_id.as_str())).collect();
    let (mut standing, mut refused) = (Vec::new(), Vec::new());
    for claim in ordered {
        let pair = (&claim.subject, claim.stripe_customer_id.as_str());
        if taken.contains(&pair) {
            continue;
        }
        if taken.iter().any(|(subject, customer)| *subject == pair.0 || *customer == pair.1) {
            refused.push(claim);
        } else {
            taken.push(pair);
            standing.push(claim);
        }
    }
    (standing, refused)
}
