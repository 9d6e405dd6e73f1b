//! Payments that another backend wrote, and the facts about them that arrive later.

use payments_core::payment::adopted::AdoptedPayment;
use payments_core::payment::context::Context;
use payments_core::payment::fact::{Fact, PaymentObject};
use payments_core::payment::fold::{Folded, Payment, fold};
use payments_core::stripe::event_type::ObjectKind;

fn row() -> AdoptedPayment {
    AdoptedPayment {
        row: "row:1".into(),
        payment_type: "one_time_payment".into(),
        status: "succeeded".into(),
        subject_type: Some("user".into()),
        subject_id: Some("u".into()),
        stripe_payment_intent_id: Some("pi".into()),
        amount: Some(2000),
        currency: Some("usd".into()),
        paid_at: Some(7),
        ..AdoptedPayment::default()
    }
}

fn told(kind: ObjectKind, created: i64, object: &str) -> Fact {
    let object = PaymentObject::read(kind, object, None, "payments_").unwrap().unwrap();
    Fact { event_id: format!("evt_{created}"), created, rank: 0, previous: serde_json::Map::new(), object }
}

fn refund(status: &str, amount: i64) -> Fact {
    let object = format!(
        r#"{{"id": "re", "object": "refund", "status": "{status}", "amount": {amount}, "currency": "usd", "created": 50,
             "payment_intent": "pi", "charge": "ch"}}"#
    );
    told(ObjectKind::Refund, 50, &object)
}

fn folded(row: AdoptedPayment, facts: &[Fact]) -> Payment {
    let mut facts = facts.to_vec();
    facts.push(row.into());
    let Folded { payment, .. } = fold(&facts, &Context::default());
    payment.unwrap()
}

#[test]
fn a_row_stands_and_refunds_count() {
    let payment = folded(row(), &[refund("succeeded", 500)]);
    assert_eq!((payment.status.as_str(), payment.amount_refunded), ("partially_refunded", Some(500)));
    assert_eq!((payment.amount, payment.paid_at, payment.refunded_at), (Some(2000), Some(7), Some(50)));
    assert_eq!((payment.subject_id.as_deref(), payment.stripe_charge_id.as_deref()), (Some("u"), Some("ch")));
    assert_eq!(folded(row(), &[refund("failed", 500)]).status, "succeeded");
    assert_eq!(folded(row(), &[refund("succeeded", 2000)]).status, "refunded");
}

#[test]
fn what_went_back_before_counts_too() {
    let before = |status: &str, amount_refunded| AdoptedPayment { status: status.into(), amount_refunded, ..row() };
    let payment = folded(before("partially_refunded", Some(800)), &[refund("succeeded", 500)]);
    assert_eq!((payment.status.as_str(), payment.amount_refunded), ("partially_refunded", Some(800)));
    let payment = folded(before("refunded", None), &[refund("failed", 500)]);
    assert_eq!((payment.status.as_str(), payment.amount_refunded), ("refunded", Some(2000)));
    let payment = folded(before("pending", None), &[refund("failed", 500)]);
    assert_eq!((payment.status.as_str(), payment.amount, payment.paid_at), ("pending", Some(2000), None));
    let failed = AdoptedPayment { failed_at: Some(9), ..before("failed", None) };
    let payment = folded(failed, &[]);
    assert_eq!(
        (payment.payment_type, payment.status.as_str(), payment.failed_at),
        ("failed_payment", "failed", Some(9))
    );
}

#[test]
fn a_session_joins_it_without_loss() {
    let session = r#"{"id": "cs", "object": "checkout.session", "mode": "payment", "status": "complete",
        "payment_status": "paid", "amount_total": 2000, "amount_subtotal": 1800, "currency": "usd", "payment_intent": "pi",
        "customer": "cus"}"#;
    let payment = folded(row(), &[told(ObjectKind::CheckoutSession, 60, session), refund("succeeded", 500)]);
    assert_eq!((payment.subject_id.as_deref(), payment.stripe_customer_id.as_deref()), (Some("u"), Some("cus")));
    assert_eq!((payment.stripe_checkout_session_id.as_deref(), payment.paid_at), (Some("cs"), Some(7)));
    assert_eq!((payment.subtotal, payment.amount_refunded), (Some(1800), Some(500)));
}

#[test]
fn what_arrived_by_the_row_stands_and_what_had_not_is_told_by_stripe() {
    let session = r#"{"id": "cs", "object": "checkout.session", "mode": "payment", "status": "complete",
        "payment_status": "paid", "amount_total": 2500, "currency": "eur", "payment_intent": "pi"}"#;
    let of = |status: &str| {
        let row = AdoptedPayment { status: status.into(), ..row() };
        let payment = folded(row, &[told(ObjectKind::CheckoutSession, 60, session)]);
        (payment.amount, payment.currency)
    };
    for arrived in ["succeeded", "partially_refunded", "refunded"] {
        assert_eq!(of(arrived), (Some(2000), Some("usd".into())), "{arrived}");
    }
    for waiting in ["pending", "failed"] {
        assert_eq!(of(waiting), (Some(2500), Some("eur".into())), "{waiting}");
    }
}

#[test]
fn what_the_row_says_of_the_purchase_stands() {
    let row = AdoptedPayment {
        stripe_customer_id: Some("cus_row".into()),
        stripe_subscription_id: Some("sub_row".into()),
        description: Some("A chair".into()),
        subtotal: Some(1900),
        shortfall: Some(3),
        stripe_created_at: Some(5),
        dispute_status: Some("won".into()),
        amount_lost: Some(4),
        lost_in_other_currency: true,
        ..row()
    };
    let session = r#"{"id": "cs", "object": "checkout.session", "mode": "payment", "status": "complete",
        "payment_status": "paid", "amount_total": 2000, "amount_subtotal": 1800, "currency": "usd", "payment_intent": "pi",
        "customer": "cus", "created": 60}"#;
    let payment = folded(row.clone(), &[told(ObjectKind::CheckoutSession, 60, session)]);
    assert_eq!(
        (payment.description.as_deref(), payment.subtotal, payment.shortfall),
        (Some("A chair"), Some(1900), Some(3))
    );
    assert_eq!((payment.stripe_created_at, payment.stripe_customer_id.as_deref()), (Some(5), Some("cus_row")));
    assert_eq!((payment.dispute_status.as_deref(), payment.amount_lost), (Some("won"), Some(4)));
    assert!(payment.lost_in_other_currency);
    let fact = Fact::from(row);
    assert_eq!((fact.object.customer(), fact.object.subscription()), (Some("cus_row"), Some("sub_row")));
}

#[test]
fn of_two_rows_the_one_that_was_paid_speaks() {
    let waiting = AdoptedPayment { row: "row:0".into(), status: "pending".into(), amount: Some(1), ..row() };
    assert_eq!(folded(waiting, &[row().into()]).amount, Some(2000));
}

#[test]
fn a_dispute_takes_its_part_and_an_invoice_stays_one() {
    let dispute = r#"{"id": "dp", "object": "dispute", "status": "lost", "amount": 700, "currency": "usd", "charge": "ch",
        "payment_intent": "pi", "created": 70, "reason": "fraudulent"}"#;
    let row = AdoptedPayment {
        payment_type: "subscription_invoice".into(),
        stripe_subscription_id: Some("sub".into()),
        ..row()
    };
    let payment = folded(row, &[told(ObjectKind::Dispute, 70, dispute)]);
    assert_eq!((payment.payment_type, payment.status.as_str()), ("subscription_invoice", "succeeded"));
    assert_eq!((payment.dispute_status.as_deref(), payment.amount_lost), (Some("lost"), Some(700)));
}

#[test]
fn it_joins_by_every_id_that_it_carries() {
    let row = AdoptedPayment { stripe_charge_id: Some("ch".into()), stripe_invoice_id: Some("in".into()), ..row() };
    assert_eq!(Fact::from(row).object.keys(), ["ch", "in", "pi", "row:1"]);
}
