//! What is written and recorded of one grant.

use super::*;
use crate::fulfillment::money::Money;
use crate::stripe::object::invoice_line::InvoiceLines;

fn subject(id: &str) -> Subject {
    Subject { subject_type: "user".into(), subject_id: id.into() }
}

fn invoice(subject_id: Option<&str>) -> PaidInvoice {
    PaidInvoice {
        id: "in_1".into(),
        money: Money { status: "succeeded".into(), ..Money::default() },
        refunded_at: None,
        subject_type: Some("user".into()),
        subject_id: subject_id.map(ToOwned::to_owned),
        lines: InvoiceLines::default(),
    }
}

fn target(amount: Option<i64>, taken_back: i64) -> Target {
    Target {
        name: "in_1:si_a:month".into(),
        invoice: 0,
        benefit_source: "month".into(),
        amount,
        taken_back,
        reason: "refund",
        decision: FulfillmentDecision::applied(),
        starts_at: 5,
        expires_at: Some(90),
    }
}

fn known(granted: Option<i64>, amount_reversed: i64) -> Known {
    Known {
        item: "credits:in_1:si_a:month".into(),
        state: FulfillmentState::Applied,
        reason: None,
        sqlstate: None,
        benefit_source: Some("month".into()),
        amount_due: granted,
        granted,
        amount_reversed: Some(amount_reversed),
        starts_at: Some(5),
        expires_at: Some(90),
    }
}

fn note(item: &str) -> Record {
    Record::new(item, FulfillmentDecision::because(FulfillmentState::Skipped, "a trial gives no credits"))
}

fn known_note(item: &str, reason: &str) -> Known {
    let [amount_due, granted, amount_reversed, starts_at, expires_at] = [None; 5];
    let (state, reason) = (FulfillmentState::Skipped, Some(reason.into()));
    Known {
        item: item.into(),
        state,
        reason,
        sqlstate: None,
        benefit_source: None,
        amount_due,
        granted,
        amount_reversed,
        starts_at,
        expires_at,
    }
}

/// What changes of one grant that Ada holds; nobody else may.
fn of(
    invoice: PaidInvoice,
    target: Option<Target>,
    notes: Vec<Record>,
    known: &[Known],
    is_revoke_only: bool,
) -> Changes {
    let holders = [("in_0".to_owned(), subject("eve")), ("in_1".to_owned(), subject("ada"))];
    let before = Before { source: "subscription:sub_a", known, holders: &holders, is_revoke_only };
    let targets = Targets { grants: target.into_iter().collect(), notes, next_due: None };
    changes(&before, &[invoice], &targets, |subject, _| subject.is_none().then_some("it names nobody"))
}

fn granted(target: Target, known: &[Known]) -> Changes {
    of(invoice(Some("ada")), Some(target), Vec::new(), known, false)
}

fn entry(delta: i64, reason: &'static str, source: &str, repeat: Repeat, expires_at: Option<i64>) -> Entry {
    Entry { delta, reason, source: format!("subscription:sub_a:in_1:si_a:month{source}"), repeat, expires_at }
}

#[test]
fn what_is_new_is_granted_and_recorded() {
    let done = granted(target(Some(100), 0), &[]);
    let source = "subscription:sub_a:in_1:si_a:month".to_owned();
    let write = Write {
        subject: subject("ada"),
        entries: vec![entry(100, "purchase", "", Repeat::GrantAgain, Some(90))],
        source: source.clone(),
        item: "credits:in_1:si_a:month".into(),
        record: Some(Record {
            benefit_source: Some("month".into()),
            amount_due: Some(100),
            granted: Some(100),
            amount_reversed: Some(0),
            starts_at: Some(5),
            expires_at: Some(90),
            ..Record::new("credits:in_1:si_a:month", FulfillmentDecision::applied())
        }),
        lot: Some(Lot::new(source, 100, 5, 90)),
    };
    assert_eq!(done.writes, [write]);
    assert_eq!(done.holders, BTreeMap::from([("in_1".to_owned(), subject("ada"))]));
    assert!(done.records.is_empty() && done.removed.is_empty());
}

#[test]
fn only_the_difference_is_written() {
    let entries = |target: Target, known: Known| granted(target, &[known]).writes.remove(0).entries;
    let more = entry(50, "purchase", ":more:100-150", Repeat::Numbered, Some(90));
    assert_eq!(entries(target(Some(150), 0), known(Some(100), 0)), [more]);
    let back = entry(-20, "refund", ":refund:10-30", Repeat::Numbered, None);
    assert_eq!(entries(target(Some(100), 30), known(Some(100), 10)), [back]);
    let fewer = entry(20, "refund", ":refund:30-10", Repeat::Numbered, None);
    assert_eq!(entries(target(Some(100), 10), known(Some(100), 30)), [fewer]);
    let lot = granted(target(Some(100), 30), &[known(Some(100), 10)]).writes.remove(0).lot;
    assert_eq!(lot.map(|lot| lot.amount), Some(70));
}

#[test]
fn what_stands_as_it_should_is_left_alone_and_any_other_word_is_recorded() {
    assert!(granted(target(Some(100), 10), &[known(Some(100), 10)]).writes.is_empty());
    let recorded = |known: Known| {
        let done = granted(target(Some(100), 10), &[known]);
        done.writes.len() == 1 && done.writes[0].entries.is_empty()
    };
    let same = || known(Some(100), 10);
    assert!(recorded(Known { state: FulfillmentState::Reversed, ..same() }));
    assert!(recorded(Known { reason: Some("of old".into()), ..same() }));
    assert!(recorded(Known { benefit_source: Some("year".into()), ..same() }));
    assert!(recorded(Known { amount_due: Some(9), ..same() }));
    assert!(recorded(Known { starts_at: Some(6), ..same() }));
    assert!(recorded(Known { expires_at: None, ..same() }));
}

#[test]
fn another_holder_gets_it_once_it_is_taken_from_the_first() {
    let done = of(invoice(Some("eve")), Some(target(Some(100), 10)), Vec::new(), &[known(Some(100), 10)], false);
    let [taken, given] = done.writes.as_slice() else { panic!("{done:?}") };
    assert_eq!(taken.entries, [entry(-90, "adjustment", ":withheld:90-0", Repeat::Numbered, None)]);
    assert_eq!((&taken.subject, &taken.record, &taken.lot), (&subject("ada"), &None, &None));
    assert_eq!((taken.source.as_str(), taken.item.as_str()), (given.source.as_str(), given.item.as_str()));
    assert_eq!(given.entries.iter().map(|entry| entry.delta).collect::<Vec<_>>(), [100, -10]);
    assert_eq!(given.subject, subject("eve"));
    // Of what was taken back already there is nothing to take.
    let done = of(invoice(Some("eve")), Some(target(Some(100), 100)), Vec::new(), &[known(Some(100), 100)], false);
    assert!(done.writes.is_empty() && done.records.is_empty(), "{done:?}");
}

#[test]
fn what_nobody_can_hold_is_recorded_once() {
    let without = |known: &[Known]| of(invoice(None), Some(target(Some(100), 0)), Vec::new(), known, false);
    let done = without(&[]);
    let [record] = done.records.as_slice() else { panic!("{done:?}") };
    assert_eq!(
        (record.decision.state, record.granted, record.amount_due),
        (FulfillmentState::NeedsReview, None, Some(100))
    );
    let reason = record.decision.reason.clone();
    assert!(reason.as_ref().is_some_and(|reason| reason.contains("it names nobody")), "{reason:?}");
    let same = Known {
        state: FulfillmentState::NeedsReview,
        reason,
        granted: None,
        amount_reversed: None,
        ..known(Some(100), 0)
    };
    assert_eq!(without(&[same]), Changes::default());
    // Nothing is granted without a holder, also where nobody objects.
    let targets = Targets { grants: vec![target(Some(100), 0)], ..Targets::default() };
    let before = Before { source: "subscription:sub_a", known: &[], holders: &[], is_revoke_only: false };
    assert_eq!(changes(&before, &[invoice(None)], &targets, |_, _| None).records[0].granted, None);
    let too_many = granted(target(None, 0), &[]);
    assert_eq!(too_many.records[0].sqlstate.as_deref(), Some("22003"));
    assert_eq!(too_many.records[0].decision.reason.as_deref(), Some("so many of month give more than can be written"));
    let same = Known {
        state: FulfillmentState::Failed,
        reason: too_many.records[0].decision.reason.clone(),
        sqlstate: Some("22003".into()),
        amount_reversed: None,
        ..known(None, 0)
    };
    assert!(granted(target(None, 0), std::slice::from_ref(&same)).records.is_empty());
    let other_error = Known { sqlstate: Some("42501".into()), ..same };
    assert_eq!(granted(target(None, 0), &[other_error]).records.len(), 1);
}

#[test]
fn what_is_due_no_longer_is_taken_back_from_its_holder() {
    let done =
        of(invoice(Some("ada")), None, Vec::new(), &[known(Some(100), 10), known_note("undecided:x", "why")], false);
    let [taken] = done.writes.as_slice() else { panic!("{done:?}") };
    assert_eq!(taken.entries, [entry(-90, "adjustment", ":withheld:90-0", Repeat::Numbered, None)]);
    assert_eq!((&taken.subject, taken.record.is_none()), (&subject("ada"), true));
    assert_eq!(done.removed, ["undecided:x"]);
    // Nothing of it stands, or nobody is known to have it.
    let nothing = of(invoice(Some("ada")), None, Vec::new(), &[known(Some(100), 100)], false);
    assert_eq!((nothing.writes.len(), nothing.removed.len()), (0, 1));
    let unknown = Known { item: "credits:in_2:si_a:month".into(), ..known(Some(100), 0) };
    let unknown = of(invoice(Some("ada")), None, Vec::new(), &[unknown], false);
    assert_eq!((unknown.writes.len(), unknown.removed.len()), (0, 1));
}

#[test]
fn a_note_is_recorded_where_it_is_not_known_so() {
    let noted = |known: &[Known]| of(invoice(Some("ada")), None, vec![note("undecided:x")], known, false);
    assert_eq!(noted(&[]).records, [note("undecided:x")]);
    assert_eq!(noted(&[known_note("undecided:x", "of old")]).records, [note("undecided:x")]);
    assert_eq!(noted(&[known_note("undecided:x", "a trial gives no credits")]), Changes::default());
}

#[test]
fn where_nothing_new_is_given_what_was_given_is_still_taken_back() {
    let done = |target: Option<Target>, known: &[Known]| {
        of(invoice(Some("ada")), target, vec![note("undecided:x")], known, true)
    };
    // Neither what was never given nor a note, and nothing that was recorded goes.
    assert_eq!(done(Some(target(Some(100), 0)), &[]), Changes::default());
    assert_eq!(done(Some(target(Some(100), 0)), &[known(None, 0)]), Changes::default());
    assert_eq!(done(None, &[known(Some(100), 0)]), Changes::default());
    let taken = done(Some(target(Some(100), 40)), &[known(Some(100), 0)]);
    assert_eq!(taken.writes[0].entries, [entry(-40, "refund", ":refund:0-40", Repeat::Numbered, None)]);
    assert!(taken.records.is_empty() && taken.removed.is_empty());
}
