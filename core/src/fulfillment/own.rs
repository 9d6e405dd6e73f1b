//! What a purchase's line items give by themselves.

use super::benefit::Benefit;
use super::prior::{LINE_ITEMS, PriorFulfillment};

/// What line items give by themselves. Money that buys this cannot pay an order, too.
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
        // What it gave counts even if the benefit was changed or removed since.
        let gave = prior
            .filter(|prior| prior.pending().is_none() && prior.item != LINE_ITEMS)
            .filter_map(|prior| prior.benefit_source.as_ref())
            .min();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fulfillment::decision::FulfillmentState;

    fn benefit(price: &str, source: Option<&str>, since: i64) -> Benefit {
        Benefit {
            price: price.into(),
            source: source.map(Into::into),
            since: Some(since),
            unknown_credits: source.is_none(),
            ..Benefit::default()
        }
    }

    fn gave(item: &str, source: &str) -> PriorFulfillment {
        PriorFulfillment {
            benefit_source: Some(source.into()),
            decided_at: 50,
            ..PriorFulfillment::on(item, FulfillmentState::Applied)
        }
    }

    #[test]
    fn only_benefits_that_were_set_by_then_count() {
        let benefits = [benefit("price_b", Some("price_b"), 50), benefit("price_a", Some("price_a"), 51)];
        let none = || std::iter::empty();
        assert_eq!(Own::of(&benefits, None, none()), Own::Gives("price_a".into()));
        assert_eq!(Own::of(&benefits, Some(50), none()), Own::Gives("price_b".into()));
        assert_eq!(Own::of(&benefits, Some(49), none()), Own::Nothing);
    }

    #[test]
    fn what_it_gave_counts_and_what_it_may_give_is_unknown() {
        let given = [gave("undecided:price_x", "price_x"), gave("credits:price_c", "price_c")];
        assert_eq!(Own::of(&[], Some(50), given.iter()), Own::Gives("price_c".into()));
        assert_eq!(Own::of(&[], Some(50), given[..1].iter()), Own::Nothing);
        let unknown = [benefit("price_b", None, 1), benefit("price_a", None, 1), benefit("price_b", None, 1)];
        let keys = Benefit { unknown_keys: true, unknown_credits: false, ..benefit("price_c", None, 1) };
        let unknown: Vec<Benefit> = unknown.into_iter().chain([keys]).collect();
        let prices = ["price_a", "price_b", "price_c"].map(String::from).to_vec();
        assert_eq!(Own::of(&unknown, None, std::iter::empty()), Own::Unknown(prices));
    }
}
