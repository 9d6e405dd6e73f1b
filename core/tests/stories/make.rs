//! Stripe's objects as small JSON, the facts of events about them, and the rows of a set of facts.

use payments_core::payment::context::Context;
use payments_core::payment::fact::{Fact, PaymentObject};
use payments_core::payment::fold::{Folded, Payment, fold};
use payments_core::stripe::event::Event;
use payments_core::stripe::event_type::{CHANGED, EventType, ObjectKind, rank};
use payments_core::stripe::object::Unreadable;
use serde_json::{Map, Value, json};

pub(crate) const PREFIX: &str = "insforge_";

/// Reads an object by its event type, or without one by its `object` attribute. `None` if it is no part of a payment.
pub(crate) fn read(object: &Value, event_type: Option<&str>) -> Result<Option<PaymentObject>, Unreadable> {
    let named = || ObjectKind::named(object["object"].as_str().unwrap_or_default());
    let by_event = event_type.and_then(EventType::named).map(|known| known.object);
    let Some(kind) = by_event.or_else(named) else { return Ok(None) };
    PaymentObject::read(kind, &object.to_string(), event_type, PREFIX)
}

/// The fact of an event with this type, time and object. Its id is made of the three.
pub(crate) fn say(event_type: &str, created: i64, object: &Value) -> Fact {
    say_after(event_type, created, object, &Value::Null)
}

/// The same with `previous_attributes`.
pub(crate) fn say_after(event_type: &str, created: i64, object: &Value, previous: &Value) -> Fact {
    let id = format!("evt_{event_type}_{created}_{}", object["id"].as_str().unwrap());
    say_as(&id, event_type, created, object, previous)
}

/// The same with the event's id.
pub(crate) fn say_as(id: &str, event_type: &str, created: i64, object: &Value, previous: &Value) -> Fact {
    let fact = Fact {
        event_id: id.to_owned(),
        created,
        rank: rank(Some(event_type)),
        previous: Map::new(),
        object: read(object, Some(event_type)).unwrap().unwrap(),
    };
    fact.with_previous(Some(&previous.to_string()))
}

/// The fact of a backfill that fetched the object at `created`.
pub(crate) fn sync(created: i64, object: &Value) -> Fact {
    let object = read(object, None).unwrap().unwrap();
    Fact { event_id: "sync".to_owned(), created, rank: CHANGED, previous: Map::new(), object }
}

/// The fact of a whole event. `None` if it is about no payment.
pub(crate) fn heard(event: &Event) -> Option<Fact> {
    let object: Value = serde_json::from_str(&event.object).unwrap();
    let fact = Fact {
        event_id: event.id.clone(),
        created: event.created,
        rank: rank(Some(&event.event_type)),
        previous: Map::new(),
        object: read(&object, Some(&event.event_type)).unwrap()?,
    };
    Some(fact.with_previous(event.previous_attributes.as_deref()))
}

pub(crate) fn folded(facts: &[Fact]) -> Folded {
    fold(facts, &Context::default())
}

pub(crate) fn row(facts: &[Fact]) -> Payment {
    folded(facts).payment.expect("a payment")
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

/// A credit note for the paid invoice, to the customer's balance.
pub(crate) fn credit_note(more: Value) -> Value {
    with(
        json!({
            "id": "cn_1", "object": "credit_note", "invoice": "in_1", "customer": "cus_1", "status": "issued",
            "type": "post_payment", "amount": 500, "post_payment_amount": 500, "pre_payment_amount": 0, "refunds": [],
            "customer_balance_transaction": "cbtxn_1", "out_of_band_amount": null, "currency": "usd",
            "reason": "order_change", "created": 550,
        }),
        more,
    )
}

/// An early fraud warning about the charge.
pub(crate) fn fraud_warning() -> Value {
    json!({
        "id": "issfr_1", "object": "radar.early_fraud_warning", "actionable": true, "charge": "ch_1",
        "payment_intent": "pi_1", "fraud_type": "made_with_stolen_card", "created": 560,
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

/// The invoice payment, which joins the invoice with its intent.
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
