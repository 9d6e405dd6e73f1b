//! What a purchase's lines give by the benefits that are set, and which lines can't be decided yet.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::bought::CatalogPrice;
use super::period::calendar::Interval;

/// What is known of one line of a purchase: one of the benefits of its price, or that there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "a row of a statement, whose columns these are")]
pub struct Benefit {
    /// The line's price.
    pub price: String,
    /// How many of it were bought.
    pub quantity: i64,
    /// The price or product that gives it; none where nothing is given.
    pub source: Option<String>,
    /// Whether that is the product.
    pub by_product: bool,
    /// When it was set, in microseconds since 1970.
    pub since: Option<i64>,
    /// Credits for each unit.
    pub credits: Option<i64>,
    /// Or an entitlement's key.
    pub key: Option<String>,
    /// Whether the key stays while an invoice is overdue.
    pub past_due: Option<bool>,
    /// Whether the key stays while a subscription's collection is paused.
    pub paused: Option<bool>,
    /// Whether the time it lasts can be told at all.
    pub in_range: Option<bool>,
    /// For how long, all units together; none is for good.
    pub duration: Option<String>,
    /// Until when, in microseconds since 1970.
    pub expires_at: Option<i64>,
    /// How long credits last.
    pub lasts: Option<Interval>,
    /// Whether they lapse with their period.
    #[serde(default)]
    pub until_period_end: bool,
    /// How long the parts are in which a period is given.
    pub every: Option<Interval>,
    /// Whether a trial gives too.
    #[serde(default)]
    pub trials: bool,
    /// Whether its product is unknown.
    pub unknown: bool,
    /// What the catalog says of the price, where it has it.
    #[serde(default)]
    pub catalog: Option<CatalogPrice>,
    /// Whether it is, while products give credits.
    #[serde(skip)]
    pub unknown_credits: bool,
    /// The same of keys.
    #[serde(skip)]
    pub unknown_keys: bool,
}

/// Why it can't be told yet what a line gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PendingReason {
    /// Its price's product is not known yet, and something may be given by it.
    UnknownProduct,
    /// So many of it would give more credits, or for longer, than can be written.
    OutOfRange,
}

/// A line that could not be decided when the payment was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingLine {
    /// Its price.
    pub price: String,
    /// When that was, in microseconds since 1970; none where it was out of range, and any benefit may mend it.
    pub decided_at: Option<i64>,
}

/// What lines give of one kind, by credit source or key, and the lines that are undecided, by their price.
pub type Grants<T> = (BTreeMap<String, T>, BTreeMap<String, PendingReason>);

/// For how long a key is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duration {
    /// The price or product that gives it.
    pub source: String,
    /// For how long; none is for good.
    pub duration: Option<String>,
    /// Until when, in microseconds since 1970.
    pub expires_at: Option<i64>,
}

impl Duration {
    /// Of two promises of one key the one that lasts longer, whichever came first.
    #[must_use]
    pub fn longer(self, other: Self) -> Self {
        let later = |duration: &Self| (duration.expires_at.is_none(), duration.expires_at);
        match later(&self).cmp(&later(&other)) {
            std::cmp::Ordering::Greater => self,
            std::cmp::Ordering::Less => other,
            std::cmp::Ordering::Equal => std::cmp::min_by(self, other, |one, two| one.source.cmp(&two.source)),
        }
    }
}

/// A price's own benefit goes before its product's; in an order that does not depend on how they were found.
pub fn prefer_price_over_product(benefits: &mut Vec<Benefit>) {
    let own: Vec<(String, Option<String>)> = benefits
        .iter()
        .filter(|benefit| benefit.source.is_some() && !benefit.by_product)
        .map(|benefit| (benefit.price.clone(), benefit.key.clone()))
        .collect();
    benefits.retain(|benefit| {
        !benefit.by_product || own.iter().all(|(price, key)| *price != benefit.price || *key != benefit.key)
    });
    benefits.sort_by(|one, other| (&one.source, &one.key).cmp(&(&other.source, &other.key)));
}

/// Credits, summed by the price or product that gives them.
#[must_use]
pub fn credits<'a>(benefits: impl Iterator<Item = &'a Benefit> + Clone) -> Grants<i64> {
    let mut undecided = BTreeMap::new();
    let mut given: BTreeMap<String, i64> = BTreeMap::new();
    let mut decided: Vec<&str> = Vec::new();
    for benefit in benefits.clone() {
        let Some((source, each)) = benefit.source.as_ref().zip(benefit.credits) else { continue };
        decided.push(&benefit.price);
        let sum = each
            .checked_mul(benefit.quantity)
            .and_then(|credits| credits.checked_add(given.get(source).copied().unwrap_or(0)));
        match sum {
            Some(sum) => drop(given.insert(source.clone(), sum)),
            None => drop(undecided.insert(benefit.price.clone(), PendingReason::OutOfRange)),
        }
    }
    // A price's own credits go before its product's.
    for benefit in benefits.filter(|benefit| benefit.unknown_credits) {
        if !decided.contains(&benefit.price.as_str()) {
            undecided.insert(benefit.price.clone(), PendingReason::UnknownProduct);
        }
    }
    (given, undecided)
}

/// Keys of entitlements; where two lines give the same, the one that lasts longer.
#[must_use]
pub fn entitlements<'a>(benefits: impl Iterator<Item = &'a Benefit>) -> Grants<Duration> {
    let mut undecided = BTreeMap::new();
    let mut given: BTreeMap<String, Duration> = BTreeMap::new();
    for benefit in benefits {
        if benefit.unknown_keys {
            undecided.entry(benefit.price.clone()).or_insert(PendingReason::UnknownProduct);
        }
        let Some((source, key)) = benefit.source.as_ref().zip(benefit.key.as_ref()) else { continue };
        if benefit.in_range == Some(false) {
            undecided.insert(benefit.price.clone(), PendingReason::OutOfRange);
            continue;
        }
        let duration =
            Duration { source: source.clone(), duration: benefit.duration.clone(), expires_at: benefit.expires_at };
        let duration = match given.remove(key) {
            Some(known) => known.longer(duration),
            None => duration,
        };
        given.insert(key.clone(), duration);
    }
    (given, undecided)
}

/// Of what lines give now, what was set by then (in microseconds since 1970).
#[must_use]
pub fn set_by(benefits: &[Benefit], then: i64) -> Vec<Benefit> {
    let mut benefits = benefits.to_vec();
    for benefit in benefits.iter_mut().filter(|benefit| benefit.since.is_some_and(|since| since > then)) {
        (benefit.source, benefit.credits, benefit.key) = (None, None, None);
    }
    benefits
}

/// Of what lines give now, what a line that waited may get: only what its product gives, and gave already when the payment
/// was decided. So it ends as if its product had been known then.
#[must_use]
pub fn of_pending(benefits: &[Benefit], waiting: &[PendingLine]) -> Vec<Benefit> {
    let may_give = |benefit: &Benefit, line: &PendingLine| {
        line.decided_at.is_none_or(|then| benefit.by_product && benefit.since.is_some_and(|since| since <= then))
    };
    benefits
        .iter()
        .filter_map(|benefit| {
            let line = waiting.iter().find(|line| line.price == benefit.price)?;
            let mut benefit = benefit.clone();
            if !may_give(&benefit, line) {
                (benefit.source, benefit.credits, benefit.key) = (None, None, None);
            }
            Some(benefit)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(price: &str, quantity: i64) -> Benefit {
        Benefit { price: price.into(), quantity, ..Benefit::default() }
    }

    fn gives(price: &str, quantity: i64, source: &str, credits: i64) -> Benefit {
        Benefit {
            source: Some(source.into()),
            by_product: source.starts_with("prod"),
            since: Some(10),
            credits: Some(credits),
            ..line(price, quantity)
        }
    }

    fn opens(price: &str, source: &str, expires_at: Option<i64>) -> Benefit {
        Benefit {
            source: Some(source.into()),
            key: Some("course".into()),
            in_range: Some(true),
            expires_at,
            ..line(price, 1)
        }
    }

    #[test]
    fn credits_add_up_by_what_gives_them() {
        let lines =
            [gives("price_a", 2, "prod_x", 5), gives("price_b", 1, "prod_x", 5), gives("price_c", 1, "price_c", 7)];
        let (given, undecided) = credits(lines.iter());
        assert_eq!(given.into_iter().collect::<Vec<_>>(), [("price_c".into(), 7), ("prod_x".into(), 15)]);
        assert!(undecided.is_empty());
    }

    #[test]
    fn a_prices_own_benefit_goes_before_its_products() {
        let mut found =
            vec![gives("price_a", 1, "prod_x", 5), gives("price_a", 1, "price_a", 7), gives("price_b", 2, "prod_x", 5)];
        prefer_price_over_product(&mut found);
        assert_eq!(
            credits(found.iter()).0.into_iter().collect::<Vec<_>>(),
            [("price_a".into(), 7), ("prod_x".into(), 10)]
        );
        // Credits and each key are things of their own.
        let by_product =
            |key: &str| Benefit { key: Some(key.into()), by_product: true, ..opens("price_a", "prod_x", None) };
        let mut found = vec![by_product("course"), by_product("forum"), opens("price_a", "price_a", None)];
        found.push(gives("price_a", 1, "prod_x", 5));
        prefer_price_over_product(&mut found);
        let sources = |given: BTreeMap<String, Duration>| given.into_iter().map(|(key, by)| (key, by.source));
        let keys: Vec<_> = sources(entitlements(found.iter()).0).collect();
        assert_eq!(keys, [("course".into(), "price_a".into()), ("forum".into(), "prod_x".into())]);
        assert_eq!(credits(found.iter()).0, BTreeMap::from([("prod_x".into(), 5)]));
    }

    #[test]
    fn what_is_too_much_is_undecided_and_the_rest_is_given() {
        let lines = [gives("price_a", 3, "price_a", i64::MAX / 2), gives("price_b", 1, "price_b", 7)];
        let (given, undecided) = credits(lines.iter());
        assert_eq!(given.get("price_b"), Some(&7));
        assert_eq!(undecided.get("price_a"), Some(&PendingReason::OutOfRange));
        let endless = Benefit { in_range: Some(false), ..opens("price_a", "price_a", None) };
        let (given, undecided) = entitlements([endless].iter());
        assert!(given.is_empty());
        assert_eq!(undecided.get("price_a"), Some(&PendingReason::OutOfRange));
    }

    #[test]
    fn an_unknown_product_leaves_a_line_undecided_unless_its_price_gives_credits_itself() {
        let unknown = Benefit { unknown_credits: true, unknown_keys: true, ..line("price_a", 1) };
        assert_eq!(credits([unknown.clone()].iter()).1.get("price_a"), Some(&PendingReason::UnknownProduct));
        assert_eq!(entitlements([unknown.clone()].iter()).1.get("price_a"), Some(&PendingReason::UnknownProduct));
        let own = Benefit { source: Some("price_a".into()), credits: Some(3), ..unknown };
        assert!(credits([own].iter()).1.is_empty());
    }

    #[test]
    fn a_line_that_waited_gets_what_its_product_gave_then() {
        let now = [gives("price_a", 2, "prod_x", 5), gives("price_b", 1, "price_b", 7)];
        let waited = |price: &str, decided_at| [PendingLine { price: price.into(), decided_at }];
        let of = |waiting: &[PendingLine]| credits(of_pending(&now, waiting).iter()).0;
        assert_eq!(of(&waited("price_a", Some(10))).get("prod_x"), Some(&10));
        assert!(of(&waited("price_a", Some(9))).is_empty());
        assert!(of(&waited("price_b", Some(99))).is_empty());
        assert_eq!(of(&waited("price_b", None)).get("price_b"), Some(&7));
        // A benefit of the price itself that was set since gives nothing, and the line goes on waiting.
        let unknown = Benefit { unknown_credits: true, ..gives("price_c", 1, "price_c", 7) };
        let (given, undecided) = credits(of_pending(&[unknown], &waited("price_c", Some(99))).iter());
        assert!(given.is_empty() && undecided.contains_key("price_c"));
    }

    #[test]
    fn what_was_set_by_then_gives_and_what_was_set_later_does_not() {
        let now = [gives("price_a", 2, "prod_x", 5)];
        let by = |then: i64| credits(set_by(&now, then).iter()).0.get("prod_x").copied();
        assert_eq!((by(9), by(10), by(11)), (None, Some(10), Some(10)));
    }

    #[test]
    fn the_longer_term_wins_in_either_order() {
        let lines = [
            opens("price_a", "price_a", Some(4)),
            opens("price_b", "price_b", None),
            opens("price_c", "price_0", None),
        ];
        let mut turned = lines.clone();
        turned.reverse();
        let (given, _) = entitlements(lines.iter());
        assert_eq!(given, entitlements(turned.iter()).0);
        assert_eq!(given["course"].source, "price_0");
    }
}
