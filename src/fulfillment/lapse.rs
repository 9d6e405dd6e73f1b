//! Credits that lapse: what is over is written as a line of the ledger, under the lock of its subject.

use std::collections::HashSet;

use payments_core::Subject;
use payments_core::fulfillment::grant::{Entry, Repeat};
use payments_core::fulfillment::period::lapse::{Line, Lot, lapses};
use pgrx::prelude::*;
use serde::Deserialize;

use super::credits;
use super::target::Target;
use crate::pg::savepoint::Failure;
use crate::pg::statement::{Rows, query, template, text};

query!(pub(super) FIND_LOTS, "fulfillment_lapse", "find_lots");
query!(UPSERT_LOTS, "fulfillment_lapse", "upsert_lots");
query!(UPDATE_LOTS, "fulfillment_lapse", "update_lots");
query!(DELETE_LOTS, "fulfillment_lapse", "delete_lots");

pub(super) const LEDGER_LINES: &str = template!("fulfillment_lapse", "ledger_lines");

/// A grant that lapses, as it is stored.
#[derive(Deserialize)]
pub(super) struct StoredLot {
    environment: String,
    pub(super) now: i64,
    #[serde(flatten)]
    pub(super) lot: Lot,
}

/// A grant that lapses, and whose it is.
pub(super) struct NewLot<'a> {
    pub(super) environment: &'a str,
    pub(super) subject: &'a Subject,
    pub(super) lot: &'a Lot,
}

/// Why nothing can lapse in a ledger, if so: it does not tell when something was spent.
pub(super) fn no_lapse(target: &Target) -> Option<&'static str> {
    if !target.has("created_at") {
        return Some("the ledger has no created_at, without which nothing can lapse there");
    }
    (!target.dates_lines).then_some("the ledger's created_at has no default, without which nothing can lapse there")
}

/// Keeps grants that lapse.
pub(super) fn save_lots(target: &Target, lots: &[NewLot]) {
    if lots.is_empty() {
        return;
    }
    let rows = Rows::new(lots.len())
        .texts(lots.iter().map(|new| Some(new.environment)))
        .texts(lots.iter().map(|new| Some(new.lot.source.as_str())))
        .texts(lots.iter().map(|_| Some(target.relation.as_str())))
        .texts(lots.iter().map(|new| Some(new.subject.subject_type.as_str())))
        .texts(lots.iter().map(|new| Some(new.subject.subject_id.as_str())))
        .numbers(lots.iter().map(|new| Some(new.lot.amount)))
        .times(lots.iter().map(|new| Some(new.lot.starts_at)))
        .times(lots.iter().map(|new| Some(new.lot.expires_at)));
    UPSERT_LOTS.execute_rows(&rows);
}

/// Forgets grants.
pub(super) fn delete_lots(target: &Target, environment: &str, sources: Vec<String>) {
    DELETE_LOTS.execute(&[text(environment), text(target.relation.as_str()), sources.into()]);
}

pub(super) fn key<'a>(target: &'a Target, subject: &'a Subject) -> [pgrx::datum::DatumWithOid<'a>; 3] {
    [text(target.relation.as_str()), text(subject.subject_type.as_str()), text(subject.subject_id.as_str())]
}

/// The lots of a subject that are over, so that something of the ledger follows from them.
pub(super) fn lots_of(target: &Target, subject: &Subject) -> Vec<(String, Lot)> {
    let lots: Vec<StoredLot> = FIND_LOTS.all(&key(target, subject));
    lots.into_iter().map(|stored| (stored.environment, stored.lot)).collect()
}

/// Writes what lapsed of a subject by now, whose lock is held, where the ledger says something else.
pub(super) fn write_lapses(target: &Target, subject: &Subject) -> Result<(), Failure> {
    write_lapses_until(target, subject, i64::MAX)
}

/// The same of what lapsed until a time: before what came then, as if somebody had looked at that time.
pub(super) fn write_lapses_until(target: &Target, subject: &Subject, until: i64) -> Result<(), Failure> {
    let Some(lots) = over(target, subject, until) else { return Ok(()) };
    let lapsed = target.try_write(|| lots.write(target, subject))?;
    lots.keep(target, &lapsed);
    Ok(())
}

/// Writes what lapsed of a subject by now, whose lock is held; what fails, fails the caller.
pub(super) fn write_lapses_or_raise(target: &Target, subject: &Subject) {
    if let Some(lots) = over(target, subject, i64::MAX) {
        let lapsed = target.write_or_raise(|| lots.write(target, subject));
        lots.keep(target, &lapsed);
    }
}

/// The grants of one subject that lapse, of which one is over.
struct Lots {
    environments: Vec<String>,
    lots: Vec<Lot>,
    may_change: Vec<bool>,
    now: i64,
}

fn over(target: &Target, subject: &Subject, until: i64) -> Option<Lots> {
    let mut stored: Vec<StoredLot> = FIND_LOTS.all(&key(target, subject));
    stored.sort_by(|one, other| (one.lot.expires_at, &one.lot.source).cmp(&(other.lot.expires_at, &other.lot.source)));
    let now = stored.first()?.now.min(until);
    let is_over = |lot: &Lot| lot.expires_at <= now || (lot.lapsed.is_some() && until == i64::MAX);
    if !stored.iter().any(|one| is_over(&one.lot)) {
        return None;
    }
    let may_change = stored.iter().map(|one| is_over(&one.lot)).collect();
    let (environments, lots): (Vec<String>, Vec<Lot>) =
        stored.into_iter().map(|stored| (stored.environment, stored.lot)).unzip();
    Some(Lots { environments, lots, may_change, now })
}

impl Lots {
    /// Writes the lines; how many of each lapsed. As the ledger's owner.
    fn write(&self, target: &Target, subject: &Subject) -> Vec<Option<i64>> {
        let args = [text(subject.subject_type.as_str()), text(subject.subject_id.as_str())];
        let found = target.run(LEDGER_LINES, &args).1;
        let mut lapsed = lapses(&self.lots, &lines(found.as_deref(), &self.lots), self.now);
        for ((lot, lapsed), may_change) in self.lots.iter().zip(&mut lapsed).zip(&self.may_change) {
            if !may_change {
                *lapsed = lot.lapsed;
            }
            let (was, is) = (lot.lapsed.unwrap_or(0), lapsed.unwrap_or(0));
            if was != is {
                credits::write_entry(target, subject, &expiry(lot, was, is));
            }
        }
        lapsed
    }

    fn keep(&self, target: &Target, lapsed: &[Option<i64>]) {
        let lots = self.environments.iter().zip(&self.lots).zip(lapsed);
        let changed: Vec<(&String, &Lot, Option<i64>)> = lots
            .map(|((environment, lot), lapsed)| (environment, lot, *lapsed))
            .filter(|(_, lot, lapsed)| lot.lapsed != *lapsed)
            .collect();
        if changed.is_empty() {
            return;
        }
        let rows = Rows::new(changed.len())
            .texts(changed.iter().map(|(environment, ..)| Some(environment.as_str())))
            .texts(changed.iter().map(|(_, lot, _)| Some(lot.source.as_str())))
            .texts(changed.iter().map(|_| Some(target.relation.as_str())))
            .numbers(changed.iter().map(|(.., lapsed)| *lapsed));
        UPDATE_LOTS.execute_rows(&rows);
    }
}

/// The line of a lapse; where the ledger has one already, of the difference.
pub(super) fn expiry(lot: &Lot, was: i64, is: i64) -> Entry {
    let source = match was {
        0 => format!("expiry:{}", lot.source),
        was => format!("expiry:{}:{was}-{is}", lot.source),
    };
    Entry { delta: was - is, reason: "expiry", source, repeat: Repeat::Numbered, expires_at: None }
}

/// The lines of a ledger that are not about what lapses.
pub(super) fn lines(found: Option<&str>, lots: &[Lot]) -> Vec<Line> {
    let read = serde_json::from_str::<Vec<(i64, String, String, i64)>>(found.unwrap_or("[]"));
    let found = read.unwrap_or_else(|error| error!("the ledger's lines have another shape: {error}"));
    let sources: HashSet<&str> = lots.iter().map(|lot| lot.source.as_str()).collect();
    let of_lot = |source: &str| {
        let ends = source.match_indices(':').map(|(end, _)| end).chain([source.len()]);
        ends.into_iter().any(|end| sources.contains(&source[..end]))
    };
    let others = found.into_iter().filter(|(_, _, source, _)| !of_lot(source));
    others
        .map(|(delta, reason, source, at)| {
            let spent = reason == "spend" || source.starts_with("adjustment:");
            Line { delta, at, spent }
        })
        .collect()
}
