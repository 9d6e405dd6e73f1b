//! Credits that lapse: what is over is written as a line of the ledger, under the lock of its subject.

use std::collections::HashSet;

use payments_core::Subject;
use payments_core::fulfillment::grant::{Entry, Repeat};
use payments_core::fulfillment::period::lapse::{Line, Lot, lapses, since};
use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use serde::Deserialize;

use super::credits;
use super::target::Target;
use crate::pg::savepoint::Failure;
use crate::pg::statement::{Rows, query, template, text};
use crate::pg::time::time;

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

/// Why nothing can lapse in a ledger; none if it can. Without the time of each line it is unknown which credits were spent.
pub(super) fn no_lapse(target: &Target) -> Option<&'static str> {
    if !target.has("created_at") {
        return Some("the ledger has no created_at, without which nothing can lapse there");
    }
    (!target.dates_lines).then_some("the ledger's created_at has no default, without which nothing can lapse there")
}

/// Saves grants that lapse.
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

/// Deletes grants that lapse.
pub(super) fn delete_lots(target: &Target, environment: &str, sources: Vec<String>) {
    DELETE_LOTS.execute(&[text(environment), text(target.relation.as_str()), sources.into()]);
}

pub(super) fn key<'a>(target: &'a Target, subject: &'a Subject) -> [DatumWithOid<'a>; 3] {
    [text(target.relation.as_str()), text(subject.subject_type.as_str()), text(subject.subject_id.as_str())]
}

/// The lots of a subject that are over and may change the ledger.
pub(super) fn lots_of(target: &Target, subject: &Subject) -> Vec<(String, Lot)> {
    let lots: Vec<StoredLot> = FIND_LOTS.all(&key(target, subject));
    lots.into_iter().map(|stored| (stored.environment, stored.lot)).collect()
}

/// Writes what has lapsed for a subject, where the ledger differs. The subject's lock must be held.
pub(super) fn write_lapses(target: &Target, subject: &Subject) -> Result<(), Failure> {
    write_lapses_until(target, subject, i64::MAX)
}

/// The same for what lapsed until a time, as if it had been written then.
pub(super) fn write_lapses_until(target: &Target, subject: &Subject, until: i64) -> Result<(), Failure> {
    let Some(lots) = over(target, subject, until) else { return Ok(()) };
    let lapsed = target.try_write(|| lots.write(target, subject))?;
    lots.keep(target, &lapsed);
    Ok(())
}

/// Writes what has lapsed for a subject, whose lock must be held. An error is raised to the caller.
pub(super) fn write_lapses_or_raise(target: &Target, subject: &Subject) {
    if let Some(lots) = over(target, subject, i64::MAX) {
        let lapsed = target.write_or_raise(|| lots.write(target, subject));
        lots.keep(target, &lapsed);
    }
}

/// For how long a lapse is computed again, in microseconds: a line with an earlier time may be committed after it.
const UNSETTLED: i64 = 24 * 3600 * 1_000_000;

/// The lots of one subject that are not settled, if one of them is over, and the lots after them.
struct Lots {
    environments: Vec<String>,
    lots: Vec<Lot>,
    may_change: Vec<bool>,
    settled: Vec<bool>,
    now: i64,
    past: Past,
}

/// The part of a subject's history that is replayed.
pub(super) struct Past {
    since: i64,
    /// The sources of all lots.
    sources: HashSet<String>,
    /// How many credits of the lots in it the ledger has now.
    stands: i64,
}

impl Past {
    /// The part that decides these lots; none if all are settled. The lots are as they are stored, except for `settled`.
    pub(super) fn of(lots: &[Lot]) -> Option<Self> {
        let since = since(lots)?;
        let stands = |lot: &Lot| lot.amount.saturating_sub(lot.lapsed.unwrap_or(0));
        let stands = lots.iter().filter(|lot| lot.comes_at() >= since).map(stands).fold(0, i64::saturating_add);
        Some(Self { since, sources: lots.iter().map(|lot| lot.source.clone()).collect(), stands })
    }

    /// Whether a lot was given in it.
    pub(super) fn has(&self, lot: &Lot) -> bool {
        lot.comes_at() >= self.since
    }

    /// What is read of the ledger.
    pub(super) fn key<'a>(&self, subject: &'a Subject) -> [DatumWithOid<'a>; 3] {
        [text(subject.subject_type.as_str()), text(subject.subject_id.as_str()), time(Some(self.since))]
    }

    /// What was there before, and the lines that are not about what lapses.
    pub(super) fn read(&self, found: Option<&str>) -> (i64, Vec<Line>) {
        let read = found.map_or_else(|| Ok(Ledger::default()), serde_json::from_str::<Ledger>);
        let Ledger { balance, lines } =
            read.unwrap_or_else(|error| error!("the ledger's lines have another shape: {error}"));
        let of_lot = |source: &str| {
            let ends = source.match_indices(':').map(|(end, _)| end).chain([source.len()]);
            ends.into_iter().any(|end| self.sources.contains(&source[..end]))
        };
        let others = lines.into_iter().filter(|(_, _, source, at)| *at >= self.since && !of_lot(source));
        let lines: Vec<Line> = others
            .map(|(delta, reason, source, at)| Line {
                delta,
                at,
                spent: reason == "spend" || source.starts_with("adjustment:"),
                by_app: reason == "spend" && !source.starts_with("spend:"),
            })
            .collect();
        let since = lines.iter().fold(self.stands, |sum, line| sum.saturating_add(line.delta));
        (balance.saturating_sub(since), lines)
    }
}

/// What is read of a ledger: a balance, and lines with change, reason, source and time.
#[derive(Default, Deserialize)]
struct Ledger {
    balance: i64,
    lines: Vec<(i64, String, String, i64)>,
}

fn over(target: &Target, subject: &Subject, until: i64) -> Option<Lots> {
    let mut stored: Vec<StoredLot> = FIND_LOTS.all(&key(target, subject));
    stored.sort_by(|one, other| (one.lot.expires_at, &one.lot.source).cmp(&(other.lot.expires_at, &other.lot.source)));
    let read_at = stored.first()?.now;
    let now = read_at.min(until);
    let is_over = |lot: &Lot| lot.expires_at <= now || (lot.lapsed.is_some() && until == i64::MAX);
    let (environments, lots): (Vec<String>, Vec<Lot>) =
        stored.into_iter().map(|stored| (stored.environment, stored.lot)).unzip();
    let past = Past::of(&lots)?;
    let (environments, lots): (Vec<String>, Vec<Lot>) =
        environments.into_iter().zip(lots).filter(|(_, lot)| past.has(lot)).unzip();
    if !lots.iter().any(is_over) {
        return None;
    }
    let may_change = lots.iter().map(is_over).collect();
    let is_old = |at: i64| at <= read_at.saturating_sub(UNSETTLED);
    let is_settled = |lot: &Lot| until == i64::MAX && is_old(lot.expires_at) && lot.lapsed_at.is_some_and(is_old);
    let settled = lots.iter().map(|lot| lot.settled || is_settled(lot)).collect();
    Some(Lots { environments, lots, may_change, settled, now, past })
}

impl Lots {
    /// Writes the lines; how many of each lapsed. As the ledger's owner.
    fn write(&self, target: &Target, subject: &Subject) -> Vec<Option<i64>> {
        let found = target.run(LEDGER_LINES, &self.past.key(subject)).1;
        let (before, lines) = self.past.read(found.as_deref());
        let mut lapsed = lapses(before, &self.lots, &lines, self.now);
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
        let lots = self.environments.iter().zip(&self.lots).zip(lapsed).zip(&self.settled);
        let changed: Vec<(&String, &Lot, Option<i64>, bool)> = lots
            .map(|(((environment, lot), lapsed), settled)| (environment, lot, *lapsed, *settled))
            .filter(|(_, lot, lapsed, settled)| (lot.lapsed, lot.settled) != (*lapsed, *settled))
            .collect();
        if changed.is_empty() {
            return;
        }
        let rows = Rows::new(changed.len())
            .texts(changed.iter().map(|(environment, ..)| Some(environment.as_str())))
            .texts(changed.iter().map(|(_, lot, ..)| Some(lot.source.as_str())))
            .texts(changed.iter().map(|_| Some(target.relation.as_str())))
            .numbers(changed.iter().map(|(_, _, lapsed, _)| *lapsed))
            .numbers(changed.iter().map(|(.., settled)| Some(i64::from(*settled))));
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
