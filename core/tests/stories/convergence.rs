//! Convergence: for any set of facts, every order of arrival, with any repetitions, ends in the same rows.
//!
//! Facts are grouped as they arrive, by the ids that they share, as the database does it. A late fact can join groups.
//! The rows of all groups must not depend on the order, and must be what the life expects.

use std::collections::{BTreeMap, BTreeSet};

use payments_core::payment::fact::Fact;
use payments_core::payment::fold::Folded;
use proptest::prelude::*;

use crate::lives::{End, Expected, Kind, Life, life, renamed};
use crate::make::{folded, permutations};

/// Facts in groups, which join as facts with shared ids arrive. A repeated event counts once.
#[derive(Default)]
pub(crate) struct Store {
    group_of: BTreeMap<String, usize>,
    groups: BTreeMap<usize, Vec<Fact>>,
    heard: BTreeSet<(String, String)>,
    next: usize,
}

impl Store {
    pub(crate) fn hear(&mut self, fact: &Fact) {
        let keys = fact.object.keys();
        if !self.heard.insert((fact.object.object_id().to_owned(), fact.event_id.clone())) {
            return;
        }
        let known: BTreeSet<usize> = keys.iter().filter_map(|key| self.group_of.get(key).copied()).collect();
        let mut joined: Vec<Fact> = known.iter().flat_map(|id| self.groups.remove(id).unwrap()).collect();
        joined.push(fact.clone());
        self.next += 1;
        for group in self.group_of.values_mut().filter(|group| known.contains(group)) {
            *group = self.next;
        }
        self.group_of.extend(keys.into_iter().map(|key| (key, self.next)));
        self.groups.insert(self.next, joined);
    }

    /// The rows of each group, by its least id.
    pub(crate) fn rows(&self) -> BTreeMap<String, Folded> {
        let least = |group: &[Fact]| group.iter().flat_map(|fact| fact.object.keys()).min().unwrap();
        self.groups.values().map(|group| (least(group), folded(group))).collect()
    }
}

fn rows<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> BTreeMap<String, Folded> {
    let mut store = Store::default();
    for fact in facts {
        store.hear(fact);
    }
    store.rows()
}

fn came_to(facts: &[Fact]) -> Expected {
    let payment = folded(facts).payment.expect("a payment");
    Expected {
        payment_type: payment.payment_type,
        status: match payment.status.as_str() {
            "succeeded" => "succeeded",
            "refunded" => "refunded",
            "partially_refunded" => "partially_refunded",
            "failed" => "failed",
            other => panic!("status {other}"),
        },
        amount: payment.amount.unwrap(),
        amount_refunded: payment.amount_refunded.unwrap(),
        dispute_status: match payment.dispute_status.as_deref() {
            None => None,
            Some("won") => Some("won"),
            Some("lost") => Some("lost"),
            Some(_) => Some("under_review"),
        },
    }
}

#[test]
fn every_order_of_up_to_seven_facts_of_every_kind_of_life() {
    use Kind::{Delayed, DelayedFailed, FailedThenSucceeded, Invoiced, OneTime, Renewed, Subscribed};
    let ends = [End::Succeeded, End::StaysPending, End::Failed, End::FailedLate, End::Cancelled];
    let kinds = [OneTime, FailedThenSucceeded, Delayed, DelayedFailed, Invoiced, Subscribed, Renewed];
    for (at, kind) in kinds.into_iter().enumerate() {
        for (old, gap) in [(true, 0), (true, 1), (false, 0), (false, 1)] {
            let end = ends[(at + usize::from(old)) % ends.len()];
            let refunds = if kind == DelayedFailed { vec![] } else { vec![(16, end)] };
            let life = Life { kind, old, adaptive: kind == OneTime, amount: 2000, gap, refunds, disputed: None };
            let (said, expected) = life.tell();
            assert_eq!(came_to(&said), expected, "{life:?}");
            // The first facts: seven in one case for each kind, six in the others. And the last five.
            let first = said.len().min(if old == (at % 2 == 0) && gap == 0 { 7 } else { 6 });
            for window in [&said[..first], &said[said.len().saturating_sub(5)..]] {
                let want = rows(window);
                permutations(window, &mut |order| {
                    let got = rows(order);
                    assert_eq!(got, want, "{life:?} in the order {order:#?}");
                });
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_life_comes_to_what_it_was(life in life()) {
        let (said, expected) = life.tell();
        prop_assert_eq!(came_to(&said), expected);
        // However many events it has, it is one payment.
        let mut store = Store::default();
        said.iter().for_each(|fact| store.hear(fact));
        prop_assert_eq!(store.groups.len(), 1);
    }

    #[test]
    fn the_order_of_arrival_cannot_be_seen(
        life in life(),
        seed in prop::collection::vec(any::<prop::sample::Index>(), 1..60),
    ) {
        let (said, _) = life.tell();
        // Any of the facts, any number of times. Some may never arrive.
        let heard: Vec<Fact> = seed.iter().map(|index| index.get(&said).clone()).collect();
        let mut sorted = heard.clone();
        sorted.sort_by(|a, b| a.event_id.cmp(&b.event_id));
        let mut reversed = sorted.clone();
        reversed.reverse();
        prop_assert_eq!(rows(&heard), rows(&sorted));
        prop_assert_eq!(rows(&heard), rows(&reversed));
    }

    #[test]
    fn the_fold_sees_a_set(
        (said, shuffled) in life().prop_flat_map(|life| {
            let (said, _) = life.tell();
            (Just(said.clone()), Just(said).prop_shuffle())
        }),
        again in any::<prop::sample::Index>(),
    ) {
        prop_assert_eq!(folded(&said), folded(&shuffled));
        let mut doubled = shuffled.clone();
        doubled.push(again.get(&said).clone());
        doubled.extend(shuffled);
        prop_assert_eq!(folded(&said), folded(&doubled));
    }

    #[test]
    fn a_back_fill_comes_to_the_same(life in life(), known in prop::collection::vec(any::<bool>(), 60)) {
        let (said, expected) = life.tell();
        let found = life.found();
        prop_assert_eq!(came_to(&found), expected.clone());
        let all = [said.clone(), found.clone()].concat();
        prop_assert_eq!(came_to(&all), expected.clone());
        // The backfill makes up for all missed events.
        let some = said.into_iter().zip(known).filter(|(_, known)| *known).map(|(fact, _)| fact);
        let mended: Vec<Fact> = some.chain(found).collect();
        prop_assert_eq!(came_to(&mended), expected);
        let mut reversed = mended.clone();
        reversed.reverse();
        prop_assert_eq!(rows(&mended), rows(&reversed));
    }

    #[test]
    fn no_fact_takes_a_row_or_its_money_away(life in life(), known in prop::collection::vec(any::<bool>(), 60)) {
        let (said, _) = life.tell();
        let some: Vec<Fact> =
            said.iter().zip(known).filter(|(_, known)| *known).map(|(fact, _)| fact.clone()).collect();
        let (before, after) = (folded(&some), folded(&said));
        if let Some(payment) = before.payment {
            let now = after.payment.expect("a payment stays one");
            prop_assert!(payment.paid_at.is_none() || now.paid_at.is_some());
        }
        prop_assert!(before.refunds.len() <= after.refunds.len() && before.disputes.len() <= after.disputes.len());
    }

    #[test]
    fn lives_do_not_touch_each_other(
        (mixed, lives) in prop::collection::vec(life(), 2..4).prop_flat_map(|lives| {
            let told: Vec<_> = lives.iter().enumerate().map(|(at, life)| renamed(&life.tell().0, at)).collect();
            (Just(told.concat()).prop_shuffle(), Just(told))
        }),
    ) {
        let apart: BTreeMap<String, Folded> = lives.iter().flat_map(rows).collect();
        prop_assert_eq!(rows(&mixed), apart);
    }
}
