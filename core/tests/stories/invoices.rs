//! The rows of invoices: the newest snapshot of each, with the subject of its payment and the time until which its page
//! is shown; and the payment method that an object names as its default.

use payments_core::mirror::default_method;
use payments_core::payment::fact::Fact;
use payments_core::payment::fold::invoice::InvoiceRow;
use serde_json::{Value, json};

use crate::make::{folded, invoice, permutations, say, session, sync, with};
use crate::snapshot::snapshot;

const DAY: i64 = 86_400;

fn told(status: &str, more: Value) -> Value {
    let page = json!({
        "status": status, "number": "A-1", "amount_remaining": 0, "period_start": 1, "period_end": 2,
        "hosted_invoice_url": "https://invoice.stripe.com/i/x", "invoice_pdf": "https://pay.stripe.com/x/pdf",
    });
    invoice(with(page, more))
}

/// The one row of an invoice, the same in every order.
fn row(facts: &[Fact]) -> InvoiceRow {
    let first = folded(facts).invoices;
    permutations(facts, &mut |order| assert_eq!(folded(order).invoices, first));
    assert_eq!(first.len(), 1);
    first.into_iter().next().unwrap()
}

fn draft() -> Value {
    invoice(json!({"status": "draft", "status_transitions": {"finalized_at": null, "paid_at": null}}))
}

#[test]
fn a_row_is_the_newest_snapshot_and_a_draft_is_no_payment() {
    let created = say("invoice.created", 200, &draft());
    let only = row(&[created.clone()]);
    assert_eq!((only.status.as_deref(), only.number.as_deref(), only.deleted), (Some("draft"), None, false));
    assert_eq!((only.hosted_invoice_url, only.hosted_invoice_url_expires_at), (None, None));
    assert!(folded(&[created.clone()]).payment.is_none());
    let open = say("invoice.finalized", 200, &told("open", json!({"amount_remaining": 1500})));
    let paid = say("invoice.paid", 201, &told("paid", json!({})));
    let last = row(&[created, open, paid]);
    assert_eq!((last.status.as_deref(), last.number.as_deref()), (Some("paid"), Some("A-1")));
    assert_eq!((last.amount_due, last.amount_paid, last.amount_remaining), (Some(1500), Some(1500), Some(0)));
    assert_eq!((last.period_start, last.period_end, last.due_date), (Some(1), Some(2), None));
    assert_eq!(
        (last.stripe_customer_id.as_deref(), last.stripe_subscription_id.as_deref()),
        (Some("cus_1"), Some("sub_1"))
    );
    assert_eq!(
        (last.currency.as_deref(), last.invoice_pdf.as_deref()),
        (Some("usd"), Some("https://pay.stripe.com/x/pdf"))
    );
}

#[test]
fn a_payment_knows_the_lines_of_its_invoice() {
    let line = json!({"id": "il_1", "type": "subscription", "subscription": "sub_1", "period": {"start": 1, "end": 2}, "price": "price_1"});
    let lines = json!({"lines": {"object": "list", "has_more": false, "data": [line]}});
    let known = folded(&[say("invoice.paid", 201, &told("paid", lines))]).payment.unwrap().invoice_lines.unwrap();
    assert_eq!(known.lines.iter().map(|line| line.price.as_str()).collect::<Vec<_>>(), ["price_1"]);
}

#[test]
fn lines_that_were_fetched_complete_those_of_a_paid_invoice() {
    let line = |id: &str| json!({"id": id, "type": "subscription", "subscription": "sub_1", "period": {"start": 1, "end": 2}, "price": "price_1"});
    let list = |ids: &[&str], has_more: bool| {
        let data: Vec<Value> = ids.iter().map(|id| line(id)).collect();
        json!({"lines": {"object": "list", "has_more": has_more, "data": data}})
    };
    let fetched = |invoice: &str, ids: &[&str]| {
        let data: Vec<Value> = ids.iter().map(|id| line(id)).collect();
        sync(
            300,
            &json!({"object": "invoice.lines", "url": format!("/v1/invoices/{invoice}/lines"), "has_more": false, "data": data}),
        )
    };
    let known = |facts: &[Fact]| {
        let lines = folded(facts).payment.unwrap().invoice_lines?;
        Some((lines.lines.into_iter().map(|line| line.id).collect::<Vec<_>>().join(" "), lines.has_more))
    };
    let are = |ids: &str, has_more: bool| Some((ids.to_owned(), has_more));
    let part = say("invoice.paid", 201, &told("paid", list(&["il_1"], true)));
    assert_eq!(known(&[part.clone()]), are("il_1", true));
    assert_eq!(known(&[part.clone(), fetched("in_1", &["il_1", "il_2"])]), are("il_1 il_2", false));
    // Fetched lines do not count if they are of another invoice, or lack a line of this one.
    assert_eq!(known(&[part.clone(), fetched("in_2", &["il_1", "il_2"])]), are("il_1", true));
    assert_eq!(known(&[part.clone(), fetched("in_1", &["il_2"])]), are("il_1", true));
    // A complete list in the invoice itself takes precedence, even if a later snapshot has no lines.
    let whole = say("invoice.updated", 202, &told("paid", list(&["il_1", "il_3"], false)));
    let silent = say("invoice.updated", 400, &told("paid", list(&[], false)));
    assert_eq!(known(&[part, whole.clone(), fetched("in_1", &["il_1", "il_2"])]), are("il_1 il_3", false));
    assert_eq!(known(&[whole, silent]), are("il_1 il_3", false));
    let open = say("invoice.finalized", 200, &told("open", list(&["il_1"], false)));
    assert_eq!(known(std::slice::from_ref(&open)), are("il_1", false));
    let is_unpaid = |facts: &[Fact]| folded(facts).payment.unwrap().invoice_lines.unwrap().unpaid;
    assert!(
        is_unpaid(std::slice::from_ref(&open))
            && !is_unpaid(&[open, say("invoice.paid", 201, &told("paid", list(&["il_1"], false)))])
    );
}

#[test]
fn a_deleted_draft_stays_deleted() {
    let deleted = say("invoice.deleted", 210, &draft());
    let facts =
        [say("invoice.created", 200, &draft()), deleted, say("invoice.updated", 220, &draft()), sync(300, &draft())];
    assert!(row(&facts).deleted);
    assert!(row(&[sync(300, &with(draft(), json!({"deleted": true})))]).deleted);
}

#[test]
fn whose_it_is_the_payment_says() {
    let subject = json!({"insforge_subject_type": "team", "insforge_subject_id": "t_1"});
    let facts = [
        say("invoice.paid", 201, &told("paid", json!({}))),
        say("checkout.session.completed", 202, &session(json!({"invoice": "in_1", "metadata": subject}))),
    ];
    assert_eq!(row(&facts).subject_id.as_deref(), Some("t_1"));
    assert!(!folded(&facts).lacks_subject());
    assert!(folded(&[say("checkout.session.completed", 202, &session(json!({})))]).lacks_subject());
    // A draft has no payment, so the draft itself lacks the subject.
    assert!(folded(&[say("invoice.created", 200, &draft())]).lacks_subject());
}

#[test]
fn its_page_lasts_as_long_as_stripe_says() {
    let expires = |fact: Fact| row(&[fact]).hosted_invoice_url_expires_at;
    let at = |more: Value| expires(say("invoice.paid", 201, &told("paid", more)));
    // Finalized at 200, created at 100.
    let times =
        |finalized: Value| json!({"created": 100, "status_transitions": {"finalized_at": finalized, "paid_at": null}});
    assert_eq!(at(times(json!(200))), Some(200 + 30 * DAY));
    assert_eq!(at(times(json!(null))), Some(100 + 30 * DAY));
    assert_eq!(at(with(times(json!(200)), json!({"due_date": 5 * DAY}))), Some(35 * DAY));
    assert_eq!(at(with(times(json!(200)), json!({"due_date": 500 * DAY}))), Some(200 + 120 * DAY));
    assert_eq!(at(json!({"created": null, "status_transitions": null})), None);
    assert_eq!(at(json!({"created": null, "status_transitions": null, "due_date": 7})), Some(7 + 30 * DAY));
    // A URL that the API returned is good for at least ten days.
    assert_eq!(expires(sync(40 * DAY, &told("paid", times(json!(200))))), Some(50 * DAY));
    assert_eq!(expires(sync(201, &told("paid", times(json!(200))))), Some(200 + 30 * DAY));
    assert_eq!(expires(sync(201, &draft())), None);
}

#[test]
fn a_default_is_what_a_living_object_names() {
    let named = |event_type: &str, object: Value| {
        default_method(&snapshot("evt_1", 1, event_type, object, Value::Null)).map(ToOwned::to_owned)
    };
    let of = |object: Value| named("customer.updated", object);
    let some = |id: &str| Some(id.to_owned());
    assert_eq!(
        of(json!({"invoice_settings": {"default_payment_method": "pm_1"}, "default_source": "card_1"})),
        some("pm_1")
    );
    assert_eq!(of(json!({"invoice_settings": {"default_payment_method": {"id": "pm_1"}}})), some("pm_1"));
    assert_eq!(
        of(json!({"invoice_settings": {"default_payment_method": null}, "default_source": "card_1"})),
        some("card_1")
    );
    assert_eq!(of(json!({"default_source": null})), None);
    assert_eq!(named("customer.deleted", json!({"default_source": "card_1"})), None);
    for (status, method) in
        [("active", some("pm_1")), ("past_due", some("pm_1")), ("canceled", None), ("incomplete_expired", None)]
    {
        assert_eq!(of(json!({"status": status, "default_payment_method": "pm_1"})), method, "{status}");
    }
}
