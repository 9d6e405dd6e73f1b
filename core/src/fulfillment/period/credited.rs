//! Which charge each credit is about.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::line::Charge;

/// An invoice with its charges.
#[derive(Debug, Clone, Copy)]
pub struct Invoice<'a> {
    /// `in_…`.
    pub id: &'a str,
    /// When it was paid, in microseconds; none where it is not.
    pub paid_at: Option<i64>,
    /// What it charges and credits.
    pub charges: &'a [Charge],
}

/// Time of a charge that is credited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    /// Since when, in Unix seconds.
    pub start: i64,
    /// Until when.
    pub end: i64,
    /// How many of what was charged.
    pub quantity: i64,
    /// When the invoice that credits it was paid, in microseconds.
    pub paid_at: i64,
    /// The places of the invoice that credits it and of the line there.
    pub by: (usize, usize),
    /// Whether the charge that the invoice credits was not paid, and this is the one that was paid for that time.
    pub instead: bool,
}

/// The credits by the places of the invoice and of the charge that they are about.
pub type Credited = BTreeMap<(usize, usize), Vec<Credit>>;

/// A line of a charge, and the times of it that are credited.
struct Line<'a> {
    id: &'a str,
    quantity: i64,
    credited: Vec<(i64, i64)>,
}

impl Line<'_> {
    fn is_free(&self, credit: &Charge) -> bool {
        self.credited.iter().all(|(start, end)| *end <= credit.start || *start >= credit.end)
    }
}

/// A charge that may be credited.
struct Debit<'a> {
    place: (usize, usize),
    invoice: &'a Invoice<'a>,
    charge: &'a Charge,
    lines: Vec<Line<'a>>,
}

impl<'a> Debit<'a> {
    fn new(place: (usize, usize), invoice: &'a Invoice<'a>, charge: &'a Charge) -> Self {
        let lines = charge.lines.iter();
        let lines = lines.map(|(id, quantity)| Line { id, quantity: *quantity, credited: Vec::new() }).collect();
        Self { place, invoice, charge, lines }
    }

    fn free_lines(&self, credit: &Charge) -> Vec<usize> {
        (0..self.lines.len()).filter(|number| self.lines[*number].is_free(credit)).collect()
    }

    /// The lines that so many for so long are about: one of that quantity, or all that are left.
    fn lines_for(&self, credit: &Charge, quantity: i64) -> Vec<usize> {
        let free = self.free_lines(credit);
        let fits = |number: &&usize| self.lines[**number].quantity == quantity;
        if self.quantity_of(&free) == quantity {
            return free;
        }
        free.iter().find(fits).map_or(free.clone(), |number| vec![*number])
    }

    fn quantity_of(&self, lines: &[usize]) -> i64 {
        lines.iter().fold(0, |sum, number| sum.saturating_add(self.lines[*number].quantity))
    }

    /// Keeps that these lines are credited; how many that are.
    fn take(&mut self, credit: &Charge, lines: &[usize]) -> i64 {
        for number in lines {
            self.lines[*number].credited.push((credit.start, credit.end));
        }
        self.quantity_of(lines)
    }
}

/// A credit of a paid invoice.
#[derive(Clone, Copy)]
struct Crediting<'a> {
    place: (usize, usize),
    invoice: &'a Invoice<'a>,
    paid_at: i64,
    charge: &'a Charge,
}

/// Which charges the paid invoices credit: those whose lines a credit names. A credit in an older shape names no line; each line of it
/// is matched to a charge of the same item and price. The order of the invoices and of their payments does not matter.
///
/// If the credited charge was not paid, the credit goes to the charge that was paid for the same time of the item.
#[must_use]
pub fn credited(invoices: &[Invoice]) -> Credited {
    let charges = || {
        invoices.iter().enumerate().flat_map(|(place, invoice)| {
            invoice.charges.iter().enumerate().map(move |(number, charge)| ((place, number), invoice, charge))
        })
    };
    let mut debits: Vec<Debit> = charges()
        .filter(|(_, _, charge)| !charge.is_credit)
        .map(|(place, invoice, charge)| Debit::new(place, invoice, charge))
        .collect();
    debits.sort_by_key(|debit| (debit.invoice.id, debit.place.1));
    let (named, mut unnamed): (Vec<Crediting>, Vec<Crediting>) = charges()
        .filter(|(_, _, charge)| charge.is_credit)
        .filter_map(|(place, invoice, charge)| Some(Crediting { place, invoice, paid_at: invoice.paid_at?, charge }))
        .partition(|credit| !credit.charge.credits.is_empty());
    unnamed.sort_by_key(order);
    let mut matching = Matching { debits, credited: Credited::new(), unpaid: Vec::new() };
    for credit in &named {
        matching.take_named(credit);
    }
    for credit in &unnamed {
        matching.take_fitting(credit);
    }
    let mut unpaid = std::mem::take(&mut matching.unpaid);
    unpaid.sort_by_key(order);
    unpaid.dedup_by_key(|credit| credit.place);
    for credit in &unpaid {
        matching.take_instead(invoices, credit);
    }
    matching.credited
}

/// The charges, and what is found of the credits so far.
struct Matching<'a> {
    debits: Vec<Debit<'a>>,
    credited: Credited,
    /// Credits about charges that are not paid.
    unpaid: Vec<Crediting<'a>>,
}

impl<'a> Matching<'a> {
    /// Keeps that a credit is about these lines of a charge.
    fn keep(&mut self, debit: usize, lines: &[usize], credit: &Crediting<'a>, instead: bool) {
        let debit = &mut self.debits[debit];
        let quantity = debit.take(credit.charge, lines);
        let Charge { start, end, .. } = *credit.charge;
        let of_charge = self.credited.entry(debit.place).or_default();
        of_charge.push(Credit { start, end, quantity, paid_at: credit.paid_at, by: credit.place, instead });
        self.unpaid.extend(debit.invoice.paid_at.is_none().then_some(*credit));
    }

    fn take_named(&mut self, credit: &Crediting<'a>) {
        for place in 0..self.debits.len() {
            let debit = &self.debits[place];
            let is_named = |number: &usize| credit.charge.credits.iter().any(|id| id == debit.lines[*number].id);
            let lines: Vec<usize> = (0..debit.lines.len()).filter(is_named).collect();
            if !lines.is_empty() {
                self.keep(place, &lines, credit, false);
            }
        }
    }

    fn take_fitting(&mut self, credit: &Crediting<'a>) {
        for (_, quantity) in &credit.charge.lines {
            let debits = self.debits.iter().enumerate();
            let about = debits
                .filter(|(_, debit)| debit.charge.may_be_credited_by(credit.charge))
                .map(|(place, debit)| (place, debit, debit.lines_for(credit.charge, *quantity)))
                .filter(|(_, _, lines)| !lines.is_empty())
                .min_by_key(|(_, debit, lines)| fit(debit, lines, credit.charge, *quantity));
            if let Some((place, _, lines)) = about {
                self.keep(place, &lines, credit, false);
            }
        }
    }

    /// The credit of an unpaid charge goes to a paid charge that was there before: of the same item, or of an item that it replaced.
    fn take_instead(&mut self, invoices: &[Invoice<'a>], credit: &Crediting<'a>) {
        let items = items_before(invoices, credit.charge.item.as_deref());
        let earlier = invoices_before(invoices, credit.place.0);
        let was_there = |debit: &Debit| {
            let is_later = || invoices_before(invoices, debit.place.0).contains(&credit.place.0);
            debit.charge.start < credit.charge.start
                || earlier.contains(&debit.place.0)
                || !debit.charge.proration && !is_later()
        };
        let debits = self.debits.iter().enumerate();
        let about = debits
            .filter(|(_, debit)| debit.invoice.paid_at.is_some() && debit.place.0 != credit.place.0)
            .filter(|(_, debit)| debit.charge.contains(credit.charge) && was_there(debit))
            .filter_map(|(place, debit)| {
                let item = items.iter().position(|item| debit.charge.is_of(*item))?;
                let lines = debit.free_lines(credit.charge);
                (!lines.is_empty())
                    .then(|| (item, fit(debit, &lines, credit.charge, debit.quantity_of(&lines)), place, lines))
            })
            .min();
        if let Some((_, _, place, lines)) = about {
            self.keep(place, &lines, credit, true);
        }
    }
}

/// The order in which credits are matched to charges.
fn order<'a>(credit: &Crediting<'a>) -> (i64, &'a str, usize) {
    (credit.charge.start, credit.invoice.id, credit.place.1)
}

/// The invoices that came before one: those whose lines its credits name, those whose lines the credits of these name, and so on.
fn invoices_before(invoices: &[Invoice], place: usize) -> BTreeSet<usize> {
    let mut before = BTreeSet::new();
    let mut next = vec![place];
    while let Some(place) = next.pop() {
        let named: BTreeSet<&String> = invoices[place].charges.iter().flat_map(|charge| &charge.credits).collect();
        for (other, invoice) in invoices.iter().enumerate() {
            let has_named =
                || invoice.charges.iter().flat_map(|charge| &charge.lines).any(|(id, _)| named.contains(id));
            if other != place && has_named() && before.insert(other) {
                next.push(other);
            }
        }
    }
    before
}

/// An item, and the items that it replaced on invoices that are not paid.
fn items_before<'a>(invoices: &[Invoice<'a>], item: Option<&'a str>) -> Vec<Option<&'a str>> {
    let mut items = vec![item];
    let mut next = 0;
    while let Some(item) = items.get(next).copied() {
        for unpaid in invoices.iter().filter(|invoice| invoice.paid_at.is_none()) {
            let is_charged = |item: Option<&str>| {
                unpaid.charges.iter().any(|charge| !charge.is_credit && charge.item.as_deref() == item)
            };
            if is_charged(item) {
                let gone = unpaid.charges.iter().filter(|charge| charge.is_credit).map(|charge| charge.item.as_deref());
                for gone in gone.filter(|gone| !is_charged(*gone)) {
                    if !items.contains(&gone) {
                        items.push(gone);
                    }
                }
            }
        }
        next += 1;
    }
    items
}

/// How well a charge fits a credit, the best least: a credit goes to the end of what it credits, is for as many, and what it is about
/// began before it where there is such a one, since what is charged anew begins when the credit does. Else the last one counts, and
/// of two such the one that is paid.
fn fit(debit: &Debit, lines: &[usize], credit: &Charge, quantity: i64) -> (bool, bool, bool, Reverse<i64>, bool) {
    let charge = debit.charge;
    (
        charge.end != credit.end,
        debit.quantity_of(lines) != quantity,
        charge.start == credit.start,
        Reverse(charge.start),
        debit.invoice.paid_at.is_none(),
    )
}
