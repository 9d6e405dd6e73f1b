//! What is said beside the grants, why they are taken back, and periods that are no periods.

use super::*;

fn one_line(line: InvoiceLine) -> [PaidInvoice; 1] {
    [invoice("in_1", 0, vec![line])]
}

#[test]
fn each_note_names_what_would_have_given() {
    let whole = |line: InvoiceLine, of: &dyn Fn(Promise) -> Promise| {
        let noted = at(YEAR, &one_line(line), of, None);
        assert!(noted.grants.is_empty());
        noted.notes.into_iter().map(|note| (note.item, note.benefit_source)).collect::<Vec<_>>()
    };
    let month = || line("il_1", "month", 0, MONTH);
    let by_name = |item: &str| [(item.to_owned(), Some("month".to_owned()))];
    let trial = InvoiceLine { amount: 0, ..month() };
    assert_eq!(whole(trial.clone(), &same), by_name("credits:in_1:si_a:month:0-2592000"));
    assert_eq!(whole(InvoiceLine { unit_amount: None, ..trial }, &same), by_name("undecided:month"));
    let part = InvoiceLine { interval: None, ..proration(month(), &[]) };
    assert_eq!(whole(part, &same), by_name("undecided:month"));
    let seconds = |promise| Promise { every: Some(Interval { micros: SECOND, ..Interval::default() }), ..promise };
    assert_eq!(whole(month(), &seconds), by_name("credits:in_1:si_a:month:0-2592000"));
}

#[test]
fn what_is_to_be_said_twice_is_said_once() {
    let free = |id: &str, item: &str, price: &str| InvoiceLine {
        item: Some(item.into()),
        amount: 0,
        unit_amount: None,
        ..line(id, price, 0, MONTH)
    };
    let lines = vec![free("il_1", "si_a", "other"), free("il_2", "si_b", "month"), free("il_3", "si_c", "other")];
    let noted = at(0, &[invoice("in_1", 0, lines)], same, None);
    assert_eq!(
        noted.notes.iter().map(|note| note.item.as_str()).collect::<Vec<_>>(),
        ["undecided:month", "undecided:other"]
    );
}

#[test]
fn the_ledger_says_why_credits_went_back() {
    let paid = invoice("in_1", 0, vec![line("il_1", "month", 0, MONTH)]);
    let why = |invoices: &[PaidInvoice]| {
        let grant = at(MONTH, invoices, same, None).grants.remove(0);
        (grant.reason, grant.decision.reason.unwrap())
    };
    let half = why(&[refunded(paid.clone(), 750, MONTH)]);
    assert_eq!(half, ("refund", "50 of 100 credits were taken back: 750 of 1500 was refunded".to_owned()));
    let credit = invoice("in_2", 5, vec![proration(line("il_2", "month", MONTH / 2, MONTH), &["il_1"])]);
    let credited = why(&[paid.clone(), credit]);
    assert_eq!(credited, ("adjustment", "50 of 100 credits were taken back: time of it was credited".to_owned()));
    let lost = Money { dispute_status: Some("lost".into()), amount_lost: Some(300), ..paid.money.clone() };
    let lost = why(&[PaidInvoice { money: lost, ..paid }]);
    assert_eq!(lost, ("dispute", "20 of 100 credits were taken back: 300 of 1500 was lost to a dispute".to_owned()));
}

#[test]
fn a_line_gives_no_more_than_its_credits_and_none_for_less_than_nothing() {
    let given = |line: InvoiceLine, of: &dyn Fn(Promise) -> Promise| given(&at(YEAR, &one_line(line), of, None));
    // A proration of more time than a period has, and a line without any time.
    assert_eq!(given(proration(line("il_1", "month", 0, 2 * MONTH), &[]), &same), [(100, 0)]);
    assert_eq!(given(line("il_1", "month", 5, 5), &same), [(100, 0)]);
    let every = |promise| Promise { every: Some(EVERY), ..promise };
    assert_eq!(given(line("il_1", "month", 5, 5), &every), [(0, 0)]);
    // A proration of a free price credits nothing.
    let free =
        InvoiceLine { amount: 0, unit_amount: Some(0), ..proration(line("il_1", "month", MONTH / 2, MONTH), &[]) };
    assert_eq!(given(free, &same), [(50, 0)]);
    for quantity in [0, -1] {
        assert_eq!(given(InvoiceLine { quantity, ..line("il_1", "month", 0, MONTH) }, &same), []);
    }
}
