//! What a payment's row says about Stripe's line items, in any order of arrival.

use serde_json::{Value, json};

use crate::make::{folded, row, say, session, sync, with};

fn items(quantity: i64, amount: i64) -> Value {
    json!([{"price": {"id": "price_a", "product": "prod_a", "type": "one_time"}, "quantity": quantity,
            "amount_subtotal": amount, "currency": "usd"}])
}

fn page(quantity: i64, amount: i64, has_more: bool) -> Value {
    json!({"object": "checkout.session.line_items", "url": "/v1/checkout/sessions/cs_1/line_items", "has_more": has_more,
           "data": items(quantity, amount)})
}

fn known(quantity: i64) -> Option<Value> {
    Some(json!([{"price": "price_a", "quantity": quantity, "product": "prod_a", "recurring": false}]))
}

fn part() -> Option<Value> {
    Some(json!({"has_more": true}))
}

#[test]
fn they_are_known_once_a_page_says_them() {
    let completed = say("checkout.session.completed", 10, &session(json!({"amount_subtotal": 1000})));
    assert_eq!(row(std::slice::from_ref(&completed)).line_items, None);
    let whole = sync(20, &page(2, 1000, false));
    for facts in [[completed.clone(), whole.clone()], [whole.clone(), completed.clone()]] {
        assert_eq!(row(&facts).line_items, known(2));
    }
    assert!(folded(&[whole.clone()]).payment.is_none());
    // A part never replaces the whole list, whenever it was fetched.
    let first = sync(30, &page(1, 500, true));
    assert_eq!(row(&[completed.clone(), first.clone()]).line_items, part());
    assert_eq!(row(&[completed.clone(), first, whole]).line_items, known(2));
    // The last page alone: the sum shows that it is a part.
    assert_eq!(row(&[completed, sync(20, &page(1, 500, false))]).line_items, part());
}

#[test]
fn what_was_seen_of_an_open_session_must_come_to_its_end() {
    let completed = say("checkout.session.completed", 10, &session(json!({"amount_subtotal": 1000})));
    let of = |status: &str, quantity, amount| {
        let list = json!({"object": "list", "has_more": false, "data": items(quantity, amount)});
        let text = with(session(json!({"status": status})), json!({"line_items": list})).to_string();
        let items = payments_core::stripe::object::line_items::LineItems::of_session(&text).unwrap().unwrap();
        let object = payments_core::payment::fact::PaymentObject::LineItems(Box::new(items));
        payments_core::payment::fact::Fact { object, ..sync(5, &page(1, 1, false)) }
    };
    assert_eq!(row(&[completed.clone(), of("open", 2, 1000)]).line_items, known(2));
    assert_eq!(row(&[completed.clone(), of("open", 3, 1500)]).line_items, None);
    assert_eq!(row(&[completed.clone(), of("complete", 3, 1500)]).line_items, known(3));
    // A session without a currency is taken to be in that of the line items.
    let anywhere = say("checkout.session.completed", 10, &session(json!({"amount_subtotal": 1000, "currency": null})));
    assert_eq!(row(&[anywhere, of("open", 2, 1000)]).line_items, known(2));
    // A session in another currency can't be compared.
    let in_eur = say("checkout.session.completed", 10, &session(json!({"amount_subtotal": 900, "currency": "eur"})));
    assert_eq!(row(&[in_eur.clone(), of("open", 2, 1000)]).line_items, None);
    assert_eq!(row(&[in_eur, sync(20, &page(2, 1000, false))]).line_items, known(2));
}
