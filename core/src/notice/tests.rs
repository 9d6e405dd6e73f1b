//! Notices of subscriptions.

use serde_json::{Value, json};

use super::*;

#[allow(clippy::needless_pass_by_value, reason = "a test helper that takes what it is given")]
fn known(more: Value) -> SubscriptionSnapshot {
    let mut object = json!({"id": "sub_1", "customer": "cus_1", "status": "active",
        "items": {"data": [{"id": "si_1", "current_period_start": 100, "current_period_end": 200, "price": {"id": "price_1"}}]}});
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    SubscriptionSnapshot::read(&object.to_string(), false, "payments_").unwrap()
}

fn told(event_id: &str, created: i64, status: &str, trial_end: Option<i64>) -> Entry {
    let state = State { status: status.into(), trial_end, ..State::default() };
    Entry { event_id: event_id.into(), created, state: Some(state), ..Entry::default() }
}

fn announced(at: i64, amount_due: i64) -> Entry {
    let renewal = Renewal { at, amount_due: Some(amount_due), customer: Some("cus_1".into()), ..Renewal::default() };
    Entry { event_id: format!("evt_{at}_{amount_due}"), created: at - 50, renewal: Some(renewal), ..Entry::default() }
}

fn kinds(known: &SubscriptionSnapshot, entries: &[Entry]) -> Vec<(String, String)> {
    of_subscription("sub_1", Some(known), entries).into_iter().map(|one| (one.kind, one.source)).collect()
}

#[test]
fn jobs_of_payments_are_not_made_from_notices() {
    assert!(is_kind(PAYMENT_FAILED) && is_kind(SUBSCRIPTION_ENDED));
    assert!(!is_kind("payment_succeeded") && !is_kind(""));
}

#[test]
fn the_end_of_a_trial_is_told_while_it_lasts() {
    let announcing = Entry { announces_trial_end: true, ..told("evt_1", 150, "trialing", Some(200)) };
    let in_trial = |end: i64| known(json!({"status": "trialing", "trial_end": end}));
    assert_eq!(
        kinds(&in_trial(200), std::slice::from_ref(&announcing)),
        [(TRIAL_WILL_END.into(), "subscription:sub_1:200".into())]
    );
    // The trial was extended: Stripe will announce its end again.
    assert!(kinds(&in_trial(900), std::slice::from_ref(&announcing)).is_empty());
    assert!(kinds(&known(json!({"trial_end": 200})), std::slice::from_ref(&announcing)).is_empty());
    assert!(kinds(&in_trial(200), &[told("evt_1", 150, "trialing", Some(200))]).is_empty());
    let ending = known(json!({"status": "trialing", "trial_end": 200, "cancel_at": 200}));
    assert!(of_subscription("sub_1", Some(&ending), &[announcing])[0].is_ending);
}

#[test]
fn a_renewal_is_told_until_its_period_begins() {
    let upcoming = [announced(200, 1500)];
    let is_told = |more: Value| !kinds(&known(more), &upcoming).is_empty();
    assert!(is_told(json!({})) && is_told(json!({"status": "past_due"})) && is_told(json!({"status": "trialing"})));
    for over in ["canceled", "unpaid", "paused", "incomplete", "incomplete_expired"] {
        assert!(!is_told(json!({"status": over})), "{over}");
    }
    assert!(!is_told(json!({"cancel_at_period_end": true})));
    assert!(!is_told(json!({"current_period_start": 200})));
    assert!(is_told(json!({"current_period_start": 199})));
    assert!(!is_told(json!({"items": {"data": [{"id": "si_1", "current_period_start": 200}]}})));
}

#[test]
fn of_several_announcements_the_last_renewal_is_told_as_it_was_announced_last() {
    let entries = [announced(200, 1500), announced(300, 1000), announced(300, 1700)];
    let told = of_subscription("sub_1", None, &entries);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].source.as_str(), told[0].amount_due), ("subscription:sub_1:300", Some(1700)));
    assert_eq!((told[0].about.as_str(), told[0].stripe_customer_id.as_deref()), ("sub_1", Some("cus_1")));
}

#[test]
fn an_end_is_told_once_an_event_told_it() {
    let over = known(json!({"status": "canceled"}));
    let by_event = told("evt_1", 150, "canceled", None);
    assert_eq!(
        kinds(&over, std::slice::from_ref(&by_event)),
        [(SUBSCRIPTION_ENDED.into(), "subscription:sub_1".into())]
    );
    assert!(kinds(&over, &[told("sync:0", 150, "canceled", None)]).is_empty());
    assert!(kinds(&known(json!({})), std::slice::from_ref(&by_event)).is_empty());
    let mut because = told("evt_2", 140, "canceled", None);
    because.state.as_mut().unwrap().cancellation_reason = Some("payment_failed".into());
    let end = &of_subscription("sub_1", Some(&over), &[by_event, because])[0];
    assert_eq!((end.happens_at, end.reason.as_deref()), (Some(140), Some("payment_failed")));
}

#[test]
fn a_notice_says_all_that_a_worker_needs() {
    let of = |known: Option<&SubscriptionSnapshot>, entry: Entry| of_subscription("sub_1", known, &[entry]);
    let about = |kind: &str, source: &str, happens_at: i64| Notice {
        kind: kind.into(),
        source: source.into(),
        about: "sub_1".into(),
        stripe_customer_id: Some("cus_1".into()),
        stripe_subscription_id: Some("sub_1".into()),
        happens_at: Some(happens_at),
        ..Notice::default()
    };
    let in_trial = known(json!({"status": "trialing", "trial_end": 900}));
    let announcing = Entry { announces_trial_end: true, ..told("evt_1", 150, "trialing", Some(900)) };
    assert_eq!(of(Some(&in_trial), announcing), [about(TRIAL_WILL_END, "subscription:sub_1:900", 900)]);
    let over = of(Some(&known(json!({"status": "canceled"}))), told("evt_1", 150, "canceled", None));
    assert_eq!(over, [about(SUBSCRIPTION_ENDED, "subscription:sub_1", 150)]);
    let renewal = Renewal {
        at: 900,
        customer: None,
        amount_due: Some(1500),
        currency: Some("usd".into()),
        next_attempt_at: Some(4500),
    };
    let upcoming = Entry { renewal: Some(renewal), ..Entry::default() };
    let renews = Notice {
        amount_due: Some(1500),
        currency: Some("usd".into()),
        next_attempt_at: Some(4500),
        ..about(RENEWAL_UPCOMING, "subscription:sub_1:900", 900)
    };
    // The announcement names no customer, so the subscription's is used.
    assert_eq!(of(Some(&known(json!({}))), upcoming), [renews]);
}
