//! What lapses: the past of one subject's credits, gone through again in the order of time.
//!
//! What lapses first is spent first. What was spent and is covered by nothing, because the money of it went back since, is a debt
//! that the next credits pay. So what lapses of a grant depends on the grants and on what was spent when, and not on the order in
//! which they were told.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Credits that lapse. Times are in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Lot {
    /// The ledger's source of the grant.
    pub source: String,
    /// How many stand, after what was taken back.
    pub amount: i64,
    /// Since when they can be spent.
    pub starts_at: i64,
    /// When they lapse.
    pub expires_at: i64,
    /// How many of them lapsed so far, by the ledger; none where it was not looked at.
    pub lapsed: Option<i64>,
}

/// Another line of the ledger of the same subject.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Line {
    /// The change of the balance.
    pub delta: i64,
    /// When it was written.
    pub at: i64,
    /// Whether it is spent, rather than taken back of what does not lapse.
    pub spent: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Come,
    Lapse,
    TakeBack,
    Spend,
}

/// How many credits lapse of each lot that is over by now, in the order of the lots.
#[must_use]
pub fn lapses(lots: &[Lot], lines: &[Line], now: i64) -> Vec<Option<i64>> {
    let mut steps: Vec<(i64, Step, i64, usize)> = Vec::new();
    for (place, lot) in lots.iter().enumerate() {
        steps.push((lot.starts_at.min(lot.expires_at), Step::Come, lot.amount.max(0), place));
        if lot.expires_at <= now {
            steps.push((lot.expires_at, Step::Lapse, 0, place));
        }
    }
    for line in lines {
        let step = match (line.delta >= 0, line.spent) {
            (true, _) => Step::Come,
            (false, true) => Step::Spend,
            (false, false) => Step::TakeBack,
        };
        steps.push((line.at, step, line.delta.saturating_abs(), usize::MAX));
    }
    steps.sort_unstable();
    let mut lapsed = vec![None; lots.len()];
    // By when they lapse; what does not lapse is the last.
    let mut there: BTreeMap<(i64, usize), i64> = BTreeMap::new();
    let mut debt: i64 = 0;
    let last = (i64::MAX, usize::MAX);
    let key = |place: usize| lots.get(place).map_or(last, |lot| (lot.expires_at, place));
    for (_, step, amount, place) in steps {
        match step {
            Step::Come => {
                let paid = debt.min(amount);
                debt -= paid;
                let left = there.entry(key(place)).or_default();
                *left = left.saturating_add(amount - paid);
            }
            Step::Lapse => lapsed[place] = Some(there.remove(&key(place)).unwrap_or(0)),
            Step::TakeBack => {
                let left = there.entry(last).or_default();
                let taken = amount.min(*left);
                *left -= taken;
                debt = debt.saturating_add(spend(&mut there, amount - taken));
            }
            Step::Spend => debt = debt.saturating_add(spend(&mut there, amount)),
        }
    }
    lapsed
}

/// Spends what lapses first; returns what nothing covers.
fn spend(there: &mut BTreeMap<(i64, usize), i64>, amount: i64) -> i64 {
    let mut rest = amount;
    for left in there.values_mut() {
        let taken = rest.min(*left);
        *left -= taken;
        rest -= taken;
        if rest == 0 {
            break;
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lot(source: &str, amount: i64, starts_at: i64, expires_at: i64) -> Lot {
        Lot { source: source.into(), amount, starts_at, expires_at, lapsed: None }
    }

    fn spent(delta: i64, at: i64) -> Line {
        Line { delta: -delta, at, spent: true }
    }

    fn bought(delta: i64, at: i64) -> Line {
        Line { delta, at, spent: false }
    }

    #[test]
    fn what_lapses_first_is_spent_first() {
        let lots = [lot("a", 100, 0, 30), lot("b", 100, 0, 20)];
        assert_eq!(lapses(&lots, &[spent(130, 10)], 40), [Some(70), Some(0)]);
        assert_eq!(lapses(&lots, &[spent(130, 10)], 25), [None, Some(0)]);
        assert_eq!(lapses(&lots, &[bought(50, 0), spent(210, 10)], 40), [Some(0), Some(0)]);
    }

    #[test]
    fn what_lapsed_cannot_be_spent_nor_what_is_not_there_yet() {
        let lots = [lot("a", 100, 0, 20), lot("b", 100, 20, 40)];
        assert_eq!(lapses(&lots, &[spent(30, 20)], 50), [Some(100), Some(70)]);
        assert_eq!(lapses(&lots, &[bought(100, 0), spent(30, 10)], 50), [Some(70), Some(100)]);
        // It was over when it came.
        assert_eq!(lapses(&[lot("a", 100, 60, 20)], &[], 50), [Some(100)]);
    }

    #[test]
    fn a_debt_is_paid_by_what_comes_next() {
        // Of the 100 that were spent 50 were taken back since.
        let lots = [lot("a", 50, 0, 20), lot("b", 100, 15, 40)];
        assert_eq!(lapses(&lots, &[spent(100, 10)], 50), [Some(0), Some(50)]);
        let taken = Line { delta: -30, at: 12, spent: false };
        assert_eq!(lapses(&lots[1..], &[bought(20, 0), taken], 50), [Some(90)]);
    }

    proptest! {
        #[test]
        fn nothing_lapses_that_is_not_there(
            grants in prop::collection::vec((0_i64..100, 0_i64..50, 0_i64..80), 0..6),
            spends in prop::collection::vec((1_i64..100, 0_i64..80), 0..6),
            packs in prop::collection::vec((1_i64..100, 0_i64..80), 0..3),
        ) {
            let lots: Vec<Lot> = grants.iter().map(|(amount, start, end)| lot("x", *amount, *start, *end)).collect();
            let mut lines: Vec<Line> = spends.iter().map(|(amount, at)| spent(*amount, *at)).collect();
            lines.extend(packs.iter().map(|(amount, at)| bought(*amount, *at)));
            let all = lapses(&lots, &lines, 100);
            for (lot, lapsed) in lots.iter().zip(&all) {
                prop_assert!((0..=lot.amount).contains(&lapsed.unwrap()));
            }
            // The order in which they are told does not matter.
            let turned: Vec<Line> = lines.iter().rev().cloned().collect();
            prop_assert_eq!(lapses(&lots, &turned, 100), all.clone());
            // What is over stays as it was.
            let before = lapses(&lots, &lines.iter().filter(|line| line.at < 40).cloned().collect::<Vec<_>>(), 40);
            for (then, now) in before.iter().zip(&all).filter(|(then, _)| then.is_some()) {
                prop_assert_eq!(then, now);
            }
        }
    }
}
