//! Facts: what is read from each object, and what is kept of an event's `previous_attributes`.

use payments_core::payment::fact::{Fact, PaymentObject};
use payments_core::payment::object_history::{ObjectHistory, by_object};
use payments_core::snapshot::Snapshot;
use payments_core::stripe::event_type::ObjectKind;
use payments_core::stripe::object::money_state::MoneyState;
use serde_json::{Value, json};

use crate::make::{
    PREFIX, charge, credit_note, dispute, intent, invoice, invoice_payment, refund, say, say_after, session, sync,
};

fn one_of_each() -> Vec<Value> {
    vec![
        session(json!({"created": 1})),
        intent(json!({"created": 2})),
        charge(json!({"created": 3})),
        invoice(json!({"created": 4})),
        invoice_payment(json!({"created": 5})),
        refund("re_1", 1, "succeeded"),
        dispute("du_1", "lost"),
    ]
}

#[test]
fn an_object_is_read_by_its_kind() {
    for object in one_of_each() {
        let kind = ObjectKind::named(object["object"].as_str().unwrap()).unwrap();
        let read = PaymentObject::read(kind, &object.to_string(), None, PREFIX).unwrap().unwrap();
        assert_eq!((read.kind(), read.object_type()), (Some(kind), kind.name()));
        assert_eq!(read.object_id(), object["id"].as_str().unwrap());
        assert_eq!(read.created(), object["created"].as_i64());
    }
    for kind in ["customer", "subscription", "product", "price", "entitlements.active_entitlement_summary"] {
        let kind = ObjectKind::named(kind).unwrap();
        assert_eq!(PaymentObject::read(kind, "not even read", None, PREFIX), Ok(None));
    }
}

#[test]
fn lines_join_what_they_are_of_and_have_no_key_of_their_own() {
    let page =
        |url: &str, object: &str| sync(20, &json!({"object": object, "url": url, "has_more": false, "data": []}));
    let items = page("/v1/checkout/sessions/cs_1/line_items", "checkout.session.line_items");
    assert_eq!(items.object.keys(), ["cs_1"]);
    let lines = r#"{"object": "list", "url": "/v1/invoices/in_1/lines", "has_more": false, "data": []}"#;
    let lines = payments_core::stripe::object::invoice_line::FetchedLines::of_page(lines).unwrap();
    assert_eq!(PaymentObject::InvoiceLines(Box::new(lines)).keys(), ["in_1"]);
}

#[test]
fn line_items_of_a_session_that_was_completed_are_the_last_ones() {
    let seen = |status: &str| {
        let list = json!({"object": "list", "has_more": false, "data": []});
        let text = session(json!({"status": status, "line_items": list})).to_string();
        let items = payments_core::stripe::object::line_items::LineItems::of_session(&text).unwrap().unwrap();
        let object = PaymentObject::LineItems(Box::new(items));
        Fact { object, ..sync(5, &session(json!({}))) }.is_final()
    };
    assert!(seen("complete") && !seen("open"));
}

#[test]
fn a_credit_note_that_is_void_stays_void() {
    let note = |status: &str| say("credit_note.updated", 1, &credit_note(json!({"status": status})));
    assert!(note("void").is_final() && !note("issued").is_final());
}

#[test]
fn an_objects_state_is_what_its_snapshot_means_for_the_money() {
    let states: Vec<MoneyState> = one_of_each().iter().map(|object| sync(9, object).object.state()).collect();
    assert_eq!(states[..6], [MoneyState::Succeeded; 6]);
    assert_eq!(states[6], MoneyState::None);
}

#[test]
fn of_previous_attributes_those_are_kept_that_the_object_has() {
    let of = |previous: Value| say_after("payment_intent.succeeded", 1, &intent(json!({})), &previous).previous;
    assert_eq!(
        Value::Object(of(json!({"status": "processing", "next_action": {"x": 1}}))),
        json!({"status": "processing"})
    );
    assert!(of(json!({"next_action": null})).is_empty());
    assert!(of(json!({})).is_empty());
    assert!(of(json!(null)).is_empty());
    let plain = say("payment_intent.succeeded", 1, &intent(json!({})));
    assert!(plain.clone().with_previous(None).previous.is_empty());
    assert!(plain.with_previous(Some("not json")).previous.is_empty());
}

#[test]
fn a_fact_is_stored_and_read_again() {
    for object in one_of_each() {
        let fact = sync(7, &object);
        let text = serde_json::to_string(&fact).unwrap();
        // SQL reads the object under this name.
        assert!(text.contains(r#""fact":{"object":""#), "{text}");
        assert_eq!(serde_json::from_str::<Fact>(&text).unwrap(), fact);
    }
}

#[test]
fn as_a_snapshot_a_fact_is_its_object() {
    let fact = say_after("payment_intent.succeeded", 7, &intent(json!({})), &json!({"status": "processing"}));
    assert_eq!((fact.created(), fact.rank(), fact.event_id()), (7, 20, "evt_payment_intent.succeeded_7_pi_1"));
    assert_eq!((fact.value()["id"].as_str(), fact.previous()["status"].as_str()), (Some("pi_1"), Some("processing")));
    assert!(!fact.is_final() && !fact.is_sync());
    assert!(sync(7, &intent(json!({}))).is_sync());
    let over = |status: &str| sync(7, &session(json!({"status": status}))).is_final();
    assert_eq!(["open", "complete", "expired"].map(over), [false, true, true]);
}

fn intent_in(event_type: &str, at: i64, status: &str) -> Fact {
    say(event_type, at, &intent(json!({"status": status, "created": 3})))
}

#[test]
fn a_history_tells_when_a_state_was_first_reported() {
    let facts = [
        sync(50, &intent(json!({"created": 3}))),
        intent_in("payment_intent.succeeded", 20, "succeeded"),
        intent_in("payment_intent.succeeded", 10, "succeeded"),
        intent_in("payment_intent.processing", 5, "processing"),
    ];
    let history = |facts: &[Fact]| {
        let [history] = by_object(facts).try_into().unwrap_or_else(|_| panic!("one object"));
        (history.first_time_in(MoneyState::Succeeded), history.first_time_in(MoneyState::Pending))
    };
    assert_eq!(history(&facts), (Some(10), Some(5)));
    // If only a backfill reported the state, its time is the object's own.
    assert_eq!(history(&facts[..1]), (Some(3), None));
    assert!(ObjectHistory::of(Vec::new()).is_none());
}

#[test]
fn facts_are_put_together_by_object_oldest_first() {
    let facts = [
        intent_in("payment_intent.succeeded", 20, "succeeded"),
        say("charge.succeeded", 9, &charge(json!({}))),
        intent_in("payment_intent.payment_failed", 10, "requires_payment_method"),
        intent_in("payment_intent.processing", 10, "processing"),
    ];
    let histories = by_object(&facts);
    let ids: Vec<&str> = histories.iter().map(|history| history.newest.object.object_id()).collect();
    assert_eq!(ids, ["ch_1", "pi_1"]);
    let events: Vec<&Fact> = histories[1].facts.clone();
    assert_eq!(events, [&facts[3], &facts[2], &facts[0]]);
    assert_eq!(histories[1].newest, &facts[0]);
}

#[test]
fn success_stays_and_so_does_the_failure_of_a_session_or_an_open_invoice() {
    use MoneyState::{Failed, Pending, Succeeded};
    let state = |facts: &[Fact]| by_object(facts)[0].state();
    let canceled = intent_in("payment_intent.canceled", 30, "canceled");
    assert_eq!(state(&[intent_in("payment_intent.succeeded", 20, "succeeded"), canceled.clone()]), Succeeded);
    // An intent that failed can be tried again.
    let declined = intent_in("payment_intent.payment_failed", 10, "requires_payment_method");
    assert_eq!(state(&[declined.clone()]), Failed);
    assert_eq!(state(&[declined, intent_in("payment_intent.processing", 20, "processing")]), Pending);
    let unpaid = session(json!({"payment_status": "unpaid"}));
    let failed = say("checkout.session.async_payment_failed", 10, &unpaid);
    assert_eq!(state(&[failed, sync(20, &unpaid)]), Failed);
    assert_eq!(state(&[sync(20, &unpaid)]), Pending);
    let open = invoice(json!({"status": "open"}));
    let failed = say("invoice.payment_failed", 10, &open);
    assert_eq!(state(&[failed.clone(), sync(20, &open)]), Failed);
    assert_eq!(state(&[sync(20, &open)]), Pending);
    // A draft says nothing about money, whatever came before.
    assert_eq!(state(&[failed, sync(20, &invoice(json!({"status": "draft"})))]), MoneyState::None);
}
