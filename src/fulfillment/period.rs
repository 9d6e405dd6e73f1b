//! Credits of subscriptions: the ledgers are brought to what the paid invoices give by now.

use std::collections::{BTreeMap, BTreeSet};

use payments_core::Subject;
use payments_core::fulfillment::benefit::PendingReason;
use payments_core::fulfillment::decision::FulfillmentDecision;
use payments_core::fulfillment::period::change::{Before, Changes, Known, Write, changes};
use payments_core::fulfillment::period::lapse::Lot;
use payments_core::fulfillment::period::line::CatalogPrice;
use payments_core::fulfillment::period::target::{
    Paid, PaidInvoice, Promise, Target as Grant, UnpaidInvoice, targets as targets_of,
};
use payments_core::fulfillment::record::Record;
use serde::Deserialize;

use super::benefits;
use super::credits;
use super::lapse::{self, NewLot};
use super::purchase::price_lock;
use super::record::{Decided, delete, failed, save};
use super::target::Target;
use super::target_kind::TargetKind;
use super::targets::targets;
use crate::pg::advisory_lock;
use crate::pg::savepoint::Failure;
use crate::pg::statement::{Rows, query, text};
use crate::pg::time::time;
use crate::pg::transaction::is_read_committed;

query!(FIND_PAID, "fulfillment_period", "find_paid");
query!(INSERT_PROMISES, "fulfillment_period", "insert_promises");
query!(DELETE_EMPTY_PROMISES, "fulfillment_period", "delete_empty_promises");
query!(UPSERT_HOLDERS, "fulfillment_period", "upsert_holders");
query!(DELETE_HOLDERS, "fulfillment_period", "delete_holders");
query!(UPSERT_SCHEDULE, "fulfillment_period", "upsert_schedule");
query!(DELETE_SCHEDULE, "fulfillment_period", "delete_schedule");
query!(FIND_CREDITING, "fulfillment_period", "find_crediting");
query!(pub(super) FIND_SUBSCRIPTIONS_OF_PRICE, "fulfillment_period", "find_subscriptions_of_price");

/// All that decides what a subscription's invoices give to one ledger, and what they gave before.
#[derive(Debug, Deserialize)]
struct State {
    /// Whether it is of test while live is approved, or was.
    refused: bool,
    now: i64,
    ended_at: Option<i64>,
    trial_end: Option<i64>,
    has_benefits: bool,
    invoices: Vec<PaidInvoice>,
    /// Those that are not paid.
    unpaid: Vec<UnpaidInvoice>,
    catalog: BTreeMap<String, CatalogPrice>,
    promises: Vec<Promise>,
    holders: Vec<(String, Subject)>,
    known: Vec<Known>,
    next_at: Option<i64>,
}

/// The item of a decision that says that lapses could not be written.
pub(super) const LAPSE: &str = "lapse";

/// What would be written now.
pub(super) struct Planned {
    pub(super) changes: Changes,
    pub(super) now: i64,
}

/// Brings every ledger to what a subscription's paid invoices give by now. Running it again changes nothing.
pub(super) fn give(environment: &str, subscription: &str) {
    for target in targets(TargetKind::CreditLedger).iter() {
        give_to(target, environment, subscription);
    }
}

/// The same of several, each with its environment.
pub(super) fn give_all(subscriptions: &[(String, String)]) {
    for (environment, subscription) in subscriptions {
        give(environment, subscription);
    }
}

/// Those of the subscriptions that have a paid invoice which credits time, perhaps time of an unpaid invoice. Each has its environment.
pub(super) fn crediting(subscriptions: Vec<(String, String)>) -> Vec<(String, String)> {
    let (environments, ids): (Vec<String>, Vec<String>) = subscriptions.into_iter().unzip();
    FIND_CREDITING.all(&[environments.into(), ids.into()])
}

/// Locks the prices of an invoice's lines, before they are read and before any subject is locked. So whoever writes a price waits for us or
/// we wait for him, and the second one sees what the first did.
pub(super) fn lock_prices(prices: &BTreeSet<(String, String)>) {
    for (environment, price) in prices {
        advisory_lock::lock_shared(&price_lock(environment, price));
    }
}

/// Deletes the promises of nothing, so that their lines are decided on as if they were new, with the benefits of today.
pub(super) fn forget_empty_promises(environment: &str, subscription: &str) {
    DELETE_EMPTY_PROMISES.execute(&[text(environment), text(subscription)]);
}

/// What would be written to a ledger now. Reads only.
pub(super) fn planned(target: &Target, environment: &str, subscription: &str) -> Option<Planned> {
    let args = [text(environment), text(subscription), text(target.relation.as_str())];
    let state = FIND_PAID.read::<State>(&args).pop()?;
    let (changes, _) = state.plan(target, &source_of(subscription), Vec::new());
    Some(Planned { changes, now: state.now })
}

fn source_of(subscription: &str) -> String {
    format!("subscription:{subscription}")
}

fn give_to(target: &Target, environment: &str, subscription: &str) {
    let args = || [text(environment), text(subscription), text(target.relation.as_str())];
    let Some(mut state) = FIND_PAID.one::<State>(&args()) else { return };
    let waiting = state.promise(environment, subscription);
    if waiting.is_empty() && state.known.is_empty() && !state.may_give() {
        return;
    }
    let locked = if is_read_committed() {
        state.subjects().iter().try_for_each(credits::lock_patiently)
    } else {
        // A snapshot that is older than the lock would not see what others wrote while we waited for it.
        Err(Failure::because("25001", "balances change under read committed only"))
    };
    // Another payment of the subscription may have been written while we waited.
    let Some(mut state) = FIND_PAID.one::<State>(&args()) else { return };
    let waiting = state.promise(environment, subscription);
    let source = source_of(subscription);
    let (changes, next_due) = state.plan(target, &source, waiting);
    let given = Given { target, environment, subscription, source: &source };
    given.write(&state, changes, &locked);
    if next_due.is_some() || state.next_at.is_some() {
        given.schedule(&state, next_due);
    }
}

impl State {
    /// Whether a line gives something, or a line that is not known yet may.
    fn may_give(&self) -> bool {
        self.promises.iter().any(|promise| promise.credits.is_some())
            || self.has_benefits && self.invoices.iter().any(|invoice| invoice.lines.has_more)
    }

    /// The subjects whose balances may change, in the order of the locks.
    fn subjects(&self) -> BTreeSet<Subject> {
        let holders = self.holders.iter().map(|(_, holder)| holder.clone());
        self.invoices.iter().filter_map(PaidInvoice::subject).chain(holders).collect()
    }

    /// Saves the promises of lines that are processed for the first time. Returns a decision for each line that waits for the product of its
    /// price.
    fn promise(&mut self, environment: &str, subscription: &str) -> Vec<Record> {
        let mut new: Vec<Promise> = Vec::new();
        let mut waiting = Vec::new();
        for invoice in &self.invoices {
            for line in &invoice.lines.lines {
                let is_of = |promise: &Promise| promise.invoice == invoice.id && promise.price == line.price;
                if self.promises.iter().any(is_of) || new.iter().any(is_of) {
                    continue;
                }
                let line_of_one = [(line.price.clone(), 1, line.product.clone())];
                let found = benefits::of_lines(environment, &line_of_one, 0, |_| ());
                let promise = Promise { invoice: invoice.id.clone(), price: line.price.clone(), ..Promise::default() };
                if let Some(benefit) = found.iter().find(|benefit| benefit.credits.is_some()) {
                    new.push(Promise {
                        benefit_source: benefit.source.clone(),
                        credits: benefit.credits,
                        lasts: benefit.lasts,
                        until_period_end: benefit.until_period_end,
                        every: benefit.every,
                        trials: benefit.trials,
                        ..promise
                    });
                } else if found.iter().any(|benefit| benefit.unknown_credits) {
                    let why = PendingReason::UnknownProduct;
                    waiting.push(Record::undecided(&line.price, why, "something of this kind"));
                } else {
                    new.push(promise);
                }
            }
        }
        if !new.is_empty() {
            let rows = Rows::new(new.len())
                .texts(new.iter().map(|_| Some(environment)))
                .texts(new.iter().map(|_| Some(subscription)))
                .texts(new.iter().map(|promise| Some(promise.invoice.as_str())))
                .texts(new.iter().map(|promise| Some(promise.price.as_str())))
                .texts(new.iter().map(|promise| promise.benefit_source.as_deref()))
                .numbers(new.iter().map(|promise| promise.credits));
            INSERT_PROMISES.execute_rows(&rows);
            self.promises.append(&mut new);
        }
        waiting
    }

    /// What changes, and when the next part is due, of which invoice.
    fn plan(&self, target: &Target, source: &str, waiting: Vec<Record>) -> (Changes, Option<(i64, usize)>) {
        let mut targets = targets_of(&Paid {
            invoices: &self.invoices,
            unpaid: &self.unpaid,
            promises: &self.promises,
            catalog: &self.catalog,
            ended_at: self.ended_at,
            trial_end: self.trial_end,
            has_benefits: self.has_benefits,
            now: self.now,
        });
        for record in waiting {
            if targets.notes.iter().all(|note| note.item != record.item) {
                targets.notes.push(record);
            }
        }
        let before = Before { source, known: &self.known, holders: &self.holders, is_revoke_only: self.refused };
        let obstacle = |subject: Option<&Subject>, grant: &Grant| {
            let Some(subject) = subject else { return Some("the subscription names nobody to give the credits to") };
            if !target.can_name("subject_id", &subject.subject_id) {
                return Some("the subject's id is none that the ledger can name");
            }
            grant.expires_at.and_then(|_| lapse::no_lapse(target))
        };
        let next_due = targets.next_due.filter(|_| !self.refused);
        (changes(&before, &self.invoices, &targets, obstacle), next_due)
    }
}

/// What a subscription gives to one ledger.
struct Given<'a> {
    target: &'a Target,
    environment: &'a str,
    subscription: &'a str,
    source: &'a str,
}

impl Given<'_> {
    fn decided(&self, record: Record) -> Decided<'_> {
        Decided {
            environment: self.environment,
            source: self.source,
            kind: TargetKind::CreditLedger,
            target: &self.target.relation,
            is_first: false,
            record,
        }
    }

    fn write(&self, state: &State, changes: Changes, locked: &Result<(), Failure>) {
        let Changes { mut writes, records, removed, holders } = changes;
        let decided: Vec<Decided> = records.into_iter().map(|record| self.decided(record)).collect();
        save(&decided);
        for item in removed {
            delete(self.source, TargetKind::CreditLedger, &self.target.relation, &item, None);
        }
        writes.sort_by_cached_key(|write| (write.record.as_ref().map(|record| record.starts_at), write.source.clone()));
        // If several parts became due since the last time, each is written after what lapsed before it, as it would have been in time.
        let lapsing = writes.iter().filter(|write| write.lot.is_some() && !write.entries.is_empty()).count();
        let step = if lapsing > 1 { 1 } else { writes.len().max(1) };
        let mut is_written = true;
        for writes in writes.chunks(step) {
            let written = match locked {
                Ok(()) => self.write_step(writes, lapsing > 1),
                Err(failure) => Err(failure.clone()),
            };
            is_written &= written.is_ok();
            let decided = |write: &Write| match &written {
                Ok(()) => Some(self.decided(write.record.clone()?)),
                Err(failure) => {
                    let nothing = || Record::new(&*write.item, FulfillmentDecision::applied());
                    Some(self.decided(failed(write.record.clone().unwrap_or_else(nothing), failure)))
                }
            };
            save(&writes.iter().filter_map(decided).collect::<Vec<_>>());
        }
        if is_written {
            self.forget(&writes);
            self.keep_holders(state, &holders);
            self.lapse(state, &writes);
        }
    }

    fn write_step(&self, writes: &[Write], after_lapses: bool) -> Result<(), Failure> {
        let starts_at = |write: &Write| write.record.as_ref()?.starts_at;
        if after_lapses && let Some((write, at)) = writes.first().and_then(|write| Some((write, starts_at(write)?))) {
            lapse::write_lapses_until(self.target, &write.subject, at)?;
        }
        self.write_lines(writes)?;
        let environment = self.environment;
        let lots: Vec<NewLot> = writes
            .iter()
            .filter_map(|write| Some(NewLot { environment, subject: &write.subject, lot: write.lot.as_ref()? }))
            .collect();
        lapse::save_lots(self.target, &lots);
        Ok(())
    }

    /// Writes the lines, all or none.
    fn write_lines(&self, writes: &[Write]) -> Result<(), Failure> {
        let withheld: Vec<&Write> = writes.iter().filter(|write| write.record.is_none()).collect();
        let mut lots: Vec<(Subject, Lot)> = Vec::new();
        for subject in withheld.iter().map(|write| &write.subject).collect::<BTreeSet<_>>() {
            let of_subject = lapse::lots_of(self.target, subject).into_iter().filter(|(environment, lot)| {
                environment == self.environment && withheld.iter().any(|write| write.source == lot.source)
            });
            lots.extend(of_subject.map(|(_, lot)| (subject.clone(), lot)));
        }
        self.target.try_write(|| {
            for write in writes {
                write.entries.iter().for_each(|entry| credits::write_entry(self.target, &write.subject, entry));
            }
            for (subject, lot) in lots.iter().filter(|(_, lot)| lot.lapsed.unwrap_or(0) != 0) {
                let given_back = lapse::expiry(lot, lot.lapsed.unwrap_or(0), 0);
                credits::write_entry(self.target, subject, &given_back);
            }
        })?;
        let gone: Vec<String> = withheld.iter().map(|write| write.source.clone()).collect();
        if !gone.is_empty() {
            lapse::delete_lots(self.target, self.environment, gone);
        }
        Ok(())
    }

    /// Deletes the decisions on grants that no subject has any more.
    fn forget(&self, writes: &[Write]) {
        for write in writes.iter().filter(|write| write.record.is_none()) {
            if writes.iter().all(|other| other.record.is_none() || other.source != write.source) {
                delete(self.source, TargetKind::CreditLedger, &self.target.relation, &write.item, None);
            }
        }
    }

    /// Saves to whom the credits of each invoice were given.
    fn keep_holders(&self, state: &State, holders: &BTreeMap<String, Subject>) {
        let (environment, subscription) = (self.environment, self.subscription);
        let known: BTreeMap<&String, &Subject> =
            state.holders.iter().map(|(invoice, holder)| (invoice, holder)).collect();
        let new: Vec<(&String, &Subject)> =
            holders.iter().filter(|(invoice, holder)| known.get(invoice) != Some(holder)).collect();
        if !new.is_empty() {
            let rows = Rows::new(new.len())
                .texts(new.iter().map(|_| Some(environment)))
                .texts(new.iter().map(|_| Some(subscription)))
                .texts(new.iter().map(|(invoice, _)| Some(invoice.as_str())))
                .texts(new.iter().map(|_| Some(self.target.relation.as_str())))
                .texts(new.iter().map(|(_, holder)| Some(holder.subject_type.as_str())))
                .texts(new.iter().map(|(_, holder)| Some(holder.subject_id.as_str())));
            UPSERT_HOLDERS.execute_rows(&rows);
        }
        let gone: Vec<String> = known.into_keys().filter(|invoice| !holders.contains_key(*invoice)).cloned().collect();
        if !gone.is_empty() && !state.refused {
            let target = text(self.target.relation.as_str());
            DELETE_HOLDERS.execute(&[text(environment), text(subscription), target, gone.into()]);
        }
    }

    /// Writes what of it lapsed already, and records where that fails.
    fn lapse(&self, state: &State, writes: &[Write]) {
        let mut subjects: BTreeSet<Subject> = writes.iter().map(|write| write.subject.clone()).collect();
        if state.known.iter().any(|known| known.item == LAPSE) {
            subjects.append(&mut state.subjects());
        }
        for subject in subjects {
            if let Err(failure) = lapse::write_lapses(self.target, &subject) {
                save(&[self.decided(failed(Record::new(LAPSE, FulfillmentDecision::applied()), &failure))]);
            }
        }
    }

    fn schedule(&self, state: &State, next_due: Option<(i64, usize)>) {
        let (environment, subscription) = (text(self.environment), text(self.subscription));
        let target = text(self.target.relation.as_str());
        match next_due.and_then(|(due, place)| Some((due, state.invoices[place].subject()?))) {
            Some((due, subject)) => {
                let (subject_type, subject_id) =
                    (text(subject.subject_type.as_str()), text(subject.subject_id.as_str()));
                UPSERT_SCHEDULE.execute(&[
                    environment,
                    subscription,
                    target,
                    subject_type,
                    subject_id,
                    time(Some(due)),
                ]);
            }
            None => {
                DELETE_SCHEDULE.execute(&[environment, subscription, target]);
            }
        }
    }
}
