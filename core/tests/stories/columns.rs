//! Which object fills a column of a payment's row, and which one fills it if the first is not known.

use payments_core::Subject;
use payments_core::payment::context::Context;
use payments_core::payment::fact::Fact;
use payments_core::payment::fold::{Payment, fold};
use serde_json::{Value, json};

use crate::make::{
    charge, dispute, folded, intent, invoice, invoice_payment, permutations, refund, row, say, session, sync, with,
};

/// A session that fills only its own column. Whatever facts it is folded with are a payment.
fn bare_session() -> Fact {
    let nothing = json!({
        "id": "cs_0", "customer": null, "customer_details": null, "payment_intent": null, "created": null,
        "amount_total": null, "currency": null,
    });
    say("checkout.session.completed", 100, &session(nothing))
}

/// The value of a column if only the facts from the n-th on are known, for each n. It is the same in reversed order.
fn shown(facts: &[Fact], column: impl Fn(Payment) -> Option<String>) -> Vec<String> {
    let from = |n: usize| {
        let known = [&[bare_session()], &facts[n..]].concat();
        let reversed: Vec<Fact> = known.iter().rev().cloned().collect();
        assert_eq!(column(row(&known)), column(row(&reversed)));
        column(row(&known)).unwrap_or_default()
    };
    (0..facts.len()).map(from).collect()
}

fn bought(more: Value) -> Fact {
    say("checkout.session.completed", 111, &session(with(json!({"id": "cs_2", "created": 9}), more)))
}

fn paid_intent(more: Value) -> Fact {
    say("payment_intent.succeeded", 110, &intent(more))
}

fn taken_charge(more: Value) -> Fact {
    say("charge.succeeded", 110, &charge(more))
}

fn paid_invoice(more: Value) -> Fact {
    say("invoice.paid", 112, &invoice(with(json!({"parent": null}), more)))
}

fn paid_part(more: Value) -> Fact {
    say("invoice_payment.paid", 113, &invoice_payment(more))
}

#[test]
fn the_intents_id() {
    let facts = [
        paid_intent(json!({"id": "pi_itself"})),
        bought(json!({"payment_intent": "pi_of_session"})),
        taken_charge(json!({"payment_intent": "pi_of_charge"})),
        paid_invoice(json!({"payment_intent": "pi_of_invoice"})),
        paid_part(json!({"payment": {"payment_intent": "pi_of_part"}})),
        say("refund.created", 500, &with(refund("re_1", 1, "succeeded"), json!({"payment_intent": "pi_of_refund"}))),
        say("charge.dispute.created", 600, &with(dispute("du_1", "lost"), json!({"payment_intent": "pi_of_dispute"}))),
    ];
    assert_eq!(
        shown(&facts, |payment| payment.stripe_payment_intent_id),
        ["pi_itself", "pi_of_session", "pi_of_charge", "pi_of_invoice", "pi_of_part", "pi_of_refund", "pi_of_dispute"]
    );
}

#[test]
fn the_charges_id() {
    let declined = json!({"id": "ch_declined", "status": "failed", "payment_intent": null});
    let facts = [
        taken_charge(json!({"id": "ch_itself"})),
        paid_intent(json!({"latest_charge": "ch_of_intent"})),
        paid_invoice(json!({"charge": "ch_of_invoice"})),
        paid_part(json!({"payment": {"charge": "ch_of_part"}})),
        say("charge.failed", 109, &charge(declined)),
        say("refund.created", 500, &with(refund("re_1", 1, "succeeded"), json!({"charge": "ch_of_refund"}))),
        say("charge.dispute.created", 600, &with(dispute("du_1", "lost"), json!({"charge": "ch_of_dispute"}))),
    ];
    assert_eq!(
        shown(&facts, |payment| payment.stripe_charge_id),
        ["ch_itself", "ch_of_intent", "ch_of_invoice", "ch_of_part", "ch_declined", "ch_of_refund", "ch_of_dispute"]
    );
}

#[test]
fn the_invoices_id() {
    let facts = [
        paid_invoice(json!({"id": "in_itself"})),
        bought(json!({"invoice": "in_of_session"})),
        paid_part(json!({"invoice": "in_of_part"})),
        paid_intent(json!({"invoice": "in_of_intent"})),
        taken_charge(json!({"invoice": "in_of_charge"})),
    ];
    assert_eq!(
        shown(&facts, |payment| payment.stripe_invoice_id),
        ["in_itself", "in_of_session", "in_of_part", "in_of_intent", "in_of_charge"]
    );
}

#[test]
fn the_customer() {
    let facts = [
        bought(json!({"customer": "cus_of_session"})),
        paid_intent(json!({"customer": "cus_of_intent"})),
        taken_charge(json!({"customer": "cus_of_charge"})),
        paid_invoice(json!({"customer": "cus_of_invoice"})),
    ];
    assert_eq!(
        shown(&facts, |payment| payment.stripe_customer_id),
        ["cus_of_session", "cus_of_intent", "cus_of_charge", "cus_of_invoice"]
    );
}

#[test]
fn the_description() {
    let facts = [
        paid_intent(json!({"description": "of the intent"})),
        taken_charge(json!({"description": "of the charge"})),
        paid_invoice(json!({"description": "of the invoice"})),
    ];
    assert_eq!(shown(&facts, |payment| payment.description), ["of the intent", "of the charge", "of the invoice"]);
}

#[test]
fn when_stripe_made_it() {
    let facts = [
        bought(json!({"id": "cs_0", "created": 1})),
        paid_intent(json!({"created": 2})),
        taken_charge(json!({"created": 3})),
        paid_invoice(json!({"created": 4})),
        paid_part(json!({"created": 5})),
    ];
    let shown = shown(&facts, |payment| payment.stripe_created_at.map(|at| at.to_string()));
    assert_eq!(shown, ["1", "2", "3", "4", "5"]);
}

#[test]
fn the_subject_that_a_charges_metadata_names() {
    let tagged = |id: &str| json!({"metadata": {"insforge_subject_type": "user", "insforge_subject_id": id}});
    let facts = [
        paid_intent(tagged("of the intent")),
        taken_charge(tagged("of the charge")),
        paid_invoice(with(json!({"customer": "cus_1"}), tagged("of the invoice"))),
    ];
    assert_eq!(shown(&facts, |payment| payment.subject_id), ["of the intent", "of the charge", "of the invoice"]);
    // A mapped customer comes last.
    let mut context = Context::default();
    let subject = Subject { subject_type: "team".to_owned(), subject_id: "mapped".to_owned() };
    context.customers.insert("cus_1".to_owned(), subject);
    let payment = fold(&facts[2..], &context).payment.unwrap();
    assert_eq!(
        (payment.subject_type.as_deref(), payment.subject_id.as_deref()),
        (Some("user"), Some("of the invoice"))
    );
}

#[test]
fn the_subscription_is_the_invoices_else_the_sessions() {
    let subscribed = |id: &str| json!({"parent": {"subscription_details": {"subscription": id}}});
    let facts = [paid_invoice(subscribed("sub_of_invoice")), bought(json!({"subscription": "sub_of_session"}))];
    assert_eq!(shown(&facts, |payment| payment.stripe_subscription_id), ["sub_of_invoice", "sub_of_session"]);
}

#[test]
fn the_object_that_succeeded_speaks_then_the_one_that_was_made_first() {
    let intents = |facts: &[Fact]| row(&[facts, &[bare_session()]].concat()).stripe_payment_intent_id;
    let of = |id: &str, status: &str, created: Value| {
        say("payment_intent.processing", 110, &intent(json!({"id": id, "status": status, "created": created})))
    };
    for (first, second) in [
        (of("pi_z", "succeeded", json!(9)), of("pi_a", "processing", json!(1))),
        (of("pi_z", "succeeded", json!(1)), of("pi_a", "succeeded", json!(9))),
        (of("pi_z", "succeeded", json!(1)), of("pi_a", "succeeded", json!(null))),
        (of("pi_a", "succeeded", json!(1)), of("pi_z", "succeeded", json!(1))),
    ] {
        permutations(&[first.clone(), second.clone()], &mut |order| {
            assert_eq!(intents(order).as_deref(), Some(first.object.object_id()));
        });
    }
    // The same is true of sessions, charges and invoices.
    let made = |object: Value, n: i64| with(object, json!({"id": format!("x_{n}"), "created": n}));
    let two = |event: &str, object: &dyn Fn() -> Value| {
        [say(event, 110, &made(object(), 2)), say(event, 110, &made(object(), 1))]
    };
    let sessions = two("checkout.session.completed", &|| session(json!({})));
    assert_eq!(row(&sessions).stripe_checkout_session_id.as_deref(), Some("x_1"));
    let charges = two("charge.succeeded", &|| charge(json!({})));
    assert_eq!(row(&[&charges[..], &[bare_session()]].concat()).stripe_charge_id.as_deref(), Some("x_1"));
    let invoices = two("invoice.paid", &|| invoice(json!({})));
    assert_eq!(row(&invoices).stripe_invoice_id.as_deref(), Some("x_1"));
}

#[test]
fn a_charge_joins_a_subscriptions_session_too() {
    let subscribed = |mode: &str| bought(json!({"mode": mode, "payment_intent": null, "subscription": "sub_1"}));
    let took = taken_charge(json!({"payment_intent": null}));
    assert_eq!(folded(&[subscribed("subscription")]).payment, None);
    assert!(folded(&[subscribed("subscription"), took.clone()]).payment.is_some());
    assert_eq!(folded(&[subscribed("setup"), took]).payment, None);
    // A canceled invoice payment is no payment, but an intent that it names is one.
    let canceled = || sync(120, &invoice_payment(json!({"status": "canceled"})));
    assert_eq!(folded(&[canceled()]).payment, None);
    assert!(folded(&[canceled(), paid_intent(json!({}))]).payment.is_some());
}

#[test]
fn a_charge_that_succeeded_counts_beside_an_intent() {
    let trying = say("payment_intent.processing", 110, &intent(json!({"status": "processing"})));
    assert_eq!(row(&[bare_session(), trying, taken_charge(json!({}))]).status, "succeeded");
}

#[test]
fn of_open_disputes_and_of_won_ones_the_last_status_by_name_shows() {
    let shown = |statuses: [&str; 2]| {
        let of = |n: usize| say("charge.dispute.updated", 700, &dispute(&format!("du_{n}"), statuses[n]));
        row(&[bare_session(), of(0), of(1)]).dispute_status.unwrap()
    };
    for [shown_one, other] in [
        ["under_review", "needs_response"],
        ["won", "warning_closed"],
        ["won", "prevented"],
        ["needs_response", "won"],
        ["needs_response", "prevented"],
        ["lost", "under_review"],
    ] {
        assert_eq!(shown([shown_one, other]), shown_one);
        assert_eq!(shown([other, shown_one]), shown_one);
    }
}

#[test]
fn a_refund_and_a_dispute_name_their_own_charge_else_the_payments() {
    let nameless = json!({"charge": null, "payment_intent": null});
    let facts = |own: bool| {
        let (mut back, mut disputed) = (refund("re_1", 1, "failed"), dispute("du_1", "lost"));
        if !own {
            (back, disputed) = (with(back, nameless.clone()), with(disputed, nameless.clone()));
        } else {
            back["charge"] = json!("ch_own");
            disputed["charge"] = json!("ch_own");
            back["payment_intent"] = json!("pi_own");
        }
        [
            bare_session(),
            paid_intent(json!({})),
            taken_charge(json!({})),
            paid_invoice(json!({})),
            say("refund.failed", 510, &back),
            say("charge.dispute.closed", 600, &disputed),
        ]
    };
    for (own, charge, intent) in [(true, "ch_own", "pi_own"), (false, "ch_1", "pi_1")] {
        let folded = folded(&facts(own));
        let (refund, dispute) = (&folded.refunds[0], &folded.disputes[0]);
        assert_eq!(
            (refund.stripe_charge_id.as_deref(), refund.stripe_payment_intent_id.as_deref()),
            (Some(charge), Some(intent))
        );
        assert_eq!(dispute.stripe_charge_id.as_deref(), Some(charge));
        // The ids that are unique among payments stay in the payment's own row; only a refund's row shows them too.
        assert_eq!((refund.stripe_invoice_id.as_deref(), dispute.stripe_invoice_id.as_deref()), (Some("in_1"), None));
        assert_eq!((refund.amount_refunded, dispute.amount_refunded), (Some(0), Some(0)));
        assert_eq!(
            (refund.description.as_deref(), dispute.description.as_deref()),
            (Some("requested_by_customer"), Some("fraudulent"))
        );
        assert_eq!((refund.stripe_created_at, dispute.stripe_created_at), (Some(500), Some(600)));
        assert_eq!((refund.currency.as_deref(), dispute.currency.as_deref()), (Some("usd"), Some("usd")));
        assert_eq!((dispute.dispute_status.as_deref(), refund.dispute_status.as_deref()), (Some("lost"), None));
    }
}
