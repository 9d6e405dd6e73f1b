//! Sessions, intents, charges, refunds, disputes: how each is read, in every shape.

use payments_core::Subject;
use payments_core::stripe::object::Unreadable;
use payments_core::stripe::object::charge::Charge;
use payments_core::stripe::object::dispute::Dispute;
use payments_core::stripe::object::money_state::MoneyState;
use payments_core::stripe::object::payment_intent::Intent;
use payments_core::stripe::object::refund::Refund;
use payments_core::stripe::object::session::Session;
use serde_json::{Value, json};

use crate::make::{PREFIX, charge, dispute, intent, ours, refund, session, with};

const COMPLETED: Option<&str> = Some("checkout.session.completed");

fn read_session(more: Value, event_type: Option<&str>) -> Session {
    Session::read(&session(more).to_string(), event_type, PREFIX).unwrap()
}

fn read_intent(more: Value, event_type: Option<&str>) -> Intent {
    Intent::read(&intent(more).to_string(), event_type, PREFIX).unwrap()
}

fn read_charge(more: Value) -> Charge {
    Charge::read(&charge(more).to_string(), PREFIX).unwrap()
}

#[test]
fn a_session_of_any_version() {
    let read = read_session(json!({"metadata": ours(), "client_reference_id": "local-1"}), COMPLETED);
    assert_eq!((read.id.as_str(), read.mode.as_str(), read.state), ("cs_1", "payment", MoneyState::Succeeded));
    assert_eq!(
        (read.amount_total, read.amount_subtotal, read.currency.as_deref()),
        (Some(2000), Some(2000), Some("usd"))
    );
    assert_eq!((read.customer.as_deref(), read.payment_intent.as_deref()), (Some("cus_1"), Some("pi_1")));
    assert_eq!((read.invoice, read.subscription), (None, None));
    assert_eq!(read.email.as_deref(), Some("session@example.com"));
    assert_eq!(read.origin.checkout_mode.as_deref(), Some("payment"));
    let subject = Subject { subject_type: "user".to_owned(), subject_id: "u_1".to_owned() };
    assert_eq!((read.origin.subject, read.client_reference_id.as_deref()), (Some(subject), Some("local-1")));
    assert_eq!(read.created, Some(100));
}

#[test]
fn a_sessions_state_follows_from_its_status_and_the_event() {
    use MoneyState::{Failed, Pending, Succeeded};
    for (status, payment_status, event, state) in [
        ("complete", "paid", "completed", Succeeded),
        ("complete", "no_payment_required", "completed", Succeeded),
        ("complete", "unpaid", "completed", Pending),
        ("complete", "paid", "async_payment_succeeded", Succeeded),
        ("complete", "unpaid", "async_payment_failed", Failed),
        ("expired", "unpaid", "expired", MoneyState::None),
        ("expired", "no_payment_required", "expired", MoneyState::None),
        ("open", "unpaid", "", MoneyState::None),
    ] {
        let event = Some(format!("checkout.session.{event}")).filter(|event| !event.ends_with('.'));
        let read = read_session(json!({"status": status, "payment_status": payment_status}), event.as_deref());
        assert_eq!(read.state, state, "{status} {payment_status} {event:?}");
        assert_eq!(read.is_complete(), status == "complete");
    }
}

#[test]
fn adaptive_pricing_reads_the_apps_own_currency_both_ways() {
    let old = json!({
        "currency": "jpy", "amount_total": 3141, "amount_subtotal": 3000,
        "currency_conversion": {"amount_total": 2000, "amount_subtotal": 1910, "source_currency": "usd", "fx_rate": "1.5"},
    });
    let read = read_session(old, COMPLETED);
    assert_eq!(
        (read.amount_total, read.amount_subtotal, read.currency.as_deref()),
        (Some(2000), Some(1910), Some("usd"))
    );
    let new = json!({
        "presentment_details": {"presentment_amount": 3141, "presentment_currency": "jpy"}, "currency_conversion": null,
    });
    let read = read_session(new, COMPLETED);
    assert_eq!((read.amount_total, read.currency.as_deref()), (Some(2000), Some("usd")));
}

#[test]
fn what_is_expanded_reads_as_its_id() {
    let expanded = json!({
        "customer": {"id": "cus_1", "object": "customer", "email": "x@example.com", "metadata": {"id": "no"}},
        "payment_intent": {"object": "payment_intent", "charges": {"data": [{"id": "ch_9"}]}, "id": "pi_1"},
        "invoice": {"id": "in_1", "object": "invoice", "lines": {"data": []}},
        "subscription": {"id": "sub_1", "object": "subscription", "items": {"data": [{"id": "si_9"}]}},
    });
    let read = read_session(expanded, COMPLETED);
    let ids =
        [&read.customer, &read.payment_intent, &read.invoice, &read.subscription].map(|id| id.as_deref().unwrap());
    assert_eq!(ids, ["cus_1", "pi_1", "in_1", "sub_1"]);
    let read = read_intent(
        json!({
            "customer": {"id": "cus_1", "deleted": true}, "latest_charge": {"id": "ch_1", "amount": 1},
            "invoice": {"id": "in_1"},
        }),
        None,
    );
    let ids = [&read.customer, &read.latest_charge, &read.invoice].map(|id| id.as_deref().unwrap());
    assert_eq!(ids, ["cus_1", "ch_1", "in_1"]);
    let read =
        read_charge(json!({"customer": {"id": "cus_1"}, "payment_intent": {"id": "pi_1"}, "invoice": {"id": "in_1"}}));
    let ids = [&read.customer, &read.payment_intent, &read.invoice].map(|id| id.as_deref().unwrap());
    assert_eq!(ids, ["cus_1", "pi_1", "in_1"]);
    let links = json!({"charge": {"id": "ch_1"}, "payment_intent": {"id": "pi_1"}});
    let read = Refund::read(&with(refund("re_1", 1, "succeeded"), links.clone()).to_string()).unwrap();
    assert_eq!((read.charge.as_deref(), read.payment_intent.as_deref()), (Some("ch_1"), Some("pi_1")));
    let read = Dispute::read(&with(dispute("du_1", "lost"), links).to_string()).unwrap();
    assert_eq!((read.charge.as_deref(), read.payment_intent.as_deref()), (Some("ch_1"), Some("pi_1")));
}

#[test]
fn what_is_null_or_missing_is_none() {
    let nulls = json!({
        "mode": "payment", "amount_total": null, "amount_subtotal": null, "currency": null, "customer": null,
        "customer_details": null, "customer_email": null, "payment_intent": null, "metadata": null, "created": null,
        "currency_conversion": null, "client_reference_id": null, "payment_link": null,
    });
    let read = read_session(nulls, COMPLETED);
    assert_eq!((read.amount_total, read.currency, read.customer, read.email), (None, None, None, None));
    let bare = json!({"id": "cs_1", "object": "checkout.session"});
    let told = |event_type| Session::read(&bare.to_string(), event_type, PREFIX).unwrap();
    assert_eq!((told(None).state, told(None).status), (MoneyState::None, None));
    // If an old shape has no status, the event type gives it.
    assert_eq!((told(COMPLETED).state, told(COMPLETED).is_complete()), (MoneyState::Pending, true));
    assert_eq!(told(Some("checkout.session.expired")).status.as_deref(), Some("expired"));
    let free = json!({"id": "cs_1", "payment_status": "no_payment_required", "created": null});
    let free = Session::read(&free.to_string(), COMPLETED, PREFIX).unwrap();
    assert_eq!((free.state, free.created), (MoneyState::Succeeded, None));
    let read = read_intent(
        json!({
            "amount_received": null, "customer": null, "receipt_email": null, "latest_charge": null, "metadata": null,
            "status": null, "created": null, "description": null,
        }),
        None,
    );
    assert_eq!((read.amount_received, read.customer, read.email, read.state), (0, None, None, MoneyState::Pending));
    let read = read_charge(json!({
        "billing_details": null, "amount_refunded": null, "refunded": null, "amount_captured": null, "captured": null,
        "payment_intent": null, "created": null, "metadata": null,
    }));
    assert_eq!((read.state, read.charged()), (MoneyState::Succeeded, Some(2000)));
    assert_eq!((read.email, read.amount_refunded, read.refunded, read.payment_intent), (None, 0, false, None));
    let nothing = json!({"charge": null, "payment_intent": null, "reason": null, "status": null, "created": null});
    let read = Refund::read(&with(refund("re_1", 1, "x"), nothing).to_string()).unwrap();
    assert_eq!((read.charge, read.payment_intent, read.reason, read.state), (None, None, None, MoneyState::Succeeded));
}

#[test]
fn an_e_mail_is_what_the_payer_gave_else_what_was_asked_with() {
    let given = json!({"customer_details": {"email": "gave@example.com"}, "customer_email": "asked@example.com"});
    assert_eq!(read_session(given, COMPLETED).email.as_deref(), Some("gave@example.com"));
    let asked = json!({"customer_details": {"email": null}, "customer_email": "asked@example.com"});
    assert_eq!(read_session(asked, COMPLETED).email.as_deref(), Some("asked@example.com"));
    let receipt = json!({"billing_details": {"email": null}, "receipt_email": "receipt@example.com"});
    assert_eq!(read_charge(receipt).email.as_deref(), Some("receipt@example.com"));
}

#[test]
fn a_payer_cannot_choose_the_local_row() {
    for more in [json!({"payment_link": "plink_1"}), json!({"payment_link": null}), json!({})] {
        let read = read_session(with(more, json!({"client_reference_id": "stolen"})), COMPLETED);
        assert_eq!((read.local_id(), read.client_reference_id.as_deref()), (None, Some("stolen")));
    }
    let both = json!({"client_reference_id": "b", "metadata": {"insforge_checkout_session_id": "a"}});
    assert_eq!(read_session(both, COMPLETED).local_id(), Some("a"));
}

#[test]
fn a_session_tells_what_it_was_recovered_from() {
    assert_eq!(read_session(json!({"recovered_from": "cs_0"}), COMPLETED).recovered_from.as_deref(), Some("cs_0"));
    let expanded = json!({"recovered_from": {"id": "cs_0"}});
    assert_eq!(read_session(expanded, COMPLETED).recovered_from.as_deref(), Some("cs_0"));
    assert_eq!(read_session(json!({"recovered_from": null}), COMPLETED).recovered_from, None);
}

#[test]
fn what_was_asked_for_is_known_in_each_currency_that_a_session_names() {
    let old = json!({"currency": "eur", "amount_total": 1850,
        "currency_conversion": {"amount_total": 2000, "amount_subtotal": 2000, "source_currency": "usd"}});
    let new = json!({"currency": "usd", "amount_total": 2000,
        "presentment_details": {"presentment_amount": 1850, "presentment_currency": "eur"}});
    for shape in [old, new] {
        let read = read_session(shape, COMPLETED);
        let totals = ["usd", "eur", "jpy"].map(|currency| read.total_in(currency));
        assert_eq!(totals, [Some(2000), Some(1850), None]);
    }
}

#[test]
fn an_intents_state() {
    use MoneyState::{Failed, Pending, Succeeded};
    for (status, error, event, state) in [
        ("succeeded", json!(null), Some("payment_intent.succeeded"), Succeeded),
        ("processing", json!(null), Some("payment_intent.processing"), Pending),
        ("requires_payment_method", json!({"code": "x"}), Some("payment_intent.payment_failed"), Failed),
        ("requires_payment_method", json!(null), Some("payment_intent.payment_failed"), Failed),
        ("requires_payment_method", json!({"code": "x"}), None, Failed),
        ("requires_payment_method", json!(null), None, Pending),
        ("requires_action", json!(null), Some("payment_intent.payment_failed"), Failed),
        ("requires_capture", json!(null), None, Pending),
        ("requires_action", json!(null), None, Pending),
        ("canceled", json!(null), Some("payment_intent.canceled"), Failed),
    ] {
        let read = read_intent(json!({"status": status, "last_payment_error": error}), event);
        assert_eq!(read.state, state, "{status} {event:?}");
    }
}

#[test]
fn a_charges_state_and_what_it_took() {
    use MoneyState::{Failed, Pending, Succeeded};
    for (more, state, charged, released) in [
        (json!({}), Succeeded, 2000, 0),
        (json!({"amount_refunded": 700}), Succeeded, 2000, 0),
        (json!({"status": "pending", "captured": true}), Pending, 2000, 0),
        (json!({"status": "failed", "amount_captured": 0}), Failed, 2000, 0),
        (json!({"captured": false, "amount_captured": 0}), Pending, 2000, 0),
        (json!({"captured": false, "amount_captured": 0, "amount_refunded": 2000}), Pending, 2000, 2000),
        (json!({"amount_captured": 1500, "amount_refunded": 500}), Succeeded, 1500, 500),
        (json!({"amount_captured": 1500, "amount_refunded": 900}), Succeeded, 1500, 500),
        (json!({"amount_captured": 1500, "amount_refunded": 499}), Succeeded, 1500, 0),
        (json!({"amount_captured": 1500, "amount_refunded": 0}), Succeeded, 1500, 0),
        (json!({"amount_captured": 0, "amount_refunded": 2000}), Succeeded, 2000, 0),
        (json!({"amount_captured": 2500, "amount_refunded": 2500}), Succeeded, 2500, 0),
    ] {
        let read = read_charge(more.clone());
        assert_eq!((read.state, read.charged(), read.released()), (state, Some(charged), released), "{more}");
    }
    // Up to acacia a charge and an intent name their invoice.
    assert_eq!(read_charge(json!({"invoice": "in_1"})).invoice.as_deref(), Some("in_1"));
    assert_eq!(read_intent(json!({"invoice": "in_1"}), None).invoice.as_deref(), Some("in_1"));
    assert_eq!((read_charge(json!({})).invoice, read_intent(json!({}), None).invoice), (None, None));
}

#[test]
fn a_refund_of_either_family() {
    use MoneyState::{Failed, Pending, Succeeded};
    for (status, state) in [
        ("succeeded", Succeeded),
        ("pending", Pending),
        ("requires_action", Pending),
        ("failed", Failed),
        ("canceled", Failed),
    ] {
        let read = Refund::read(&refund("re_1", 700, status).to_string()).unwrap();
        assert_eq!(
            (read.state, read.status.as_str(), read.amount, read.currency.as_deref()),
            (state, status, Some(700), Some("usd"))
        );
    }
    // A refund without a charge. Before 2024-10-28, `refund.*` was sent only for these.
    let without = with(refund("pyr_1", 5, "succeeded"), json!({"charge": null}));
    assert_eq!(Refund::read(&without.to_string()).unwrap().payment_intent.as_deref(), Some("pi_1"));
}

#[test]
fn amounts_of_every_size_and_currency() {
    for (amount, currency) in [(0, "usd"), (50, "jpy"), (1_234_567, "kwd"), (999_999_999_999, "idr"), (1, "isk")] {
        let read = read_session(json!({"amount_total": amount, "currency": currency}), COMPLETED);
        assert_eq!((read.amount_total, read.currency.as_deref()), (Some(amount), Some(currency)));
        let read = read_intent(json!({"amount": amount, "amount_received": amount, "currency": currency}), None);
        assert_eq!(
            (read.amount, read.amount_received, read.currency.as_deref()),
            (Some(amount), amount, Some(currency))
        );
        let read = read_charge(json!({"amount": amount, "amount_captured": amount, "currency": currency}));
        assert_eq!((read.charged(), read.currency.as_deref()), (Some(amount), Some(currency)));
        let read = Refund::read(&with(refund("re_1", amount, "succeeded"), json!({"currency": currency})).to_string());
        assert_eq!(read.unwrap().amount, Some(amount));
        let read = Dispute::read(&with(dispute("du_1", "lost"), json!({"amount": amount})).to_string());
        assert_eq!(read.unwrap().amount, Some(amount));
    }
}

#[test]
fn any_unicode_is_kept() {
    let text = "Zoë 💳 \u{202e}\u{0}\u{fffd} \"quoted\"\nإختبار";
    let more = json!({"customer_details": {"email": text}, "metadata": {"insforge_subject_type": text, "insforge_subject_id": text}});
    let read = read_session(more, COMPLETED);
    assert_eq!(read.email.as_deref(), Some(text));
    assert_eq!(read.origin.subject.unwrap().subject_id, text);
    assert_eq!(read_intent(json!({"description": text}), None).description.as_deref(), Some(text));
}

#[test]
fn what_is_not_of_the_type_is_refused_without_saying_what_it_is() {
    let secret = "4242";
    for more in [
        json!({"amount_total": "4242"}),
        json!({"amount_total": 42.42}),
        json!({"customer": 4242}),
        json!({"metadata": {"key": {"nested": "4242"}}}),
        json!({"payment_intent": {"id": 4242}}),
    ] {
        let error: Unreadable = Session::read(&session(more).to_string(), COMPLETED, PREFIX).unwrap_err();
        assert_eq!(error.object, "checkout session");
        assert!(!error.to_string().contains(secret), "{error}");
    }
    for twice in [
        r#"{"id": "cs_1", "amount_total": 1, "amount_total": 2}"#,
        r#"{"id": "cs_1", "metadata": {"insforge_subject_id": "a", "insforge_subject_id": "b"}}"#,
        r#"{"id": "cs_1", "customer": {"id": "cus_1", "id": "cus_2"}}"#,
        r#"{"id": "cs_1""#,
    ] {
        assert!(Session::read(twice, COMPLETED, PREFIX).is_err(), "{twice}");
    }
    let whole = |amount: &str| format!(r#"{{"id": "pi_1", "amount": {amount}, "currency": "usd"}}"#);
    for amount in ["1.5", "1e3", "9223372036854775808", "\"1\""] {
        assert!(Intent::read(&whole(amount), None, PREFIX).is_err(), "{amount}");
    }
    assert!(Intent::read(&whole("9223372036854775807"), None, PREFIX).is_ok());
}
