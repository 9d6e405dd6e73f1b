//! Passes: keys that are bought for a time. Those of one holder and key follow each other, so a new purchase, or one that is taken back,
//! can move the terms of the others.

use std::collections::BTreeMap;

use payments_core::fulfillment::decision::FulfillmentDecision;
use payments_core::fulfillment::pass::{Pass, Term, terms};
use payments_core::fulfillment::record::Record;
use serde::Deserialize;

use super::record::{Decided, failed, save};
use super::target::Target;
use super::target_kind::TargetKind;
use super::write::{Part, Unit};
use crate::pg::statement::{Rows, query, template, text};
use crate::pg::time::later_by;

query!(FIND_PASSES, "fulfillment_passes", "find_passes");
query!(MOVE_PASSES, "fulfillment_passes", "move_passes");

const MOVE_ENTITLEMENTS: &str = template!("fulfillment_passes", "move_entitlements");

/// The passes of one holder and key in one table. The holder is locked.
pub(super) struct Chain<'a> {
    environment: &'a str,
    target: &'a Target,
    holder: String,
    key: String,
    /// By source, as they are saved or were written since.
    known: BTreeMap<String, Known>,
}

/// One purchase, and what its rows say.
#[derive(Clone, Deserialize)]
struct Known {
    source: String,
    paid_at: i64,
    duration: String,
    starts_at: Option<i64>,
    expires_at: Option<i64>,
}

impl Known {
    fn pass(&self) -> Pass {
        Pass { source: self.source.clone(), paid_at: self.paid_at, duration: self.duration.clone() }
    }

    fn is_at(&self, term: Term) -> bool {
        (self.starts_at, self.expires_at) == (Some(term.starts_at), Some(term.expires_at))
    }
}

/// The holders whose passes a unit changes: who gets the key, and who had it before.
fn holders<'u>(unit: &'u Unit) -> impl Iterator<Item = &'u str> {
    let Part::Key { write, had, .. } = &unit.part else { return Vec::new().into_iter() };
    let has =
        unit.records.first().filter(|record| record.item == write.key).and_then(|record| record.holder.as_deref());
    let mut holders: Vec<&str> = has.into_iter().chain(had.as_deref()).collect();
    holders.dedup();
    holders.into_iter()
}

/// Whether a unit can move the terms of other purchases.
pub(super) fn is_pass(unit: &Unit) -> bool {
    holders(unit).next().is_some()
}

/// Sets the terms of the units that are passes, and returns the chains that these belong to.
pub(super) fn place<'a>(units: &mut [Unit<'a>]) -> Vec<Chain<'a>> {
    let mut chains: Vec<Chain<'a>> = Vec::new();
    for unit in units.iter().filter(|unit| unit.failure.is_none()) {
        let Part::Key { write, .. } = &unit.part else { continue };
        for holder in holders(unit) {
            let is_known = |chain: &Chain| chain.is_of(unit) && chain.holder == holder;
            if !chains.iter().any(is_known) {
                chains.push(Chain::find(&unit.purchase.environment, unit.target, holder, &write.key));
            }
        }
    }
    for chain in &mut chains {
        let mut planned = chain.known.clone();
        for unit in units.iter() {
            chain.note(&mut planned, unit);
        }
        let planned: Vec<Known> = planned.into_values().collect();
        for (known, term) in planned.iter().zip(terms_of(&planned)) {
            units.iter_mut().filter(|unit| chain.gives(unit, &known.source)).for_each(|unit| say(unit, term));
        }
    }
    chains
}

/// Moves the terms of other purchases, once the units are written.
pub(super) fn follow(chains: Vec<Chain>, units: &mut [Unit]) {
    for mut chain in chains {
        let mut known = std::mem::take(&mut chain.known);
        for unit in units.iter() {
            chain.note(&mut known, unit);
        }
        let known: Vec<Known> = known.into_values().collect();
        let moved: Vec<(&str, Term)> = known
            .iter()
            .zip(terms_of(&known))
            .filter(|(known, term)| !known.is_at(*term))
            .map(|(known, term)| (known.source.as_str(), term))
            .collect();
        if !moved.is_empty() {
            chain.move_to(&moved, units);
        }
    }
}

fn terms_of(known: &[Known]) -> Vec<Term> {
    terms(&known.iter().map(Known::pass).collect::<Vec<Pass>>(), later_by)
}

/// Says in a unit since and until when its key counts.
fn say(unit: &mut Unit, term: Term) {
    if let Part::Key { write, .. } = &mut unit.part
        && let Some(row) = &mut write.row
    {
        (row.starts_at, row.expires_at) = (Some(term.starts_at), Some(term.expires_at));
    }
    for record in &mut unit.records {
        (record.starts_at, record.expires_at) = (Some(term.starts_at), Some(term.expires_at));
    }
}

impl<'a> Chain<'a> {
    fn find(environment: &'a str, target: &'a Target, holder: &str, key: &str) -> Self {
        let args = [text(holder), text(key), text(target.relation.as_str()), text(environment)];
        let known = FIND_PASSES.all::<Known>(&args).into_iter().map(|known| (known.source.clone(), known)).collect();
        Self { environment, target, holder: holder.to_owned(), key: key.to_owned(), known }
    }

    /// Whether a unit writes this key of this table.
    fn is_of(&self, unit: &Unit) -> bool {
        let Part::Key { write, .. } = &unit.part else { return false };
        write.key == self.key && unit.target.oid() == self.target.oid() && unit.purchase.environment == self.environment
    }

    /// Whether a unit gives one of these passes, of this source.
    fn gives(&self, unit: &Unit, source: &str) -> bool {
        unit.failure.is_none()
            && self.is_of(unit)
            && unit.purchase.source == source
            && unit.records.iter().any(|record| record.holder.as_deref() == Some(&self.holder))
    }

    /// Notes what a unit makes of its purchase, unless that failed.
    fn note(&self, known: &mut BTreeMap<String, Known>, unit: &Unit) {
        if unit.failure.is_some() || !self.is_of(unit) {
            return;
        }
        let source = &unit.purchase.source;
        known.remove(source);
        let Some(record) = unit.records.iter().find(|_| self.gives(unit, source)) else { return };
        if let Some((paid_at, duration)) = record.paid_at.zip(record.duration.clone()) {
            let (starts_at, expires_at) = (record.starts_at, record.expires_at);
            known.insert(source.clone(), Known { source: source.clone(), paid_at, duration, starts_at, expires_at });
        }
    }

    /// Writes other terms into the app's rows and into what is recorded of them; what fails is recorded as failed, for another try.
    fn move_to(&self, moved: &[(&str, Term)], units: &mut [Unit]) {
        let key = || moved.iter().map(|_| Some(self.key.as_str()));
        let sources = || moved.iter().map(|(source, _)| Some(*source));
        let starts = || moved.iter().map(|(_, term)| Some(term.starts_at));
        let ends = || moved.iter().map(|(_, term)| Some(term.expires_at));
        let rows = Rows::new(moved.len()).texts(sources()).texts(key()).times(starts()).times(ends());
        let kind = TargetKind::UserEntitlements;
        if let Err(failure) = self.target.try_write(|| self.target.run_rows(MOVE_ENTITLEMENTS, &rows)) {
            let record = || failed(Record::new(&self.key, FulfillmentDecision::applied()), &failure);
            let all: Vec<Decided> = moved
                .iter()
                .map(|(source, _)| Decided {
                    environment: self.environment,
                    source,
                    kind,
                    target: &self.target.relation,
                    is_first: false,
                    record: record(),
                })
                .collect();
            return save(&all);
        }
        let relation = || moved.iter().map(|_| Some(self.target.relation.as_str()));
        let environment = || moved.iter().map(|_| Some(self.environment));
        let rows = Rows::new(moved.len())
            .texts(sources())
            .texts(key())
            .texts(relation())
            .texts(environment())
            .times(starts())
            .times(ends());
        MOVE_PASSES.execute_rows(&rows);
        // Those of this batch are recorded after it.
        for (source, term) in moved {
            units.iter_mut().filter(|unit| self.gives(unit, source)).for_each(|unit| say(unit, *term));
        }
    }
}
