//! The lines of invoices; the tiers of one price are one charge.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::calendar::{Interval, micros};
use crate::stripe::object::invoice_line::InvoiceLine;

/// What the catalog knows of a price.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct CatalogPrice {
    /// `month`, say.
    pub interval: Option<String>,
    /// How many of these a period has.
    pub interval_count: Option<i64>,
    /// In minor units; none where it has tiers.
    pub unit_amount: Option<i64>,
    /// `licensed` or `metered`.
    pub usage_type: Option<String>,
}

/// Lines of one invoice for one item, price and period: graduated tiers make several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Stripe's ids of the lines, and how many each is for.
    pub lines: Vec<(String, i64)>,
    /// `si_…`.
    pub item: Option<String>,
    /// `price_…`.
    pub price: String,
    /// Since when, in Unix seconds.
    pub start: i64,
    /// Until when.
    pub end: i64,
    /// How many, all tiers together.
    pub quantity: i64,
    /// In minor units, before discounts.
    pub amount: i64,
    /// Whether it is for a part of a period.
    pub proration: bool,
    /// Whether it gives back what another one charged.
    pub is_credit: bool,
    /// The lines that it credits.
    pub credits: Vec<String>,
    interval: Option<(String, i64)>,
    unit_amount: Option<i64>,
    metered: bool,
}

/// What one charge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Time that was paid for.
    Paid,
    /// A trial.
    Trial,
    /// Billed by usage.
    Metered,
    /// It depends on a price that is not known yet.
    Unknown,
}

impl Charge {
    /// Its name in the sources of the ledger and in the decisions, unique within its subscription.
    #[must_use]
    pub fn name(&self, invoice: &str) -> String {
        let item = self.item.as_deref().unwrap_or("item");
        format!("{invoice}:{item}:{}:{}-{}", self.price, self.start, self.end)
    }

    /// What it is, by the line itself, what the catalog knows and when the subscription's trial ends.
    #[must_use]
    pub fn kind(&self, catalog: Option<&CatalogPrice>, trial_end: Option<i64>) -> Kind {
        if self.metered || catalog.is_some_and(|price| price.usage_type.as_deref() == Some("metered")) {
            return Kind::Metered;
        }
        if self.amount != 0 {
            return Kind::Paid;
        }
        match self.unit_amount.or(catalog.and_then(|price| price.unit_amount)) {
            Some(0) => Kind::Paid,
            Some(_) => Kind::Trial,
            // Of tiers the first may be free.
            None if catalog.is_some() => {
                if trial_end.is_some_and(|end| end >= self.end) {
                    Kind::Trial
                } else {
                    Kind::Paid
                }
            }
            None => Kind::Unknown,
        }
    }

    /// The length of the full period of its price that ends when it ends, in microseconds. A full line of the same item says it best: a
    /// period that begins on the 31st can be shorter than one that is counted back from its end.
    #[must_use]
    pub fn full_period(&self, catalog: Option<&CatalogPrice>, all: &[Vec<Charge>]) -> Option<i64> {
        let of_line = self.interval.as_ref().map(|(interval, count)| (interval.as_str(), *count));
        let of_catalog = || {
            let price = catalog?;
            Some((price.interval.as_deref()?, price.interval_count.unwrap_or(1)))
        };
        let (interval, count) = of_line.or_else(of_catalog)?;
        let (interval, end) = (Interval::of_price(interval, count)?, micros(self.end));
        let is_full = |other: &&Charge| {
            let is_period = !other.proration && other.end == self.end && other.start <= self.start;
            is_period && other.item == self.item && interval.after(micros(other.start), 1) == end
        };
        let full = all.iter().flatten().filter(is_full).map(Charge::length).max();
        Some(full.unwrap_or_else(|| end - interval.after(end, -1)))
    }

    /// How long it is, in microseconds.
    #[must_use]
    pub fn length(&self) -> i64 {
        micros(self.end.saturating_sub(self.start).max(0))
    }

    /// Whether a credit that names no line may be about it: it is of the same item and price, and its period contains the credit's.
    #[must_use]
    pub fn may_be_credited_by(&self, credit: &Charge) -> bool {
        self.is_of(credit.item.as_deref()) && self.price == credit.price && self.contains(credit)
    }

    /// Whether it may be of an item.
    #[must_use]
    pub fn is_of(&self, item: Option<&str>) -> bool {
        self.item.is_none() || item.is_none() || self.item.as_deref() == item
    }

    /// Whether its time contains that of another one.
    #[must_use]
    pub fn contains(&self, other: &Charge) -> bool {
        self.start <= other.start && self.end >= other.end
    }
}

/// The charges of one invoice.
#[must_use]
pub fn charges(lines: &[InvoiceLine]) -> Vec<Charge> {
    let mut charges: BTreeMap<_, Charge> = BTreeMap::new();
    for line in lines {
        let is_credit = line.proration && (line.amount < 0 || !line.credits.is_empty());
        let key = (&line.item, &line.price, line.start, line.end, is_credit, &line.credits);
        let charge = charges.entry(key).or_insert_with(|| Charge {
            lines: Vec::new(),
            item: line.item.clone(),
            price: line.price.clone(),
            start: line.start,
            end: line.end,
            quantity: 0,
            amount: 0,
            proration: line.proration,
            is_credit,
            credits: line.credits.clone(),
            interval: line.interval.clone(),
            unit_amount: line.unit_amount,
            metered: line.metered,
        });
        charge.lines.push((line.id.clone(), line.quantity));
        charge.quantity = charge.quantity.saturating_add(line.quantity);
        charge.amount = charge.amount.saturating_add(line.amount);
    }
    charges.into_values().collect()
}
