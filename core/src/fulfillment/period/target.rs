//! What the paid invoices of one subscription give by now.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::calendar::{Interval, micros};
use super::line::{CatalogPrice, Charge, Kind, charges};
use crate::fulfillment::credits::taken_back;
use crate::fulfillment::decision::{FulfillmentDecision, FulfillmentState};
use crate::fulfillment::money::Money;
use crate::fulfillment::prior::UNDECIDED;
use crate::fulfillment::record::Record;
use crate::stripe::object::invoice_line::InvoiceLines;
use crate::subject::Subject;

/// What a price promised when its line was first looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Promise {
    /// The invoice.
    pub invoice: String,
    /// The price.
    pub price: String,
    /// The price or product that gives; none where nothing does.
    pub benefit_source: Option<String>,
    /// Credits for each unit and period, or part.
    pub credits: Option<i64>,
    /// For how long.
    pub lasts: Option<Interval>,
    /// Whether they lapse with their period, or part.
    pub until_period_end: bool,
    /// How long a part is; none where a period is given at once.
    pub every: Option<Interval>,
    /// Whether a trial gives too.
    pub trials: bool,
}

/// A paid invoice. Times are in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PaidInvoice {
    /// `in_…`.
    pub id: String,
    /// Its money.
    pub money: Money,
    /// When it was refunded.
    pub refunded_at: Option<i64>,
    /// Who gets what it gives.
    pub subject_type: Option<String>,
    /// Their id.
    pub subject_id: Option<String>,
    /// What it is for.
    pub lines: InvoiceLines,
}

impl PaidInvoice {
    /// Who gets what it gives.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        let (subject_type, subject_id) = self.subject_type.clone().zip(self.subject_id.clone())?;
        Some(Subject { subject_type, subject_id })
    }
}

/// All that decides what a subscription's invoices give.
#[derive(Debug, Clone, Copy)]
pub struct Paid<'a> {
    /// The paid invoices.
    pub invoices: &'a [PaidInvoice],
    /// What their prices promised.
    pub promises: &'a [Promise],
    /// What the catalog knows.
    pub catalog: &'a BTreeMap<String, CatalogPrice>,
    /// When the subscription ended, if it did.
    pub ended_at: Option<i64>,
    /// When its trial ends, in Unix seconds.
    pub trial_end: Option<i64>,
    /// Now.
    pub now: i64,
}

/// One grant as the ledger should have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// By what it is known within its subscription.
    pub name: String,
    /// The place of its invoice.
    pub invoice: usize,
    /// The price or product that gives it.
    pub benefit_source: String,
    /// How many are given; none where that is more than can be written.
    pub amount: Option<i64>,
    /// How many of them are taken back.
    pub taken_back: i64,
    /// Why, in the ledger's word.
    pub reason: &'static str,
    /// The record's state, and why.
    pub decision: FulfillmentDecision,
    /// Since when they can be spent.
    pub starts_at: i64,
    /// When they lapse.
    pub expires_at: Option<i64>,
}

/// What a subscription gives by now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Its grants.
    pub grants: Vec<Target>,
    /// What else there is to say.
    pub notes: Vec<Record>,
    /// When the next part is due, and the place of its invoice.
    pub next_due: Option<(i64, usize)>,
}

/// A part of a charge's time. Times are in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Part {
    start: i64,
    end: i64,
    /// How long it would be in full.
    full: i64,
    /// Whether it is one of several, which is due when it starts.
    due: Option<i64>,
}

impl Part {
    /// The share of so many credits for a time of it, floored.
    fn share(&self, credits: i64, from: i64, to: i64) -> i64 {
        let time = (to.min(self.end) - from.max(self.start)).max(0);
        if self.full <= 0 || time >= self.full {
            return if time > 0 || self.full <= 0 { credits } else { 0 };
        }
        let share = i128::from(credits) * i128::from(time) / i128::from(self.full);
        i64::try_from(share).unwrap_or(credits)
    }
}

/// No period has more parts: a year of hours.
const MOST_PARTS: i64 = 24 * 366 + 1;

struct Credit<'a> {
    charge: &'a Charge,
    paid_at: i64,
}

/// What the invoices give by now. The promise of each line is there, but for those that nothing is known of yet.
#[must_use]
pub fn targets(paid: &Paid) -> Targets {
    let all: Vec<Vec<Charge>> = paid.invoices.iter().map(|invoice| charges(&invoice.lines.lines)).collect();
    let credited = credited(paid, &all);
    let mut targets = Targets::default();
    for (place, (invoice, charges)) in paid.invoices.iter().zip(&all).enumerate() {
        let mut is_known = false;
        for (number, charge) in charges.iter().enumerate().filter(|(_, charge)| !charge.is_credit) {
            let of = |promise: &&Promise| promise.invoice == invoice.id && promise.price == charge.price;
            let Some(promise) = paid.promises.iter().find(of) else { continue };
            let Some((source, credits)) = promise.benefit_source.as_ref().zip(promise.credits) else { continue };
            is_known = true;
            let credits_of = credited.get(&(place, number)).map_or(&[][..], Vec::as_slice);
            let given = Given { paid, place, charge, promise, source, credits, credited: credits_of };
            given.add_to(&mut targets);
        }
        if invoice.lines.has_more {
            let promised = is_known || paid.promises.iter().any(|promise| promise.credits.is_some());
            targets.notes.extend(promised.then(|| has_more(invoice)));
        }
    }
    targets.notes.sort_by(|one, other| one.item.cmp(&other.item));
    targets.notes.dedup_by(|one, other| one.item == other.item);
    targets
}

fn has_more(invoice: &PaidInvoice) -> Record {
    let reason = format!(
        "{} has more lines than the {} that its event carries: pass the invoice to sync_stripe_objects with all of them",
        invoice.id,
        invoice.lines.lines.len()
    );
    let decision = FulfillmentDecision::because(FulfillmentState::NeedsReview, reason);
    Record::new(format!("lines:{}", invoice.id), decision)
}

/// By invoice and charge, what credits it: each credit counts for the last charge that it may be about.
fn credited<'a>(paid: &Paid, all: &'a [Vec<Charge>]) -> BTreeMap<(usize, usize), Vec<Credit<'a>>> {
    let mut credited: BTreeMap<(usize, usize), Vec<Credit>> = BTreeMap::new();
    for (own, (invoice, credits)) in paid.invoices.iter().zip(all).enumerate() {
        for credit in credits.iter().filter(|charge| charge.is_credit) {
            let debits = all.iter().enumerate().flat_map(|(place, charges)| {
                charges.iter().enumerate().map(move |(number, charge)| ((place, number), charge))
            });
            // Where no line is named, it is one of an invoice before: this one may charge for the same time again.
            let is_before = |place: usize| {
                !credit.credits.is_empty()
                    || (place != own && paid.invoices[place].money.paid_at <= invoice.money.paid_at)
            };
            let about: Vec<_> = debits
                .filter(|((place, _), charge)| !charge.is_credit && charge.is_credited_by(credit) && is_before(*place))
                .collect();
            let when = |place: usize, charge: &Charge| {
                let invoice = &paid.invoices[place];
                (charge.start, invoice.money.paid_at, invoice.id.clone())
            };
            let last = about.iter().map(|((place, _), charge)| when(*place, charge)).max();
            for ((place, number), charge) in &about {
                let is_last = Some(when(*place, charge)) == last;
                if is_last || !credit.credits.is_empty() {
                    let credit = Credit { charge: credit, paid_at: invoice.money.paid_at };
                    credited.entry((*place, *number)).or_default().push(credit);
                }
            }
        }
    }
    credited
}

/// What one charge gives.
struct Given<'a> {
    paid: &'a Paid<'a>,
    place: usize,
    charge: &'a Charge,
    promise: &'a Promise,
    source: &'a str,
    credits: i64,
    credited: &'a [Credit<'a>],
}

impl Given<'_> {
    fn invoice(&self) -> &PaidInvoice {
        &self.paid.invoices[self.place]
    }

    fn add_to(&self, targets: &mut Targets) {
        let catalog = self.paid.catalog.get(&self.charge.price);
        let name = self.charge.name(&self.invoice().id);
        let skipped = |reason: &str| {
            let decision = FulfillmentDecision::because(FulfillmentState::Skipped, reason);
            Record { benefit_source: Some(self.source.to_owned()), ..Record::new(format!("credits:{name}"), decision) }
        };
        match self.charge.kind(catalog, self.paid.trial_end) {
            Kind::Paid => {}
            Kind::Trial if self.promise.trials => {}
            Kind::Trial => return targets.notes.push(skipped("a trial gives no credits")),
            Kind::Metered => return targets.notes.push(skipped("it is billed by usage, and gives no credits")),
            Kind::Unknown => return targets.notes.push(self.undecided("is free, or this is a trial,")),
        }
        if self.charge.quantity <= 0 {
            return;
        }
        let full = if self.charge.proration && self.promise.every.is_none() {
            let Some(full) = self.charge.full_period(catalog) else {
                return targets.notes.push(self.undecided("is by the month"));
            };
            full
        } else {
            self.charge.length()
        };
        let Some(parts) = self.parts(full) else {
            let reason = format!(
                "its period has more than {MOST_PARTS} parts: give its credits by hand, and choose longer parts (every)"
            );
            let decision = self.invoice().money.needs_review(&reason);
            let record = Record::new(format!("credits:{name}"), decision);
            return targets.notes.push(Record { benefit_source: Some(self.source.to_owned()), ..record });
        };
        for part in parts {
            if let Some(due) = part.due {
                if self.is_over(due, &part) {
                    continue;
                }
                if due > self.paid.now {
                    let next = (due, self.place);
                    targets.next_due = Some(targets.next_due.map_or(next, |known| known.min(next)));
                    break;
                }
            }
            targets.grants.push(self.target(&name, &part));
        }
    }

    /// That the catalog does not know the price, and so not whether it is something.
    fn undecided(&self, what: &str) -> Record {
        let price = &self.charge.price;
        let reason = format!("{price} is not in the catalog yet, and so it is not known whether it {what}");
        let decision = FulfillmentDecision::because(FulfillmentState::Skipped, reason);
        Record { benefit_source: Some(self.source.to_owned()), ..Record::new(format!("{UNDECIDED}{price}"), decision) }
    }

    /// None where they are too many.
    fn parts(&self, full: i64) -> Option<Vec<Part>> {
        let (start, end) = (micros(self.charge.start), micros(self.charge.end));
        let Some(every) = self.promise.every else { return Some(vec![Part { start, end, full, due: None }]) };
        let mut parts = Vec::new();
        for number in 0..=MOST_PARTS {
            let (from, to) = (every.after(start, number), every.after(start, number + 1));
            if from >= end && number > 0 || to <= from {
                return Some(parts);
            }
            parts.push(Part { start: from, end: to.min(end), full: to - from, due: Some(from) });
        }
        None
    }

    /// Whether a part that is due then is due no longer: all of it was refunded, credited or over before.
    fn is_over(&self, due: i64, part: &Part) -> bool {
        let is_credited = |credit: &Credit| {
            credit.paid_at <= due && micros(credit.charge.start) <= due && micros(credit.charge.end) >= part.end
        };
        self.paid.ended_at.is_some_and(|ended| due >= ended)
            || (self.invoice().money.status == "refunded" && self.invoice().refunded_at.is_some_and(|at| due >= at))
            || self.credited.iter().any(is_credited)
    }

    fn target(&self, name: &str, part: &Part) -> Target {
        let money = &self.invoice().money;
        let total = self.credits.checked_mul(self.charge.quantity);
        let amount = total.map(|total| part.share(total, part.start, part.end));
        let given = amount.unwrap_or(0);
        let credited = self.credited(part, total.unwrap_or(0), given);
        let returned = taken_back(given, money);
        let taken = credited.saturating_add(returned).min(given);
        let reason = match (returned > 0, money.lost() > 0) {
            (_, true) => "dispute",
            (true, false) => "refund",
            (false, false) => "adjustment",
        };
        let starts_at = part.due.map_or(money.paid_at, |due| due.max(money.paid_at));
        let of_period = self.promise.until_period_end.then_some(part.end);
        let of_time = self.promise.lasts.map(|lasts| lasts.after(starts_at, 1));
        Target {
            name: part.due.map_or_else(|| name.to_owned(), |due| format!("{name}:{}", due / 1_000_000)),
            invoice: self.place,
            benefit_source: self.source.to_owned(),
            amount,
            taken_back: taken,
            reason,
            decision: self.decision(given, credited, taken),
            starts_at,
            expires_at: of_period.into_iter().chain(of_time).min(),
        }
    }

    /// How many of the credits that a part gave are taken back because time of it was credited: the share of that time, floored.
    /// What less than one credit's time was used of is taken back whole, or who switches to and fro would gain one each time.
    fn credited(&self, part: &Part, total: i64, given: i64) -> i64 {
        let time = |credit: &Credit| (micros(credit.charge.start), micros(credit.charge.end));
        let shares = self.credited.iter().map(time).map(|(from, to)| part.share(total, from, to));
        let credited = shares.fold(0_i64, i64::saturating_add);
        let first = self.credited.iter().map(|credit| time(credit).0).min().unwrap_or(i64::MAX);
        let used = i128::from(total) * i128::from((first - part.start).max(0));
        if credited > 0 && used < i128::from(part.full) { given } else { credited.min(given) }
    }

    fn decision(&self, given: i64, credited: i64, taken: i64) -> FulfillmentDecision {
        let because = |state, reason: &str| FulfillmentDecision::because(state, reason);
        let money = &self.invoice().money;
        if money.is_fully_returned() {
            return because(FulfillmentState::Reversed, money.return_reason());
        }
        if let Some(reason) = money.unclear_loss() {
            return because(FulfillmentState::NeedsReview, reason);
        }
        if given == 0 {
            return because(FulfillmentState::Skipped, "its share comes to no credit");
        }
        if taken == 0 {
            return FulfillmentDecision::applied();
        }
        let of_credit = (credited > 0).then(|| "time of it was credited".to_owned());
        let why: Vec<String> = of_credit.into_iter().chain(money.part_returned()).collect();
        let state = if taken == given { FulfillmentState::Reversed } else { FulfillmentState::Applied };
        because(state, &format!("{taken} of {given} credits were taken back: {}", why.join(", ")))
    }
}

#[cfg(test)]
mod tests;
