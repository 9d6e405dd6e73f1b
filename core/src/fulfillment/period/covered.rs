//! How much of what an invoice charges is covered by credits for time that was never paid.
//!
//! Stripe credits the rest of a period whether its invoice was paid or not. So Stripe can call an invoice paid although no money came.
//! What such a credit covers was not bought.

use super::credited::{Credit, Credited, Invoice};
use super::line::Charge;

/// How much of one invoice is covered so, in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Covered {
    /// What its charges cost.
    pub cost: i128,
    /// How much of that nobody paid.
    pub unpaid: i128,
}

impl Covered {
    /// The part of a number that was paid, floored; all of it where the charge is free.
    #[must_use]
    pub fn paid_part(self, number: i64, charge: &Charge) -> i64 {
        if self.unpaid == 0 || charge.amount <= 0 {
            return number;
        }
        i64::try_from(i128::from(number) * (self.cost - self.unpaid) / self.cost).unwrap_or(number)
    }

    /// The part of an amount that was paid, rounded up: Stripe rounds too.
    fn paid(self, amount: i128) -> i128 {
        if self.unpaid == 0 { amount } else { ceiling(amount * (self.cost - self.unpaid), self.cost) }
    }
}

fn ceiling(number: i128, by: i128) -> i128 {
    (number + by - 1).div_euclid(by)
}

/// For each invoice, by its place. A credit is worth what was paid for the charge that it credits; a credit of this kind may have covered
/// a part of that charge, too.
#[must_use]
pub fn covered(invoices: &[Invoice], credited: &Credited) -> Vec<Covered> {
    let mut covered = vec![Covered::default(); invoices.len()];
    // If less was paid of one invoice, its charges are worth less as credits of the next one. So this repeats until nothing changes.
    for _ in 0..=invoices.len() {
        let next: Vec<Covered> =
            (0..invoices.len()).map(|place| of_invoice(invoices, credited, place, &covered)).collect();
        if next == covered {
            break;
        }
        covered = next;
    }
    covered
}

fn of_invoice(invoices: &[Invoice], credited: &Credited, place: usize, covered: &[Covered]) -> Covered {
    let (mut cost, mut paid, mut unpaid) = (0, 0, 0);
    for (number, charge) in invoices[place].charges.iter().enumerate() {
        let amount = i128::from(charge.amount);
        if !charge.is_credit {
            cost += amount.max(0);
            continue;
        }
        let worth = worth(invoices, credited, (place, number), covered).clamp(0, (-amount).max(0));
        paid += worth;
        unpaid += (-amount).max(0) - worth;
    }
    Covered { cost, unpaid: unpaid.min((cost - paid).max(0)) }
}

/// What was paid of the charges that a credit is about. A credit about no charge that is known here counts in full.
fn worth(invoices: &[Invoice], credited: &Credited, credit: (usize, usize), covered: &[Covered]) -> i128 {
    let amount = -i128::from(invoices[credit.0].charges[credit.1].amount);
    let about = || {
        credited
            .iter()
            .flat_map(|(place, credits)| credits.iter().map(move |one| (*place, one)))
            .filter(|(_, one)| one.by == credit)
    };
    let quantity: i128 = about().filter(|(_, one)| !one.instead).map(|(_, one)| i128::from(one.quantity)).sum();
    if quantity <= 0 {
        return amount;
    }
    let worth = |((place, number), one): ((usize, usize), &Credit)| {
        let Invoice { paid_at, charges, .. } = &invoices[place];
        if paid_at.is_none() {
            return 0;
        }
        let cost = if one.instead {
            let charge = &charges[number];
            let (time, long) = (one.end.saturating_sub(one.start), charge.end.saturating_sub(charge.start).max(1));
            ceiling(i128::from(charge.amount.max(0)) * i128::from(time), i128::from(long))
        } else {
            ceiling(amount * i128::from(one.quantity), quantity)
        };
        covered[place].paid(cost)
    };
    about().map(worth).sum()
}

#[cfg(test)]
mod tests {
    use super::{Charge, Covered, ceiling};
    use crate::fulfillment::period::line::charges;
    use crate::stripe::object::invoice_line::InvoiceLine;

    fn charge(amount: i64) -> Charge {
        let line = serde_json::json!({"id": "il_1", "price": "price_1", "start": 0, "end": 10, "quantity": 1, "amount": amount});
        let line: InvoiceLine = serde_json::from_value(line).unwrap();
        charges(&[line]).remove(0)
    }

    #[test]
    fn of_what_was_partly_covered_the_paid_part_is_given() {
        let covered = Covered { cost: 100, unpaid: 40 };
        assert_eq!(covered.paid_part(7, &charge(5)), 4);
        assert_eq!(covered.paid_part(7, &charge(0)), 7);
        assert_eq!(Covered::default().paid_part(7, &charge(5)), 7);
        assert_eq!((covered.paid(7), Covered::default().paid(7)), (5, 7));
        assert_eq!((ceiling(6, 3), ceiling(7, 3), ceiling(8, 3)), (2, 3, 3));
    }
}
