//! A payment's row: when facts are a payment; its type, status, amount and times; and which object each comes from.

use payments_core::Subject;
use payments_core::payment::context::{Context, LocalSession};
use payments_core::payment::fact::Fact;
use payments_core::payment::fold::fold;
use serde_json::{Value, json};

use crate::make::{
    charge, dispute, folded, intent, invoice, invoice_payment, ours, permutations, refund, row, say, say_as, session,
    sync, with,
};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn subject(id: &str) -> Subject {
    Subject { subject_type: "user".to_owned(), subject_id: id.to_owned() }
}

#[test]
fn an_intent_or_charge_alone_waits_until_something_claims_it() {
    let told = say("payment_intent.succeeded", 110, &intent(json!({})));
    let took = say("charge.succeeded", 110, &charge(json!({})));
    assert_eq!(folded(&[told.clone(), took.clone()]).payment, None);
    for claim in [
        say("checkout.session.completed", 111, &session(json!({}))),
        say("invoice.paid", 111, &invoice(json!({"payment_intent": "pi_1"}))),
        say("invoice_payment.paid", 111, &invoice_payment(json!({}))),
    ] {
        assert_eq!(row(&[told.clone(), took.clone(), claim]).status, "succeeded");
    }
    // Its metadata says that it comes from a one-time checkout of ours.
    let ours = |object| with(object, json!({"metadata": ours()}));
    assert_eq!(row(&[say("payment_intent.succeeded", 110, &ours(intent(json!({}))))]).status, "succeeded");
    assert_eq!(row(&[say("charge.succeeded", 110, &ours(charge(json!({}))))]).status, "succeeded");
    let subscription = json!({"metadata": {"insforge_checkout_mode": "subscription"}});
    assert_eq!(folded(&[say("payment_intent.succeeded", 110, &intent(subscription))]).payment, None);
}

#[test]
fn a_session_that_was_never_completed_is_no_payment() {
    let expired = session(json!({"status": "expired", "payment_status": "unpaid", "payment_intent": null}));
    assert_eq!(folded(&[say("checkout.session.expired", 120, &expired)]).payment, None);
    let setup = session(json!({"mode": "setup", "payment_status": "no_payment_required", "payment_intent": null}));
    assert_eq!(folded(&[say("checkout.session.completed", 120, &setup)]).payment, None);
    let canceled = invoice_payment(json!({"status": "canceled", "status_transitions": {}}));
    assert_eq!(folded(&[sync(120, &canceled)]).payment, None);
    let draft = invoice(json!({"status": "draft", "amount_paid": 0, "status_transitions": {}}));
    assert_eq!(folded(&[sync(120, &draft)]).payment, None);
}

#[test]
fn what_was_claimed_once_stays_claimed() {
    let completed = say("checkout.session.completed", 110, &session(json!({"payment_status": "unpaid"})));
    let expired = session(json!({"status": "expired", "payment_status": "unpaid"}));
    assert_eq!(row(&[completed, say("checkout.session.expired", 500, &expired)]).status, "pending");
    let ours = say("payment_intent.processing", 110, &intent(json!({"status": "processing", "metadata": ours()})));
    let cleared = say("payment_intent.succeeded", 500, &intent(json!({"metadata": {}})));
    assert_eq!(row(&[ours, cleared]).status, "succeeded");
}

#[test]
fn a_subscriptions_session_claims_what_it_is_joined_with() {
    let bought = session(json!({
        "mode": "subscription", "payment_intent": null, "invoice": "in_1", "subscription": "sub_1", "amount_total": 1500,
    }));
    let bought = say("checkout.session.completed", 120, &bought);
    assert_eq!(folded(&[bought.clone()]).payment, None);
    let took = say("payment_intent.succeeded", 119, &intent(json!({"invoice": "in_1", "amount_received": 1500})));
    let payment = row(&[bought, took]);
    assert_eq!((payment.payment_type, payment.status.as_str()), ("subscription_invoice", "succeeded"));
    assert_eq!((payment.amount, payment.stripe_invoice_id), (Some(1500), some("in_1")));
}

#[test]
fn money_that_arrived_is_never_unarrived() {
    let unpaid = say("checkout.session.completed", 110, &session(json!({"payment_status": "unpaid"})));
    assert_eq!(row(&[unpaid.clone()]).status, "pending");
    assert_eq!(row(&[unpaid.clone()]).paid_at, None);
    let failed = session(json!({"payment_status": "unpaid"}));
    let failed = say("checkout.session.async_payment_failed", 500, &failed);
    let payment = row(&[unpaid.clone(), failed.clone()]);
    assert_eq!((payment.payment_type, payment.status.as_str()), ("failed_payment", "failed"));
    assert_eq!((payment.failed_at, payment.paid_at), (Some(500), None));
    let paid = say("checkout.session.async_payment_succeeded", 400, &session(json!({})));
    let payment = row(&[unpaid.clone(), failed.clone(), paid]);
    assert_eq!((payment.payment_type, payment.status.as_str()), ("one_time_payment", "succeeded"));
    assert_eq!((payment.paid_at, payment.failed_at), (Some(400), None));
    // A backfill sees a session that is complete and unpaid; the failure stays.
    let seen = sync(900, &session(json!({"payment_status": "unpaid"})));
    assert_eq!(row(&[unpaid.clone(), failed, seen]).status, "failed");
    let canceled = say("payment_intent.canceled", 600, &intent(json!({"status": "canceled", "amount_received": 0})));
    assert_eq!(row(&[unpaid, canceled]).payment_type, "failed_payment");
}

#[test]
fn a_declined_charge_fails_only_a_payment_without_an_intent() {
    let declined = say("charge.failed", 110, &charge(json!({"id": "ch_0", "status": "failed", "metadata": ours()})));
    assert_eq!(row(&[declined.clone()]).status, "failed");
    let trying = intent(json!({"status": "processing", "amount_received": 0, "latest_charge": "ch_0"}));
    assert_eq!(row(&[declined, say("payment_intent.processing", 120, &trying)]).status, "pending");
}

#[test]
fn a_second_card_succeeds_where_the_first_was_declined() {
    let declined = intent(json!({
        "status": "requires_payment_method", "amount_received": 0, "latest_charge": "ch_0", "metadata": ours(),
        "last_payment_error": {"code": "card_declined"},
    }));
    let declined = say("payment_intent.payment_failed", 110, &declined);
    let failed = row(&[declined.clone()]);
    assert_eq!((failed.payment_type, failed.amount, failed.failed_at), ("failed_payment", Some(2000), Some(110)));
    let charges = [
        say("charge.failed", 109, &charge(json!({"id": "ch_0", "status": "failed", "amount_captured": 0}))),
        say("charge.succeeded", 120, &charge(json!({}))),
    ];
    let took = say("payment_intent.succeeded", 120, &intent(json!({"metadata": ours()})));
    let payment = row(&[declined, charges[0].clone(), charges[1].clone(), took]);
    assert_eq!((payment.status.as_str(), payment.failed_at, payment.paid_at), ("succeeded", None, Some(120)));
    assert_eq!((payment.stripe_charge_id, payment.amount), (some("ch_1"), Some(2000)));
}

#[test]
fn one_source_speaks_for_each_column() {
    let facts = [
        say("checkout.session.completed", 111, &session(json!({"invoice": "in_1", "amount_total": 1900}))),
        say("payment_intent.succeeded", 110, &intent(json!({"description": "of the intent"}))),
        say("charge.succeeded", 110, &charge(json!({"description": "of the charge", "customer": "cus_9"}))),
        say("invoice.paid", 112, &invoice(json!({"parent": null, "description": "of the invoice"}))),
    ];
    let expected = [
        ("session@example.com", Some("of the intent"), Some("cus_1"), Some(1900)),
        ("intent@example.com", Some("of the intent"), Some("cus_1"), Some(2000)),
        ("charge@example.com", Some("of the charge"), Some("cus_9"), Some(2000)),
        ("invoice@example.com", Some("of the invoice"), Some("cus_1"), Some(1500)),
    ];
    for (from, (email, description, customer, amount)) in expected.into_iter().enumerate() {
        let payment = row(&facts[from..]);
        assert_eq!(payment.customer_email_snapshot.as_deref(), Some(email));
        assert_eq!(payment.description.as_deref(), description);
        assert_eq!(payment.stripe_customer_id.as_deref(), customer);
        assert_eq!(payment.amount, amount);
    }
}

#[test]
fn the_subject_is_found_in_a_fixed_order() {
    let tagged = |id: &str| json!({"insforge_subject_type": "user", "insforge_subject_id": id});
    let details = json!({"subscription_details": {"subscription": "sub_1", "metadata": tagged("in the details")}});
    let facts = [
        say(
            "checkout.session.completed",
            111,
            &session(json!({"invoice": "in_1", "metadata": tagged("in the session")})),
        ),
        say("payment_intent.succeeded", 110, &intent(json!({"metadata": tagged("in the intent")}))),
        say("invoice.paid", 112, &invoice(json!({"parent": details, "metadata": tagged("in the invoice")}))),
    ];
    let mut context = Context::default();
    context.customers.insert("cus_1".to_owned(), subject("of the customer"));
    let found = |facts: &[_], context: &Context| fold(facts, context).payment.unwrap().subject_id;
    assert_eq!(found(&facts, &context), some("in the session"));
    assert_eq!(found(&facts[1..], &context), some("in the intent"));
    assert_eq!(found(&facts[2..], &context), some("in the details"));
    context.subscriptions.insert("sub_1".to_owned(), subject("of the subscription"));
    assert_eq!(found(&facts[2..], &context), some("of the subscription"));
    assert_eq!(found(&facts, &context), some("in the session"));
    let plain = say("invoice.paid", 112, &invoice(json!({"metadata": tagged("in the invoice"), "parent": null})));
    assert_eq!(found(&[plain], &context), some("in the invoice"));
    let bare = say("invoice.paid", 112, &invoice(json!({"parent": null})));
    assert_eq!(found(&[bare.clone()], &context), some("of the customer"));
    assert_eq!(found(&[bare], &Context::default()), None);
    // What the database has checked takes precedence over metadata, which anyone may have written at Stripe.
    context
        .locals
        .insert("cs_1".to_owned(), LocalSession { subject: Some(subject("local")), price: some("price_local") });
    assert_eq!(found(&facts, &context), some("local"));
    let half = json!({"metadata": {"insforge_subject_type": "user"}});
    assert_eq!(found(&[say("checkout.session.completed", 111, &session(half))], &Context::default()), None);
}

#[test]
fn the_price_is_the_invoices_else_that_of_the_local_row() {
    let line = json!({"data": [{"id": "il_1", "amount": 1500, "pricing": {"price_details": {"price": "price_1", "product": "prod_1"}}}]});
    let paid = say("invoice.paid", 112, &invoice(json!({"lines": line})));
    let bought = say("checkout.session.completed", 111, &session(json!({"invoice": "in_1"})));
    let mut context = Context::default();
    context.locals.insert("cs_1".to_owned(), LocalSession { subject: None, price: some("price_local") });
    let payment = fold(&[bought.clone(), paid], &context).payment.unwrap();
    assert_eq!((payment.stripe_price_id, payment.stripe_product_id), (some("price_1"), some("prod_1")));
    let payment = fold(&[bought], &context).payment.unwrap();
    assert_eq!((payment.stripe_price_id, payment.stripe_product_id), (some("price_local"), None));
}

#[test]
fn paid_when_stripe_says() {
    let bought = say("checkout.session.completed", 111, &session(json!({"invoice": "in_1"})));
    let took = say("payment_intent.succeeded", 110, &intent(json!({})));
    assert_eq!(row(&[bought.clone(), took.clone()]).paid_at, Some(110));
    let bridge = say("invoice_payment.paid", 115, &invoice_payment(json!({})));
    assert_eq!(row(&[bought.clone(), took.clone(), bridge.clone()]).paid_at, Some(202));
    let paid = say("invoice.paid", 112, &invoice(json!({})));
    assert_eq!(row(&[bought.clone(), took, bridge, paid]).paid_at, Some(201));
    // An event's time takes precedence over a backfill's. 0 is a time.
    assert_eq!(row(&[bought, sync(900, &intent(json!({})))]).paid_at, Some(111));
    assert_eq!(row(&[sync(900, &session(json!({})))]).paid_at, Some(100));
    // If only a backfill reports success, the charge was made when the money arrived, and the session long before.
    let opened = sync(900, &session(json!({"created": 3})));
    let charged = sync(900, &charge(json!({"created": 70_000})));
    assert_eq!(row(&[opened, sync(900, &intent(json!({"created": 4}))), charged]).paid_at, Some(70_000));
    let epoch = invoice(json!({"status_transitions": {"paid_at": 0}}));
    assert_eq!(row(&[say("invoice.paid", 112, &epoch)]).paid_at, Some(0));
}

#[test]
fn an_invoice_is_bridged_to_its_intent() {
    let open = invoice(json!({"status": "open", "amount_paid": 0, "status_transitions": {"paid_at": null}}));
    let open = say("invoice.finalized", 200, &open);
    let pending = row(&[open.clone()]);
    assert_eq!(
        (pending.status.as_str(), pending.amount, pending.payment_type),
        ("pending", Some(1500), "subscription_invoice")
    );
    // The invoice payment arrives before `invoice.paid`, so the requested amount is the paid amount.
    let bridge = say("invoice_payment.paid", 202, &invoice_payment(json!({})));
    let payment = row(&[open, bridge.clone()]);
    assert_eq!((payment.status.as_str(), payment.amount), ("succeeded", Some(1500)));
    assert_eq!(payment.stripe_payment_intent_id, some("pi_1"));
    let alone = row(&[bridge]);
    assert_eq!((alone.status.as_str(), alone.amount, alone.currency), ("succeeded", Some(1500), some("usd")));
    assert_eq!((alone.stripe_invoice_id, alone.payment_type), (some("in_1"), "one_time_payment"));
    let by_charge =
        invoice_payment(json!({"payment": {"type": "charge", "charge": {"id": "ch_1", "object": "charge"}}}));
    assert_eq!(row(&[say("invoice_payment.paid", 202, &by_charge)]).stripe_charge_id, some("ch_1"));
}

#[test]
fn several_payments_of_an_invoice_add_up_where_it_says_nothing_itself() {
    let part = |id: &str, amount: Value, status: &str| {
        let paid = json!({"id": id, "amount_paid": amount, "status": status, "payment": {"payment_intent": format!("pi_{id}")}});
        say("invoice_payment.paid", 202, &invoice_payment(paid))
    };
    let facts = [part("inpay_1", json!(500), "paid"), part("inpay_2", json!(1000), "paid")];
    assert_eq!(row(&facts).amount, Some(1500));
    let facts = [part("inpay_1", Value::Null, "canceled"), part("inpay_2", json!(1000), "paid")];
    assert_eq!(row(&facts).amount, Some(1000));
}

#[test]
fn an_open_invoice_that_failed_stays_so_whoever_looks_at_it() {
    let open = invoice(json!({"status": "open", "amount_paid": 0, "attempted": true, "status_transitions": null}));
    let failed = say("invoice.payment_failed", 300, &open);
    let payment = row(&[failed.clone(), sync(900, &open)]);
    assert_eq!((payment.status.as_str(), payment.failed_at), ("failed", Some(300)));
    assert_eq!(row(&[failed, sync(900, &invoice(json!({})))]).status, "succeeded");
}

#[test]
fn an_invoice_that_will_not_be_paid_has_failed() {
    for (status, event) in [
        ("void", "invoice.voided"),
        ("uncollectible", "invoice.marked_uncollectible"),
        ("open", "invoice.payment_failed"),
    ] {
        let unpaid = invoice(json!({"status": status, "amount_paid": 0, "status_transitions": {"paid_at": null}}));
        let payment = row(&[say(event, 300, &unpaid)]);
        assert_eq!((payment.payment_type, payment.status.as_str()), ("subscription_invoice", "failed"), "{status}");
        assert_eq!((payment.amount, payment.failed_at, payment.paid_at), (Some(1500), Some(300), None));
        let one_off = say(event, 300, &with(unpaid, json!({"parent": null})));
        assert_eq!(row(&[one_off]).payment_type, "failed_payment");
    }
}

#[test]
fn an_authorization_is_pending_until_it_is_captured() {
    let unpaid = say("checkout.session.completed", 110, &session(json!({"payment_status": "unpaid"})));
    let held = charge(json!({"captured": false, "amount_captured": 0}));
    let held = say("charge.succeeded", 110, &held);
    assert_eq!(row(&[unpaid.clone(), held.clone()]).status, "pending");
    let captured = say("payment_intent.succeeded", 400, &intent(json!({})));
    let payment = row(&[unpaid.clone(), held.clone(), captured]);
    assert_eq!((payment.status.as_str(), payment.amount, payment.paid_at), ("succeeded", Some(2000), Some(400)));
    // Captured in part: what was charged is what was received. The rest was never taken.
    let part = say("payment_intent.succeeded", 400, &intent(json!({"amount_received": 1500})));
    let rest = charge(json!({"amount_captured": 1500, "amount_refunded": 500}));
    let payment = row(&[unpaid.clone(), held.clone(), part, say("charge.refunded", 400, &rest)]);
    assert_eq!((payment.status.as_str(), payment.amount, payment.amount_refunded), ("succeeded", Some(1500), Some(0)));
    // Released: Stripe marks the authorization as refunded, but no money was taken.
    let let_go = charge(json!({"captured": false, "amount_captured": 0, "amount_refunded": 2000, "refunded": true}));
    let canceled = say("payment_intent.canceled", 500, &intent(json!({"status": "canceled", "amount_received": 0})));
    let payment = row(&[unpaid, held, say("charge.refunded", 500, &let_go), canceled]);
    assert_eq!((payment.status.as_str(), payment.amount_refunded), ("failed", Some(0)));
}

#[test]
fn what_was_taken_is_told_by_the_intent_else_by_the_charge() {
    let bought = say("checkout.session.completed", 110, &session(json!({})));
    let amount = |fact: Fact| row(&[bought.clone(), fact]).amount;
    let took = |more: Value| say("payment_intent.succeeded", 400, &intent(more));
    let charged = |more: Value| say("charge.succeeded", 400, &charge(more));
    assert_eq!(amount(took(json!({"amount_received": 1500}))), Some(1500));
    assert_eq!(amount(charged(json!({"amount_captured": 1500}))), Some(1500));
    // The intent's amount counts only if it succeeded, in the same currency, and requested as much as the session.
    assert_eq!(amount(took(json!({"amount_received": 0}))), Some(2000));
    assert_eq!(amount(took(json!({"amount": 1900, "amount_received": 1500}))), Some(2000));
    assert_eq!(amount(took(json!({"status": "processing", "amount_received": 1500}))), Some(2000));
    assert_eq!(amount(charged(json!({"status": "pending", "amount_captured": 1500}))), Some(2000));
    assert_eq!(amount(took(json!({"amount_received": 1500, "currency": "eur"}))), Some(2000));
    // Without a session: what was received, or before that, what was requested.
    let alone = |more: Value| row(&[took(with(more, json!({"metadata": ours()})))]).amount;
    assert_eq!(alone(json!({"amount_received": 1500})), Some(1500));
    assert_eq!(alone(json!({"amount_received": 0})), Some(2000));
    assert_eq!(alone(json!({"status": "processing", "amount_received": 1500})), Some(2000));
}

#[test]
fn of_several_disputes_the_worst_shows() {
    let told = |statuses: [&str; 2]| {
        let of = |n: usize| say("charge.dispute.updated", 700, &dispute(&format!("du_{n}"), statuses[n]));
        row(&[say("checkout.session.completed", 111, &session(json!({}))), of(0), of(1)]).dispute_status
    };
    for [worse, better] in [["lost", "needs_response"], ["lost", "won"], ["under_review", "won"]] {
        assert_eq!(told([worse, better]), some(worse));
        assert_eq!(told([better, worse]), some(worse));
    }
    assert_eq!(told(["needs_response", "warning_closed"]), some("needs_response"));
}

#[test]
fn what_costs_nothing_is_paid() {
    let free = session(json!({"payment_status": "no_payment_required", "amount_total": 0, "payment_intent": null}));
    let payment = row(&[say("checkout.session.completed", 110, &free)]);
    assert_eq!((payment.status.as_str(), payment.amount, payment.amount_refunded), ("succeeded", Some(0), Some(0)));
    let unknown = with(free, json!({"amount_total": null, "amount_subtotal": null, "currency": null}));
    let payment = row(&[say("checkout.session.completed", 110, &unknown)]);
    assert_eq!((payment.status.as_str(), payment.amount, payment.currency), ("succeeded", None, None));
    let trial = invoice(json!({"amount_paid": 0, "amount_due": 0}));
    assert_eq!(row(&[say("invoice.paid", 210, &trial)]).amount, Some(0));
}

#[test]
fn a_dispute_has_its_own_row_and_shows_on_its_payment() {
    let facts = |status: &str, event: &str| {
        [say("checkout.session.completed", 111, &session(json!({}))), say(event, 700, &dispute("du_1", status))]
    };
    for (status, event) in [
        ("needs_response", "charge.dispute.created"),
        ("under_review", "charge.dispute.updated"),
        ("lost", "charge.dispute.closed"),
        ("won", "charge.dispute.closed"),
    ] {
        let folded = folded(&facts(status, event));
        assert_eq!(folded.payment.unwrap().dispute_status, some(status));
        let [row] = folded.disputes.try_into().unwrap();
        assert_eq!((row.payment_type, row.status.as_str(), row.amount), ("dispute", status, Some(2000)));
        assert_eq!((row.stripe_dispute_id, row.stripe_charge_id), (some("du_1"), some("ch_1")));
        // The ids that are unique among payments stay in the payment's own row.
        assert_eq!(
            (row.stripe_payment_intent_id, row.stripe_checkout_session_id, row.stripe_invoice_id),
            (None, None, None)
        );
    }
    let both = [
        facts("won", "charge.dispute.closed").to_vec(),
        vec![say("charge.dispute.closed", 800, &dispute("du_2", "lost"))],
    ];
    assert_eq!(row(&both.concat()).dispute_status, some("lost"));
    let alone = folded(&[say("charge.dispute.created", 700, &dispute("du_1", "needs_response"))]);
    assert_eq!((alone.payment, alone.disputes.len()), (None, 1));
}

#[test]
fn facts_of_one_second_are_told_apart_by_what_was_before_else_by_id() {
    let of = |id: &str, status: &str, previous: Value| {
        say_as(id, "charge.dispute.updated", 700, &dispute("du_1", status), &previous)
    };
    let shown = |facts: &[Fact]| {
        let mut shown = Vec::new();
        permutations(facts, &mut |order| shown.push(folded(order).disputes[0].status.clone()));
        shown.dedup();
        shown
    };
    let reviewed = of("evt_z", "under_review", json!({"status": "needs_response"}));
    let lost = of("evt_a", "lost", json!({"status": "under_review", "evidence": {"x": null}}));
    assert_eq!(shown(&[reviewed, lost]), ["lost"]);
    assert_eq!(shown(&[of("evt_a", "lost", json!({})), of("evt_b", "under_review", json!({}))]), ["under_review"]);
    assert_eq!(shown(&[of("evt_b", "lost", json!({})), of("evt_a", "under_review", json!({}))]), ["lost"]);
}

#[test]
fn a_refund_has_its_row_claimed_or_not() {
    let back = say("refund.created", 510, &refund("re_1", 700, "succeeded"));
    let alone = folded(&[back.clone()]);
    assert_eq!(alone.payment, None);
    let [row] = alone.refunds.try_into().unwrap();
    assert_eq!((row.payment_type, row.status.as_str(), row.amount), ("refund", "refunded", Some(700)));
    assert_eq!((row.stripe_refund_id, row.stripe_charge_id, row.refunded_at), (some("re_1"), some("ch_1"), Some(510)));
    assert_eq!((row.stripe_customer_id, row.stripe_payment_intent_id), (None, some("pi_1")));
    // A refund gets the customer of its payment.
    let joined = folded(&[back, say("checkout.session.completed", 111, &session(json!({})))]);
    assert_eq!(joined.refunds[0].stripe_customer_id, some("cus_1"));
    assert_eq!(joined.refunds[0].stripe_checkout_session_id, some("cs_1"));
    for (status, shown, failed_at) in [
        ("pending", "pending", None),
        ("requires_action", "pending", None),
        ("failed", "failed", Some(510)),
        ("canceled", "canceled", Some(510)),
    ] {
        let folded = folded(&[say("refund.updated", 510, &refund("re_1", 700, status))]);
        let row = &folded.refunds[0];
        assert_eq!((row.status.as_str(), row.failed_at, row.refunded_at), (shown, failed_at, None));
    }
}

#[test]
fn several_intents_pay_one_invoice() {
    let paid = |id: &str, amount: i64| {
        say(
            "payment_intent.succeeded",
            210,
            &intent(json!({"id": id, "amount": amount, "amount_received": amount, "latest_charge": null})),
        )
    };
    let joined = |id: &str, intent: &str| {
        say(
            "invoice_payment.paid",
            211,
            &invoice_payment(json!({"id": id, "payment": {"type": "payment_intent", "payment_intent": intent}})),
        )
    };
    let mut facts = vec![
        paid("pi_1", 500),
        paid("pi_2", 1000),
        joined("inpay_1", "pi_1"),
        joined("inpay_2", "pi_2"),
        say("invoice.paid", 212, &invoice(json!({}))),
    ];
    assert_eq!(row(&facts).amount, Some(1500));
    let mut back = refund("re_1", 500, "succeeded");
    back["charge"] = Value::Null;
    facts.push(say("refund.created", 220, &back));
    let payment = row(&facts);
    assert_eq!((payment.status.as_str(), payment.amount_refunded), ("partially_refunded", Some(500)));
    // Without the invoice: the sum of the intents.
    facts.remove(4);
    assert_eq!(row(&facts).amount, Some(1500));
}

#[test]
fn what_failed_says_nothing_of_what_was_paid() {
    let failed = say(
        "payment_intent.payment_failed",
        205,
        &intent(json!({"status": "requires_payment_method", "amount": 1500, "amount_received": 0, "invoice": "in_1"})),
    );
    let asked = say("invoice.payment_failed", 205, &invoice(json!({"status": "open", "amount_paid": 0})));
    assert_eq!(row(&[failed.clone(), asked.clone()]).amount, Some(1500));
    let settled = say("invoice.paid", 900, &invoice(json!({"amount_paid": 1000, "amount_due": 1000})));
    assert_eq!(row(&[failed, asked, settled]).amount, Some(1000));
}

#[test]
fn a_share_of_what_the_payer_saw_went_back() {
    let session = say(
        "checkout.session.completed",
        120,
        &session(json!({
            "currency": "eur", "amount_total": 1850,
            "currency_conversion": {"amount_total": 2000, "amount_subtotal": 2000, "source_currency": "usd"},
        })),
    );
    let mut back = refund("re_1", 925, "succeeded");
    back["currency"] = json!("eur");
    let payment = row(&[session.clone(), say("refund.created", 500, &back)]);
    assert_eq!((payment.amount, payment.currency.as_deref()), (Some(2000), Some("usd")));
    assert_eq!((payment.status.as_str(), payment.amount_refunded), ("partially_refunded", Some(1000)));
    back["amount"] = json!(1850);
    assert_eq!(row(&[session, say("refund.created", 500, &back)]).status, "refunded");
}

#[test]
fn without_a_time_is_not_1970() {
    let bare = say("checkout.session.completed", 120, &session(json!({"created": null})));
    assert_eq!(row(&[bare]).stripe_created_at, None);
    let odd = say(
        "payment_intent.succeeded",
        119,
        &intent(json!({"metadata": ours(), "amount": null, "currency": null, "amount_received": null})),
    );
    assert_eq!((row(&[odd.clone()]).amount, row(&[odd]).currency), (None, None));
}
