//! The monthly recurring revenue of a subscription, as Stripe defines it.
//!
//! Subscriptions that are active or past due count, unless they are scheduled to end with their period. The price of
//! each item is normalized to a month: a year has 12 months, 52 weeks and 365 days. Taxes, free prices and metered
//! prices do not count. Only discounts that last forever reduce the revenue: first those of an item, then those of the
//! subscription, each applied to what the one before left. The sum is rounded once, to the nearest minor unit.
//!
//! Source: <https://docs.stripe.com/billing/subscriptions/analytics/glossary>.

use std::collections::BTreeMap;

use super::coupon::{Coupon, Coupons, Discount};
use super::fraction::Fraction;
use super::state::{Item, State, Tier};

/// The tiers of prices, by the ids of the prices.
pub type Tiers = BTreeMap<String, Vec<Tier>>;

/// The monthly revenue of a state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recurring {
    /// In minor units of `currency`.
    pub amount: i64,
    /// Lower-case ISO code.
    pub currency: Option<String>,
    /// Whether everything is known that it needs: each price in this currency, and what each discount takes.
    pub is_complete: bool,
}

/// The monthly revenue of a state.
#[must_use]
pub fn recurring(state: &State, coupons: &Coupons, tiers: &Tiers) -> Recurring {
    let currency = state.currency.clone().or_else(|| state.items.values().find_map(|item| item.currency.clone()));
    let counts = matches!(state.status.as_str(), "active" | "past_due") && !state.is_ending();
    if !counts {
        return Recurring { amount: 0, currency, is_complete: true };
    }
    let mut sum =
        Sum { currency: currency.as_deref(), coupons, tiers, total: Fraction::ZERO, often: None, is_complete: true };
    for item in state.items.values().filter(|item| !item.metered) {
        if sum.add(item).is_none() {
            sum.is_complete = false;
        }
    }
    let often = sum.often;
    let total = sum.discounted(sum.total, &state.discounts, often);
    let is_complete = sum.is_complete && !state.has_more;
    match total.and_then(Fraction::rounded) {
        Some(amount) => Recurring { amount, currency, is_complete },
        None => Recurring { amount: 0, currency, is_complete: false },
    }
}

struct Sum<'a> {
    currency: Option<&'a str>,
    coupons: &'a Coupons,
    tiers: &'a Tiers,
    total: Fraction,
    /// How many invoices there are in a month: as many as the items with the shortest interval have.
    often: Option<Fraction>,
    is_complete: bool,
}

impl Sum<'_> {
    /// Adds what an item brings; `None` if that is not known.
    fn add(&mut self, item: &Item) -> Option<()> {
        if item.currency.as_deref().is_some_and(|currency| Some(currency) != self.currency) {
            return None;
        }
        let often = per_month(item)?;
        let price = self.price(item)?.times(often)?;
        let amount = self.discounted(price, &item.discounts, Some(often))?;
        self.total = self.total.plus(amount)?;
        if amount != Fraction::ZERO && self.often.is_none_or(|known| often.exceeds(known) == Some(true)) {
            self.often = Some(often);
        }
        Some(())
    }

    /// What all units of an item cost for one billing period.
    fn price(&self, item: &Item) -> Option<Fraction> {
        let units = units(item)?;
        let known = if item.tiers.is_empty() { self.tiers.get(item.price.as_ref()?) } else { Some(&item.tiers) };
        match (item.unit_amount.as_deref(), item.tiers_mode.as_deref()) {
            (_, Some("volume")) => by_volume(known?, units),
            (_, Some("graduated")) => graduated(known?, units),
            (Some(amount), _) => Fraction::decimal(amount)?.times(Fraction::of(units.into(), 1)?),
            (None, _) => None,
        }
    }

    /// What discounts that last forever leave of a monthly amount. `often` is how many invoices there are in a month.
    fn discounted(&mut self, amount: Fraction, discounts: &[Discount], often: Option<Fraction>) -> Option<Fraction> {
        let mut left = amount;
        for discount in discounts {
            let coupon = discount.coupon.as_ref().or_else(|| self.coupons.get(&discount.id));
            let Some(coupon) = coupon else {
                self.is_complete = false;
                continue;
            };
            if coupon.duration == "forever" {
                match reduced(left, coupon, self.currency, often) {
                    Some(reduced) => left = reduced,
                    None => self.is_complete = false,
                }
            }
        }
        Some(left)
    }
}

fn reduced(amount: Fraction, coupon: &Coupon, currency: Option<&str>, often: Option<Fraction>) -> Option<Fraction> {
    if let Some(percent) = &coupon.percent_off {
        let off = amount.times(Fraction::decimal(percent)?)?.times(Fraction::of(1, 100)?)?;
        return amount.less(off);
    }
    let off = coupon.amount_off.filter(|_| coupon.currency.as_deref() == currency)?;
    // Nothing is invoiced, so there is nothing to take it off.
    let Some(often) = often else { return Some(amount) };
    amount.less(Fraction::of(off.into(), 1)?.times(often)?)
}

/// How often an item is invoiced in a month.
fn per_month(item: &Item) -> Option<Fraction> {
    let count = i128::from(item.interval_count.unwrap_or(1));
    let (over, under) = match item.interval.as_deref()? {
        "day" => (365, 12),
        "week" => (52, 12),
        "month" => (1, 1),
        "year" => (1, 12),
        _ => return None,
    };
    Fraction::of(over, count.checked_mul(under)?)
}

/// How many units, or packages, of an item are billed.
fn units(item: &Item) -> Option<i64> {
    let quantity = item.quantity.unwrap_or(1).max(0);
    match item.divide_by {
        Some(by) if by > 0 && item.round_up => quantity.checked_add(by - 1).map(|quantity| quantity / by),
        Some(by) if by > 0 => Some(quantity / by),
        _ => Some(quantity),
    }
}

fn of_tier(tier: &Tier, units: i64) -> Option<Fraction> {
    let amount = |text: &Option<String>| text.as_deref().map_or(Some(Fraction::ZERO), Fraction::decimal);
    amount(&tier.unit_amount)?.times(Fraction::of(units.into(), 1)?)?.plus(amount(&tier.flat_amount)?)
}

/// Volume tiers: all units cost what they cost in the tier of the last unit.
fn by_volume(tiers: &[Tier], units: i64) -> Option<Fraction> {
    if units == 0 {
        return Some(Fraction::ZERO);
    }
    of_tier(tiers.iter().find(|tier| tier.up_to.is_none_or(|up_to| units <= up_to))?, units)
}

/// Graduated tiers: each unit costs what it costs in its own tier.
fn graduated(tiers: &[Tier], units: i64) -> Option<Fraction> {
    let (mut total, mut billed) = (Fraction::ZERO, 0);
    for tier in tiers {
        if billed >= units {
            break;
        }
        let end = tier.up_to.map_or(units, |up_to| up_to.min(units));
        total = total.plus(of_tier(tier, end - billed)?)?;
        billed = end;
    }
    (billed >= units).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(amount: &str, interval: &str, count: i64, quantity: i64) -> Item {
        Item {
            price: Some("price_1".into()),
            quantity: Some(quantity),
            unit_amount: Some(amount.into()),
            currency: Some("usd".into()),
            interval: Some(interval.into()),
            interval_count: Some(count),
            ..Item::default()
        }
    }

    fn state(items: impl IntoIterator<Item = Item>) -> State {
        let items = items.into_iter().enumerate().map(|(n, item)| (format!("si_{n}"), item)).collect();
        State { status: "active".into(), currency: Some("usd".into()), items, ..State::default() }
    }

    fn of(state: &State) -> (i64, bool) {
        let found = recurring(state, &Coupons::new(), &Tiers::new());
        (found.amount, found.is_complete)
    }

    fn forever(id: &str, percent_off: Option<&str>, amount_off: Option<i64>) -> Discount {
        let coupon = Coupon {
            duration: "forever".into(),
            percent_off: percent_off.map(Into::into),
            amount_off,
            currency: amount_off.map(|_| "usd".into()),
        };
        Discount { id: id.into(), coupon: Some(coupon), coupon_id: None }
    }

    #[test]
    fn a_price_is_normalized_to_a_month() {
        for (amount, interval, count, quantity, month) in [
            ("1500", "month", 1, 1, 1500),
            ("1500", "month", 1, 3, 4500),
            ("1500", "month", 3, 1, 500),
            ("1000", "month", 3, 1, 333),
            ("12000", "year", 1, 1, 1000),
            ("12000", "year", 2, 1, 500),
            ("1000", "year", 1, 1, 83),
            ("1200", "week", 1, 1, 5200),
            ("1200", "week", 2, 1, 2600),
            ("100", "week", 1, 1, 433),
            ("1200", "day", 1, 1, 36500),
            ("100", "day", 1, 1, 3042),
            ("0.5", "month", 1, 3, 2),
            ("0", "month", 1, 3, 0),
        ] {
            assert_eq!(
                of(&state([item(amount, interval, count, quantity)])),
                (month, true),
                "{amount} {interval} {count}"
            );
        }
    }

    #[test]
    fn the_sum_is_rounded_and_not_its_parts() {
        assert_eq!(of(&state((0..3).map(|_| item("1000", "month", 3, 1)))), (1000, true));
    }

    #[test]
    fn only_what_is_paid_and_goes_on_counts() {
        for (status, month) in [
            ("active", 1500),
            ("past_due", 1500),
            ("trialing", 0),
            ("unpaid", 0),
            ("incomplete", 0),
            ("incomplete_expired", 0),
            ("canceled", 0),
            ("paused", 0),
        ] {
            let one = State { status: status.into(), ..state([item("1500", "month", 1, 1)]) };
            assert_eq!(of(&one), (month, true), "{status}");
        }
        assert_eq!(of(&State { cancel_at_period_end: true, ..state([item("1500", "month", 1, 1)]) }), (0, true));
    }

    #[test]
    fn use_counts_nothing_and_what_is_unknown_is_said() {
        let metered = Item { metered: true, unit_amount: None, ..item("1", "month", 1, 1) };
        assert_eq!(of(&state([item("1500", "month", 1, 1), metered])), (1500, true));
        for unknown in [
            Item { unit_amount: None, ..item("1", "month", 1, 1) },
            Item { currency: Some("eur".into()), ..item("1", "month", 1, 1) },
            Item { interval: None, ..item("1", "month", 1, 1) },
            Item { interval: Some("moon".into()), ..item("1", "month", 1, 1) },
            Item { unit_amount: Some("much".into()), ..item("1", "month", 1, 1) },
            item(&i64::MAX.to_string(), "month", 1, i64::MAX),
        ] {
            let found = of(&state([item("1500", "month", 1, 1), unknown.clone()]));
            assert!(!found.1, "{unknown:?}");
        }
        assert_eq!(of(&State { has_more: true, ..state([item("1500", "month", 1, 1)]) }), (1500, false));
    }

    #[test]
    fn packages_are_billed_as_wholes() {
        let package = |round_up| Item { divide_by: Some(10), round_up, ..item("500", "month", 1, 11) };
        assert_eq!(of(&state([package(true)])), (1000, true));
        assert_eq!(of(&state([package(false)])), (500, true));
        let of_units = |divide_by, round_up, units| {
            of(&state([Item { divide_by: Some(divide_by), round_up, ..item("500", "month", 1, units) }]))
        };
        assert_eq!(
            (of_units(10, true, 10), of_units(10, true, 25), of_units(10, false, 25)),
            ((500, true), (1500, true), (1000, true))
        );
        // A package of no units is ignored.
        assert_eq!((of_units(0, true, 3), of_units(0, false, 3)), ((1500, true), (1500, true)));
    }

    #[test]
    fn tiers_count_where_they_are_known() {
        let tier = |up_to, unit: &str, flat: Option<&str>| Tier {
            up_to,
            unit_amount: Some(unit.into()),
            flat_amount: flat.map(Into::into),
        };
        let tiers = vec![tier(Some(10), "100", Some("50")), tier(None, "80", None)];
        let tiered = |mode: &str, units, tiers| Item {
            unit_amount: None,
            tiers_mode: Some(mode.into()),
            tiers,
            ..item("1", "month", 1, units)
        };
        for (mode, units, month) in [
            ("graduated", 15, 1450),
            ("graduated", 10, 1050),
            ("graduated", 1, 150),
            ("graduated", 0, 0),
            ("volume", 15, 1200),
            ("volume", 10, 1050),
            ("volume", 0, 0),
        ] {
            assert_eq!(of(&state([tiered(mode, units, tiers.clone())])), (month, true), "{mode} {units}");
        }
        let named = state([tiered("volume", 15, Vec::new())]);
        assert_eq!(of(&named), (0, false));
        let known = Tiers::from([("price_1".to_owned(), tiers)]);
        assert_eq!(recurring(&named, &Coupons::new(), &known).amount, 1200);
        assert_eq!(of(&state([tiered("graduated", 15, vec![tier(Some(10), "100", None)])])), (0, false));
    }

    #[test]
    fn discounts_that_last_forever_reduce_it() {
        let with = |discounts| State { discounts, ..state([item("12000", "year", 1, 1), item("500", "month", 1, 1)]) };
        assert_eq!(of(&with(vec![])), (1500, true));
        assert_eq!(of(&with(vec![forever("di_1", Some("33.33"), None)])), (1000, true));
        assert_eq!(of(&with(vec![forever("di_1", Some("50"), None), forever("di_2", Some("50"), None)])), (375, true));
        // The amount is taken off each invoice, so as often as there is one.
        assert_eq!(of(&with(vec![forever("di_1", None, Some(300))])), (1200, true));
        assert_eq!(of(&with(vec![forever("di_1", Some("50"), None), forever("di_2", None, Some(300))])), (450, true));
        assert_eq!(of(&with(vec![forever("di_1", None, Some(9999))])), (0, true));
        let yearly =
            State { discounts: vec![forever("di_1", None, Some(1200))], ..state([item("12000", "year", 1, 1)]) };
        assert_eq!(of(&yearly), (900, true));
        // What is free is not invoiced, so it adds no invoices.
        let free =
            State { discounts: yearly.discounts, ..state([item("12000", "year", 1, 1), item("0", "month", 1, 1)]) };
        assert_eq!(of(&free), (900, true));
        let often = with(vec![forever("di_1", None, Some(300))]);
        let turned = State {
            items: often.items.into_values().rev().enumerate().map(|(n, item)| (format!("si_{n}"), item)).collect(),
            ..often
        };
        assert_eq!(of(&turned), (1200, true));
    }

    #[test]
    fn a_discount_of_an_item_comes_first() {
        let half = Item { discounts: vec![forever("di_1", Some("50"), None)], ..item("1000", "month", 1, 1) };
        assert_eq!(of(&State { discounts: vec![forever("di_2", None, Some(100))], ..state([half]) }), (400, true));
    }

    #[test]
    fn other_discounts_leave_it_as_it_is() {
        for duration in ["once", "repeating"] {
            let mut discount = forever("di_1", Some("50"), None);
            discount.coupon.as_mut().unwrap().duration = duration.into();
            assert_eq!(of(&State { discounts: vec![discount], ..state([item("1500", "month", 1, 1)]) }), (1500, true));
        }
        let named = State {
            discounts: vec![Discount { id: "di_1".into(), ..Discount::default() }],
            ..state([item("1500", "month", 1, 1)])
        };
        assert_eq!(of(&named), (1500, false));
        let known = Coupons::from([("di_1".to_owned(), forever("di_1", Some("50"), None).coupon.unwrap())]);
        assert_eq!(recurring(&named, &known, &Tiers::new()).amount, 750);
        let mut foreign = forever("di_1", None, Some(100));
        foreign.coupon.as_mut().unwrap().currency = Some("eur".into());
        assert_eq!(of(&State { discounts: vec![foreign], ..state([item("1500", "month", 1, 1)]) }), (1500, false));
    }
}
