//! What the paid invoices of one subscription give by now.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::calendar::{Interval, micros};
use super::covered::{Covered, covered};
use super::credited::{Credit, Invoice, credited};
use super::line::{CatalogPrice, Charge, Kind, charges};
use crate::fulfillment::credits::taken_back;
use crate::fulfillment::decision::{FulfillmentDecision, FulfillmentState};
use crate::fulfillment::money::Money;
use crate::fulfillment::prior::UNDECIDED;
use crate::fulfillment::record::Record;
use crate::stripe::object::invoice_line::InvoiceLines;
use crate::subject::Subject;

/// What a price promised when its line was first processed.
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

/// An invoice that is not paid, and so gives nothing; but what it charges may be credited.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UnpaidInvoice {
    /// `in_…`.
    pub id: String,
    /// What it is for.
    pub lines: InvoiceLines,
}

/// All that decides what a subscription's invoices give.
#[derive(Debug, Clone, Copy)]
pub struct Paid<'a> {
    /// The paid invoices.
    pub invoices: &'a [PaidInvoice],
    /// Those that are not paid.
    pub unpaid: &'a [UnpaidInvoice],
    /// What the prices of the paid ones promised.
    pub promises: &'a [Promise],
    /// What the catalog knows.
    pub catalog: &'a BTreeMap<String, CatalogPrice>,
    /// When the subscription ended, or since when it gives no access, if so.
    pub ended_at: Option<i64>,
    /// When its trial ends, in Unix seconds.
    pub trial_end: Option<i64>,
    /// Whether any recurring price gives credits, so that a line that is not known yet may give some.
    pub has_benefits: bool,
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
    /// How much of its time is between two times.
    fn time_between(&self, from: i64, to: i64) -> i64 {
        (to.min(self.end) - from.max(self.start)).max(0)
    }

    /// The share of so many credits for a time of it, floored.
    fn share(&self, credits: i64, from: i64, to: i64) -> i64 {
        let time = self.time_between(from, to);
        if self.full <= 0 || time >= self.full {
            return credits;
        }
        let share = i128::from(credits) * i128::from(time) / i128::from(self.full);
        i64::try_from(share).unwrap_or(credits)
    }
}

/// No period has more parts: a year of hours.
const MOST_PARTS: i64 = 24 * 366 + 1;

/// What the invoices give by now. A line without a promise has a price that is not known yet, and is left out.
#[must_use]
pub fn targets(paid: &Paid) -> Targets {
    let all: Vec<Vec<Charge>> = paid.invoices.iter().map(|invoice| charges(&invoice.lines.lines)).collect();
    let unpaid: Vec<Vec<Charge>> = paid.unpaid.iter().map(|invoice| charges(&invoice.lines.lines)).collect();
    let with_charges = paid.invoices.iter().zip(&all);
    let with_charges =
        with_charges.map(|(of, charges)| Invoice { id: &of.id, paid_at: Some(of.money.paid_at), charges });
    let unpaid = paid.unpaid.iter().zip(&unpaid);
    let unpaid = unpaid.map(|(of, charges)| Invoice { id: &of.id, paid_at: None, charges });
    let with_charges: Vec<Invoice> = with_charges.chain(unpaid).collect();
    let credited = credited(&with_charges);
    let covered = covered(&with_charges, &credited);
    let mut targets = Targets::default();
    let mut drafts: Vec<Draft> = Vec::new();
    for (place, (invoice, charges)) in paid.invoices.iter().zip(&all).enumerate() {
        for (number, charge) in charges.iter().enumerate().filter(|(_, charge)| !charge.is_credit) {
            let of = |promise: &&Promise| promise.invoice == invoice.id && promise.price == charge.price;
            let Some(promise) = paid.promises.iter().find(of) else { continue };
            let Some((source, credits)) = promise.benefit_source.as_ref().zip(promise.credits) else { continue };
            let credits_of = credited.get(&(place, number)).map_or(&[][..], Vec::as_slice);
            let (all, covered) = (&all[..], covered[place]);
            let given = Given { paid, all, place, charge, promise, source, credits, credited: credits_of, covered };
            given.add_to(&mut targets, &mut drafts);
        }
        if invoice.lines.has_more {
            let promised = paid.has_benefits || paid.promises.iter().any(|promise| promise.credits.is_some());
            targets.notes.extend(promised.then(|| has_more(invoice)));
        }
    }
    take_back(paid, &mut drafts);
    targets.grants.extend(drafts.into_iter().map(|draft| draft.target(paid)));
    targets.notes.sort_by(|one, other| one.item.cmp(&other.item));
    targets.notes.dedup_by(|one, other| one.item == other.item);
    targets
}

fn has_more(invoice: &PaidInvoice) -> Record {
    let reason = format!(
        "{id} has more lines than the {told} that its event carries: fetch GET /v1/invoices/{id}/lines?limit=100 and pass it to payments.sync_stripe_objects()",
        id = invoice.id,
        told = invoice.lines.lines.len()
    );
    let decision = FulfillmentDecision::because(FulfillmentState::NeedsReview, reason);
    Record::new(format!("lines:{}", invoice.id), decision)
}

/// What one charge gives.
struct Given<'a> {
    paid: &'a Paid<'a>,
    all: &'a [Vec<Charge>],
    place: usize,
    charge: &'a Charge,
    promise: &'a Promise,
    source: &'a str,
    credits: i64,
    credited: &'a [Credit],
    covered: Covered,
}

impl Given<'_> {
    fn invoice(&self) -> &PaidInvoice {
        &self.paid.invoices[self.place]
    }

    fn add_to(&self, targets: &mut Targets, drafts: &mut Vec<Draft>) {
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
            let Some(full) = self.charge.full_period(catalog, self.all) else {
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
            drafts.push(self.draft(&name, &part));
        }
    }

    /// The note that a line waits because its price is not in the catalog.
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

    /// Whether a part gives nothing, because all of it was refunded, credited or ended before it became due.
    fn is_over(&self, due: i64, part: &Part) -> bool {
        let is_credit =
            |credit: &&Credit| credit.paid_at <= due && micros(credit.start) <= due && micros(credit.end) >= part.end;
        let credited = self.credited.iter().filter(is_credit).fold(0_i64, |sum, one| sum.saturating_add(one.quantity));
        self.paid.ended_at.is_some_and(|ended| due >= ended)
            || (self.invoice().money.status == "refunded" && self.invoice().refunded_at.is_some_and(|at| due >= at))
            || credited >= self.charge.quantity
    }

    fn draft(&self, name: &str, part: &Part) -> Draft {
        let money = &self.invoice().money;
        let total = self.credits.checked_mul(self.charge.quantity);
        let in_full = total.map(|total| part.share(total, part.start, part.end));
        let amount = in_full.map(|amount| self.covered.paid_part(amount, self.charge));
        let given = amount.unwrap_or(0);
        let starts_at = part.due.map_or(money.paid_at, |due| due.max(money.paid_at));
        let of_period = self.promise.until_period_end.then_some(part.end);
        let of_time = self.promise.lasts.map(|lasts| lasts.after(starts_at, 1));
        Draft {
            name: part.due.map_or_else(|| name.to_owned(), |due| format!("{name}:{}", due / 1_000_000)),
            invoice: self.place,
            benefit_source: self.source.to_owned(),
            due: part.due,
            amount,
            given,
            withheld: in_full.unwrap_or(0) - given,
            credited: self.credited(part, given),
            returned: 0,
            starts_at,
            expires_at: of_period.into_iter().chain(of_time).min(),
        }
    }

    /// How many of the credits that a part gave are taken back because time of it was credited: the share of that time, floored.
    /// If what is kept is less than the time of one credit, all is taken back: else each switch of plans to and fro would gain one credit.
    fn credited(&self, part: &Part, given: i64) -> i64 {
        let mut times: BTreeMap<(i64, i64), i64> = BTreeMap::new();
        for credit in self.credited {
            let quantity = times.entry((micros(credit.start), micros(credit.end))).or_default();
            *quantity = quantity.saturating_add(credit.quantity);
        }
        let share =
            |(&(from, to), quantity): (&(i64, i64), &i64)| part.share(self.credits.saturating_mul(*quantity), from, to);
        let credited = self.covered.paid_part(times.iter().map(share).fold(0_i64, i64::saturating_add), self.charge);
        let paid_for = self.covered.paid_part(self.credits, self.charge);
        // A credit in the place of an unpaid charge may end before the part does: what comes after it is kept, too.
        let kept = |(&(from, to), quantity): (&(i64, i64), &i64)| {
            let time = part.end - part.start - part.time_between(from, to);
            i128::from(paid_for.saturating_mul(*quantity)) * i128::from(time)
        };
        let kept: i128 = times.iter().map(kept).fold(0, i128::saturating_add);
        let all = times.values().fold(0_i64, |sum, quantity| sum.saturating_add(*quantity)) >= self.charge.quantity;
        if credited > 0 && all && kept < i128::from(part.full) { given } else { credited.min(given) }
    }
}

/// A grant before it is known how much of it is taken back for money that went back.
struct Draft {
    name: String,
    invoice: usize,
    benefit_source: String,
    due: Option<i64>,
    amount: Option<i64>,
    given: i64,
    /// How many are not given because nobody paid for them.
    withheld: i64,
    credited: i64,
    returned: i64,
    starts_at: i64,
    expires_at: Option<i64>,
}

/// What is taken back because money went back: the floored share of all that the invoice gave. It is computed as a running sum over the
/// grants, parts in the order in which they are due, so that later parts do not change earlier ones.
fn take_back(paid: &Paid, drafts: &mut [Draft]) {
    let mut order: Vec<&mut Draft> = drafts.iter_mut().collect();
    order.sort_by(|one, other| (one.due, &one.name).cmp(&(other.due, &other.name)));
    let mut sums: BTreeMap<usize, (i64, i64)> = BTreeMap::new();
    for draft in order {
        let (given, returned) = sums.entry(draft.invoice).or_default();
        *given = given.saturating_add(draft.given);
        let all = taken_back(*given, &paid.invoices[draft.invoice].money);
        draft.returned = (all - *returned).clamp(0, draft.given);
        *returned = returned.saturating_add(draft.returned);
    }
}

impl Draft {
    fn target(self, paid: &Paid) -> Target {
        let money = &paid.invoices[self.invoice].money;
        let taken = self.credited.saturating_add(self.returned).min(self.given);
        let reason = match (self.returned > 0, money.lost() > 0) {
            (_, true) => "dispute",
            (true, false) => "refund",
            (false, false) => "adjustment",
        };
        Target {
            decision: self.decision(money, taken),
            name: self.name,
            invoice: self.invoice,
            benefit_source: self.benefit_source,
            amount: self.amount,
            taken_back: taken,
            reason,
            starts_at: self.starts_at,
            expires_at: self.expires_at,
        }
    }

    fn decision(&self, money: &Money, taken: i64) -> FulfillmentDecision {
        let because = |state, reason: &str| FulfillmentDecision::because(state, reason);
        if money.is_fully_returned() {
            return because(FulfillmentState::Reversed, money.return_reason());
        }
        if let Some(reason) = money.unclear_loss() {
            return because(FulfillmentState::NeedsReview, reason);
        }
        let withheld = (self.withheld > 0).then(|| {
            let (withheld, all) = (self.withheld, self.withheld.saturating_add(self.given));
            format!(
                "{withheld} of {all} credits are not given: the invoice credits time that was not paid instead of money"
            )
        });
        if self.given == 0 {
            let reason = withheld.unwrap_or_else(|| "its share comes to no credit".to_owned());
            return because(FulfillmentState::Skipped, &reason);
        }
        let of_credit = (self.credited > 0).then(|| "time of it was credited".to_owned());
        let why: Vec<String> = of_credit.into_iter().chain(money.part_returned()).collect();
        let returned =
            (taken > 0).then(|| format!("{taken} of {} credits were taken back: {}", self.given, why.join(", ")));
        let reasons: Vec<String> = withheld.into_iter().chain(returned).collect();
        if reasons.is_empty() {
            return FulfillmentDecision::applied();
        }
        let state = if taken == self.given { FulfillmentState::Reversed } else { FulfillmentState::Applied };
        because(state, &reasons.join("; "))
    }
}

#[cfg(test)]
mod tests;
