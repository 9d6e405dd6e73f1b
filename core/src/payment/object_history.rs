//! All that is known about one object: its facts and the newest of them.

use std::collections::BTreeMap;

use super::fact::{Fact, PaymentObject};
use crate::snapshot::newest;
use crate::stripe::object::money_state::MoneyState;

/// One object's facts and the newest of them.
#[derive(Debug, Clone)]
pub struct ObjectHistory<'a> {
    /// All of them, oldest first.
    pub facts: Vec<&'a Fact>,
    /// The newest.
    pub newest: &'a Fact,
}

impl<'a> ObjectHistory<'a> {
    /// The history of an object from its facts; `None` if there are none.
    #[must_use]
    pub fn of(mut facts: Vec<&'a Fact>) -> Option<Self> {
        facts.sort_by(|a, b| (a.created, a.rank, &a.event_id).cmp(&(b.created, b.rank, &b.event_id)));
        let newest = newest(facts.iter().copied())?;
        Some(Self { facts, newest })
    }

    /// When an event first reported `state`, in Unix seconds. If only a backfill reported it, when the object was made.
    #[must_use]
    pub fn first_time_in(&self, state: MoneyState) -> Option<i64> {
        let in_state = || self.facts.iter().filter(|fact| fact.object.state() == state);
        let by_event = in_state().filter(|fact| !fact.is_sync()).map(|fact| fact.created).min();
        by_event.or_else(|| in_state().filter_map(|fact| fact.object.created()).min())
    }

    /// The object's state. Success stays, whatever comes later; otherwise the newest fact decides. The failure of a
    /// session stays too: the session says `complete` and `unpaid` before and after the failure, so a later snapshot
    /// does not show it. So does the failure of an invoice that is still open.
    #[must_use]
    pub fn state(&self) -> MoneyState {
        let ever = |state: MoneyState| self.facts.iter().any(|fact| fact.object.state() == state);
        match &self.newest.object {
            _ if ever(MoneyState::Succeeded) => MoneyState::Succeeded,
            PaymentObject::CheckoutSession(_) if ever(MoneyState::Failed) => MoneyState::Failed,
            PaymentObject::Invoice(invoice) if invoice.state == MoneyState::Pending && ever(MoneyState::Failed) => {
                MoneyState::Failed
            }
            object => object.state(),
        }
    }
}

/// Groups facts by their object.
#[must_use]
pub fn by_object(facts: &[Fact]) -> Vec<ObjectHistory<'_>> {
    let mut objects: BTreeMap<&str, Vec<&Fact>> = BTreeMap::new();
    for fact in facts {
        objects.entry(fact.object.object_id()).or_default().push(fact);
    }
    objects.into_values().filter_map(ObjectHistory::of).collect()
}
