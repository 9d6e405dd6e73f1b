//! Credits about charges that are not paid.

use super::*;

const THIRD: i64 = MONTH / 3;

fn unpaid(id: &str, lines: Vec<InvoiceLine>) -> UnpaidInvoice {
    UnpaidInvoice { id: id.into(), lines: InvoiceLines { lines, unpaid: true, ..InvoiceLines::default() } }
}

/// A part of a month, at what it costs.
fn part(id: &str, price: &str, start: i64, amount: i64, credits: &[&str]) -> InvoiceLine {
    let of = InvoiceLine { amount: amount.abs(), interval: Some(("day".into(), 30)), ..line(id, price, start, MONTH) };
    proration(of, credits)
}

/// `year` costs twice as much as `month`, and a month of it gives as many credits.
fn up(start: i64) -> Vec<InvoiceLine> {
    vec![part("il_2", "month", start, 1000, &["il_1"]), part("il_3", "year", start, 2000, &[])]
}

fn first() -> PaidInvoice {
    invoice("in_1", 0, vec![line("il_1", "month", 0, MONTH)])
}

fn withheld(targets: &Targets, place: usize) -> Option<&str> {
    targets.grants[place].decision.reason.as_deref()
}

#[test]
fn a_credit_about_what_is_not_paid_is_about_what_was_paid_for_that_time() {
    let back = || vec![part("il_4", "year", 2 * THIRD, 1000, &["il_3"]), part("il_5", "month", 2 * THIRD, 500, &[])];
    let paid = [first(), invoice("in_3", 20, back())];
    let all = beside(&[unpaid("in_2", up(THIRD))], MONTH, &paid, same, None);
    assert_eq!(given(&all), [(100, 33), (33, 0)]);
    let in_full = [first(), invoice("in_2", 25, up(THIRD)), invoice("in_3", 20, back())];
    assert_eq!(given(&at(MONTH, &in_full, same, None)), [(100, 66), (66, 33), (33, 0)]);
    // What names no line finds the same.
    let nameless = |lines: Vec<InvoiceLine>| -> Vec<InvoiceLine> {
        lines.into_iter().map(|line| InvoiceLine { credits: Vec::new(), ..line }).collect()
    };
    let paid = [first(), invoice("in_3", 20, nameless(back()))];
    let all = beside(&[unpaid("in_2", nameless(up(THIRD)))], MONTH, &paid, same, None);
    assert_eq!(given(&all), [(100, 33), (33, 0)]);
}

#[test]
fn a_credit_in_the_place_of_a_shorter_charge_takes_no_more_than_its_time() {
    let bought = || vec![line("il_1", "year", 0, YEAR)];
    let until = |end: i64, line: InvoiceLine| InvoiceLine { end, ..line };
    let month = || {
        vec![
            until(YEAR, part("il_2", "year", DAY, 1495, &["il_1"])),
            until(DAY + MONTH, part("il_3", "month", DAY, 3000, &[])),
        ]
    };
    let back = || {
        vec![
            until(DAY + MONTH, part("il_4", "month", 2 * DAY, 2900, &["il_3"])),
            until(DAY + MONTH, part("il_5", "other", 2 * DAY, 3500, &[])),
        ]
    };
    let paid = [invoice("in_1", 0, bought()), invoice("in_3", 2 * DAY, back())];
    let all = beside(&[unpaid("in_2", month())], MONTH, &paid, same, None);
    // Of 360 days 29 are credited: eleven months of the year stay paid.
    assert_eq!(given(&all)[0], (100, 8));
}

#[test]
fn another_item_that_came_in_the_place_of_one_is_traced_back_to_it() {
    let of = |item: &str, line: InvoiceLine| InvoiceLine { item: Some(item.into()), ..line };
    let other = || of("si_x", line("il_x", "other", 0, MONTH));
    let bought = |extra: Vec<InvoiceLine>| {
        let mut lines = vec![line("il_1", "month", 0, MONTH)];
        lines.extend(extra);
        invoice("in_1", 0, lines)
    };
    let up = |from: &str, to: &str, credited: &str| {
        let ids = [format!("il_{to}_credit"), format!("il_{to}")];
        vec![
            of(from, part(&ids[0], "month", THIRD, 1000, &[credited])),
            of(to, part(&ids[1], "year", THIRD, 2000, &[])),
        ]
    };
    let end = of("si_c", part("il_5", "year", 2 * THIRD, 1000, &["il_si_c"]));
    let tried = [unpaid("in_2", up("si_a", "si_b", "il_1")), unpaid("in_3", up("si_b", "si_c", "il_si_b"))];
    let paid = [bought(vec![other()]), invoice("in_4", 20, vec![end.clone()])];
    assert_eq!(given(&beside(&tried, MONTH, &paid, same, None)), [(100, 33), (7, 0)]);
    // Nothing was paid for it, and the other item has nothing to do with it.
    assert_eq!(given(&beside(&tried[1..], MONTH, &paid, same, None)), [(100, 0), (7, 0)]);
}

#[test]
fn what_is_paid_by_a_credit_for_time_that_was_not_paid_is_not_bought() {
    let renewal = || line("il_2", "year", MONTH, 2 * MONTH);
    let of = |line: InvoiceLine| InvoiceLine { end: 2 * MONTH, ..line };
    let down = |cost: i64| {
        vec![
            of(part("il_3", "year", MONTH, 1500, &["il_2"])),
            of(InvoiceLine { unit_amount: Some(cost), ..part("il_4", "month", MONTH, cost, &[]) }),
        ]
    };
    let open = [unpaid("in_2", vec![renewal()])];
    let gives = |cost: i64| beside(&open, MONTH, &[invoice("in_3", 1, down(cost))], same, None);
    assert_eq!(given(&gives(1000)), [(0, 0)]);
    assert_eq!(
        withheld(&gives(1000), 0),
        Some("100 of 100 credits are not given: the invoice credits time that was not paid instead of money")
    );
    // Of 4500 only 3000 were paid.
    assert_eq!(given(&gives(4500)), [(66, 0)]);
    assert_eq!(given(&gives(0)), [(100, 0)], "what is free is not paid by it");
    let paid = [invoice("in_2", 9, vec![renewal()]), invoice("in_3", 1, down(1000))];
    assert_eq!(given(&at(MONTH, &paid, same, None)), [(100, 100), (100, 0)]);
    // A credit for what was not bought is worth no more than that.
    let up = vec![of(part("il_5", "month", MONTH, 1000, &["il_4"])), of(part("il_6", "year", MONTH, 4000, &[]))];
    let chain = [invoice("in_3", 1, down(1000)), invoice("in_4", 2, up)];
    assert_eq!(given(&beside(&open, MONTH, &chain, same, None)), [(0, 0), (75, 0)]);
    // Its time is taken back as it was given: a half of what was paid.
    let half = InvoiceLine { start: MONTH + MONTH / 2, ..of(part("il_7", "month", MONTH, 2250, &["il_4"])) };
    let ended = [invoice("in_3", 1, down(4500)), invoice("in_4", 2, vec![half])];
    assert_eq!(given(&beside(&open, MONTH, &ended, same, None)), [(66, 33)]);
}

proptest! {
    /// However often somebody tries an upgrade that is not paid and goes back, there is no more than the first plan gave, and no more
    /// than it gave is taken away.
    #[test]
    fn a_loop_of_switches_that_are_not_paid_gains_nothing(
        days in prop::collection::vec(0_i64..30, 1..6), is_named in any::<bool>(), is_free in any::<bool>(),
    ) {
        let mut days = days;
        days.sort_unstable();
        let cost = |price: &str, start: i64| match price {
            "month" if is_free => 0,
            "month" => 1500 * (MONTH - start) / MONTH,
            _ => 3000 * (MONTH - start) / MONTH,
        };
        let name = |id: String| if is_named { vec![id] } else { Vec::new() };
        let credit = |id: String, price: &str, start: i64, credited: String| {
            let amount = -cost(price, start);
            InvoiceLine { amount, credits: name(credited), ..part(&id, price, start, 1, &["some"]) }
        };
        let charge = |id: String, price: &str, start: i64| {
            InvoiceLine { amount: cost(price, start), unit_amount: Some(cost(price, 0)), ..part(&id, price, start, 1, &[]) }
        };
        let bought = InvoiceLine { amount: cost("month", 0), unit_amount: Some(cost("month", 0)), ..line("il_0", "month", 0, MONTH) };
        let (mut paid, mut open) = (vec![invoice("in_0", 0, vec![bought])], Vec::new());
        // Credits of nothing can't be told from charges without a name.
        prop_assume!(is_named || !is_free);
        let mut before = "il_0".to_owned();
        for (turn, start) in days.iter().map(|day| day * DAY).enumerate() {
            let (up, down) = (format!("il_up_{turn}"), format!("il_down_{turn}"));
            let tried = vec![credit(format!("il_c_{turn}"), "month", start, before), charge(up.clone(), "year", start)];
            open.push(unpaid(&format!("in_{turn}_open"), tried));
            let back = vec![credit(format!("il_d_{turn}"), "year", start, up), charge(down.clone(), "month", start)];
            paid.push(invoice(&format!("in_{turn}_paid"), start, back));
            before = down;
        }
        let all = sum(&beside(&open, MONTH, &paid, same, None));
        let turns = i64::try_from(days.len()).unwrap();
        prop_assert!(all <= 100 && all >= 100 - 2 * turns, "{all}");
        let mut turned = (paid.clone(), open.clone());
        turned.0.reverse();
        turned.1.reverse();
        prop_assert_eq!(sum(&beside(&turned.1, MONTH, &turned.0, same, None)), all);
    }
}
