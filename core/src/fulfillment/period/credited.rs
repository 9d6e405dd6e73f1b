//! Which charge each credit is about.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::line::Charge;

/// An invoice with its charges.
#[derive(Debug, Clone, Copy)]
pub struct Invoice<'a> {
    /// `in_…`.
    pub id: &'a str,
    /// When it was paid, in microseconds.
    pub paid_at: i64,
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
    invoice: &'a str,
    charge: &'a Charge,
    lines: Vec<Line<'a>>,
}

impl Debit<'_> {
    /// The lines that so many for so long are about: one of that quantity, or all that are left.
    fn lines_for(&self, credit: &Charge, quantity: i64) -> Vec<usize> {
        let free: Vec<usize> = (0..self.lines.len()).filter(|number| self.lines[*number].is_free(credit)).collect();
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

/// Which charges are credited: those that own the lines that a credit names; in older shapes one of the same item and price, for
/// each line of the credit. Neither the order of payment nor the order of the invoices matters.
#[must_use]
pub fn credited(invoices: &[Invoice]) -> Credited {
    let charges = || {
        invoices.iter().enumerate().flat_map(|(place, invoice)| {
            invoice.charges.iter().enumerate().map(move |(number, charge)| ((place, number), invoice, charge))
        })
    };
    let lines = |charge| {
        let Charge { lines, .. }: &Charge = charge;
        lines.iter().map(|(id, quantity)| Line { id, quantity: *quantity, credited: Vec::new() }).collect()
    };
    let mut debits: Vec<Debit> = charges()
        .filter(|(_, _, charge)| !charge.is_credit)
        .map(|(place, invoice, charge)| Debit { place, invoice: invoice.id, charge, lines: lines(charge) })
        .collect();
    debits.sort_by_key(|debit| (debit.invoice, debit.place.1));
    let (named, mut unnamed): (Vec<_>, Vec<_>) =
        charges().filter(|(_, _, charge)| charge.is_credit).partition(|(_, _, charge)| !charge.credits.is_empty());
    let mut credited = Credited::new();
    let mut keep = |debit: &Debit, invoice: &Invoice, credit: &Charge, quantity: i64| {
        let of_charge = credited.entry(debit.place).or_default();
        of_charge.push(Credit { start: credit.start, end: credit.end, quantity, paid_at: invoice.paid_at });
    };
    for (_, invoice, credit) in named {
        for debit in &mut debits {
            let is_named = |number: &usize| credit.credits.iter().any(|id| id == debit.lines[*number].id);
            let lines: Vec<usize> = (0..debit.lines.len()).filter(is_named).collect();
            if !lines.is_empty() {
                let quantity = debit.take(credit, &lines);
                keep(debit, invoice, credit, quantity);
            }
        }
    }
    unnamed.sort_by_key(|((_, number), invoice, credit)| (credit.start, invoice.id, *number));
    for (_, invoice, credit) in unnamed {
        for (_, quantity) in &credit.lines {
            let about = debits
                .iter_mut()
                .filter(|debit| debit.charge.may_be_credited_by(credit))
                .map(|debit| (debit.lines_for(credit, *quantity), debit))
                .filter(|(lines, _)| !lines.is_empty())
                .min_by_key(|(lines, debit)| fit(debit, lines, credit, *quantity));
            if let Some((lines, debit)) = about {
                let quantity = debit.take(credit, &lines);
                keep(debit, invoice, credit, quantity);
            }
        }
    }
    credited
}

/// How well a charge fits a credit, the best least: a credit goes to the end of what it credits, is for as many, and what it is about
/// began before it where there is such a one, since what is charged anew begins when the credit does. Else the last one counts.
fn fit(debit: &Debit, lines: &[usize], credit: &Charge, quantity: i64) -> (bool, bool, bool, Reverse<i64>) {
    let charge = debit.charge;
    (
        charge.end != credit.end,
        debit.quantity_of(lines) != quantity,
        charge.start == credit.start,
        Reverse(charge.start),
    )
}
