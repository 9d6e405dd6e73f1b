use super::*;
use crate::fulfillment::period::change::{Before, Changes, Known, changes};
use crate::stripe::object::invoice_line::InvoiceLine;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400;
const MONTH: i64 = 30 * DAY;
const YEAR: i64 = 360 * DAY;
const EVERY: Interval = Interval { months: 0, days: 30, micros: 0 };

fn line(id: &str, price: &str, start: i64, end: i64) -> InvoiceLine {
    InvoiceLine {
        id: id.into(),
        item: Some("si_a".into()),
        price: price.into(),
        start,
        end,
        quantity: 1,
        amount: 1500,
        interval: Some(("day".into(), if price == "year" { 360 } else { 30 })),
        unit_amount: Some(1500),
        ..InvoiceLine::default()
    }
}

fn proration(line: InvoiceLine, credits: &[&str]) -> InvoiceLine {
    let amount = if credits.is_empty() { line.amount } else { -line.amount };
    InvoiceLine { proration: true, amount, credits: credits.iter().map(|id| (*id).to_owned()).collect(), ..line }
}

fn money(paid_at: i64) -> Money {
    Money { status: "succeeded".into(), amount: Some(1500), paid_at: paid_at * SECOND, ..Money::default() }
}

fn invoice(id: &str, paid_at: i64, lines: Vec<InvoiceLine>) -> PaidInvoice {
    PaidInvoice {
        id: id.into(),
        money: money(paid_at),
        refunded_at: None,
        subject_type: Some("user".into()),
        subject_id: Some("ada".into()),
        lines: InvoiceLines { lines, has_more: false, ..InvoiceLines::default() },
    }
}

fn refunded(invoice: PaidInvoice, amount: i64, at: i64) -> PaidInvoice {
    let status = if amount == 1500 { "refunded" } else { "partially_refunded" };
    let money = Money { status: status.into(), amount_refunded: Some(amount), ..invoice.money };
    PaidInvoice { money, refunded_at: Some(at * SECOND), ..invoice }
}

fn promise(invoice: &PaidInvoice, price: &str) -> Promise {
    Promise {
        invoice: invoice.id.clone(),
        price: price.into(),
        benefit_source: Some(price.into()),
        credits: Some(if price == "other" { 7 } else { 100 }),
        ..Promise::default()
    }
}

/// What the invoices give at a time, each price as `of` says.
fn at(now: i64, invoices: &[PaidInvoice], of: impl Fn(Promise) -> Promise, ended_at: Option<i64>) -> Targets {
    beside(&[], now, invoices, of, ended_at)
}

/// The same beside some that are not paid.
fn beside(
    unpaid: &[UnpaidInvoice],
    now: i64,
    invoices: &[PaidInvoice],
    of: impl Fn(Promise) -> Promise,
    ended_at: Option<i64>,
) -> Targets {
    let prices = ["month", "other", "year"];
    let promises: Vec<Promise> = invoices.iter().flat_map(|one| prices.map(|price| of(promise(one, price)))).collect();
    let catalog = BTreeMap::new();
    let (ended_at, now) = (ended_at.map(|at| at * SECOND), now * SECOND);
    let has_benefits = false;
    let (promises, catalog) = (&promises, &catalog);
    targets(&Paid { invoices, unpaid, promises, catalog, ended_at, trial_end: None, has_benefits, now })
}

fn given(targets: &Targets) -> Vec<(i64, i64)> {
    targets.grants.iter().map(|grant| (grant.amount.unwrap(), grant.taken_back)).collect()
}

fn sum(targets: &Targets) -> i64 {
    targets.grants.iter().map(|grant| grant.amount.unwrap() - grant.taken_back).sum()
}

fn same(promise: Promise) -> Promise {
    promise
}

#[test]
fn each_paid_line_gives_by_its_quantity_and_tiers_are_one() {
    let tiers = vec![
        InvoiceLine { quantity: 5, ..line("il_1", "month", 0, MONTH) },
        InvoiceLine { quantity: 3, ..line("il_2", "month", 0, MONTH) },
        InvoiceLine { item: Some("si_b".into()), ..line("il_3", "other", 0, MONTH) },
    ];
    let targets = at(0, &[invoice("in_1", 0, tiers)], same, None);
    assert_eq!(given(&targets), [(800, 0), (7, 0)]);
    assert_eq!(targets.grants[0].name, "in_1:si_a:month:0-2592000");
    assert_eq!((targets.grants[0].starts_at, targets.grants[0].expires_at, targets.next_due), (0, None, None));
}

#[test]
fn a_trial_gives_only_if_it_is_said_and_what_is_free_gives() {
    let trial = |unit_amount| {
        let line = InvoiceLine { amount: 0, unit_amount, ..line("il_1", "month", 0, MONTH) };
        [invoice("in_1", 0, vec![line])]
    };
    let refused = at(0, &trial(Some(1500)), same, None);
    assert_eq!(
        (given(&refused), refused.notes[0].decision.reason.as_deref()),
        (vec![], Some("a trial gives no credits"))
    );
    let trials = |promise| Promise { trials: true, ..promise };
    assert_eq!(given(&at(0, &trial(Some(1500)), trials, None)), [(100, 0)]);
    assert_eq!(given(&at(0, &trial(Some(0)), same, None)), [(100, 0)]);
    let unknown = at(0, &trial(None), same, None);
    assert_eq!((given(&unknown), unknown.notes[0].item.as_str()), (vec![], "undecided:month"));
    // The catalog tells; of a price with tiers the subscription's trial does.
    let told = |unit_amount, trial_end| {
        let invoices = trial(None);
        let price = CatalogPrice { unit_amount, ..CatalogPrice::default() };
        let catalog = BTreeMap::from([("month".to_owned(), price)]);
        let promises = [promise(&invoices[0], "month")];
        let paid = Paid {
            invoices: &invoices,
            unpaid: &[],
            promises: &promises,
            catalog: &catalog,
            ended_at: None,
            trial_end,
            has_benefits: false,
            now: 0,
        };
        given(&targets(&paid))
    };
    assert_eq!((told(Some(1500), None), told(Some(0), None)), (vec![], vec![(100, 0)]));
    assert_eq!((told(None, Some(MONTH)), told(None, Some(MONTH - 1))), (vec![], vec![(100, 0)]));
}

#[test]
fn a_period_of_too_many_parts_waits_for_a_person() {
    let hours = |promise| Promise { every: Some(Interval { micros: 3600 * SECOND, ..Interval::default() }), ..promise };
    let of = |end| at(2 * end, &[invoice("in_1", 0, vec![line("il_1", "month", 0, end)])], hours, None);
    assert_eq!(of(366 * 24 * 3600 + 1).grants.len(), 8785);
    let refused = of(366 * 24 * 3600 + 3601);
    assert!(refused.grants.is_empty() && refused.next_due.is_none());
    assert_eq!(refused.notes[0].decision.state, FulfillmentState::NeedsReview);
}

#[test]
fn what_is_billed_by_usage_gives_nothing() {
    let metered = InvoiceLine { metered: true, ..line("il_1", "month", 0, MONTH) };
    let targets = at(0, &[invoice("in_1", 0, vec![metered])], same, None);
    assert!(targets.grants.is_empty() && targets.notes[0].decision.state == FulfillmentState::Skipped);
}

#[test]
fn a_proration_gives_its_share_and_takes_back_the_same_of_what_it_credits() {
    let third = MONTH / 3;
    let switch = vec![
        proration(line("il_2", "month", third, MONTH), &["il_1"]),
        proration(line("il_3", "other", third, MONTH), &[]),
    ];
    let invoices = [invoice("in_1", 0, vec![line("il_1", "month", 0, MONTH)]), invoice("in_2", third, switch.clone())];
    let both = at(third, &invoices, same, None);
    assert_eq!(given(&both), [(100, 66), (4, 0)]);
    let reason = "66 of 100 credits were taken back: time of it was credited";
    assert_eq!(both.grants[0].decision, FulfillmentDecision::because(FulfillmentState::Applied, reason));
    // In older shapes the credited line is not named.
    let unnamed: Vec<InvoiceLine> =
        switch.into_iter().map(|line| InvoiceLine { credits: Vec::new(), ..line }).collect();
    let invoices = [invoice("in_2", third, unnamed), invoices[0].clone()];
    assert_eq!(given(&at(third, &invoices, same, None)), [(4, 0), (100, 66)]);
}

#[test]
fn what_is_charged_again_for_the_same_time_is_not_what_is_credited() {
    let third = MONTH / 3;
    let credit = InvoiceLine { credits: Vec::new(), ..proration(line("il_2", "month", third, MONTH), &["il_1"]) };
    let seats = proration(InvoiceLine { quantity: 5, ..line("il_3", "month", third, MONTH) }, &[]);
    let first = invoice("in_2", 0, vec![line("il_1", "month", 0, MONTH)]);
    let later = invoice("in_0", MONTH, vec![line("il_4", "month", third, MONTH)]);
    let invoices = [invoice("in_1", third, vec![credit, seats]), first, later];
    assert_eq!(given(&at(third, &invoices, same, None)), [(333, 0), (100, 66), (100, 0)]);
}

#[test]
fn a_refund_takes_from_its_own_invoice_and_adds_to_what_was_credited() {
    let first = invoice("in_1", 0, vec![line("il_1", "month", 0, MONTH)]);
    let second = invoice("in_2", MONTH, vec![line("il_2", "month", MONTH, 2 * MONTH)]);
    let half = refunded(first.clone(), 750, MONTH);
    let targets = at(MONTH, &[half.clone(), second], same, None);
    assert_eq!(given(&targets), [(100, 50), (100, 0)]);
    assert_eq!(targets.grants[1].decision, FulfillmentDecision::applied());
    let credit = vec![proration(line("il_3", "month", MONTH / 10, MONTH), &["il_1"])];
    let targets = at(MONTH, &[half, invoice("in_3", 5, credit)], same, None);
    assert_eq!((given(&targets), targets.grants[0].reason), (vec![(100, 100)], "refund"));
    let all = at(MONTH, &[refunded(first, 1500, MONTH)], same, None);
    assert_eq!((given(&all), all.grants[0].decision.state), (vec![(100, 100)], FulfillmentState::Reversed));
}

#[test]
fn a_refund_takes_the_floor_of_its_share_of_all_that_the_invoice_gave() {
    let items = vec![
        line("il_1", "month", 0, MONTH),
        InvoiceLine { item: Some("si_b".into()), ..line("il_2", "month", 0, MONTH) },
    ];
    let one = |promise| Promise { credits: Some(1), ..promise };
    let half = refunded(invoice("in_1", 0, items), 750, MONTH);
    let other = refunded(invoice("in_2", 0, vec![line("il_3", "month", 0, MONTH)]), 750, MONTH);
    assert_eq!(given(&at(MONTH, &[half, other], one, None)), [(1, 0), (1, 1), (1, 0)]);
    let daily = |promise| Promise { every: Some(Interval { days: 1, ..Interval::default() }), ..one(promise) };
    let month = || invoice("in_1", 0, vec![line("il_1", "month", 0, MONTH)]);
    let taken = |refund: i64, now: i64| -> Vec<i64> {
        let all = at(now, &[refunded(month(), refund, MONTH)], daily, None);
        all.grants.iter().map(|grant| grant.taken_back).collect()
    };
    assert_eq!(taken(750, MONTH).iter().sum::<i64>(), 15);
    assert_eq!(taken(1499, MONTH).iter().sum::<i64>(), 29);
    // Parts that come later change nothing of what was taken before.
    for day in 0..30 {
        let so_far = taken(750, day * DAY);
        assert_eq!((so_far.as_slice(), so_far.iter().sum()), (&taken(750, MONTH)[..so_far.len()], (day + 1) / 2));
    }
}

#[test]
fn a_year_is_given_in_parts_until_it_is_refunded_or_over() {
    let year = || vec![line("il_1", "year", 0, YEAR)];
    let every = |promise| Promise { every: Some(EVERY), until_period_end: true, ..promise };
    let paid = invoice("in_1", 60, year());
    let third = at(2 * MONTH, std::slice::from_ref(&paid), every, None);
    assert_eq!(given(&third), [(100, 0); 3]);
    assert_eq!(third.next_due, Some((3 * MONTH * SECOND, 0)));
    let times: Vec<_> = third.grants.iter().map(|part| (part.starts_at, part.expires_at.unwrap())).collect();
    let part = |from: i64, to: i64| (from * SECOND, to * SECOND);
    assert_eq!(times, [part(60, MONTH), part(MONTH, 2 * MONTH), part(2 * MONTH, 3 * MONTH)]);
    assert_eq!(third.grants[1].name, "in_1:si_a:year:0-31104000:2592000");
    assert_eq!(
        (
            given(&at(9 * YEAR, std::slice::from_ref(&paid), every, None)).len(),
            at(9 * YEAR, std::slice::from_ref(&paid), every, None).next_due
        ),
        (12, None)
    );
    assert_eq!(given(&at(YEAR, std::slice::from_ref(&paid), every, Some(2 * MONTH))), [(100, 0); 2]);
    // What was due before the refund was given, and is taken back; what would be due after it is not.
    let back = refunded(paid.clone(), 1500, MONTH + 1);
    assert_eq!(given(&at(YEAR, &[back], every, None)), [(100, 100); 2]);
    assert_eq!(given(&at(MONTH, &[refunded(paid.clone(), 750, MONTH)], every, None)), [(100, 50); 2]);
    // A switch in the middle of the second part.
    let at_switch = MONTH + MONTH / 2;
    let credit = vec![proration(line("il_2", "year", at_switch, YEAR), &["il_1"])];
    assert_eq!(given(&at(YEAR, &[paid, invoice("in_2", at_switch, credit)], every, None)), [(100, 0), (100, 50)]);
}

#[test]
fn credits_lapse_with_their_period_or_after_a_time_whichever_is_first() {
    let paid = [invoice("in_1", 60, vec![line("il_1", "month", 0, MONTH)])];
    let expires = |of: &dyn Fn(Promise) -> Promise| at(0, &paid, of, None).grants[0].expires_at;
    let days = |days| Some(Interval { days, ..Interval::default() });
    assert_eq!(expires(&|promise| Promise { until_period_end: true, ..promise }), Some(MONTH * SECOND));
    assert_eq!(expires(&|promise| Promise { lasts: days(90), ..promise }), Some((90 * DAY + 60) * SECOND));
    assert_eq!(
        expires(&|promise| Promise { lasts: days(7), until_period_end: true, ..promise }),
        Some((7 * DAY + 60) * SECOND)
    );
}

#[test]
fn what_has_more_lines_says_so() {
    let mut paid = invoice("in_1", 0, vec![line("il_1", "month", 0, MONTH)]);
    paid.lines.has_more = true;
    let targets = at(0, &[paid.clone()], same, None);
    assert_eq!(given(&targets), [(100, 0)]);
    assert_eq!(
        (targets.notes[0].item.as_str(), targets.notes[0].decision.state),
        ("lines:in_1", FulfillmentState::NeedsReview)
    );
    // None of the told lines gives, but one of the others may.
    paid.lines.lines.clear();
    let untold = |has_benefits| {
        let (invoices, catalog) = ([paid.clone()], BTreeMap::new());
        let [ended_at, trial_end] = [None; 2];
        let paid = Paid {
            invoices: &invoices,
            unpaid: &[],
            promises: &[],
            catalog: &catalog,
            ended_at,
            trial_end,
            has_benefits,
            now: 0,
        };
        super::targets(&paid).notes.len()
    };
    assert_eq!((untold(true), untold(false)), (1, 0));
}

#[test]
fn too_many_are_for_a_person() {
    let many = InvoiceLine { quantity: i64::MAX, ..line("il_1", "month", 0, MONTH) };
    let paid = [invoice("in_1", 0, vec![many])];
    let planned = plan(&paid, &at(0, &paid, same, None), &[], &[]);
    assert_eq!(planned.records[0].sqlstate.as_deref(), Some("22003"));
}

fn plan(invoices: &[PaidInvoice], targets: &Targets, known: &[Known], holders: &[(String, Subject)]) -> Changes {
    let before = Before { source: "subscription:sub_a", known, holders, is_revoke_only: false };
    changes(&before, invoices, targets, |subject, _| subject.is_none().then_some("it names nobody"))
}

/// The records and holders after changes; adds the written entries to the balances.
fn after(
    done: &Changes,
    mut known: Vec<Known>,
    balances: &mut BTreeMap<String, i64>,
) -> (Vec<Known>, Vec<(String, Subject)>) {
    let written = done.writes.iter().filter_map(|write| write.record.clone());
    let records: Vec<_> = done.records.iter().cloned().chain(written).collect();
    for write in &done.writes {
        *balances.entry(write.subject.subject_id.clone()).or_default() +=
            write.entries.iter().map(|entry| entry.delta).sum::<i64>();
    }
    let gone = |item: &str| {
        done.removed.iter().any(|removed| removed == item)
            || done.writes.iter().any(|write| write.record.is_none() && write.item == item)
    };
    known.retain(|known| !gone(&known.item) && records.iter().all(|record| record.item != known.item));
    known.extend(records.into_iter().map(|record| Known {
        item: record.item,
        state: record.decision.state,
        reason: record.decision.reason,
        sqlstate: record.sqlstate,
        benefit_source: record.benefit_source,
        amount_due: record.amount_due,
        granted: record.granted,
        amount_reversed: record.amount_reversed,
        starts_at: record.starts_at,
        expires_at: record.expires_at,
    }));
    (known, done.holders.clone().into_iter().collect())
}

#[test]
fn who_is_named_late_gets_it_and_who_is_named_no_longer_loses_it() {
    let mut paid = [invoice("in_1", 0, vec![line("il_1", "month", 0, MONTH)])];
    let mut balances = BTreeMap::new();
    let (mut known, mut holders) = (Vec::new(), Vec::new());
    for (name, ada, eve) in
        [(None, 0, 0), (Some("ada"), 100, 0), (Some("eve"), 0, 100), (None, 0, 0), (Some("ada"), 100, 0)]
    {
        paid[0].subject_id = name.map(ToOwned::to_owned);
        let done = plan(&paid, &at(0, &paid, same, None), &known, &holders);
        (known, holders) = after(&done, known, &mut balances);
        let of = |name: &str| balances.get(name).copied().unwrap_or(0);
        assert_eq!((of("ada"), of("eve")), (ada, eve), "{name:?}");
        assert_eq!(known.len(), 1);
        let again = plan(&paid, &at(0, &paid, same, None), &known, &holders);
        assert_eq!((again.writes.len(), again.records.len(), again.removed.len()), (0, 0, 0));
    }
}

/// A life of switches between plans, each the invoice that Stripe makes of it.
fn life(switches: &[(i64, u8)]) -> Vec<PaidInvoice> {
    let price = |which: u8| ["month", "other", "year"][usize::from(which % 3)];
    let length = |price: &str| if price == "year" { YEAR } else { MONTH };
    let mut invoices = vec![invoice("in_00", 0, vec![line("il_00", "month", 0, MONTH)])];
    let (mut current, mut end, mut now) = ("month", MONTH, 0);
    for (number, (wait, to)) in switches.iter().enumerate() {
        now = (now + wait).min(end);
        let (next, id) = (price(*to), format!("il_{:02}", number + 1));
        let before = format!("il_{number:02}");
        let mut lines = vec![proration(line(&format!("{id}_credit"), current, now, end), &[before.as_str()])];
        if length(next) == length(current) {
            lines.push(proration(line(&id, next, now, end), &[]));
        } else {
            end = now + length(next);
            lines.push(line(&id, next, now, end));
        }
        invoices.push(invoice(&format!("in_{:02}", number + 1), now, lines));
        current = next;
    }
    invoices
}

proptest! {
    #[test]
    fn switching_back_and_forth_gains_nothing(
        switches in prop::collection::vec((0_i64..9 * DAY, 0_u8..3), 0..12), quick in any::<bool>(), last in 0_i64..DAY,
    ) {
        // In less time than a credit takes nothing is gained at all; else less than a credit each time.
        let mut switches: Vec<(i64, u8)> =
            switches.into_iter().map(|(wait, to)| (if quick { wait % 25_000 } else { wait }, to)).collect();
        switches.push((last % 25_000, 0));
        let invoices = life(&switches);
        let all = at(10 * YEAR, &invoices, same, None);
        let time: i64 = switches.iter().map(|(wait, _)| wait).sum();
        let of_time = if quick { 0 } else { 2 * 100 * time / MONTH };
        prop_assert!(sum(&all) <= 100 + of_time, "{} in {time}", sum(&all));
        for part in &all.grants {
            prop_assert!((0..=part.amount.unwrap()).contains(&part.taken_back));
        }
    }

    #[test]
    fn the_order_in_which_invoices_and_looks_come_does_not_matter(
        switches in prop::collection::vec((0_i64..9 * DAY, 0_u8..3), 0..6),
        order in prop::collection::vec(any::<prop::sample::Index>(), 8),
        looks in prop::collection::vec(0_i64..2 * YEAR, 8),
        refund in (0_i64..=1500, any::<prop::sample::Index>()),
        every in any::<bool>(), ended in 0_i64..YEAR,
    ) {
        let of = |promise| Promise { every: every.then_some(EVERY), until_period_end: true, ..promise };
        let mut invoices = life(&switches);
        let place = refund.1.index(invoices.len());
        invoices[place] = refunded(invoices[place].clone(), refund.0, MONTH);
        let straight = at(2 * YEAR, &invoices, of, Some(ended));
        let mut there: Vec<PaidInvoice> = Vec::new();
        let (mut known, mut holders, mut balances) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut rest = invoices.clone();
        let mut looks = looks;
        looks.sort_unstable();
        for (pick, look) in order.iter().zip(&looks) {
            if !rest.is_empty() {
                there.push(rest.swap_remove(pick.index(rest.len())));
            }
            let done = plan(&there, &at(*look, &there, of, None), &known, &holders);
            (known, holders) = after(&done, known, &mut balances);
        }
        there.extend(rest);
        let last = at(2 * YEAR, &there, of, Some(ended));
        let done = plan(&there, &last, &known, &holders);
        let (known, _) = after(&done, known, &mut balances);
        prop_assert_eq!(balances.values().sum::<i64>(), sum(&straight));
        let (straight, _) = after(&plan(&invoices, &straight, &[], &[]), Vec::new(), &mut BTreeMap::new());
        let sorted = |mut known: Vec<Known>| { known.sort_by(|one, other| one.item.cmp(&other.item)); known };
        prop_assert_eq!(sorted(known), sorted(straight));
    }
}

mod credits;
mod notes;
mod unpaid;
