//! What was refunded: an absolute figure, from refunds and charges of either family of events.

use payments_core::payment::fact::Fact;
use payments_core::payment::fold::Payment;
use serde_json::{Value, json};

use crate::make::{charge, dispute, folded, intent, permutations, refund, row, say, say_after, session, sync, with};

fn bought() -> Fact {
    say("checkout.session.completed", 111, &session(json!({})))
}

fn figure(at: i64, back: i64) -> Fact {
    say("charge.refunded", at, &charge(json!({"amount_refunded": back, "refunded": back == 2000})))
}

fn made(at: i64, id: &str, amount: i64, status: &str) -> Fact {
    say("refund.created", at, &with(refund(id, amount, status), json!({"created": at})))
}

fn became(event: &str, at: i64, born: i64, id: &str, amount: i64, status: &str) -> Fact {
    say(event, at, &with(refund(id, amount, status), json!({"created": born})))
}

/// The status, the refunded amount and its time in the payment's row, the same in every order.
fn shows(facts: &[Fact]) -> (String, i64, Option<i64>) {
    let all = [vec![bought()], facts.to_vec()].concat();
    let show = |payment: Payment| (payment.status, payment.amount_refunded.unwrap(), payment.refunded_at);
    let shown = show(row(&all));
    permutations(&all, &mut |order| assert_eq!(show(row(order)), shown));
    shown
}

fn partly(back: i64, at: i64) -> (String, i64, Option<i64>) {
    ("partially_refunded".to_owned(), back, Some(at))
}

fn fully(at: i64) -> (String, i64, Option<i64>) {
    ("refunded".to_owned(), 2000, Some(at))
}

fn untouched() -> (String, i64, Option<i64>) {
    ("succeeded".to_owned(), 0, None)
}

#[test]
fn the_greater_of_the_two_tellings_counts_once() {
    assert_eq!(shows(&[figure(500, 700)]), partly(700, 500));
    assert_eq!(shows(&[made(501, "re_1", 700, "succeeded")]), partly(700, 501));
    assert_eq!(shows(&[figure(500, 700), made(500, "re_1", 700, "succeeded")]), partly(700, 500));
    // A refund that counts as soon as it is made keeps that time when it succeeds.
    let arrived = became("refund.updated", 5000, 500, "re_1", 700, "succeeded");
    assert_eq!(shows(&[made(500, "re_1", 700, "pending"), figure(501, 700), arrived]), partly(700, 501));
    // The refund event of one refund, and the charge's figure for both.
    assert_eq!(shows(&[figure(600, 1200), made(500, "re_1", 700, "succeeded")]), partly(1200, 500));
    // The charge's figure for one refund, and the refund events of both.
    let both = [figure(500, 700), made(500, "re_1", 700, "succeeded"), made(600, "re_2", 1300, "succeeded")];
    assert_eq!(shows(&both), fully(500));
}

#[test]
fn several_refunds_reach_the_whole() {
    let facts = [
        figure(500, 700),
        made(500, "re_1", 700, "succeeded"),
        figure(600, 2000),
        made(600, "re_2", 1300, "succeeded"),
    ];
    assert_eq!(shows(&facts), fully(500));
    // Within a second, the previous figure shows which event came first.
    let of = |id: &str, back: i64, was: i64| {
        let mut fact = say_after(
            "charge.refunded",
            500,
            &charge(json!({"amount_refunded": back, "refunded": back == 2000})),
            &json!({"amount_refunded": was}),
        );
        fact.event_id = id.to_owned();
        fact
    };
    assert_eq!(shows(&[of("evt_z", 700, 0), of("evt_a", 2000, 700)]), fully(500));
}

#[test]
fn what_failed_or_was_canceled_since_is_taken_off_the_figure() {
    let pending = [made(500, "re_1", 2000, "pending"), figure(501, 2000)];
    assert_eq!(shows(&pending), fully(501));
    for status in ["failed", "canceled"] {
        let ended = became("refund.updated", 9000, 500, "re_1", 2000, status);
        assert_eq!(shows(&[pending[0].clone(), pending[1].clone(), ended]), untouched(), "{status}");
        // Also within the same second.
        let at_once = became("refund.updated", 501, 500, "re_1", 2000, status);
        assert_eq!(shows(&[pending[1].clone(), at_once]), untouched(), "{status}");
    }
    // It was reported as succeeded, but failed later.
    let facts = [
        made(500, "re_1", 700, "succeeded"),
        figure(500, 700),
        became("refund.updated", 900, 500, "re_1", 700, "failed"),
        became("refund.failed", 900, 500, "re_1", 700, "failed"),
    ];
    assert_eq!(shows(&facts), untouched());
}

#[test]
fn what_failed_before_the_figure_is_not_in_it() {
    let facts = [
        made(500, "re_1", 2000, "pending"),
        figure(500, 2000),
        became("refund.failed", 900, 500, "re_1", 2000, "failed"),
        figure(1500, 700),
    ];
    assert_eq!(shows(&facts), partly(700, 1500));
    let facts = [
        figure(500, 500),
        made(600, "re_2", 800, "pending"),
        figure(600, 1300),
        became("charge.refund.updated", 900, 600, "re_2", 800, "canceled"),
    ];
    assert_eq!(shows(&facts), partly(500, 500));
}

#[test]
fn a_failure_counts_since_its_event_even_if_a_back_fill_saw_it_later() {
    let failed = became("refund.failed", 900, 500, "re_1", 500, "failed");
    let seen = sync(5000, &with(refund("re_1", 500, "failed"), json!({"created": 500})));
    // The figure of 1500 came after the failure, so it doesn't include it.
    assert_eq!(shows(&[figure(500, 1200), failed, seen, figure(1500, 700)]), partly(700, 500));
}

#[test]
fn a_refund_that_needs_action_and_is_canceled_changes_nothing() {
    let facts =
        [made(500, "re_1", 2000, "requires_action"), became("refund.updated", 600, 500, "re_1", 2000, "canceled")];
    assert_eq!(shows(&facts), untouched());
}

#[test]
fn a_back_fill_finds_what_no_event_told() {
    // An event reported the figure, but only a backfill the failure.
    let seen = sync(5000, &with(refund("re_1", 2000, "failed"), json!({"created": 499})));
    assert_eq!(shows(&[figure(500, 2000), seen.clone()]), untouched());
    // A backfill of the charge agrees.
    let now = sync(5000, &charge(json!({"amount_refunded": 0})));
    assert_eq!(shows(&[figure(500, 2000), seen, now]), untouched());
    // A backfill does not know the time of a refund.
    let found = sync(5000, &charge(json!({"amount_refunded": 2000, "refunded": true})));
    assert_eq!(shows(&[found]), ("refunded".to_owned(), 2000, None));
    // The figure is zero again, and it is unknown which refund failed.
    assert_eq!(shows(&[figure(500, 2000), sync(5000, &charge(json!({})))]), untouched());
    // One refund failed, another counts. A backfill saw both together.
    let facts = [
        sync(5000, &charge(json!({"amount_refunded": 700}))),
        sync(5000, &with(refund("re_1", 500, "failed"), json!({"created": 400}))),
        sync(5000, &with(refund("re_2", 700, "succeeded"), json!({"created": 450}))),
    ];
    assert_eq!(shows(&facts), partly(700, 450));
    assert_eq!(shows(&facts[..2]), ("partially_refunded".to_owned(), 700, None));
}

#[test]
fn a_refund_without_a_charge_is_of_the_one_that_took_the_money() {
    let declined = say("charge.failed", 100, &charge(json!({"id": "ch_0", "status": "failed", "created": 90})));
    let back = say("refund.created", 500, &with(refund("re_1", 700, "succeeded"), json!({"charge": null})));
    assert_eq!(shows(&[declined.clone(), figure(500, 700), back.clone()]), partly(700, 500));
    assert_eq!(shows(&[declined, back]), partly(700, 500));
}

#[test]
fn a_payment_of_two_charges_adds_up_what_went_back_of_each() {
    let other = json!({"id": "ch_2", "amount": 800, "amount_captured": 800, "amount_refunded": 300, "created": 103});
    let facts = [figure(500, 700), say("charge.refunded", 600, &charge(other))];
    assert_eq!(shows(&facts), partly(1000, 500));
    // A refund is compared with the figure of its own charge, not with another's.
    let plain = json!({"id": "ch_2", "amount": 800, "amount_captured": 800, "created": 103});
    let back = with(refund("re_1", 300, "succeeded"), json!({"charge": "ch_2"}));
    let facts = [figure(500, 700), say("charge.succeeded", 104, &charge(plain)), say("refund.created", 600, &back)];
    assert_eq!(shows(&facts), partly(1000, 500));
}

#[test]
fn in_the_payers_currency_the_same_share_went_back() {
    // Adaptive Pricing up to acacia: the session of 20.00 USD is in euro, and so are the intent, charge and refunds.
    let converted: Value = json!({
        "currency": "eur", "amount_total": 1801, "amount_subtotal": 1801,
        "currency_conversion": {"amount_total": 2000, "amount_subtotal": 2000, "source_currency": "usd"},
    });
    let euro = json!({"currency": "eur", "amount": 1801, "amount_received": 1801, "amount_captured": 1801});
    let bought = say("checkout.session.completed", 111, &session(converted));
    let took = say("payment_intent.succeeded", 110, &intent(euro.clone()));
    let charged = |back: i64| {
        let figure = json!({"amount_refunded": back, "refunded": back == 1801});
        say("charge.refunded", 500, &charge(with(euro.clone(), figure)))
    };
    let back = |amount: i64| {
        say("refund.created", 500, &with(refund("re_1", amount, "succeeded"), json!({"currency": "eur"})))
    };
    let shown = |facts: &[Fact]| {
        let payment = row(facts);
        assert_eq!((payment.amount, payment.currency.as_deref()), (Some(2000), Some("usd")));
        (payment.status, payment.amount_refunded.unwrap())
    };
    let whole = ("refunded".to_owned(), 2000);
    let half = ("partially_refunded".to_owned(), 999);
    assert_eq!(shown(&[bought.clone(), charged(1801)]), whole);
    assert_eq!(shown(&[bought.clone(), took.clone(), back(1801)]), whole);
    assert_eq!(shown(&[bought.clone(), took.clone(), charged(900), back(900)]), half);
    assert_eq!(shown(&[bought, took, back(900)]), half);
}

#[test]
fn twelve_digits_do_not_overflow() {
    let huge = 999_999_999_999_i64;
    let money = json!({"amount_total": huge, "currency": "usd"});
    let other =
        json!({"amount": huge - 1, "amount_captured": huge - 1, "amount_refunded": huge - 1, "currency": "eur"});
    let facts = [say("checkout.session.completed", 111, &session(money)), say("charge.refunded", 500, &charge(other))];
    let payment = row(&facts);
    assert_eq!((payment.status.as_str(), payment.amount_refunded), ("refunded", Some(huge)));
}

#[test]
fn a_lost_dispute_says_what_it_took_and_since_when() {
    let paid = say("charge.succeeded", 110, &charge(json!({})));
    let lost = || dispute("du_1", "lost");
    let facts = [bought(), paid.clone(), sync(500, &lost()), say("charge.dispute.closed", 600, &lost())];
    let all = folded(&facts);
    assert_eq!((all.disputes[0].amount_lost, all.disputes[0].lost_at), (Some(2000), Some(600)));
    assert_eq!(folded(&facts[..3]).disputes[0].lost_at, Some(500));
    assert!(!all.payment.unwrap().lost_in_other_currency);
    let foreign = with(lost(), json!({"currency": "eur"}));
    let payment = row(&[bought(), paid, say("charge.dispute.closed", 600, &foreign)]);
    assert_eq!((payment.amount_lost, payment.lost_in_other_currency), (Some(0), true));
}

#[test]
fn anything_that_went_back_or_is_asked_back_is_said_of_the_payment() {
    let is_returned = |more: Option<Fact>| folded(&[vec![bought()], more.into_iter().collect()].concat()).is_returned;
    assert!(!is_returned(None) && !is_returned(Some(say("charge.succeeded", 110, &charge(json!({}))))));
    assert!(is_returned(Some(figure(500, 1))));
    assert!(is_returned(Some(made(500, "re_1", 1, "pending"))));
    assert!(is_returned(Some(say("charge.dispute.created", 600, &dispute("du_1", "needs_response")))));
}

#[test]
fn an_appeal_counts_like_the_loss_and_money_without_a_currency_as_the_payments_own() {
    let told =
        |id: &str, status: &str, more: Value| say("charge.dispute.closed", 600, &with(dispute(id, status), more));
    let both = [bought(), told("du_1", "appeal_under_review", json!({})), told("du_2", "needs_response", json!({}))];
    assert_eq!(row(&both).dispute_status.as_deref(), Some("appeal_under_review"));
    let payment = row(&[bought(), told("du_1", "lost", json!({"currency": null}))]);
    assert_eq!((payment.amount_lost, payment.lost_in_other_currency), (Some(2000), false));
}
