//! Reviews: the questions about a payment that a person must answer.

use payments_core::payment::fact::Fact;
use serde_json::{Value, json};

use crate::make::{
    charge, credit_note, dispute, folded, fraud_warning, intent, invoice, permutations, refund, say, with,
};

/// The reasons of the reviews, the same in every order.
fn asked(facts: &[Fact]) -> Vec<String> {
    let mut all = Vec::new();
    permutations(facts, &mut |order| {
        let reviews = folded(order).reviews.unwrap_or_default();
        all.push(reviews.rows.iter().map(|row| row.reason.clone()).collect::<Vec<String>>());
    });
    all.dedup();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn a_credit_note_of_a_paid_invoice_asks_a_person_unless_it_was_refunded_or_voided() {
    let paid = say("invoice.paid", 201, &invoice(json!({})));
    let issued = say("credit_note.created", 550, &credit_note(json!({})));
    let both = [paid.clone(), issued.clone()];
    let [reason] = asked(&both).try_into().unwrap();
    assert!(reason.contains("credit note cn_1 returned 500 usd to the customer's balance (order_change)"), "{reason}");
    let rows = folded(&both).reviews.unwrap().rows;
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.source.as_str(), row.item.as_str()), ("credit_note:cn_1", "in_1"));
    assert_eq!((row.amount_due, row.currency.clone()), (Some(500), Some("usd".to_owned())));
    // The money of the payment does not change.
    let payment = folded(&both).payment.unwrap();
    assert_eq!((payment.status.as_str(), payment.amount, payment.amount_refunded), ("succeeded", Some(1500), Some(0)));
    assert_eq!(folded(std::slice::from_ref(&issued)).payment, None);

    let voided = say("credit_note.voided", 600, &credit_note(json!({"status": "void"})));
    assert_eq!(asked(&[paid.clone(), issued, voided]).len(), 0);
    let refunded =
        json!({"customer_balance_transaction": null, "refunds": [{"amount_refunded": 500, "refund": "re_1"}]});
    assert_eq!(asked(&[paid, say("credit_note.created", 550, &credit_note(refunded))]).len(), 0);
}

#[test]
fn a_refund_without_its_amount_is_looked_up() {
    let older = with(credit_note(json!({"refund": "re_1", "refunds": null})), json!({"post_payment_amount": null}));
    let issued = say("credit_note.created", 550, &older);
    let [reason] = asked(std::slice::from_ref(&issued)).try_into().unwrap();
    assert!(reason.contains("at most 500 usd to the customer's balance"), "{reason}");
    let [reason] = asked(&[issued, say("refund.created", 555, &refund("re_1", 300, "succeeded"))]).try_into().unwrap();
    assert!(reason.contains("returned 200 usd to the customer's balance"), "{reason}");
}

#[test]
fn a_warning_asks_a_person_until_the_money_is_back_or_disputed() {
    let warned = [
        say("payment_intent.succeeded", 110, &intent(json!({}))),
        say("charge.succeeded", 110, &charge(json!({}))),
        say("radar.early_fraud_warning.created", 560, &fraud_warning()),
    ];
    let with_one = |more: Fact| asked(&[warned.to_vec(), vec![more]].concat()).len();
    let [reason] = asked(&warned).try_into().unwrap();
    assert!(reason.starts_with("the card's issuer warns that ch_1 may be fraud (made_with_stolen_card)"), "{reason}");
    let reviews = folded(&warned).reviews.unwrap();
    assert_eq!((reviews.rows[0].amount_due, reviews.rows[0].source.as_str()), (Some(2000), "fraud_warning:issfr_1"));
    assert_eq!(reviews.about, ["fraud_warning:issfr_1"]);
    assert_eq!(with_one(say("refund.created", 600, &refund("re_1", 500, "succeeded"))), 1);
    assert_eq!(with_one(say("refund.created", 600, &refund("re_1", 2000, "failed"))), 1);
    assert_eq!(with_one(say("refund.created", 600, &refund("re_1", 2000, "succeeded"))), 0);
    assert_eq!(with_one(say("charge.refunded", 600, &charge(json!({"amount_refunded": 2000})))), 0);
    assert_eq!(with_one(say("charge.dispute.created", 600, &dispute("du_1", "needs_response"))), 0);
    let other = with(dispute("du_1", "needs_response"), json!({"charge": "ch_2"}));
    assert_eq!(with_one(say("charge.dispute.created", 600, &other)), 1);
    let over = with(fraud_warning(), json!({"actionable": false}));
    assert_eq!(asked(&[say("radar.early_fraud_warning.created", 560, &over)]).len(), 0);
}

#[test]
fn a_credit_note_says_which_way_the_money_went() {
    let asked = |more: Value| {
        let note = say("credit_note.created", 550, &credit_note(more));
        let rows = folded(&[say("invoice.paid", 201, &invoice(json!({}))), note]).reviews.unwrap().rows;
        let [row] = rows.try_into().unwrap();
        assert_eq!(row.amount_due, Some(500));
        row.reason
    };
    let outside = asked(json!({"customer_balance_transaction": null, "out_of_band_amount": 500}));
    assert!(outside.contains("credit note cn_1 returned 500 usd outside of Stripe (order_change): "), "{outside}");
    let both = asked(json!({"out_of_band_amount": 200, "reason": null}));
    assert!(both.contains("returned 300 usd to the customer's balance and 200 usd outside of Stripe: "), "{both}");
}

#[test]
fn a_warning_is_about_its_own_charge_where_that_is_known() {
    let warned = |more: Value| say("radar.early_fraud_warning.created", 560, &with(fraud_warning(), more));
    let asked = |facts: &[Fact]| {
        let [row] = folded(facts).reviews.unwrap().rows.try_into().unwrap();
        (row.item, row.amount_due, row.currency)
    };
    let about = |item: &str, amount| (item.to_owned(), Some(amount), Some("usd".to_owned()));
    let paid = say("payment_intent.succeeded", 110, &intent(json!({"amount": 1700, "amount_received": 1700})));
    let charged = say("charge.succeeded", 110, &charge(json!({})));
    assert_eq!(asked(&[paid.clone(), charged, warned(json!({}))]), about("ch_1", 2000));
    assert_eq!(asked(&[paid.clone(), warned(json!({}))]), about("ch_1", 1700));
    assert_eq!(asked(&[paid, warned(json!({"charge": null}))]), about("pi_1", 1700));
}

#[test]
fn money_of_another_charge_of_the_payment_settles_no_warning() {
    let charges = [
        say("charge.succeeded", 110, &charge(json!({}))),
        say("charge.succeeded", 120, &charge(json!({"id": "ch_2", "amount": 1000, "amount_captured": 1000}))),
        say("radar.early_fraud_warning.created", 560, &fraud_warning()),
    ];
    let with_refund = |charge: Value, amount: i64| {
        let refund = with(refund("re_1", amount, "succeeded"), json!({"charge": charge}));
        asked(&[charges.to_vec(), vec![say("refund.created", 600, &refund)]].concat()).len()
    };
    assert_eq!(with_refund(json!("ch_1"), 2000), 0);
    assert_eq!(with_refund(json!("ch_1"), 1000), 1);
    assert_eq!(with_refund(json!("ch_2"), 1000), 1);
    assert_eq!(with_refund(json!(null), 2000), 0);
    // A charge of nothing has nothing to return.
    let nothing = say("charge.succeeded", 110, &charge(json!({"amount": 0, "amount_captured": 0})));
    assert_eq!(asked(&[nothing, charges[2].clone()]).len(), 1);
}

#[test]
fn what_names_no_charge_settles_a_warning_of_the_payment() {
    let paid = say("payment_intent.succeeded", 110, &intent(json!({})));
    let warned = |more: Value| say("radar.early_fraud_warning.created", 560, &with(fraud_warning(), more));
    let nameless = with(dispute("du_1", "needs_response"), json!({"charge": null}));
    assert_eq!(asked(&[paid.clone(), warned(json!({})), say("charge.dispute.created", 600, &nameless)]).len(), 0);
    let named = say("charge.dispute.created", 600, &dispute("du_1", "needs_response"));
    assert_eq!(asked(&[paid.clone(), warned(json!({"charge": null})), named]).len(), 0);
    // All of the payment was refunded, but its charge is not known.
    let back = say("refund.created", 600, &refund("re_1", 2000, "succeeded"));
    assert_eq!(asked(&[paid, warned(json!({})), back]).len(), 0);
}
