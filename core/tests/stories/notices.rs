//! Notices about a payment that failed, the same in every order.

use payments_core::notice::{Notice, PAYMENT_ACTION_REQUIRED, PAYMENT_FAILED};
use payments_core::payment::fact::Fact;
use payments_core::payment::fold::Notices;
use serde_json::{Value, json};

use crate::make::{folded, intent, invoice, permutations, say, session, with};

fn told(facts: &[Fact]) -> Option<Notices> {
    let first = folded(facts).notices;
    permutations(facts, &mut |order| assert_eq!(folded(order).notices, first));
    first
}

/// The kind and the source of each notice.
fn rows(facts: &[Fact]) -> Vec<(String, String)> {
    told(facts).unwrap().rows.into_iter().map(|row| (row.kind, row.source)).collect()
}

fn failed(attempt: i64) -> (String, String) {
    (PAYMENT_FAILED.to_owned(), format!("invoice:in_1:{attempt}"))
}

fn waits(attempt: i64) -> (String, String) {
    (PAYMENT_ACTION_REQUIRED.to_owned(), format!("invoice:in_1:{attempt}"))
}

/// An unpaid invoice after this many attempts.
fn open(attempt: i64, more: Value) -> Value {
    let object = invoice(json!({
        "status": "open", "amount_paid": 0, "attempt_count": attempt, "next_payment_attempt": 1000 * attempt,
        "billing_reason": "subscription_cycle", "hosted_invoice_url": format!("https://invoice.stripe.com/i/{attempt}"),
        "status_transitions": {"finalized_at": 200, "paid_at": null},
    }));
    with(object, more)
}

fn fails(created: i64, attempt: i64) -> Fact {
    say("invoice.payment_failed", created, &open(attempt, json!({})))
}

fn asks(created: i64, attempt: i64) -> Fact {
    say("invoice.payment_action_required", created, &open(attempt, json!({})))
}

#[test]
fn a_failed_attempt_says_all_that_a_worker_needs() {
    // A later change of the invoice does not change what the attempt tried to collect.
    let changed = say("invoice.updated", 400, &open(1, json!({"amount_due": 9, "customer": "cus_2"})));
    let notices = told(&[fails(300, 1), changed]).unwrap();
    assert_eq!(notices.about, ["in_1"]);
    let told = Notice {
        kind: PAYMENT_FAILED.into(),
        source: "invoice:in_1:1".into(),
        about: "in_1".into(),
        stripe_customer_id: Some("cus_2".into()),
        stripe_subscription_id: Some("sub_1".into()),
        stripe_invoice_id: Some("in_1".into()),
        amount_due: Some(1500),
        currency: Some("usd".into()),
        attempt: Some(1),
        next_attempt_at: Some(1000),
        hosted_invoice_url: Some("https://invoice.stripe.com/i/1".into()),
        reason: Some("subscription_cycle".into()),
        ..Notice::default()
    };
    assert_eq!(notices.rows, [told]);
}

#[test]
fn the_last_attempt_is_told_and_an_authentication_until_a_later_one_failed() {
    assert_eq!(rows(&[fails(300, 1), fails(400, 2)]), [failed(2)]);
    assert_eq!(rows(&[asks(300, 1)]), [waits(1)]);
    // Stripe sends both events for one attempt.
    assert_eq!(rows(&[fails(300, 1), asks(300, 1)]), [failed(1), waits(1)]);
    assert_eq!(rows(&[fails(300, 1), asks(400, 2)]), [failed(1), waits(2)]);
    assert_eq!(rows(&[asks(300, 1), fails(400, 2)]), [failed(2)]);
}

#[test]
fn what_is_paid_or_given_up_is_told_no_longer() {
    let closed = |event: &str, status: &str| {
        let notices = told(&[fails(300, 1), say(event, 400, &open(1, json!({"status": status})))]).unwrap();
        assert_eq!(notices.about, ["in_1"]);
        notices.rows.len()
    };
    assert_eq!(closed("invoice.paid", "paid"), 0);
    assert_eq!(closed("invoice.voided", "void"), 0);
    assert_eq!(closed("invoice.updated", "open"), 1);
    // A paid invoice stays paid, even if a later snapshot shows it as open.
    let paid = say("invoice.paid", 400, &open(1, json!({"status": "paid"})));
    assert!(
        told(&[paid.clone(), say("invoice.updated", 500, &open(2, json!({}))), fails(300, 1)]).unwrap().rows.is_empty()
    );
    assert_eq!(told(&[say("invoice.finalized", 300, &open(0, json!({}))), paid]), None);
}

#[test]
fn a_delayed_payment_that_failed_is_told_of_its_session() {
    let unpaid = |more: Value| session(with(json!({"payment_status": "unpaid"}), more));
    let completed = say("checkout.session.completed", 110, &unpaid(json!({})));
    let fails = |more: Value| say("checkout.session.async_payment_failed", 300, &unpaid(more));
    let notices = told(&[completed.clone(), fails(json!({}))]).unwrap();
    assert_eq!(notices.about, ["cs_1"]);
    let row = Notice {
        kind: PAYMENT_FAILED.into(),
        source: "session:cs_1".into(),
        about: "cs_1".into(),
        stripe_customer_id: Some("cus_1".into()),
        stripe_checkout_session_id: Some("cs_1".into()),
        amount_due: Some(2000),
        currency: Some("usd".into()),
        ..Notice::default()
    };
    assert_eq!(notices.rows, [row]);
    // Another attempt with the same intent succeeded.
    let paid = say("payment_intent.succeeded", 400, &intent(json!({})));
    let notices = told(&[completed.clone(), fails(json!({})), paid]).unwrap();
    assert_eq!((notices.about, notices.rows), (vec!["cs_1".to_owned()], vec![]));
    // A buyer sees a failed card payment on Stripe's page, and an invoice has events of its own.
    let by_card = json!({"status": "requires_payment_method", "amount_received": 0});
    assert_eq!(told(&[completed, say("payment_intent.payment_failed", 300, &intent(by_card))]), None);
    assert_eq!(told(&[fails(json!({"mode": "subscription", "subscription": "sub_1"}))]), None);
    assert_eq!(told(&[fails(json!({"invoice": "in_1"}))]), None);
}
