//! Which charges credits are about.

use super::*;

fn unnamed(line: InvoiceLine) -> InvoiceLine {
    InvoiceLine { credits: Vec::new(), ..proration(line, &["some"]) }
}

#[test]
fn credits_that_name_no_line_take_back_what_their_own_invoice_charges() {
    let of = |id: &str, price: &str, day: i64| line(id, price, day * DAY, MONTH);
    let lines = vec![
        unnamed(of("il_2", "month", 1)),
        proration(of("il_3", "year", 1), &[]),
        unnamed(of("il_4", "year", 2)),
        proration(of("il_5", "month", 2), &[]),
        line("il_6", "month", MONTH, 2 * MONTH),
    ];
    let lines = lines.into_iter().map(|line| InvoiceLine { interval: Some(("day".into(), 30)), ..line }).collect();
    let invoices = [invoice("in_1", 0, vec![line("il_1", "month", 0, MONTH)]), invoice("in_2", MONTH, lines)];
    let all = at(MONTH, &invoices, same, None);
    assert_eq!(given(&all), [(100, 96), (93, 0), (100, 0), (96, 93)]);
}

#[test]
fn a_credit_is_about_as_many_as_it_says_whatever_was_paid_first() {
    let of = |id: &str, start: i64, quantity: i64| InvoiceLine { quantity, ..line(id, "month", start, MONTH) };
    let first = |paid_at| invoice("in_1", paid_at, vec![of("il_1", 0, 1)]);
    let up =
        |paid_at| invoice("in_2", paid_at, vec![unnamed(of("il_2", DAY, 1)), proration(of("il_3", DAY, 100), &[])]);
    let down = |paid_at| {
        let at = DAY + 600;
        invoice("in_3", paid_at, vec![unnamed(of("il_4", at, 100)), proration(of("il_5", at, 1), &[])])
    };
    let in_order = at(MONTH, &[first(0), up(1), down(2)], same, None);
    assert_eq!(given(&in_order), [(100, 96), (9666, 9664), (96, 0)]);
    for (one, two, three) in [(0, 2, 1), (2, 1, 0), (1, 0, 2)] {
        assert_eq!(given(&at(MONTH, &[first(one), up(two), down(three)], same, None)), given(&in_order));
    }
    // Until what it credits is paid, it can only be about what was there before.
    assert_eq!(given(&at(MONTH, &[first(0), down(2)], same, None)), [(100, 96), (96, 0)]);
}

#[test]
fn a_period_that_ends_on_a_shorter_months_last_day_is_as_long_as_its_line() {
    // 31 January, 14 and 28 February 1970.
    let (from, middle, to) = (30 * DAY, 44 * DAY, 58 * DAY);
    let of = |line: InvoiceLine| InvoiceLine { interval: Some(("month".into(), 1)), ..line };
    let switch = vec![
        of(unnamed(line("il_2", "month", middle, to))),
        of(proration(line("il_3", "year", middle, to), &[])),
        InvoiceLine { item: Some("si_b".into()), ..of(proration(line("il_4", "year", middle, to), &[])) },
    ];
    let invoices = [invoice("in_1", from, vec![of(line("il_1", "month", from, to))]), invoice("in_2", middle, switch)];
    // Of an item without a full line a month is counted back, to 28 January.
    assert_eq!(given(&at(middle, &invoices, same, None)), [(100, 50), (50, 0), (45, 0)]);
}

#[test]
fn each_tier_is_credited_by_itself_or_all_at_once() {
    let of = |id: &str, start: i64, quantity: i64| InvoiceLine { quantity, ..line(id, "month", start, MONTH) };
    let first = invoice("in_1", 0, vec![of("il_1", 0, 5), of("il_2", 0, 3)]);
    let half = MONTH / 2;
    for credits in [
        vec![proration(of("il_3", half, 5), &["il_1"]), proration(of("il_4", half, 3), &["il_2"])],
        vec![unnamed(of("il_3", half, 5)), unnamed(of("il_4", half, 3))],
        vec![proration(of("il_3", half, 8), &["il_1", "il_2"])],
        vec![unnamed(of("il_3", half, 8))],
        vec![unnamed(of("il_3", half, 1))],
    ] {
        assert_eq!(given(&at(half, &[first.clone(), invoice("in_2", half, credits)], same, None)), [(800, 400)]);
    }
    let one = vec![proration(of("il_3", half, 3), &["il_2"])];
    assert_eq!(given(&at(half, &[first, invoice("in_2", half, one)], same, None)), [(800, 150)]);
}

#[test]
fn only_a_full_line_of_the_same_item_says_how_long_a_period_is() {
    // 31 January, 14 and 28 February 1970.
    let (from, middle, to) = (30 * DAY, 44 * DAY, 58 * DAY);
    let of = |line: InvoiceLine| InvoiceLine { interval: Some(("month".into(), 1)), ..line };
    let switch = invoice("in_2", middle, vec![of(proration(line("il_2", "year", middle, to), &[]))]);
    let with =
        |other: InvoiceLine| given(&at(to, &[invoice("in_1", from, vec![of(other)]), switch.clone()], same, None))[1];
    assert_eq!(with(line("il_1", "month", from, to)), (50, 0));
    // One that ended earlier, and one that is a proration itself.
    assert_eq!(with(line("il_1", "month", from, to - DAY)), (45, 0));
    assert_eq!(with(proration(line("il_1", "month", from, to), &[])), (45, 0));
}

#[test]
fn the_same_line_may_be_credited_for_two_times_of_it() {
    let third = MONTH / 3;
    let first = invoice("in_1", 0, vec![line("il_1", "month", 0, MONTH)]);
    let taken = |one: i64, other: i64| {
        let credit = |id: &str, from: i64| unnamed(line(id, "month", from, from + third));
        let credits = invoice("in_2", 5, vec![credit("il_2", one), credit("il_3", other)]);
        given(&at(MONTH, &[first.clone(), credits], same, None))
    };
    assert_eq!((taken(0, third), taken(0, 2 * third)), (vec![(100, 66)], vec![(100, 66)]));
    // But not twice for the same time.
    assert_eq!(taken(third, 2 * third - 1), [(100, 33)]);
}

#[test]
fn a_credit_is_about_what_ends_with_it_and_may_leave_out_the_item() {
    let credit = || unnamed(line("il_9", "month", MONTH / 2, MONTH));
    let longer = invoice("in_1", 0, vec![line("il_1", "month", 0, 2 * MONTH)]);
    let fitting = invoice("in_2", 0, vec![line("il_2", "month", 0, MONTH)]);
    let both = at(MONTH, &[longer, fitting, invoice("in_3", 5, vec![credit()])], same, None);
    assert_eq!(given(&both), [(100, 0), (100, 50)]);
    let of = |charged: Option<&str>, credited: Option<&str>| {
        let item = |item: Option<&str>| item.map(ToOwned::to_owned);
        let first = invoice("in_1", 0, vec![InvoiceLine { item: item(charged), ..line("il_1", "month", 0, MONTH) }]);
        let credit = InvoiceLine { item: item(credited), ..credit() };
        given(&at(MONTH, &[first, invoice("in_3", 5, vec![credit])], same, None))[0].1
    };
    assert_eq!((of(Some("si_a"), Some("si_a")), of(Some("si_a"), None), of(None, Some("si_a"))), (50, 50, 50));
    assert_eq!(of(Some("si_a"), Some("si_b")), 0);
}

#[test]
fn time_of_less_than_a_credit_is_taken_back_whole_and_of_one_credit_only_all_of_it() {
    let taken = |credits: i64, used: i64| {
        let paid = invoice("in_1", 0, vec![line("il_1", "month", 0, MONTH)]);
        let credit = invoice("in_2", 5, vec![proration(line("il_2", "month", used, MONTH), &["il_1"])]);
        given(&at(MONTH, &[paid, credit], |promise| Promise { credits: Some(credits), ..promise }, None))[0].1
    };
    let of_one = MONTH / 100;
    assert_eq!((taken(100, of_one - 1), taken(100, of_one)), (100, 99));
    assert_eq!((taken(1, MONTH / 2), taken(1, 0)), (0, 1));
}

#[test]
fn parts_that_were_due_before_their_credit_was_paid_are_given_and_taken_back() {
    let every = |promise| Promise { every: Some(EVERY), ..promise };
    let switched_at = MONTH + MONTH / 2;
    let year = invoice("in_1", 0, vec![line("il_1", "year", 0, YEAR)]);
    let credit =
        |paid_at: i64| invoice("in_2", paid_at, vec![proration(line("il_2", "year", switched_at, YEAR), &["il_1"])]);
    let given = |paid_at: i64| given(&at(YEAR, &[year.clone(), credit(paid_at)], every, None));
    assert_eq!(given(switched_at), [(100, 0), (100, 50)]);
    assert_eq!(given(3 * MONTH + 1), [(100, 0), (100, 50), (100, 100), (100, 100)]);
}

/// The shape of a walk: which credits name their lines, which changes are on the renewal's invoice, and when each invoice was paid.
#[derive(Debug, Clone)]
struct Telling {
    named: Vec<bool>,
    pending: Vec<bool>,
    paid_at: Vec<i64>,
}

/// Changes of plan and seats within one month, with the credits that they would give if credits could be divided, times its seconds.
fn walk(changes: &[(i64, bool, i64)], telling: &Telling) -> (Vec<PaidInvoice>, i64) {
    let of = |id: String, other: bool, quantity: i64, start: i64| {
        let price = if other { "other" } else { "month" };
        InvoiceLine { quantity, amount: 1500 * quantity, ..line(&id, price, start, MONTH) }
    };
    let mut invoices = vec![invoice("in_00", 0, vec![of("il_00".into(), false, 1, 0)])];
    let (mut now, mut other, mut seats, mut fair) = (0, false, 1, 0);
    let mut waiting = Vec::new();
    let worth = |time: i64, other: bool, seats: i64| time * seats * if other { 7 } else { 100 };
    for (number, (wait, to, of_seats)) in changes.iter().enumerate() {
        let wait = (*wait).min(MONTH - now);
        fair += worth(wait, other, seats);
        now += wait;
        let credit = of(format!("il_{:02}_credit", number + 1), other, seats, now);
        let before = format!("il_{number:02}");
        let credit = if telling.named[number] { proration(credit, &[before.as_str()]) } else { unnamed(credit) };
        (other, seats) = (*to, *of_seats);
        let lines = vec![credit, proration(of(format!("il_{:02}", number + 1), other, seats, now), &[])];
        if telling.pending[number] {
            waiting.extend(lines);
        } else {
            invoices.push(invoice(&format!("in_{:02}", number + 1), telling.paid_at[number], lines));
        }
    }
    invoices.push(invoice("in_renewal", MONTH, waiting));
    (invoices, fair + worth(MONTH - now, other, seats))
}

proptest! {
    #[test]
    fn a_walk_within_a_period_gives_what_its_time_is_worth(
        changes in prop::collection::vec((prop_oneof![Just(0), 1..600_i64, 0..9 * DAY], any::<bool>(), 1..60_i64), 0..10),
        named in prop::collection::vec(any::<bool>(), 10), pending in prop::collection::vec(any::<bool>(), 10),
        paid_at in prop::collection::vec(0..MONTH, 10),
    ) {
        let (invoices, fair) = walk(&changes, &Telling { named, pending, paid_at });
        let given = sum(&at(MONTH, &invoices, same, None)) * MONTH;
        // Each line is rounded, and so is what is taken back of it.
        let rounded = i64::try_from(changes.len() + 1).unwrap() * MONTH;
        prop_assert!(given <= fair + rounded && given >= fair - 2 * rounded, "{given} instead of {fair}");
    }
}
