//! What one purchase gets of one table: new, given before, pending, withheld, of nobody, of test once live is approved.

use super::*;
use crate::fulfillment::credits::CreditGrant;
use crate::fulfillment::decision::FulfillmentState;
use crate::fulfillment::entitlements::KeyGrant;

fn paid() -> Money {
    Money { status: "succeeded".into(), amount: Some(1000), paid_at: 50, ..Money::default() }
}

fn refunded() -> Money {
    Money { status: "refunded".into(), ..paid() }
}

fn short() -> Money {
    Money { shortfall: Some(1), ..paid() }
}

fn purchased<'a>(money: &'a Money, prior: &'a [PriorFulfillment]) -> Purchased<'a> {
    Purchased {
        source: "checkout:1",
        money,
        prices: vec!["price_a"],
        is_revoke_only: false,
        no_holder: None,
        told: None,
        line_items: None,
        no_lapse: None,
        prior: prior.iter().collect(),
    }
}

fn prior(item: &str, state: FulfillmentState) -> PriorFulfillment {
    PriorFulfillment {
        benefit_source: Some("price_a".into()),
        duration: Some("1 mon".into()),
        expires_at: Some(90),
        decided_at: 50,
        ..PriorFulfillment::on(item, state)
    }
}

fn granted(due: i64, granted: i64, reversed: i64) -> PriorFulfillment {
    PriorFulfillment {
        amount_due: Some(due),
        granted: Some(granted),
        amount_reversed: Some(reversed),
        ..prior("credits:price_a", FulfillmentState::Applied)
    }
}

fn benefit(credits: Option<i64>, key: Option<&str>) -> Benefit {
    Benefit {
        price: "price_a".into(),
        quantity: 2,
        source: Some("price_a".into()),
        since: Some(10),
        credits,
        key: key.map(Into::into),
        in_range: Some(true),
        duration: Some("1 mon".into()),
        expires_at: Some(90),
        ..Benefit::default()
    }
}

fn unknown() -> Benefit {
    Benefit { price: "price_a".into(), quantity: 1, unknown_credits: true, unknown_keys: true, ..Benefit::default() }
}

/// Each line of the ledger: delta, reason, source, and what happens where it is there already.
fn entries(plan: &Plan) -> Vec<(i64, &str, &str, Repeat)> {
    let of = |write: &Write| match write {
        Write::Credits(entries) => entries.clone(),
        Write::Key(_) => panic!("a key among credits"),
    };
    plan.writes
        .iter()
        .flat_map(|(write, _)| of(write))
        .map(|entry| (entry.delta, entry.reason, entry.source.leak() as &str, entry.repeat))
        .collect()
}

/// A key, whether its row is active and until when (none where the row goes), and whether it is known.
type Row<'a> = (&'a str, Option<(bool, Option<i64>)>, bool);

fn rows(plan: &Plan) -> Vec<Row<'_>> {
    let of = |write: &'_ Write| match write {
        Write::Key(write) => write.clone(),
        Write::Credits(_) => panic!("credits among keys"),
    };
    plan.writes
        .iter()
        .map(|(write, _)| of(write))
        .map(|key| (key.key.leak() as &str, key.row.map(|row| (row.active, row.expires_at)), key.known))
        .collect()
}

fn states(records: &[Record]) -> Vec<(&str, FulfillmentState)> {
    records.iter().map(|record| (record.item.as_str(), record.decision.state)).collect()
}

#[test]
fn credits_are_granted_once_by_what_gives_them() {
    let money = paid();
    let plan = plan::<CreditGrant>(&purchased(&money, &[]), || vec![benefit(Some(5), None)].leak());
    assert_eq!(entries(&plan), [(10, "purchase", "checkout:1:price_a", Repeat::GrantAgain)]);
    let record = &plan.writes[0].1[0];
    assert_eq!((record.item.as_str(), record.benefit_source.as_deref()), ("credits:price_a", Some("price_a")));
    assert_eq!((record.amount_due, record.granted, record.amount_reversed), (Some(10), Some(10), Some(0)));
    assert_eq!(record.decision.state, FulfillmentState::Applied);
    assert_eq!((record.duration.as_deref(), record.expires_at), (Some("1 mon"), Some(90)));
    let lapse = |plan: &Plan| match &plan.writes[0].0 {
        Write::Credits(entries) => entries[0].expires_at,
        Write::Key(_) => panic!("a key among credits"),
    };
    assert_eq!(lapse(&plan), Some(90));
}

#[test]
fn credits_last_as_long_as_what_gives_them_says() {
    let money = paid();
    let other = |credits, key, source: &str, duration: &str| Benefit {
        source: Some(source.into()),
        duration: Some(duration.into()),
        ..benefit(credits, key)
    };
    let benefits = || {
        let key = other(None, Some("course"), "price_a", "7 days");
        vec![key, other(Some(1), None, "prod_a", "3 mons"), benefit(Some(5), None)].leak()
    };
    let plan = plan::<CreditGrant>(&purchased(&money, &[]), || benefits());
    let lasts: Vec<_> =
        plan.writes[0].1.iter().map(|record| (record.item.as_str(), record.duration.as_deref())).collect();
    assert_eq!(lasts, [("credits:price_a", Some("1 mon")), ("credits:prod_a", Some("3 mons"))]);
}

#[test]
fn other_lines_than_before_are_decided_anew() {
    let money = paid();
    let of = |prior: &[PriorFulfillment], benefit: Benefit| {
        let told = Purchased { told: Some("2 × price_a"), ..purchased(&money, prior) };
        plan::<CreditGrant>(&told, || vec![benefit].leak())
    };
    let of_other =
        PriorFulfillment { item: "credits:price_b".into(), benefit_source: Some("price_b".into()), ..granted(7, 7, 0) };
    let anew = of(std::slice::from_ref(&of_other), benefit(Some(5), None));
    let taken = (-7, "adjustment", "checkout:1:price_b:withheld:0-7", Repeat::Numbered);
    assert_eq!(entries(&anew), [taken, (10, "purchase", "checkout:1:price_a", Repeat::GrantAgain)]);
    // What they give too is not given twice.
    let both = of(&[of_other, granted(10, 10, 0)], benefit(Some(5), None));
    assert_eq!(entries(&both), [taken]);
    // What waited for the lines of before waits no longer.
    let waits = |price: &str| prior(&format!("undecided:{price}"), FulfillmentState::Skipped);
    let waiting = of(&[waits("price_a"), waits("price_b")], unknown());
    assert_eq!(
        (states(&waiting.records).last().map(|one| one.0), waiting.decided),
        (Some("undecided:price_a"), vec!["undecided:price_b".to_owned()])
    );
}

#[test]
fn lines_that_were_told_before_are_other_lines_where_they_differ() {
    let (money, before) = (paid(), [granted(7, 7, 0)]);
    let was = |told: &str| PriorFulfillment {
        benefit_source: Some(told.into()),
        ..prior("line_items", FulfillmentState::Applied)
    };
    let deltas = |was: &PriorFulfillment| {
        let told = Purchased { told: Some("2 × price_a"), line_items: Some(was), ..purchased(&money, &before) };
        entries(&plan::<CreditGrant>(&told, || vec![benefit(Some(5), None)].leak()))
            .into_iter()
            .map(|one| one.0)
            .collect::<Vec<_>>()
    };
    assert!(deltas(&was("2 × price_a")).is_empty());
    assert_eq!(deltas(&was("7 × price_a")), [3]);
}

#[test]
fn a_key_of_other_lines_goes_and_one_of_these_lines_stays() {
    let money = paid();
    let before = ["course", "forum"].map(|key| prior(key, FulfillmentState::Applied));
    let told = Purchased { told: Some("2 × price_a"), ..purchased(&money, &before) };
    let plan = plan::<KeyGrant>(&told, || vec![benefit(None, Some("course"))].leak());
    let rows: Vec<_> = rows(&plan).into_iter().map(|(key, row, _)| (key, row.is_some_and(|row| row.0))).collect();
    assert!(rows.contains(&("course", true)) && rows.contains(&("forum", false)), "{rows:?}");
}

#[test]
fn what_was_promised_stays_whatever_the_benefit_is_now() {
    let (money, before) = (paid(), [granted(10, 10, 0)]);
    let plan = plan::<CreditGrant>(&purchased(&money, &before), || panic!("nobody asks for benefits"));
    assert!(plan.writes.is_empty());
    assert_eq!(states(&plan.records), [("credits:price_a", FulfillmentState::Applied)]);
}

#[test]
fn a_refund_takes_back_what_was_granted_and_a_failed_one_gives_it_again() {
    let (money, before) = (refunded(), [granted(10, 10, 4)]);
    let taken = plan::<CreditGrant>(&purchased(&money, &before), || &[]);
    assert_eq!(entries(&taken), [(-6, "refund", "checkout:1:price_a:refund:4-10", Repeat::Numbered)]);
    assert_eq!(taken.writes[0].1[0].amount_reversed, Some(10));
    let (money, before) = (paid(), [granted(10, 10, 10)]);
    let again = plan::<CreditGrant>(&purchased(&money, &before), || &[]);
    assert_eq!(entries(&again), [(10, "refund", "checkout:1:price_a:refund:10-0", Repeat::Numbered)]);
}

#[test]
fn more_of_a_pending_line_is_granted_as_a_step_of_its_own() {
    let (money, before) = (paid(), [granted(15, 10, 0)]);
    let plan = plan::<CreditGrant>(&purchased(&money, &before), || &[]);
    assert_eq!(entries(&plan), [(5, "purchase", "checkout:1:price_a:more:10-15", Repeat::Same)]);
}

#[test]
fn too_little_money_grants_nothing_and_withholds_what_stands() {
    let money = short();
    let new = plan::<CreditGrant>(&purchased(&money, &[]), || vec![benefit(Some(5), None)].leak());
    assert!(new.writes.is_empty());
    assert_eq!(states(&new.records), [("credits:price_a", FulfillmentState::NeedsReview)]);
    assert_eq!((new.records[0].amount_due, new.records[0].granted), (Some(10), None));
    let before = [granted(10, 10, 4)];
    let withheld = plan::<CreditGrant>(&purchased(&money, &before), || &[]);
    assert_eq!(entries(&withheld), [(-6, "adjustment", "checkout:1:price_a:withheld:4-10", Repeat::Numbered)]);
    let before = [granted(10, 10, 10)];
    assert!(plan::<CreditGrant>(&purchased(&money, &before), || &[]).writes.is_empty());
}

#[test]
fn what_nobody_can_get_needs_a_person() {
    let money = paid();
    let nobody = Purchased { no_holder: Some("nobody"), ..purchased(&money, &[]) };
    let credits = plan::<CreditGrant>(&nobody, || vec![benefit(Some(5), None)].leak());
    let keys = plan::<KeyGrant>(&nobody, || vec![benefit(None, Some("course"))].leak());
    assert!(credits.writes.is_empty() && keys.writes.is_empty());
    assert_eq!(states(&credits.records), [("credits:price_a", FulfillmentState::NeedsReview)]);
    assert_eq!(states(&keys.records), [("course", FulfillmentState::NeedsReview)]);
}

#[test]
fn a_key_is_given_from_the_payment_on_and_ends_with_its_money() {
    let money = paid();
    let new = plan::<KeyGrant>(&purchased(&money, &[]), || vec![benefit(None, Some("course"))].leak());
    assert_eq!(rows(&new), [("course", Some((true, Some(90))), false)]);
    let record = &new.writes[0].1[0];
    assert_eq!(record.benefit_source.as_deref(), Some("price_a"));
    assert_eq!((record.starts_at, record.expires_at, record.duration.as_deref()), (Some(50), Some(90), Some("1 mon")));
    let (money, before) = (refunded(), [prior("course", FulfillmentState::Applied)]);
    let ended = plan::<KeyGrant>(&purchased(&money, &before), || &[]);
    assert_eq!(rows(&ended), [("course", Some((false, Some(90))), true)]);
    assert_eq!(states(&ended.writes[0].1), [("course", FulfillmentState::Reversed)]);
}

#[test]
fn a_key_for_too_little_money_goes_if_it_may_be_there() {
    let money = short();
    let new = plan::<KeyGrant>(&purchased(&money, &[]), || vec![benefit(None, Some("course"))].leak());
    assert!(new.writes.is_empty());
    assert_eq!(states(&new.records), [("course", FulfillmentState::NeedsReview)]);
    let before = [prior("course", FulfillmentState::Applied)];
    let gone = plan::<KeyGrant>(&purchased(&money, &before), || &[]);
    assert_eq!(rows(&gone), [("course", None, true)]);
}

#[test]
fn of_two_promises_of_a_key_the_longer_counts() {
    let money = paid();
    let before = [prior("course", FulfillmentState::Applied), pending()];
    let longer = Benefit { by_product: true, expires_at: None, duration: None, ..benefit(None, Some("course")) };
    let plan = plan::<KeyGrant>(&purchased(&money, &before), || vec![longer].leak());
    assert_eq!(rows(&plan), [("course", Some((true, None)), true)]);
    assert_eq!(plan.decided, ["undecided:price_a"]);
}

fn pending() -> PriorFulfillment {
    prior("undecided:price_a", FulfillmentState::Skipped)
}

#[test]
fn a_line_waits_for_its_product_and_is_decided_once() {
    let money = paid();
    let waits = plan::<CreditGrant>(&purchased(&money, &[]), || vec![unknown()].leak());
    assert!(waits.writes.is_empty());
    assert_eq!(states(&waits.records), [("undecided:price_a", FulfillmentState::Skipped)]);
    assert_eq!(waits.records[0].benefit_source.as_deref(), Some("price_a"));
    let before = [pending()];
    let still = plan::<CreditGrant>(&purchased(&money, &before), || vec![unknown()].leak());
    assert_eq!(states(&still.records), [("undecided:price_a", FulfillmentState::Skipped)]);
    assert!(still.decided.is_empty());
    let known = Benefit { by_product: true, source: Some("prod_a".into()), ..benefit(Some(5), None) };
    let now = plan::<CreditGrant>(&purchased(&money, &before), || vec![known].leak());
    assert_eq!(entries(&now), [(10, "purchase", "checkout:1:prod_a", Repeat::GrantAgain)]);
    assert_eq!(now.decided, ["undecided:price_a"]);
}

#[test]
fn what_is_out_of_range_has_failed() {
    let money = paid();
    let plan = plan::<CreditGrant>(&purchased(&money, &[]), || vec![benefit(Some(i64::MAX), None)].leak());
    assert_eq!(states(&plan.records), [("undecided:price_a", FulfillmentState::Failed)]);
    assert_eq!(plan.records[0].sqlstate.as_deref(), Some("22003"));
}

#[test]
fn what_gives_nothing_says_so_and_stays_without() {
    let money = paid();
    let nothing = plan::<KeyGrant>(&purchased(&money, &[]), || &[]);
    assert_eq!(states(&nothing.records), [("nothing", FulfillmentState::Skipped)]);
    assert_eq!(nothing.records[0].decision.reason.as_deref(), Some("no benefit of this kind is set for price_a"));
    let nothing = PriorFulfillment { benefit_source: None, ..prior("nothing", FulfillmentState::Skipped) };
    let before = [nothing];
    let again = plan::<KeyGrant>(&purchased(&money, &before), || panic!("nobody asks for benefits"));
    assert_eq!(again, Plan::default());
}

#[test]
fn a_test_payment_gives_nothing_new_and_what_it_gave_follows_its_money() {
    let money = refunded();
    let of_test = |prior| Purchased { is_revoke_only: true, ..purchased(&money, prior) };
    let new = plan::<CreditGrant>(&of_test(&[]), || panic!("nobody asks for benefits"));
    assert_eq!(states(&new.records), [("nothing", FulfillmentState::Skipped)]);
    let before = [granted(15, 10, 0)];
    let taken = plan::<CreditGrant>(&of_test(&before), || &[]);
    assert_eq!(entries(&taken), [(-10, "refund", "checkout:1:price_a:refund:0-10", Repeat::Numbered)]);
    let failed = [PriorFulfillment { amount_due: Some(5), ..prior("credits:price_a", FulfillmentState::Failed) }];
    let tried = plan::<CreditGrant>(&of_test(&failed), || &[]);
    assert!(tried.writes.is_empty());
    assert_eq!(states(&tried.records), [("credits:price_a", FulfillmentState::Skipped)]);
    assert_eq!(tried.records[0].amount_due, Some(5));
}

#[test]
fn a_test_payments_key_follows_its_money_and_a_failed_one_goes() {
    let money = refunded();
    let of_test = |prior| Purchased { is_revoke_only: true, ..purchased(&money, prior) };
    let before = [
        prior("given", FulfillmentState::Applied),
        prior("failed", FulfillmentState::Failed),
        prior("skipped", FulfillmentState::Skipped),
        prior("undecided:price_a", FulfillmentState::Failed),
    ];
    let plan = plan::<KeyGrant>(&of_test(&before), || panic!("nobody asks for benefits"));
    assert_eq!(rows(&plan), [("given", Some((false, Some(90))), true), ("failed", None, true)]);
    assert_eq!(states(&plan.writes[1].1), [("failed", FulfillmentState::Skipped)]);
    // What was promised stays on record.
    let record = &plan.writes[1].1[0];
    assert_eq!((record.benefit_source.as_deref(), record.amount_due), (Some("price_a"), None));
    assert_eq!((record.duration.as_deref(), record.expires_at), (Some("1 mon"), Some(90)));
    assert_eq!(states(&plan.records), [("undecided:price_a", FulfillmentState::Skipped)]);
}

#[test]
fn credits_of_a_line_that_waited_join_those_of_the_same_source_only() {
    let money = paid();
    let before = [granted(10, 10, 0), pending_line("price_b")];
    let from = |source: &str| Benefit {
        price: "price_b".into(),
        source: Some(source.into()),
        by_product: true,
        ..benefit(Some(5), None)
    };
    let same = plan::<CreditGrant>(&purchased(&money, &before), || vec![from("price_a")].leak());
    assert_eq!(entries(&same), [(10, "purchase", "checkout:1:price_a:more:10-20", Repeat::Same)]);
    let other = plan::<CreditGrant>(&purchased(&money, &before), || vec![from("prod_b")].leak());
    assert_eq!(entries(&other), [(10, "purchase", "checkout:1:prod_b", Repeat::GrantAgain)]);
    assert_eq!((same.decided, other.decided), (vec!["undecided:price_b".into()], vec!["undecided:price_b".into()]));
}

fn pending_line(price: &str) -> PriorFulfillment {
    PriorFulfillment {
        benefit_source: Some(price.into()),
        ..prior(&format!("undecided:{price}"), FulfillmentState::Skipped)
    }
}

#[test]
fn of_a_test_payment_only_what_was_tried_in_vain_is_told() {
    let money = refunded();
    let of_test = |prior| Purchased { is_revoke_only: true, ..purchased(&money, prior) };
    // Nothing was tried.
    let nothing = [PriorFulfillment { benefit_source: None, ..prior("nothing", FulfillmentState::Skipped) }];
    assert_eq!(plan::<CreditGrant>(&of_test(&nothing), || &[]), Plan::default());
    // It was given, and taking it back failed: that is tried again.
    let failed = [PriorFulfillment { state: FulfillmentState::Failed, ..granted(10, 10, 0) }];
    let again = plan::<CreditGrant>(&of_test(&failed), || &[]);
    assert_eq!(entries(&again), [(-10, "refund", "checkout:1:price_a:refund:0-10", Repeat::Numbered)]);
    assert!(again.records.is_empty());
}

fn told(lines: &str) -> PriorFulfillment {
    PriorFulfillment {
        benefit_source: Some(lines.into()).filter(|lines: &String| !lines.is_empty()),
        ..prior(LINE_ITEMS, FulfillmentState::Skipped)
    }
}

#[test]
fn nothing_is_given_as_long_as_it_is_not_known_what_was_bought() {
    let money = Money { unknown_goods: Some("who knows".into()), ..paid() };
    let new = plan::<CreditGrant>(&purchased(&money, &[]), || panic!("nobody asks for benefits"));
    assert!(new.writes.is_empty() && new.decided.is_empty());
    assert_eq!(states(&new.records), [(LINE_ITEMS, FulfillmentState::NeedsReview)]);
    assert_eq!(new.records[0].decision.reason.as_deref(), Some("who knows"));
    // What was given before that was known goes, without a trace in the record.
    let before = [granted(10, 10, 4), prior("undecided:price_b", FulfillmentState::Skipped)];
    let gone = plan::<CreditGrant>(&purchased(&money, &before), || &[]);
    assert_eq!(entries(&gone), [(-6, "adjustment", "checkout:1:price_a:withheld:4-10", Repeat::Numbered)]);
    assert!(gone.writes[0].1[0].is_deleted);
    assert_eq!(gone.decided, ["undecided:price_b"]);
    let before = [prior("course", FulfillmentState::Applied)];
    let gone = plan::<KeyGrant>(&purchased(&money, &before), || &[]);
    assert_eq!(rows(&gone), [("course", None, true)]);
    assert!(gone.writes[0].1[0].is_deleted);
    // What has nothing in the ledger needs no line there.
    let before = [granted(10, 0, 0)];
    let gone = plan::<CreditGrant>(&purchased(&money, &before), || &[]);
    assert_eq!((gone.writes.len(), gone.decided), (0, vec!["credits:price_a".to_owned()]));
    // Where all of it went back, nobody needs to look.
    let money = Money { unknown_goods: Some("who knows".into()), ..refunded() };
    let plan = plan::<CreditGrant>(&purchased(&money, &[]), || &[]);
    assert_eq!(states(&plan.records), [(LINE_ITEMS, FulfillmentState::Skipped)]);
}

#[test]
fn other_lines_give_as_if_they_had_been_known_from_the_first() {
    let money = paid();
    let with = |before: &'static [PriorFulfillment], line_items: Option<&'static PriorFulfillment>| Purchased {
        told: Some("2 × price_a"),
        line_items,
        ..purchased(&money, before)
    };
    // Decided by what was asked for, 3 of it.
    let less =
        plan::<CreditGrant>(&with(vec![granted(15, 15, 6)].leak(), None), || vec![benefit(Some(5), None)].leak());
    let steps = [
        (-5, "adjustment", "checkout:1:price_a:less:15-10", Repeat::Numbered),
        (6, "refund", "checkout:1:price_a:refund:6-0", Repeat::Numbered),
    ];
    assert_eq!(entries(&less), steps);
    assert_eq!(states(&less.records), [(LINE_ITEMS, FulfillmentState::Skipped)]);
    assert_eq!(less.records[0].benefit_source.as_deref(), Some("2 × price_a"));
    // A benefit that was set since gives nothing, and what was given of it is taken back.
    let since = Benefit { since: Some(51), ..benefit(Some(5), None) };
    let none = plan::<CreditGrant>(&with(vec![granted(15, 15, 0)].leak(), None), || vec![since.clone()].leak());
    assert_eq!(entries(&none)[0].0, -15);
    assert!(none.records.iter().any(|record| record.item == NOTHING));
    // Once it was decided by these lines, what was promised stays.
    let same = Some(&*Box::leak(Box::new(told("2 × price_a"))));
    let kept = plan::<CreditGrant>(&with(vec![granted(15, 15, 0)].leak(), same), || panic!("nobody asks for benefits"));
    assert!(kept.writes.is_empty());
    // What waited gives now.
    let waited = Some(&*Box::leak(Box::new(told(""))));
    let given = plan::<CreditGrant>(&with(&[], waited), || vec![benefit(Some(5), None)].leak());
    assert_eq!(entries(&given), [(10, "purchase", "checkout:1:price_a", Repeat::GrantAgain)]);
    let as_asked = Purchased { told: None, ..with(&[], waited) };
    let given = plan::<KeyGrant>(&as_asked, || vec![benefit(None, Some("course"))].leak());
    assert_eq!(rows(&given), [("course", Some((true, Some(90))), false)]);
    assert_eq!(given.decided, [LINE_ITEMS]);
}
