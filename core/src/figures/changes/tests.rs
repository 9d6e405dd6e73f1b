//! Changes, whatever the order of what was said.

use serde_json::{Value, json};

use super::*;

fn entry(event_id: &str, created: i64, object: &Value) -> Entry {
    let state = State::read(&object.to_string(), false).unwrap();
    Entry { event_id: event_id.into(), created, rank: 10, state: Some(state), ..Entry::default() }
}

#[allow(clippy::needless_pass_by_value, reason = "a test helper that takes what it is given")]
fn subscription(status: &str, quantity: i64, more: Value) -> Value {
    let price = json!({"id": "price_1", "currency": "usd", "unit_amount": 100, "recurring": {"interval": "month"}});
    let mut object = json!({"id": "sub_1", "status": status, "currency": "usd", "created": 10,
        "items": {"data": [{"id": "si_1", "quantity": quantity, "price": price}]}});
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object
}

fn shown(entries: &[Entry]) -> Vec<(i64, String, i64, i64, bool)> {
    let shown = |one: Change| (one.changed_at, one.changed.join(" "), one.previous_mrr, one.mrr, one.is_presumed);
    let found: Vec<_> = changes(entries).into_iter().map(shown).collect();
    let backwards: Vec<Entry> = entries.iter().rev().cloned().collect();
    assert_eq!(found, changes(&backwards).into_iter().map(shown).collect::<Vec<_>>());
    found
}

#[test]
fn what_is_the_same_is_no_change() {
    let entries = [
        Entry { rank: CREATED, ..entry("a", 20, &subscription("active", 1, json!({}))) },
        entry("b", 30, &subscription("active", 1, json!({"metadata": {"a": "b"}}))),
        entry("c", 40, &subscription("past_due", 1, json!({}))),
        entry("d", 50, &subscription("past_due", 4, json!({}))),
    ];
    assert_eq!(
        shown(&entries),
        [
            (20, "start".into(), 0, 100, false),
            (40, "status".into(), 100, 100, false),
            (50, "quantity".into(), 100, 400, false)
        ]
    );
}

#[test]
fn no_access_is_given_since_the_first_that_says_so() {
    let said = |status: &[(i64, &str)]| {
        let entry = |(at, status): &(i64, &str)| entry(&format!("e{at}"), *at, &subscription(status, *at, json!({})));
        no_access_since(&changes(&status.iter().map(entry).collect::<Vec<_>>()))
    };
    assert_eq!(said(&[(20, "active"), (30, "unpaid"), (40, "unpaid"), (50, "canceled")]), Some(30));
    assert_eq!(said(&[(20, "unpaid"), (30, "active"), (40, "paused"), (50, "unpaid")]), Some(40));
    assert_eq!((said(&[(20, "unpaid"), (30, "past_due")]), said(&[])), (None, None));
    assert_eq!(said(&[(30, "paused")]), Some(30));
    assert_eq!(said(&[(20, "incomplete")]), None);
    assert_eq!(said(&[(20, "incomplete"), (30, "incomplete_expired")]), Some(30));
}

#[test]
fn what_ended_stays_so() {
    let entries = [
        Entry { deleted: true, ..entry("a", 30, &subscription("canceled", 1, json!({}))) },
        entry("b", 30, &subscription("active", 1, json!({}))),
        entry("c", 40, &subscription("active", 9, json!({}))),
        Entry { rank: CREATED, ..entry("d", 20, &subscription("active", 1, json!({}))) },
    ];
    assert_eq!(shown(&entries), [(20, "start".into(), 0, 100, false), (30, "status".into(), 100, 0, false)]);
}

#[test]
fn what_was_before_the_first_snapshot_is_presumed() {
    let presumed = |status: &str, more: Value| -> Vec<(i64, i64, bool)> {
        let all = shown(&[entry("sync:0", 100, &subscription(status, 1, more))]);
        all.into_iter().map(|(at, _, _, mrr, is_presumed)| (at, mrr, is_presumed)).collect()
    };
    assert_eq!(presumed("active", json!({})), [(10, 100, true)]);
    assert_eq!(presumed("active", json!({"trial_end": 40})), [(10, 0, true), (40, 100, true)]);
    assert_eq!(presumed("trialing", json!({"trial_end": 400})), [(10, 0, true)]);
    assert_eq!(presumed("canceled", json!({"ended_at": 80})), [(10, 100, true), (80, 0, false)]);
    let told = json!({"ended_at": 80, "canceled_at": 50});
    assert_eq!(presumed("canceled", told), [(10, 100, true), (50, 0, true), (80, 0, false)]);
    assert_eq!(presumed("canceled", json!({"ended_at": 80, "trial_end": 90})), [(10, 0, true), (80, 0, false)]);
    for unknown in ["unpaid", "incomplete", "incomplete_expired", "paused"] {
        assert_eq!(presumed(unknown, json!({})), [(100, 0, false)], "{unknown}");
    }
    assert_eq!(presumed("active", json!({"created": 100})), [(100, 100, false)]);
}

#[test]
fn a_list_that_is_cut_off_says_nothing_of_the_rest() {
    let more = json!({"items": {"has_more": true, "data": [{"id": "si_2", "quantity": 1,
        "price": {"id": "price_2", "currency": "usd", "unit_amount": 50, "recurring": {"interval": "month"}}}]}});
    let entries = [
        Entry { rank: CREATED, ..entry("a", 20, &subscription("active", 1, json!({}))) },
        entry("b", 30, &subscription("active", 1, more)),
    ];
    assert_eq!(shown(&entries), [(20, "start".into(), 0, 100, false), (30, "price".into(), 100, 150, false)]);
}
