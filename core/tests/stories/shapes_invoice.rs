//! Invoices and invoice payments, up to acacia and from basil on.

use payments_core::payment::fact::PaymentObject;
use payments_core::stripe::object::invoice::Invoice;
use payments_core::stripe::object::invoice_payment::InvoicePayment;
use payments_core::stripe::object::money_state::MoneyState;
use serde_json::{Value, json};

use crate::make::{
    self, PREFIX, charge, credit_note, dispute, fraud_warning, intent, invoice, invoice_payment, refund, session,
};

const PAID: Option<&str> = Some("invoice.paid");

fn read(more: Value, event_type: Option<&str>) -> Invoice {
    Invoice::read(&invoice(more).to_string(), event_type, PREFIX).unwrap()
}

fn team() -> Value {
    json!({"insforge_subject_type": "team", "insforge_subject_id": "team_1"})
}

/// The same invoice as it was rendered up to 2025-02-24.
fn old() -> Value {
    json!({
        "parent": null, "paid": true, "subscription": "sub_1", "payment_intent": "pi_1", "charge": "ch_1",
        "subscription_details": {"metadata": team()},
        "lines": {"data": [{
            "id": "il_1", "amount": 1500, "description": "1 × Pro", "proration": false, "subscription": "sub_1",
            "price": {"id": "price_1", "product": "prod_1"}, "plan": {"id": "price_1", "product": "prod_1"},
        }]},
    })
}

/// The same invoice as it is rendered since 2025-03-31.
fn new() -> Value {
    json!({
        "parent": {"subscription_details": {"subscription": "sub_1", "metadata": team()}, "type": "subscription_details"},
        "lines": {"data": [{
            "id": "il_1", "amount": 1500, "description": "1 × Pro",
            "pricing": {"price_details": {"price": "price_1", "product": "prod_1"}, "type": "price_details"},
            "parent": {"subscription_item_details": {"proration": false, "subscription": "sub_1"}, "invoice_item_details": null},
        }]},
    })
}

#[test]
fn both_shapes_say_the_same() {
    let (old, new) = (read(old(), PAID), read(new(), PAID));
    for read in [&old, &new] {
        assert_eq!((read.state, read.amount_paid, read.amount_due), (MoneyState::Succeeded, Some(1500), Some(1500)));
        assert_eq!(read.subscription.as_deref(), Some("sub_1"));
        assert_eq!(read.subscription_subject.as_ref().unwrap().subject_id, "team_1");
        assert_eq!((read.price.as_deref(), read.product.as_deref()), (Some("price_1"), Some("prod_1")));
        assert_eq!((read.email.as_deref(), read.customer.as_deref()), (Some("invoice@example.com"), Some("cus_1")));
        assert_eq!((read.paid_at, read.created, read.currency.as_deref()), (Some(201), Some(200), Some("usd")));
    }
    assert_eq!(
        (old.payment_intents.as_slice(), old.charges.as_slice()),
        (&["pi_1".to_owned()][..], &["ch_1".to_owned()][..])
    );
    assert_eq!((new.payment_intents, new.charges), (vec![], vec![]));
    assert_eq!(PaymentObject::Invoice(Box::new(old)).keys(), ["ch_1", "in_1", "pi_1"]);
}

#[test]
fn paid_by_the_flag_or_by_the_status() {
    use MoneyState::{Failed, Pending, Succeeded};
    for (status, paid, event, state) in [
        ("paid", None, "invoice.paid", Succeeded),
        ("paid", Some(true), "invoice.payment_succeeded", Succeeded),
        ("paid", None, "invoice.payment_failed", Succeeded),
        ("open", Some(true), "invoice.paid", Succeeded),
        ("open", Some(false), "invoice.payment_failed", Failed),
        ("open", None, "invoice.finalized", Pending),
        ("void", Some(false), "invoice.voided", Failed),
        ("uncollectible", None, "invoice.marked_uncollectible", Failed),
        ("draft", None, "invoice.created", MoneyState::None),
    ] {
        assert_eq!(read(json!({"status": status, "paid": paid}), Some(event)).state, state, "{status} {event}");
    }
    assert_eq!(read(json!({"status": null, "paid": null}), None).state, MoneyState::None);
}

#[test]
fn only_a_finalized_invoice_of_a_subscription_tells_its_lines() {
    let tells = |more: Value, event: &str| {
        let mut object = new();
        object["lines"]["data"][0]["period"] = json!({"start": 1, "end": 2});
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        !read(object, Some(event)).lines.is_empty()
    };
    assert!(tells(json!({}), "invoice.paid"));
    // An unpaid invoice has lines too, because a paid invoice may credit its time.
    assert!(tells(json!({"status": "open"}), "invoice.finalized"));
    assert!(!tells(json!({"status": "draft"}), "invoice.created"));
    let one_off = json!({"lines": {"data": [{"id": "il_1", "amount": 1, "price": "price_1"}]}, "parent": null});
    assert!(!tells(one_off, "invoice.paid"));
}

#[test]
fn the_subscription_is_found_wherever_it_stands() {
    for place in [
        json!({"parent": null, "subscription": "sub_1"}),
        json!({"parent": null, "subscription": {"id": "sub_1", "object": "subscription"}}),
        json!({"parent": {"subscription_details": {"subscription": {"id": "sub_1"}}}}),
        json!({"parent": null, "lines": {"data": [{"id": "il_1", "amount": 1, "subscription": "sub_1"}]}}),
        json!({"parent": null, "lines": {"data": [
            {"id": "il_0", "amount": 1},
            {"id": "il_1", "amount": 1, "parent": {"subscription_item_details": {"subscription": "sub_1"}}},
        ]}}),
    ] {
        assert_eq!(read(place.clone(), PAID).subscription.as_deref(), Some("sub_1"), "{place}");
    }
    for none in
        [json!({"parent": null}), json!({"parent": {"subscription_details": null, "quote_details": {"quote": "qt_1"}}})]
    {
        assert_eq!(read(none, PAID).subscription, None);
    }
}

#[test]
fn payments_that_were_expanded_are_links() {
    let payments = json!({"payments": {"data": [
        {"id": "inpay_1", "object": "invoice_payment", "status": "paid", "payment": {"type": "payment_intent", "payment_intent": "pi_1"}},
        {"id": "inpay_2", "status": "open", "payment": {"type": "charge", "charge": {"id": "ch_2", "object": "charge"}}},
        {"id": "inpay_3", "status": "paid", "payment": {"type": "payment_record"}, "created": null},
    ], "has_more": null}});
    let read = read(payments, PAID);
    assert_eq!((read.payment_intents, read.charges), (vec!["pi_1".to_owned()], vec!["ch_2".to_owned()]));
}

#[test]
fn the_largest_line_that_is_no_proration_names_the_price() {
    let new = |id: &str, amount: i64, proration: bool| {
        json!({
            "id": id, "amount": amount, "description": format!("of {id}"),
            "pricing": {"price_details": {"price": format!("price_{id}"), "product": format!("prod_{id}")}},
            "parent": {"subscription_item_details": {"proration": proration}},
        })
    };
    let old = |id: &str, amount: i64, proration: bool| {
        json!({
            "id": id, "amount": amount, "description": format!("of {id}"), "proration": proration,
            "price": {"id": format!("price_{id}"), "product": {"id": format!("prod_{id}")}},
        })
    };
    let item = json!({
        "id": "z", "amount": 9999, "pricing": {"price_details": {"price": "price_z"}},
        "parent": {"subscription_item_details": null, "invoice_item_details": {"proration": true}},
    });
    for make in [&new as &dyn Fn(&str, i64, bool) -> Value, &old] {
        let lines = vec![
            make("a", 100, false),
            make("b", 300, false),
            make("c", 900, true),
            make("d", -900, true),
            item.clone(),
        ];
        let read_lines = |data: Vec<Value>| read(json!({"lines": {"data": data}}), PAID);
        let mut reversed = lines.clone();
        reversed.reverse();
        for data in [lines, reversed] {
            let read = read_lines(data);
            assert_eq!((read.price.as_deref(), read.product.as_deref()), (Some("price_b"), Some("prod_b")));
            assert_eq!(read.description, None);
        }
        // Of equal lines, the one with the least id counts; if all are prorations, the largest.
        assert_eq!(read_lines(vec![make("b", 5, false), make("a", 5, false)]).price.as_deref(), Some("price_a"));
        assert_eq!(read_lines(vec![make("d", -900, true), make("c", 3300, true)]).price.as_deref(), Some("price_c"));
    }
    let by_id = json!({"lines": {"data": [{"id": "il_1", "amount": 1, "price": null, "plan": "plan_1"}]}});
    assert_eq!((read(by_id.clone(), PAID).price.as_deref(), read(by_id, PAID).product), (Some("plan_1"), None));
    let expanded = json!({"lines": {"data": [{
        "id": "il_1", "amount": 1, "pricing": {"price_details": {"price": {"id": "price_1"}, "product": {"id": "prod_1"}}},
    }]}});
    assert_eq!(read(expanded, PAID).price.as_deref(), Some("price_1"));
}

#[test]
fn nulls_of_an_invoice() {
    let read = read(
        json!({
            "amount_paid": null, "amount_due": null, "currency": null, "customer": null, "customer_email": null,
            "parent": null, "metadata": null, "status_transitions": null, "created": null, "payments": null,
            "payment_intent": null, "charge": null, "subscription_details": null,
            "lines": {"data": [{"id": null, "amount": null, "description": null, "pricing": null, "parent": null}]},
        }),
        PAID,
    );
    assert_eq!((read.amount_paid, read.currency, read.customer, read.paid_at), (None, None, None, None));
    assert_eq!((read.price, read.product, read.description), (None, None, None));
    let empty =
        json!({"lines": {"data": null}, "parent": {"subscription_details": {"subscription": null, "metadata": null}}});
    assert_eq!(self::read(empty, PAID).subscription, None);
    let described =
        json!({"description": "Consulting", "lines": {"data": [{"id": "il_1", "amount": 1, "description": "line"}]}});
    assert_eq!(self::read(described, PAID).description.as_deref(), Some("Consulting"));
    // The subscription's own metadata is not the invoice's.
    let read = self::read(json!({"metadata": team(), "parent": null}), PAID);
    assert_eq!((read.subscription_subject, read.origin.subject.unwrap().subject_id.as_str()), (None, "team_1"));
}

#[test]
fn an_invoice_payment_bridges() {
    let read = |more: Value| InvoicePayment::read(&invoice_payment(more).to_string()).unwrap();
    let paid = read(json!({}));
    assert_eq!(
        (paid.state, paid.amount_paid, paid.currency.as_deref()),
        (MoneyState::Succeeded, Some(1500), Some("usd"))
    );
    assert_eq!(
        (paid.invoice.as_deref(), paid.payment_intent.as_deref(), paid.charge.as_deref()),
        (Some("in_1"), Some("pi_1"), None)
    );
    assert_eq!((paid.paid_at, paid.created), (Some(202), Some(200)));
    assert_eq!(PaymentObject::InvoicePayment(Box::new(paid)).keys(), ["in_1", "inpay_1", "pi_1"]);
    let charged = read(json!({"invoice": {"id": "in_1"}, "payment": {"type": "charge", "charge": "ch_1"}}));
    assert_eq!((charged.invoice.as_deref(), charged.charge.as_deref()), (Some("in_1"), Some("ch_1")));
    assert_eq!(read(json!({"status": "open", "amount_paid": null})).state, MoneyState::Pending);
    assert_eq!(
        read(json!({"status": "canceled", "payment": null, "status_transitions": null})).state,
        MoneyState::None
    );
}

#[test]
fn a_fact_names_its_object_its_customer_and_its_subscription() {
    let of = |object: Value| make::read(&object, None).unwrap().unwrap();
    let bought = session(json!({"mode": "subscription", "subscription": "sub_2", "invoice": "in_2"}));
    for (object, kind, customer, subscription, keys) in [
        (bought, "checkout.session", Some("cus_1"), Some("sub_2"), &["cs_1", "in_2", "pi_1"][..]),
        (intent(json!({"invoice": "in_1"})), "payment_intent", Some("cus_1"), None, &["ch_1", "in_1", "pi_1"]),
        (
            charge(json!({"customer": "cus_3", "invoice": "in_1"})),
            "charge",
            Some("cus_3"),
            None,
            &["ch_1", "in_1", "pi_1"],
        ),
        (invoice(json!({"customer": "cus_4"})), "invoice", Some("cus_4"), Some("sub_1"), &["in_1"]),
        (invoice_payment(json!({})), "invoice_payment", None, None, &["in_1", "inpay_1", "pi_1"]),
        (refund("re_1", 1, "succeeded"), "refund", None, None, &["ch_1", "pi_1", "re_1"]),
        (dispute("du_1", "lost"), "dispute", None, None, &["ch_1", "du_1", "pi_1"]),
        (credit_note(json!({})), "credit_note", Some("cus_1"), None, &["cn_1", "in_1"]),
        (fraud_warning(), "radar.early_fraud_warning", None, None, &["ch_1", "issfr_1", "pi_1"]),
    ] {
        let fact = of(object);
        assert_eq!((fact.object_type(), fact.customer(), fact.subscription()), (kind, customer, subscription));
        assert_eq!(fact.keys(), keys);
        // It is stored as JSON, and is the same when it is read again.
        let again: PaymentObject = serde_json::from_str(&serde_json::to_string(&fact).unwrap()).unwrap();
        assert_eq!(again, fact);
    }
}
