//! Stripe's objects as small JSON, the statements that events make of them, and what a set of statements comes to.

use payments_core::payment::fact::{Fact, Statement};
use payments_core::payment::fold::{Context, Folded, Payment, fold};
use payments_core::payment::newest::rank;
use payments_core::stripe::event::Event;
use payments_core::stripe::object::Unreadable;
use payments_core::stripe::object::charge::Charge;
use payments_core::stripe::object::dispute::Dispute;
use payments_core::stripe::object::invoice::Invoice;
use payments_core::stripe::object::invoice_payment::InvoicePayment;
use payments_core::stripe::object::payment_intent::Intent;
use payments_core::stripe::object::refund::Refund;
use payments_core::stripe::object::session::Session;
use serde_json::{Map, Value, json};

pub(crate) const PREFIX: &str = "insforge_";

/// The fact of an object, by its `object` attribute; `None` where it tells of no payment.
pub(crate) fn fact(object: &Value, event_type: Option<&str>) -> Result<Option<Fact>, Unreadable> {
    let text = object.to_string();
    Ok(Some(match object["object"].as_str().unwrap_or_default() {
        "checkout.session" => Fact::CheckoutSession(Box::new(Session::read(&text, event_type, PREFIX)?)),
        "payment_intent" => Fact::PaymentIntent(Box::new(Intent::read(&text, event_type, PREFIX)?)),
        "charge" => Fact::Charge(Box::new(Charge::read(&text, PREFIX)?)),
        "invoice" => Fact::Invoice(Box::new(Invoice::read(&text, event_type, PREFIX)?)),
        "invoice_payment" => Fact::InvoicePayment(Box::new(InvoicePayment::read(&text)?)),
        "refund" => Fact::Refund(Box::new(Refund::read(&text)?)),
        "dispute" => Fact::Dispute(Box::new(Dispute::read(&text)?)),
        _ => return Ok(None),
    }))
}

/// What an event says: type, time, object; its id is made of the three.
pub(crate) fn say(event_type: &str, created: i64, object: &Value) -> Statement {
    say_after(event_type, created, object, &Value::Null)
}

/// The same with `previous_attributes`.
pub(crate) fn say_after(event_type: &str, created: i64, object: &Value, previous: &Value) -> Statement {
    let id = format!("evt_{event_type}_{created}_{}", object["id"].as_str().unwrap());
    say_as(&id, event_type, created, object, previous)
}

/// The same with the event's id.
pub(crate) fn say_as(id: &str, event_type: &str, created: i64, object: &Value, previous: &Value) -> Statement {
    let statement = Statement {
        event_id: id.to_owned(),
        created,
        rank: rank(event_type),
        previous: Map::new(),
        fact: fact(object, Some(event_type)).unwrap().unwrap(),
    };
    statement.with_previous(Some(&previous.to_string()))
}

/// What a back-fill says that looked at `created`.
pub(crate) fn sync(created: i64, object: &Value) -> Statement {
    let fact = fact(object, None).unwrap().unwrap();
    Statement { event_id: "sync".to_owned(), created, rank: 10, previous: Map::new(), fact }
}

/// What a whole event says; `None` where it tells of no payment.
pub(crate) fn heard(event: &Event) -> Option<Statement> {
    let object: Value = serde_json::from_str(&event.object).unwrap();
    let statement = Statement {
        event_id: event.id.clone(),
        created: event.created,
        rank: rank(&event.event_type),
        previous: Map::new(),
        fact: fact(&object, Some(&event.event_type)).unwrap()?,
    };
    Some(statement.with_previous(event.previous_attributes.as_deref()))
}

pub(crate) fn folded(statements: &[Statement]) -> Folded {
    fold(statements, &Context::default())
}

pub(crate) fn row(statements: &[Statement]) -> Payment {
    folded(statements).payment.expect("a payment")
}

/// `object` with the attributes of `more` instead of its own.
pub(crate) fn with(mut object: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("attributes") };
    object.as_object_mut().unwrap().extend(more);
    object
}

pub(crate) fn ours() -> Value {
    json!({"insforge_checkout_mode": "payment", "insforge_subject_type": "user", "insforge_subject_id": "u_1"})
}

/// A checkout session of one payment of 20.00 USD, complete and paid.
pub(crate) fn session(more: Value) -> Value {
    with(
        json!({
            "id": "cs_1", "object": "checkout.session", "mode": "payment", "status": "complete",
            "payment_status": "paid", "amount_subtotal": 2000, "amount_total": 2000, "currency": "usd",
            "customer": "cus_1", "customer_details": {"email": "session@example.com"}, "customer_email": null,
            "payment_intent": "pi_1", "invoice": null, "subscription": null, "metadata": {}, "created": 100,
        }),
        more,
    )
}

/// Its intent, succeeded.
pub(crate) fn intent(more: Value) -> Value {
    with(
        json!({
            "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 2000, "amount_received": 2000,
            "currency": "usd", "customer": "cus_1", "receipt_email": "intent@example.com", "description": null,
            "latest_charge": "ch_1", "last_payment_error": null, "metadata": {}, "created": 101,
        }),
        more,
    )
}

/// Its charge, succeeded.
pub(crate) fn charge(more: Value) -> Value {
    with(
        json!({
            "id": "ch_1", "object": "charge", "status": "succeeded", "captured": true, "amount": 2000,
            "amount_captured": 2000, "amount_refunded": 0, "refunded": false, "currency": "usd", "customer": "cus_1",
            "billing_details": {"email": "charge@example.com"}, "receipt_email": null, "description": null,
            "payment_intent": "pi_1", "metadata": {}, "created": 102,
        }),
        more,
    )
}

/// A refund of the charge.
pub(crate) fn refund(id: &str, amount: i64, status: &str) -> Value {
    json!({
        "id": id, "object": "refund", "amount": amount, "currency": "usd", "status": status, "charge": "ch_1",
        "payment_intent": "pi_1", "reason": "requested_by_customer", "created": 500,
    })
}

/// A dispute of the charge.
pub(crate) fn dispute(id: &str, status: &str) -> Value {
    json!({
        "id": id, "object": "dispute", "amount": 2000, "currency": "usd", "status": status, "charge": "ch_1",
        "payment_intent": "pi_1", "reason": "fraudulent", "created": 600,
    })
}

/// A subscription's invoice of 15.00 USD in the shape of basil and later, paid.
pub(crate) fn invoice(more: Value) -> Value {
    with(
        json!({
            "id": "in_1", "object": "invoice", "status": "paid", "amount_paid": 1500, "amount_due": 1500,
            "currency": "usd", "customer": "cus_1", "customer_email": "invoice@example.com", "description": null,
            "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1", "metadata": {}}},
            "lines": {"object": "list", "has_more": false, "data": []}, "metadata": {},
            "status_transitions": {"finalized_at": 200, "paid_at": 201}, "created": 200,
        }),
        more,
    )
}

/// What joins it with its intent.
pub(crate) fn invoice_payment(more: Value) -> Value {
    with(
        json!({
            "id": "inpay_1", "object": "invoice_payment", "status": "paid", "amount_paid": 1500,
            "amount_requested": 1500, "currency": "usd", "invoice": "in_1", "is_default": true,
            "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
            "status_transitions": {"canceled_at": null, "paid_at": 202}, "created": 200,
        }),
        more,
    )
}

/// Runs `each` on every order of `items`.
pub(crate) fn permutations<T: Clone>(items: &[T], each: &mut impl FnMut(&[T])) {
    fn go<T: Clone>(items: &mut Vec<T>, from: usize, each: &mut impl FnMut(&[T])) {
        if from + 1 >= items.len() {
            return each(items);
        }
        for at in from..items.len() {
            items.swap(from, at);
            go(items, from + 1, each);
            items.swap(from, at);
        }
    }
    go(&mut items.to_vec(), 0, each);
}
