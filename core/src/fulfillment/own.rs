//! What a purchase's line items give by themselves.

use super::benefit::Benefit;
use super::prior::PriorFulfillment;

/// What line items give by themselves, whatever order is named: money that buys that can't pay an order too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Own {
    /// Nothing.
    #[default]
    Nothing,
    /// Credits or a key, by this price or product.
    Gives(String),
    /// The products of these prices are not known yet, and products give something.
    Unknown(Vec<String>),
}

impl Own {
    /// What they give by the benefits that were set when the purchase was decided on first, and what was given of it:
    /// `prior` are its credits and entitlements, `decided_at` is when anything was decided first, in microseconds since 1970.
    #[must_use]
    pub fn of<'a>(
        benefits: &[Benefit],
        decided_at: Option<i64>,
        prior: impl Iterator<Item = &'a PriorFulfillment>,
    ) -> Self {
        let then = |benefit: &&Benefit| decided_at.is_none_or(|then| benefit.since.is_some_and(|set| set <= then));
        let giving = benefits.iter().filter(then).filter_map(|benefit| benefit.source.as_ref()).min();
        // What it gave stays given, whatever became of the benefit.
        let gave =
            prior.filter(|prior| prior.pending().is_none()).filter_map(|prior| prior.benefit_source.as_ref()).min();
        if let Some(source) = giving.or(gave) {
            return Self::Gives(source.clone());
        }
        let unknown = benefits.iter().filter(|benefit| benefit.unknown_credits || benefit.unknown_keys);
        let mut unknown: Vec<String> = unknown.map(|benefit| benefit.price.clone()).collect();
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() { Self::Nothing } else { Self::Unknown(unknown) }
    }
}
