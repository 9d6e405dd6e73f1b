//! Orders: forged, doubled, refunded, disputed, in any order of arrival.

use super::*;
use proptest::prelude::*;

mod really_bought;

fn order(status: &str) -> Order {
    Order {
        status: Some(status.into()),
        amount: Some(Some(2000)),
        currency: Some(Some("eur".into())),
        environment: None,
        user_id: Some(Some("ada".into())),
        subject_type: Some(None),
        subject_id: Some(None),
        line_items: Some(None),
    }
}

fn candidate(source: &str, status: &str) -> PaymentCandidate {
    PaymentCandidate {
        source: source.into(),
        environment: "test".into(),
        money: Money {
            status: status.into(),
            amount: Some(2000),
            currency: Some("eur".into()),
            paid_at: 100,
            ..Money::default()
        },
        created_by: Some("ada".into()),
        subject: None,
        line_items: json!([{"price": "price_a", "quantity": 2}]),
        told: None,
        by_backend: false,
        own: Own::Nothing,
        went_live: false,
        before: None,
    }
}

fn one(order: &Order, candidate: PaymentCandidate) -> (Option<String>, FulfillmentState, String) {
    let (write, settled) = settle(order, &[candidate]);
    let decision = settled.into_iter().next().unwrap().decision;
    (write.map(|write| write.status), decision.state, decision.reason.unwrap_or_default())
}

#[test]
fn an_honest_payment_pays() {
    assert_eq!(
        one(&order("pending"), candidate("a", "succeeded")),
        (Some("paid".into()), FulfillmentState::Applied, String::new())
    );
}

#[test]
fn the_subtotal_pays_too() {
    let mut discounted = candidate("a", "succeeded");
    discounted.money.amount = Some(0);
    assert_eq!(one(&order("pending"), discounted.clone()).1, FulfillmentState::NeedsReview);
    discounted.money.subtotal = Some(2000);
    assert_eq!(one(&order("pending"), discounted).1, FulfillmentState::Applied);
}

#[test]
fn forged_orders_are_not_paid() {
    type Forgery = fn(&mut Order, &mut PaymentCandidate);
    let forgeries: [(Forgery, &str); 9] = [
        (|_, candidate| candidate.money.amount = Some(1), "costs 2000, 1 was paid"),
        (|_, candidate| candidate.money.amount = None, "an unknown amount was paid"),
        (|order, _| order.amount = Some(None), "costs an unknown amount"),
        (|_, candidate| candidate.money.currency = Some("jpy".into()), "in eur, the payment in jpy"),
        (|_, candidate| candidate.created_by = Some("bob".into()), "someone else"),
        (|_, candidate| candidate.created_by = None, "someone else"),
        (|order, _| order.environment = Some("live".into()), "belongs to live"),
        (
            |_, candidate| {
                candidate.created_by = None;
                candidate.subject = Some(Subject { subject_type: "team".into(), subject_id: "ada".into() });
            },
            "someone else",
        ),
        (|order, _| order.currency = Some(None), "in no currency"),
    ];
    for (forge, words) in forgeries {
        let (mut order, mut candidate) = (order("pending"), candidate("a", "succeeded"));
        forge(&mut order, &mut candidate);
        let (write, state, reason) = one(&order, candidate);
        assert_eq!((write, state), (None, FulfillmentState::NeedsReview), "{reason}");
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn one_payment_does_not_buy_twice() {
    let with = |own: Own| PaymentCandidate { own, ..candidate("a", "succeeded") };
    let gives = || with(Own::Gives("price_a".into()));
    let (write, state, reason) = one(&order("pending"), gives());
    assert_eq!((write, state), (None, FulfillmentState::NeedsReview));
    assert!(reason.contains("gives something of its own (by price_a)"), "{reason}");
    assert!(reason.contains(r#"set its line_items to [{"price":"price_a","quantity":2}], and call"#), "{reason}");
    let without = Order { line_items: None, ..order("pending") };
    assert!(one(&without, gives()).2.contains("in a column that the table lacks"));
    // A backend names the order for what it sells.
    assert_eq!(one(&order("pending"), PaymentCandidate { by_backend: true, ..gives() }).1, FulfillmentState::Applied);
    // What may give something waits until that is known.
    let unknown = with(Own::Unknown(vec!["price_a".into()]));
    let (write, settled) = settle(&order("pending"), std::slice::from_ref(&unknown));
    assert!(write.is_none() && settled[0].waits && !settled[0].matches);
    assert_eq!(settled[0].decision.state, FulfillmentState::NeedsReview);
    let (_, settled) = settle(&order("pending"), &[PaymentCandidate { own: Own::Nothing, ..unknown.clone() }]);
    assert!(settled[0].pays_order && !settled[0].waits);
    // The order's amount is compared first.
    let (_, settled) = settle(&Order { amount: Some(Some(1)), ..order("pending") }, &[unknown]);
    assert!(!settled[0].waits);
}

#[test]
fn an_order_that_names_its_items_is_paid_by_those() {
    let for_items = |items: Value| Order { line_items: Some(Some(items)), ..order("pending") };
    let gives = || PaymentCandidate { own: Own::Gives("price_a".into()), ..candidate("a", "succeeded") };
    for same in [
        json!([{"price": "price_a", "quantity": 2}]),
        json!([{"stripePriceId": "price_a", "quantity": 2}]),
        json!([{"price": "price_a"}, {"price": "price_a", "quantity": 1}]),
    ] {
        assert_eq!(one(&for_items(same.clone()), gives()).1, FulfillmentState::Applied, "{same}");
    }
    for other in [
        json!([{"price": "price_a", "quantity": 1}]),
        json!([{"price": "price_b", "quantity": 2}]),
        json!([{"price": "price_a", "quantity": 2}, {"price": "price_b"}]),
        json!([{"price": "price_a", "quantity": 2}, {"name": "a book"}]),
        json!([]),
        json!({}),
        json!("price_a"),
    ] {
        for by_backend in [false, true] {
            let (write, state, reason) = one(&for_items(other.clone()), PaymentCandidate { by_backend, ..gives() });
            assert_eq!((write, state), (None, FulfillmentState::NeedsReview), "{other} {reason}");
        }
    }
    let (_, _, reason) = one(&for_items(json!([{"price": "price_b"}])), gives());
    assert_eq!(reason, "the order is for 1 × price_b, the checkout session for 2 × price_a");
}

#[test]
fn what_paid_an_order_goes_on_to_pay_it_whatever_is_set_later() {
    let mut holder = PaymentCandidate { own: Own::Gives("price_a".into()), ..candidate("a", "succeeded") };
    holder.before = before(FulfillmentState::Applied);
    assert_eq!(one(&order("paid"), holder.clone()).1, FulfillmentState::Applied);
    let named = Order { line_items: Some(Some(json!([{"price": "price_b"}]))), ..order("paid") };
    assert_eq!(one(&named, holder).1, FulfillmentState::Applied);
}

#[test]
fn less_money_than_was_asked_for_pays_nothing() {
    let mut short = candidate("a", "succeeded");
    short.money.shortfall = Some(800);
    let (write, state, reason) = one(&order("pending"), short.clone());
    assert_eq!((write, state), (None, FulfillmentState::NeedsReview));
    assert!(reason.contains("800 less was received"), "{reason}");
    // It was paid before that was known.
    short.before = before(FulfillmentState::Applied);
    assert_eq!(one(&order("paid"), short.clone()).0, Some("pending".into()));
    short.money.status = "refunded".into();
    assert_eq!(one(&order("pending"), short).1, FulfillmentState::Skipped);
}

#[test]
fn what_the_table_does_not_have_is_not_compared() {
    let bare = Order { status: Some("pending".into()), ..Order::default() };
    assert_eq!(one(&bare, candidate("a", "succeeded")).1, FulfillmentState::Applied);
    let read: Order = serde_json::from_str(r#"{"status": "pending", "amount": null}"#).unwrap();
    assert_eq!((read.amount, read.currency), (Some(None), None));
}

#[test]
fn the_subject_may_own_it() {
    let mut team = candidate("a", "succeeded");
    team.created_by = Some("bob".into());
    team.subject = Some(Subject { subject_type: "team".into(), subject_id: "7".into() });
    let mut order = order("pending");
    order.subject_type = Some(Some("team".into()));
    order.subject_id = Some(Some("7".into()));
    assert_eq!(one(&order, team).1, FulfillmentState::Applied);
}

#[test]
fn fulfilled_canceled_and_paid_orders_are_left_alone() {
    for status in ["fulfilled", "canceled", "paid", "refunded"] {
        let (write, state, reason) = one(&order(status), candidate("a", "succeeded"));
        assert_eq!((write, state), (None, FulfillmentState::NeedsReview), "{status}");
        assert!(reason.contains(status));
        assert_eq!(one(&order(status), candidate("a", "refunded")).1, FulfillmentState::Skipped);
    }
}

#[test]
fn a_payment_that_turns_out_to_be_a_subscriptions_lets_its_order_go() {
    let mut is_subscription_invoice = candidate("a", "succeeded");
    is_subscription_invoice.money.is_subscription_invoice = true;
    let (write, state, reason) = one(&order("pending"), is_subscription_invoice.clone());
    assert_eq!((write, state), (None, FulfillmentState::Skipped));
    is_subscription_invoice.before = before(FulfillmentState::Applied);
    assert_eq!(
        one(&order("paid"), is_subscription_invoice),
        (Some("pending".into()), FulfillmentState::Skipped, reason)
    );
}

fn before(state: FulfillmentState) -> Option<PriorDecision> {
    Some(PriorDecision {
        told: None,
        state,
        due: Some(2000),
        currency: Some("eur".into()),
        granted: Some(2000),
        prior_status: None,
    })
}

#[test]
fn what_the_app_fulfilled_is_refunded_and_comes_back_as_fulfilled() {
    let mut paid = candidate("a", "refunded");
    paid.before = before(FulfillmentState::Applied);
    let (write, settled) = settle(&order("fulfilled"), &[paid.clone()]);
    assert_eq!(write.unwrap().status, "refunded");
    assert_eq!(settled[0].prior_status.as_deref(), Some("fulfilled"));
    let mut failed_refund = candidate("a", "succeeded");
    failed_refund.before = before(FulfillmentState::Reversed);
    failed_refund.before.as_mut().unwrap().prior_status = settled[0].prior_status.clone();
    assert_eq!(one(&order("refunded"), failed_refund.clone()).0.as_deref(), Some("fulfilled"));
    failed_refund.before.as_mut().unwrap().prior_status = None;
    assert_eq!(one(&order("refunded"), failed_refund).0.as_deref(), Some("paid"));
}

#[test]
fn fulfilled_stays_so_through_a_partial_refund_and_a_won_dispute() {
    let mut part = candidate("a", "partially_refunded");
    part.money.amount_refunded = Some(500);
    part.money.dispute_status = Some("won".into());
    part.before = before(FulfillmentState::Applied);
    for status in ["fulfilled", "canceled"] {
        let (write, state, reason) = one(&order(status), part.clone());
        assert_eq!((write.as_deref(), state), (Some(status), FulfillmentState::Applied));
        assert_eq!(reason, "500 of 2000 was refunded");
    }
}

#[test]
fn the_app_may_change_the_order_after_it_was_paid() {
    let mut paid = candidate("a", "succeeded");
    paid.before = before(FulfillmentState::Applied);
    let mut changed = order("paid");
    changed.amount = Some(Some(1));
    assert_eq!(one(&changed, paid.clone()).1, FulfillmentState::Applied);
    paid.money.currency = Some("jpy".into());
    let (write, state, _) = one(&changed, paid);
    assert_eq!((write.as_deref(), state), (Some("pending"), FulfillmentState::NeedsReview));
}

#[test]
fn a_second_payment_waits_for_review_and_takes_over_when_the_first_goes_back() {
    let (first, mut second) = (candidate("a", "succeeded"), candidate("b", "succeeded"));
    second.money.paid_at = 200;
    let (write, settled) = settle(&order("pending"), &[second.clone(), first.clone()]);
    assert_eq!(write.unwrap().holder, Some(1));
    assert_eq!(settled[0].decision.reason.as_deref(), Some("the order is already paid by a"));
    let mut gone = candidate("a", "refunded");
    gone.before = before(FulfillmentState::Applied);
    let (write, settled) = settle(&order("paid"), &[gone, second]);
    assert_eq!(write.unwrap(), OrderUpdate { status: "paid".into(), holder: Some(1) });
    assert_eq!(settled[0].decision.state, FulfillmentState::Skipped);
    assert_eq!(settled[1].decision.state, FulfillmentState::Applied);
}

#[test]
fn a_failed_refund_brings_the_order_back_though_a_write_failed_in_between() {
    let mut refunded = candidate("a", "refunded");
    refunded.before = before(FulfillmentState::Applied);
    let (_, settled) = settle(&order("paid"), &[refunded]);
    let mut again = candidate("a", "succeeded");
    again.before = before(FulfillmentState::Failed);
    again.before.as_mut().unwrap().prior_status = settled[0].prior_status.clone();
    assert_eq!(one(&order("refunded"), again).0.as_deref(), Some("paid"));
    let mut by_the_app = candidate("a", "succeeded");
    by_the_app.before = before(FulfillmentState::Failed);
    assert_eq!(one(&order("refunded"), by_the_app).0, None);
}

#[test]
fn a_second_payment_does_not_take_over_what_the_app_went_on_with() {
    for status in ["fulfilled", "canceled"] {
        let (mut first, mut second) = (candidate("a", "refunded"), candidate("b", "succeeded"));
        second.money.paid_at = 200;
        first.before = before(FulfillmentState::Applied);
        let (write, settled) = settle(&order(status), &[first.clone(), second.clone()]);
        assert_eq!(write.unwrap(), OrderUpdate { status: "refunded".into(), holder: Some(0) });
        assert_eq!(settled[1].decision.state, FulfillmentState::NeedsReview);
        // Told again, and when the refund fails after all.
        first.before = before(FulfillmentState::Reversed);
        first.before.as_mut().unwrap().prior_status = settled[0].prior_status.clone();
        let (_, settled) = settle(&order("refunded"), &[first.clone(), second.clone()]);
        assert_eq!(settled[1].decision.state, FulfillmentState::NeedsReview);
        first.money.status = "succeeded".into();
        let (write, settled) = settle(&order("refunded"), &[first, second]);
        assert_eq!(write.unwrap(), OrderUpdate { status: status.into(), holder: Some(0) });
        assert_eq!(settled[1].decision.state, FulfillmentState::NeedsReview);
    }
}

#[test]
fn an_owner_without_a_type_is_compared_too() {
    let mut order = order("pending");
    order.user_id = None;
    order.subject_type = None;
    order.subject_id = Some(Some("7".into()));
    assert_eq!(one(&order, candidate("a", "succeeded")).1, FulfillmentState::NeedsReview);
    let mut team = candidate("a", "succeeded");
    team.subject = Some(Subject { subject_type: "team".into(), subject_id: "7".into() });
    assert_eq!(one(&order, team).1, FulfillmentState::Applied);
    order.subject_id = Some(Some("ada".into()));
    assert_eq!(one(&order, candidate("a", "succeeded")).1, FulfillmentState::Applied);
}

#[test]
fn once_live_is_approved_a_test_payment_needs_an_order_that_says_test() {
    let mut late = candidate("a", "succeeded");
    late.went_live = true;
    assert!(one(&order("pending"), late.clone()).2.contains("live is approved"));
    let of_test = Order { environment: Some("test".into()), ..order("pending") };
    assert_eq!(one(&of_test, late.clone()).1, FulfillmentState::Applied);
    late.environment = "live".into();
    assert_eq!(one(&order("pending"), late).1, FulfillmentState::Applied);
}

#[test]
fn an_order_is_paid_by_its_user_or_for_its_subject() {
    // Each order's user and subject, who opened the session and for whom, and whether that pays.
    type Who<'a> = (Option<&'a str>, Option<(&'a str, &'a str)>);
    const ID: &str = "d936ca56-6cc9-4608-a940-4bbe0d2abd26";
    const OTHER: &str = "00000000-6cc9-4608-a940-4bbe0d2abd26";
    let capitals = ID.to_uppercase();
    let cases: [(Who<'_>, Who<'_>, bool); 16] = [
        ((None, None), (None, None), true),
        ((Some("ada"), None), (Some("ada"), Some(("team", "7"))), true),
        ((Some("ada"), None), (None, Some(("user", "ada"))), true),
        ((Some("ada"), None), (Some("bob"), Some(("user", "ada"))), true),
        ((Some("ada"), None), (None, Some(("user", "bob"))), false),
        ((Some("ada"), Some(("team", "7"))), (Some("ada"), None), true),
        ((Some("ada"), Some(("team", "7"))), (Some("bob"), None), false),
        ((None, Some(("team", "7"))), (Some("bob"), Some(("team", "7"))), true),
        ((None, Some(("team", "7"))), (Some("bob"), Some(("team", "8"))), false),
        ((None, Some(("team", "7"))), (Some("7"), Some(("user", "7"))), false),
        ((None, Some(("user", "ada"))), (Some("ada"), Some(("team", "7"))), true),
        ((None, Some(("user", "ada"))), (Some("bob"), Some(("team", "7"))), false),
        // A uuid is the same however it is written, and only that one.
        ((Some(ID), None), (Some(&capitals), None), true),
        ((None, Some(("team", ID))), (None, Some(("team", &capitals))), true),
        ((Some(ID), None), (Some(OTHER), None), false),
        ((Some(ID), None), (Some("ada"), None), false),
    ];
    for ((user, owner), (creator, billed), pays) in cases {
        let mut order = order("pending");
        order.user_id = Some(user.map(Into::into));
        order.subject_type = Some(owner.map(|owner| owner.0.into()));
        order.subject_id = Some(owner.map(|owner| owner.1.into()));
        let paid = PaymentCandidate {
            created_by: creator.map(Into::into),
            subject: billed.map(|(kind, id)| Subject { subject_type: kind.into(), subject_id: id.into() }),
            ..candidate("a", "succeeded")
        };
        let expected = if pays { FulfillmentState::Applied } else { FulfillmentState::NeedsReview };
        assert_eq!(one(&order, paid).1, expected, "{user:?} {owner:?}, by {creator:?} for {billed:?}");
    }
}

#[test]
fn it_is_recorded_what_paid_the_order_and_what_went_back() {
    let record = |order: &Order, candidate: PaymentCandidate| {
        settle(order, std::slice::from_ref(&candidate)).1[0].record("7", &candidate.money)
    };
    let figures = |record: &Record| (record.amount_due, record.granted, record.amount_reversed, record.matches);
    let mut part = candidate("a", "partially_refunded");
    part.money.amount_refunded = Some(500);
    let paid = record(&order("pending"), part.clone());
    assert_eq!((paid.item.as_str(), paid.currency.as_deref()), ("7", Some("eur")));
    assert_eq!((figures(&paid), paid.prior_order_status), ((Some(2000), Some(2000), Some(500), true), None));
    // A lost dispute takes all of it.
    let mut lost = part.clone();
    (lost.money.dispute_status, lost.before) = (Some("lost".into()), before(FulfillmentState::Applied));
    let taken = record(&order("fulfilled"), lost);
    assert_eq!(figures(&taken), (Some(2000), Some(2000), Some(2000), true));
    assert_eq!(taken.prior_order_status.as_deref(), Some("fulfilled"));
    // What pays nothing is recorded with its amount, to be compared again.
    part.created_by = Some("bob".into());
    assert_eq!(figures(&record(&order("pending"), part)), (Some(2000), None, None, false));
    // A payment of nothing pays an order that costs nothing known.
    let mut nothing = candidate("a", "succeeded");
    nothing.money.amount = None;
    assert_eq!(figures(&record(&Order { amount: None, ..order("pending") }, nothing)), (None, Some(0), Some(0), true));
}

#[test]
fn only_a_payer_whose_money_went_back_keeps_what_the_order_was() {
    let (first, mut second) = (candidate("a", "succeeded"), candidate("b", "refunded"));
    second.money.paid_at = 200;
    let (_, settled) = settle(&order("pending"), &[first, second]);
    assert!(settled[0].pays_order && !settled[1].pays_order);
    assert_eq!((&settled[0].prior_status, &settled[1].prior_status), (&None, &None));
}

/// One step of a story: payment `who` now stands at `status`.
fn story() -> impl Strategy<Value = Vec<(usize, &'static str)>> {
    prop::collection::vec((0usize..3, prop::sample::select(vec!["succeeded", "refunded", "lost", "won"])), 1..9)
}

/// Plays a story as the database would: after each step the order is settled and every decision kept.
fn play(steps: &[(usize, &str)], order: &mut Order) -> Vec<(String, FulfillmentDecision)> {
    let mut candidates: Vec<PaymentCandidate> = Vec::new();
    for (who, status) in steps {
        let source = ["c", "a", "b"][*who].to_owned();
        let mut next = candidate(&source, if status.len() == 4 || *status == "won" { "succeeded" } else { status });
        next.money.paid_at = [1, 2, 2][*who];
        next.money.dispute_status = ["lost", "won"].contains(status).then(|| (*status).to_owned());
        match candidates.iter_mut().find(|candidate| candidate.source == source) {
            Some(known) => known.money = next.money,
            None => candidates.push(next),
        }
        let (write, settled) = settle(order, &candidates);
        if let Some(write) = write {
            order.status = Some(write.status);
        }
        for (candidate, decision) in candidates.iter_mut().zip(settled) {
            candidate.before = Some(PriorDecision {
                told: None,
                state: decision.decision.state,
                due: candidate.money.amount,
                currency: candidate.money.currency.clone(),
                granted: decision.pays_order.then_some(2000),
                prior_status: decision.prior_status,
            });
        }
    }
    let (_, settled) = settle(order, &candidates);
    let mut kept: Vec<(String, FulfillmentDecision)> = candidates
        .into_iter()
        .map(|candidate| candidate.source)
        .zip(settled.into_iter().map(|settled| settled.decision))
        .collect();
    kept.sort_by(|one, other| one.0.cmp(&other.0));
    kept
}

proptest! {
    #[test]
    fn arrival_leaves_no_trace(steps in story()) {
        let mut by_event = order("pending");
        let kept = play(&steps, &mut by_event);
        // The same last words, said at once and in another order.
        let mut last: Vec<(usize, &str)> = Vec::new();
        for step in steps.iter().rev() {
            if !last.iter().any(|known| known.0 == step.0) {
                last.push(*step);
            }
        }
        let mut at_once = order("pending");
        prop_assert_eq!(&kept, &play(&last, &mut at_once));
        prop_assert_eq!(by_event.status, at_once.status);
    }
}

#[test]
fn a_refunded_order_waits_again_when_its_payment_turns_out_to_be_of_another_amount() {
    let mut corrected = candidate("a", "refunded");
    corrected.money.amount = Some(1500);
    corrected.before = Some(PriorDecision {
        told: None,
        state: FulfillmentState::Reversed,
        due: Some(2000),
        currency: Some("eur".into()),
        granted: Some(2000),
        prior_status: Some("paid".into()),
    });
    assert_eq!(one(&order("refunded"), corrected.clone()).0, Some("pending".into()));
    // What the app did with it itself stays.
    corrected.before.as_mut().unwrap().prior_status = Some("fulfilled".into());
    assert_eq!(one(&order("refunded"), corrected).0, None);
}
