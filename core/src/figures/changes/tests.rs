//! The changes of a subscription, in any order of its entries.

use serde_json::{Value, json};

use super::*;

fn changes(entries: &[Entry]) -> Vec<Change> {
    super::changes(entries, &Catalog::new())
}

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
    // It is not known when this one ended. And a trial without duration is none.
    assert_eq!(presumed("canceled", json!({})), [(100, 0, false)]);
    assert_eq!(presumed("active", json!({"trial_end": 10})), [(10, 100, true)]);
    // An event of another type is not the creation either.
    let event = entry("evt_1", 100, &subscription("active", 1, json!({})));
    assert_eq!(shown(&[event]), [(10, "start".into(), 0, 100, true)]);
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

#[test]
fn an_end_that_was_told_before_the_first_snapshot_is_presumed_since_then() {
    let presumed = |status: &str, more: Value| -> Vec<(i64, String, i64)> {
        let all = shown(&[entry("sync:0", 100, &subscription(status, 1, more))]);
        all.into_iter().map(|(at, words, _, mrr, _)| (at, words, mrr)).collect()
    };
    let row = |at: i64, words: &str, mrr: i64| (at, words.to_owned(), mrr);
    let with_period = json!({"cancel_at": 400, "canceled_at": 50, "current_period_end": 400});
    assert_eq!(presumed("active", with_period), [row(10, "start", 100), row(50, "ending", 0)]);
    assert_eq!(presumed("active", json!({"cancel_at_period_end": true, "canceled_at": 10})), [row(10, "start", 0)]);
    // It was scheduled to end, and then no longer.
    assert_eq!(presumed("active", json!({"canceled_at": 50})), [row(10, "start", 100)]);
    let at_once = json!({"ended_at": 80, "canceled_at": 80});
    assert_eq!(presumed("canceled", at_once), [row(10, "start", 100), row(80, "status", 0)]);
    let in_trial = json!({"trial_end": 400, "cancel_at_period_end": true, "canceled_at": 50});
    assert_eq!(presumed("trialing", in_trial), [row(10, "start", 0), row(50, "ending", 0)]);
    let of_trial =
        |told_at: i64| presumed("canceled", json!({"ended_at": 80, "trial_end": 40, "canceled_at": told_at}));
    assert_eq!(of_trial(20), [row(10, "start", 0), row(20, "ending", 0), row(40, "status", 0), row(80, "status", 0)]);
    assert_eq!(of_trial(40), [row(10, "start", 0), row(40, "status ending", 0), row(80, "status", 0)]);
}

#[test]
fn each_change_says_what_changed() {
    let at = |created: i64, more: Value| entry(&format!("evt_{created}"), created, &subscription("active", 1, more));
    let start = || Entry { rank: CREATED, ..at(20, json!({})) };
    let words = |entries: &[Entry]| shown(entries).into_iter().skip(1).map(|one| (one.1, one.3)).collect::<Vec<_>>();
    let ending = json!({"cancel_at_period_end": true});
    assert_eq!(
        words(&[start(), at(30, ending), at(40, json!({}))]),
        [("ending".to_owned(), 0), ("ending".to_owned(), 100)]
    );
    let half = json!({"id": "di_1", "coupon": {"id": "HALF", "duration": "forever", "percent_off": 50}});
    assert_eq!(words(&[start(), at(30, json!({"discounts": [half]}))]), [("discount".to_owned(), 50)]);
    let price = json!({"id": "price_1", "currency": "usd", "unit_amount": 100, "recurring": {"interval": "month"}});
    let item = json!({"data": [{"id": "si_1", "quantity": 1, "price": price, "discounts": [half]}]});
    assert_eq!(words(&[start(), at(30, json!({"items": item}))]), [("discount".to_owned(), 50)]);
}

#[test]
fn a_change_shows_who_told_it_and_what_its_discounts_take() {
    let ending = json!({"cancel_at_period_end": true, "customer": "cus_1", "discounts": ["di_1"]});
    let mut entries = vec![
        Entry { rank: CREATED, ..entry("evt_1", 20, &subscription("active", 1, ending.clone())) },
        entry("sync:0", 30, &subscription("canceled", 1, ending)),
    ];
    let told = &changes(&entries)[0];
    assert_eq!((told.stripe_event_id.as_deref(), told.is_ending, told.is_complete), (Some("evt_1"), true, true));
    assert_eq!((told.stripe_customer_id.as_deref(), told.currency.as_deref()), (Some("cus_1"), Some("usd")));
    assert_eq!(told.discounts, [Discount { id: "di_1".into(), ..Discount::default() }]);
    let found = &changes(&entries)[1];
    assert_eq!((found.stripe_event_id.as_deref(), found.is_ending), (None, false));
    // An event of the discount says what it takes.
    let half = json!({"id": "di_1", "coupon": {"id": "HALF", "duration": "forever", "percent_off": 50}});
    let discount = Discount::read(&half);
    entries.push(Entry { event_id: "evt_2".into(), created: 25, discount: discount.clone(), ..Entry::default() });
    assert_eq!(changes(&entries)[0].discounts, [discount.unwrap()]);
}

#[test]
fn what_a_snapshot_leaves_out_stays_as_it_was() {
    let known = json!({"customer": "cus_1"});
    let end = json!({"id": "sub_1", "status": "canceled", "items": {"data": []}});
    let entries = [
        Entry { rank: CREATED, ..entry("a", 20, &subscription("active", 1, known)) },
        Entry { deleted: true, ..entry("b", 30, &end) },
    ];
    let ended = &changes(&entries)[1];
    assert_eq!((ended.currency.as_deref(), ended.stripe_customer_id.as_deref()), (Some("usd"), Some("cus_1")));
    assert_eq!((ended.mrr, ended.previous_mrr), (0, 100));
}

#[test]
fn the_catalog_says_what_a_coupon_takes_that_is_only_named() {
    let discount = json!({"id": "di_1", "source": {"type": "coupon", "coupon": "HALF"}});
    let entries = [entry("a", 20, &subscription("active", 1, json!({"discounts": [discount]})))];
    let last = |catalog: &Catalog| super::changes(&entries, catalog).pop().map(|one| (one.mrr, one.is_complete));
    let half = super::super::coupon::Coupon::read(&json!({"duration": "forever", "percent_off": 50}));
    assert_eq!(last(&Catalog::new()), Some((100, false)));
    assert_eq!(last(&Catalog::from([("HALF".to_owned(), half.unwrap())])), Some((50, true)));
}

#[test]
fn tiers_count_whichever_snapshot_tells_them() {
    let of = |created: i64, units: &[i64]| {
        let tiers: Vec<Value> = units.iter().map(|unit| json!({"up_to": null, "unit_amount": unit})).collect();
        let price = json!({"id": "price_1", "currency": "usd", "tiers_mode": "volume", "tiers": tiers, "recurring": {"interval": "month"}});
        let items = json!({"items": {"data": [{"id": "si_1", "quantity": 3, "price": price}]}});
        entry(&format!("evt_{created}"), created, &subscription("active", 1, items))
    };
    let mrr = |entries: &[Entry]| shown(entries)[0].3;
    assert_eq!(mrr(&[Entry { rank: CREATED, ..of(20, &[]) }, of(30, &[7])]), 21);
    assert_eq!(mrr(&[Entry { rank: CREATED, ..of(20, &[]) }, of(30, &[])]), 0);
    // If tiers contradict each other, the greater ones count, in any order.
    for (one, other) in [(7, 8), (8, 7)] {
        assert_eq!(mrr(&[Entry { rank: CREATED, ..of(20, &[]) }, of(30, &[one]), of(40, &[other])]), 24);
    }
}

#[test]
fn of_one_second_only_the_newest_counts() {
    let with = |event_id: &str, quantity: i64| entry(event_id, 20, &subscription("active", quantity, json!({})));
    let mrr = |entries: &[Entry]| shown(entries)[0].3;
    assert_eq!(mrr(&[Entry { rank: CREATED, ..with("evt_9", 1) }, with("evt_1", 5)]), 500);
    assert_eq!(mrr(&[with("evt_1", 5), with("evt_9", 1)]), 100);
    // What an event says that it changed decides which one it follows.
    let in_trial = entry("evt_9", 20, &subscription("trialing", 1, json!({"created": 20})));
    let previous = json!({"status": "trialing"}).as_object().unwrap().clone();
    let active = entry("evt_1", 20, &subscription("active", 1, json!({"created": 20})));
    assert_eq!(mrr(&[in_trial, Entry { previous, ..active }]), 100);
    // Both report the same end.
    let ended = |event_id: &str, created: i64, quantity: i64| {
        entry(event_id, created, &subscription("canceled", quantity, json!({"ended_at": 15})))
    };
    let all = [ended("evt_9", 30, 1), ended("evt_1", 40, 3)];
    let end = changes(&all).pop().unwrap();
    assert_eq!((end.changed_at, end.items[0].state.quantity), (15, Some(3)));
}
