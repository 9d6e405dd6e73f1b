//! What lapses: the history of one subject's credits, replayed in the order of time.
//!
//! Credits that lapse first are spent first. If credits were spent and their money went back since, that is a debt, which the next credits
//! pay. So what lapses of a grant depends on the grants and on what was spent when, but not on the order of the events.

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
    /// How many of them lapsed so far, by the ledger; none if that was never computed.
    pub lapsed: Option<i64>,
    /// When that was written first.
    #[serde(default)]
    pub lapsed_at: Option<i64>,
    /// Whether only a change of the lot itself can still change how many lapsed.
    #[serde(default)]
    pub settled: bool,
}

impl Lot {
    /// A new lot.
    #[must_use]
    pub fn new(source: String, amount: i64, starts_at: i64, expires_at: i64) -> Self {
        Self { source, amount, starts_at, expires_at, lapsed: None, lapsed_at: None, settled: false }
    }

    /// When its credits come; those that were over when they came lapse at once.
    #[must_use]
    pub fn comes_at(&self) -> i64 {
        self.starts_at.min(self.expires_at)
    }
}

/// Where the replay begins: the last time before all unsettled lots at which no lot was open. Of what was there before, only the sum
/// matters. None if all lots are settled.
#[must_use]
pub fn since(lots: &[Lot]) -> Option<i64> {
    let mut since = lots.iter().filter(|lot| !lot.settled).map(Lot::comes_at).min()?;
    let mut before: Vec<&Lot> = lots.iter().filter(|lot| lot.comes_at() < since).collect();
    before.sort_by_key(|lot| std::cmp::Reverse(lot.comes_at()));
    for lot in before {
        if lot.expires_at > since {
            since = lot.comes_at();
        }
    }
    Some(since)
}

/// Another line of the ledger of the same subject.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Line {
    /// The change of the balance.
    pub delta: i64,
    /// When it was written.
    pub at: i64,
    /// Whether credits were spent, not taken back from a grant that does not lapse.
    pub spent: bool,
    /// Whether the app wrote it itself. Then it may have spent credits that had lapsed, if the lapse was not written yet.
    pub by_app: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Come,
    Lapse,
    TakeBack,
    Spend,
    SpendByApp,
}

/// How many credits lapse of each lot that is over by now, in the order of the lots. `before` is what is there when the first comes,
/// a debt if negative.
#[must_use]
pub fn lapses(before: i64, lots: &[Lot], lines: &[Line], now: i64) -> Vec<Option<i64>> {
    let mut steps: Vec<(i64, Step, i64, usize)> = Vec::new();
    for (place, lot) in lots.iter().enumerate() {
        steps.push((lot.comes_at(), Step::Come, lot.amount.max(0), place));
        if lot.expires_at <= now {
            steps.push((lot.expires_at, Step::Lapse, 0, place));
        }
    }
    for line in lines {
        let step = match (line.delta >= 0, line.spent) {
            (true, _) => Step::Come,
            (false, true) if line.by_app => Step::SpendByApp,
            (false, true) => Step::Spend,
            (false, false) => Step::TakeBack,
        };
        steps.push((line.at, step, line.delta.saturating_abs(), usize::MAX));
    }
    steps.sort_unstable();
    let mut lapsed = vec![None; lots.len()];
    // In the order in which they lapse; those that do not lapse come last.
    let mut there: BTreeMap<(i64, usize), i64> = BTreeMap::new();
    let last = (i64::MAX, usize::MAX);
    there.insert(last, before.max(0));
    let mut debt = before.min(0).saturating_neg();
    let key = |place: usize| lots.get(place).map_or(last, |lot| (lot.expires_at, place));
    for (at, step, amount, place) in steps {
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
            Step::SpendByApp => {
                let rest = spend(&mut there, amount);
                debt = debt.saturating_add(spend_lapsed(lots, &mut lapsed, at, rest));
            }
        }
    }
    lapsed
}

/// Spends credits whose lapse was not written yet. Returns what is not covered.
fn spend_lapsed(lots: &[Lot], lapsed: &mut [Option<i64>], at: i64, amount: i64) -> i64 {
    let mut over: Vec<(&Lot, &mut i64)> =
        lots.iter().zip(lapsed).filter_map(|(lot, lapsed)| Some((lot, lapsed.as_mut()?))).collect();
    over.retain(|(lot, _)| lot.lapsed_at.is_none_or(|written| written > at));
    over.sort_by_key(|(lot, _)| (lot.expires_at, lot.source.as_str()));
    over.into_iter().fold(amount, |rest, (_, left)| {
        let taken = rest.min(*left);
        *left -= taken;
        rest - taken
    })
}

/// Spends the credits that lapse first. Returns what is not covered.
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
        Lot::new(source.into(), amount, starts_at, expires_at)
    }

    fn spent(delta: i64, at: i64) -> Line {
        Line { delta: -delta, at, spent: true, by_app: false }
    }

    fn bought(delta: i64, at: i64) -> Line {
        Line { delta, at, spent: false, by_app: false }
    }

    #[test]
    fn what_lapses_first_is_spent_first() {
        let lots = [lot("a", 100, 0, 30), lot("b", 100, 0, 20)];
        assert_eq!(lapses(0, &lots, &[spent(130, 10)], 40), [Some(70), Some(0)]);
        assert_eq!(lapses(0, &lots, &[spent(130, 10)], 25), [None, Some(0)]);
        assert_eq!(lapses(0, &lots, &[bought(50, 0), spent(210, 10)], 40), [Some(0), Some(0)]);
    }

    #[test]
    fn what_lapsed_cannot_be_spent_nor_what_is_not_there_yet() {
        let lots = [lot("a", 100, 0, 20), lot("b", 100, 20, 40)];
        assert_eq!(lapses(0, &lots, &[spent(30, 20)], 50), [Some(100), Some(70)]);
        assert_eq!(lapses(0, &lots, &[bought(100, 0), spent(30, 10)], 50), [Some(70), Some(100)]);
        // It was over when it came.
        assert_eq!(lapses(0, &[lot("a", 100, 60, 20)], &[], 50), [Some(100)]);
    }

    #[test]
    fn a_debt_is_paid_by_what_comes_next() {
        // Of the 100 that were spent 50 were taken back since.
        let lots = [lot("a", 50, 0, 20), lot("b", 100, 15, 40)];
        assert_eq!(lapses(0, &lots, &[spent(100, 10)], 50), [Some(0), Some(50)]);
        let taken = Line { delta: -30, at: 12, spent: false, by_app: false };
        assert_eq!(lapses(0, &lots[1..], &[bought(20, 0), taken], 50), [Some(90)]);
    }

    #[test]
    fn what_the_app_spends_of_what_lapsed_stays_spent_until_that_is_written() {
        let by_app = |delta: i64, at: i64| Line { by_app: true, ..spent(delta, at) };
        let lots = [lot("a", 100, 0, 20), lot("b", 50, 0, 20)];
        // What stands is spent first, then what had lapsed, and no more than that.
        assert_eq!(lapses(30, &lots, &[by_app(60, 30)], 40), [Some(70), Some(50)]);
        assert_eq!(lapses(0, &lots, &[by_app(120, 30), by_app(70, 31)], 40), [Some(0), Some(0)]);
        let written = |at: i64| [Lot { lapsed: Some(100), lapsed_at: Some(at), ..lots[0].clone() }];
        assert_eq!(lapses(0, &written(31), &[by_app(60, 30)], 40), [Some(40)]);
        assert_eq!(lapses(0, &written(30), &[by_app(60, 30)], 40), [Some(100)]);
        // Nothing else spends what lapsed.
        assert_eq!(lapses(0, &lots, &[spent(60, 30), by_app(-10, 30)], 40), [Some(100), Some(50)]);
    }

    #[test]
    fn the_past_is_gone_through_since_nothing_stood_before_what_is_not_settled() {
        let settled = |lot: Lot| Lot { settled: true, ..lot };
        let lots = [lot("a", 1, 0, 10), lot("b", 1, 10, 20), lot("c", 1, 15, 30), lot("d", 1, 30, 40)];
        assert_eq!(since(&lots.clone().map(settled)), None);
        let open = |place: usize| {
            let mut lots = lots.clone().map(settled);
            lots[place].settled = false;
            since(&lots)
        };
        assert_eq!([open(0), open(1), open(2), open(3)], [Some(0), Some(10), Some(10), Some(30)]);
        assert_eq!(since(&[lot("late", 1, 60, 20)]), Some(20));
    }

    proptest! {
        /// What was there before is as good as all that led to it.
        #[test]
        fn a_part_of_the_past_is_enough(
            grants in prop::collection::vec((0_i64..100, 0_i64..50, 0_i64..30), 1..8),
            lines in prop::collection::vec((-100_i64..60, 0_i64..80, any::<bool>(), any::<bool>()), 0..12),
            open in 0_usize..8,
        ) {
            let place = |place: usize| place.to_string();
            let new = |(at, (amount, start, long)): (usize, &(i64, i64, i64))| lot(&place(at), *amount, *start, start + long);
            let mut lots: Vec<Lot> = grants.iter().enumerate().map(new).collect();
            let line = |(delta, at, spent, by_app): &(i64, i64, bool, bool)| {
                Line { delta: *delta, at: *at, spent: *spent, by_app: *by_app }
            };
            let lines: Vec<Line> = lines.iter().map(line).collect();
            // Everything was written in time.
            for lot in &mut lots {
                lot.lapsed_at = Some(lot.expires_at);
            }
            let all = lapses(0, &lots, &lines, 100);
            for (at, (lot, lapsed)) in lots.iter_mut().zip(&all).enumerate() {
                lot.lapsed = *lapsed;
                lot.settled = at != open % grants.len();
            }
            let since = since(&lots).unwrap();
            let (late, early): (Vec<Lot>, Vec<Lot>) = lots.iter().cloned().partition(|lot| lot.comes_at() >= since);
            let (recent, old): (Vec<Line>, Vec<Line>) = lines.iter().cloned().partition(|line| line.at >= since);
            let stood = |lot: &Lot| lot.amount - lot.lapsed.unwrap_or(0);
            let before = old.iter().map(|line| line.delta).sum::<i64>() + early.iter().map(stood).sum::<i64>();
            let told: Vec<Option<i64>> = late.iter().map(|lot| lot.lapsed).collect();
            prop_assert_eq!(lapses(before, &late, &recent, 100), told);
        }
        #[test]
        fn nothing_lapses_that_is_not_there(
            grants in prop::collection::vec((0_i64..100, 0_i64..50, 0_i64..80), 0..6),
            spends in prop::collection::vec((1_i64..100, 0_i64..80), 0..6),
            packs in prop::collection::vec((1_i64..100, 0_i64..80), 0..3),
        ) {
            let lots: Vec<Lot> = grants.iter().map(|(amount, start, end)| lot("x", *amount, *start, *end)).collect();
            let mut lines: Vec<Line> = spends.iter().map(|(amount, at)| spent(*amount, *at)).collect();
            lines.extend(packs.iter().map(|(amount, at)| bought(*amount, *at)));
            let all = lapses(0, &lots, &lines, 100);
            for (lot, lapsed) in lots.iter().zip(&all) {
                prop_assert!((0..=lot.amount).contains(&lapsed.unwrap()));
            }
            // The order in which they are told does not matter.
            let turned: Vec<Line> = lines.iter().rev().cloned().collect();
            prop_assert_eq!(lapses(0, &lots, &turned, 100), all.clone());
            // What is over stays as it was.
            let before = lapses(0, &lots, &lines.iter().filter(|line| line.at < 40).cloned().collect::<Vec<_>>(), 40);
            for (then, now) in before.iter().zip(&all).filter(|(then, _)| then.is_some()) {
                prop_assert_eq!(then, now);
            }
        }
    }
}
