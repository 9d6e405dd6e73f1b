//! How much was charged, and how much of the requested amount is missing.

use payments_core::payment::fact::Fact;
use serde_json::{Value, json};

use crate::make::{charge, intent, invoice, invoice_payment, refund, row, say, session, sync, with};

fn bought(more: Value) -> Fact {
    say("checkout.session.completed", 111, &session(more))
}

fn received(more: Value) -> Fact {
    say("payment_intent.succeeded", 110, &intent(more))
}

fn charged(more: Value) -> Fact {
    say("charge.succeeded", 110, &charge(more))
}

#[test]
fn a_shortfall_is_what_is_missing_of_what_the_session_requested() {
    let missing = |facts: &[Fact]| row(facts).shortfall;
    assert_eq!(missing(&[bought(json!({})), received(json!({"amount_received": 1999}))]), Some(1));
    assert_eq!(missing(&[bought(json!({})), received(json!({"amount_received": 2000}))]), None);
    assert_eq!(missing(&[bought(json!({})), received(json!({"amount_received": 2001}))]), None);
    // Without an intent, the charge has the amount.
    assert_eq!(missing(&[bought(json!({})), charged(json!({"amount_captured": 500}))]), Some(1500));
    // The sum of the intents that succeeded counts. Those that failed do not.
    let part = |id: &str, status: &str| received(json!({"id": id, "status": status, "amount_received": 900}));
    assert_eq!(missing(&[bought(json!({})), part("pi_1", "succeeded"), part("pi_2", "succeeded")]), Some(200));
    assert_eq!(missing(&[bought(json!({})), part("pi_1", "succeeded"), part("pi_2", "canceled")]), Some(1100));
    let declined = charge(json!({"id": "ch_0", "status": "failed", "amount": 1, "amount_captured": 1, "created": 1}));
    let declined = say("charge.failed", 109, &declined);
    assert_eq!(missing(&[bought(json!({})), declined, charged(json!({}))]), None);
}

#[test]
fn what_cannot_be_compared_has_no_shortfall() {
    let missing = |session: Value, intent: Value| row(&[bought(session), received(intent)]).shortfall;
    let short = || json!({"amount_received": 500});
    assert_eq!(missing(json!({}), short()), Some(1500));
    // The money has not arrived yet.
    let unpaid = json!({"payment_status": "unpaid"});
    assert_eq!(missing(unpaid, json!({"status": "processing", "amount_received": 500})), None);
    // Nothing had to be paid, or the amount is in a subscription's invoice.
    assert_eq!(missing(json!({"payment_status": "no_payment_required"}), short()), None);
    assert_eq!(missing(json!({"mode": "subscription"}), short()), None);
    // It has an invoice, which a balance or a credit note can settle.
    assert_eq!(missing(json!({"invoice": "in_1"}), short()), None);
    // The intent's currency is none that the session names.
    assert_eq!(missing(json!({}), with(short(), json!({"currency": "eur"}))), None);
    let shown = json!({"presentment_details": {"presentment_amount": 1800, "presentment_currency": "eur"}});
    assert_eq!(missing(shown, with(short(), json!({"currency": "eur"}))), Some(1300));
    assert_eq!(missing(json!({"amount_total": null}), short()), None);
    // No intent is known, or no session.
    let alone = charged(json!({"payment_intent": null, "amount_captured": 500}));
    assert_eq!(row(&[bought(json!({"payment_intent": null})), alone]).shortfall, None);
    assert_eq!(row(&[received(with(short(), json!({"metadata": crate::make::ours()})))]).shortfall, None);
}

#[test]
fn a_part_that_was_captured_is_the_amount() {
    let amount = |session: Value, intent: Value| row(&[bought(session), received(intent)]).amount;
    assert_eq!(amount(json!({}), json!({"amount_received": 1})), Some(1));
    assert_eq!(amount(json!({}), json!({"amount_received": 2500})), Some(2000));
    assert_eq!(amount(json!({"amount_total": 1900}), json!({"amount_received": 1500})), Some(1900));
    assert_eq!(amount(json!({}), json!({"amount_received": -1})), Some(2000));
}

#[test]
fn the_subtotal_is_told_where_all_that_the_session_asked_for_was_charged() {
    let discounted = || json!({"amount_subtotal": 2500});
    let subtotal = |session: Value, more: &[Fact]| row(&[&[bought(session)], more].concat()).subtotal;
    assert_eq!(subtotal(discounted(), &[received(json!({}))]), Some(2500));
    assert_eq!(subtotal(json!({"amount_subtotal": null}), &[received(json!({}))]), None);
    // Less was captured, so it is unknown which items that paid for.
    assert_eq!(subtotal(discounted(), &[received(json!({"amount_received": 1999}))]), None);
    // It is unknown what was charged, or there is no session.
    assert_eq!(subtotal(with(discounted(), json!({"amount_total": null})), &[]), None);
    assert_eq!(row(&[received(json!({"metadata": crate::make::ours()}))]).subtotal, None);
}

#[test]
fn a_subscriptions_invoice_tells_the_amount_before_its_session() {
    let subscribed = |more: Value| bought(with(json!({"mode": "subscription", "invoice": "in_1"}), more));
    let paid = |more: Value| say("invoice.paid", 112, &invoice(more));
    let told = |facts: &[Fact]| {
        let payment = row(facts);
        (payment.amount, payment.currency)
    };
    assert_eq!(told(&[subscribed(json!({})), paid(json!({}))]), (Some(1500), Some("usd".to_owned())));
    // A one-time session takes precedence over its invoice.
    assert_eq!(told(&[bought(json!({"invoice": "in_1"})), paid(json!({}))]).0, Some(2000));
    // If the payer saw another currency, only the session has the amount in the app's.
    let converted = json!({"currency": "eur", "amount_total": 1850,
        "currency_conversion": {"amount_total": 2000, "amount_subtotal": 2000, "source_currency": "usd"}});
    let euro = paid(json!({"currency": "eur", "amount_paid": 1850}));
    assert_eq!(told(&[subscribed(converted), euro]), (Some(2000), Some("usd".to_owned())));
    // An unpaid invoice has the amount that is due.
    let open = say("invoice.finalized", 112, &invoice(json!({"status": "open", "amount_paid": 3, "amount_due": 1500})));
    assert_eq!(told(&[subscribed(json!({"payment_status": "unpaid"})), open]).0, Some(1500));
    // An unknown amount is skipped. If all are unknown, the first object has the currency.
    let unknown = paid(json!({"amount_paid": null, "currency": "eur"}));
    assert_eq!(told(&[subscribed(json!({})), unknown]), (Some(2000), Some("usd".to_owned())));
    let nothing = [subscribed(json!({"amount_total": null})), paid(json!({"amount_paid": null, "currency": "eur"}))];
    assert_eq!(told(&nothing), (None, Some("eur".to_owned())));
}

#[test]
fn an_invoice_without_a_session_speaks_where_more_was_paid_than_is_known_of() {
    let amount = |amount_paid: i64, of: &[Fact]| {
        let paid = say("invoice.paid", 112, &invoice(json!({"amount_paid": amount_paid, "amount_due": 9})));
        row(&[&[paid], of].concat()).amount
    };
    let some = received(json!({"amount": 1000, "amount_received": 1000}));
    assert_eq!(amount(1500, &[some.clone()]), Some(1500));
    assert_eq!(amount(999, &[some]), Some(1000));
    // If both amounts are equal, the intent's counts, in its own currency.
    let euro = received(json!({"amount": 1500, "amount_received": 1500, "currency": "eur"}));
    let paid = say("invoice.paid", 112, &invoice(json!({})));
    assert_eq!(row(&[paid, euro]).currency.as_deref(), Some("eur"));
    let took = charged(json!({"amount": 1000, "amount_captured": 1000, "payment_intent": null}));
    assert_eq!(amount(1500, &[took.clone()]), Some(1500));
    assert_eq!(amount(999, &[took]), Some(1000));
    // An unpaid invoice does not take precedence over what was charged.
    let open =
        say("invoice.finalized", 112, &invoice(json!({"status": "open", "amount_due": 1500, "amount_paid": 1500})));
    assert_eq!(row(&[open, received(json!({"amount": 1000, "amount_received": 1000}))]).amount, Some(1000));
}

#[test]
fn once_the_money_arrived_only_what_succeeded_adds_up() {
    let of = |id: &str, status: &str, amount: i64, currency: &str| {
        received(json!({
            "id": id, "status": status, "amount": amount, "amount_received": amount, "currency": currency,
            "created": amount, "invoice": "in_1",
        }))
    };
    let joined = || say("invoice_payment.paid", 113, &invoice_payment(json!({"amount_paid": null, "currency": null})));
    let amount = |facts: &[Fact]| row(&[facts, &[joined()]].concat()).amount;
    assert_eq!(amount(&[of("pi_1", "succeeded", 500, "usd"), of("pi_2", "succeeded", 700, "usd")]), Some(1200));
    assert_eq!(amount(&[of("pi_1", "succeeded", 500, "usd"), of("pi_2", "canceled", 700, "usd")]), Some(500));
    assert_eq!(amount(&[of("pi_1", "succeeded", 500, "usd"), of("pi_2", "succeeded", 700, "eur")]), Some(500));
    // Charges count if no intent is known.
    let took = |id: &str, status: &str, amount: i64| {
        charged(json!({"id": id, "status": status, "amount": amount, "amount_captured": amount, "created": amount}))
    };
    assert_eq!(amount(&[took("ch_1", "succeeded", 500), took("ch_2", "succeeded", 700)]), Some(1200));
    assert_eq!(amount(&[took("ch_1", "succeeded", 500), took("ch_2", "failed", 700)]), Some(500));
    // Before the money arrives, the amount of the first intent counts.
    let trying = |id: &str, amount: i64| of(id, "processing", amount, "usd");
    let unpaid = bought(json!({"payment_status": "unpaid", "amount_total": null}));
    assert_eq!(row(&[unpaid, trying("pi_1", 500), trying("pi_2", 700)]).amount, Some(500));
    // Of the payments of an invoice, only those that are paid count.
    let part = |id: &str, status: &str, amount: i64| {
        sync(900, &invoice_payment(json!({"id": id, "status": status, "amount_paid": amount, "payment": null})))
    };
    assert_eq!(row(&[part("inpay_1", "paid", 500), part("inpay_2", "open", 700)]).amount, Some(500));
}

#[test]
fn a_share_needs_something_to_be_a_share_of() {
    // The intent is in euro and received nothing; the session is in dollars.
    let shown = [
        bought(json!({})),
        received(json!({"currency": "eur", "amount": 0, "amount_received": 0})),
        say("refund.created", 500, &refund("re_1", 700, "succeeded")),
    ];
    assert_eq!(row(&shown).amount_refunded, Some(700));
    // In the same currency, a refund counts as it is, whatever was charged.
    let same = [
        bought(json!({})),
        charged(json!({"amount": 1000, "amount_captured": 1000})),
        say("refund.created", 500, &refund("re_1", 700, "succeeded")),
    ];
    assert_eq!(row(&same).amount_refunded, Some(700));
    // A refund of more than was charged is a full refund.
    let more = [bought(json!({})), say("refund.created", 500, &refund("re_1", 2001, "succeeded"))];
    assert_eq!((row(&more).status.as_str(), row(&more).amount_refunded), ("refunded", Some(2001)));
    let unknown = [
        bought(json!({"amount_total": null, "currency": null})),
        say("refund.created", 500, &refund("re_1", 1, "succeeded")),
    ];
    assert_eq!(row(&unknown).status, "partially_refunded");
}
