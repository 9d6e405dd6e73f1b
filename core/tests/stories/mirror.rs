//! Mirrored objects: dropping what no longer matters changes nothing; lists that arrive in parts.

use payments_core::mirror::{ObjectSnapshot, entitlements, items, newest_and_undecided};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::make::{PREFIX, permutations};
use crate::snapshot::snapshot;

/// A subscription whose snapshot has these items, each with a quantity.
fn subscription(of: &[(&str, i64)], has_more: bool) -> Value {
    let data: Vec<Value> =
        of.iter().map(|(id, n)| json!({"id": id, "quantity": n, "price": {"id": "price_1"}})).collect();
    json!({"id": "sub_1", "object": "subscription", "status": "active", "items": {"data": data, "has_more": has_more}})
}

fn updated(id: &str, created: i64, object: Value) -> ObjectSnapshot {
    snapshot(id, created, "customer.subscription.updated", object, Value::Null)
}

fn quantities(snapshots: &[ObjectSnapshot]) -> Vec<(String, i64)> {
    let items = items(snapshots, PREFIX).unwrap();
    items.into_iter().map(|item| (item.stripe_subscription_item_id, item.quantity.unwrap())).collect()
}

/// Adds snapshots one at a time, and keeps only those that may still matter. Returns the id of the newest one, the
/// items, and how many snapshots are kept.
fn fed(order: &[ObjectSnapshot]) -> (String, Vec<(String, i64)>, usize) {
    let mut kept: Vec<ObjectSnapshot> = Vec::new();
    for snapshot in order {
        kept.retain(|known| known.event_id != snapshot.event_id);
        kept.push(snapshot.clone());
        let (_, keep) = newest_and_undecided(&kept).unwrap();
        kept = keep.into_iter().cloned().collect();
    }
    (newest_and_undecided(&kept).unwrap().0.event_id.clone(), quantities(&kept), kept.len())
}

fn pairs(of: &[(&str, i64)]) -> Vec<(String, i64)> {
    of.iter().map(|(id, n)| ((*id).to_owned(), *n)).collect()
}

#[test]
fn a_whole_list_replaces_the_set() {
    let three = updated("evt_1", 1, subscription(&[("si_a", 1), ("si_b", 2), ("si_c", 3)], false));
    let two = updated("evt_2", 2, subscription(&[("si_a", 7), ("si_c", 3)], false));
    permutations(&[three, two], &mut |order| {
        assert_eq!(fed(order), ("evt_2".to_owned(), pairs(&[("si_a", 7), ("si_c", 3)]), 1));
    });
}

#[test]
fn a_part_of_a_list_takes_nothing_away() {
    let whole = updated("evt_1", 1, subscription(&[("si_a", 1), ("si_b", 2)], false));
    let part = updated("evt_2", 2, subscription(&[("si_b", 5)], true));
    let other = updated("evt_3", 3, subscription(&[("si_c", 9)], true));
    permutations(&[whole.clone(), part.clone(), other.clone()], &mut |order| {
        let (newest, items, kept) = fed(order);
        assert_eq!((newest.as_str(), items, kept), ("evt_3", pairs(&[("si_a", 1), ("si_b", 5), ("si_c", 9)]), 3));
    });
    // The next whole list replaces everything.
    let whole_again = updated("evt_4", 4, subscription(&[("si_c", 1)], false));
    permutations(&[whole, part, other, whole_again], &mut |order| {
        assert_eq!(fed(order), ("evt_4".to_owned(), pairs(&[("si_c", 1)]), 1));
    });
}

#[test]
fn of_parts_of_one_second_the_newest_speaks_last() {
    let first = snapshot(
        "evt_z",
        5,
        "customer.subscription.updated",
        json!({"id": "sub_1", "n": 1, "items": {"data": [{"id": "si_a", "quantity": 1}], "has_more": true}}),
        json!({"n": 0}),
    );
    let then = snapshot(
        "evt_a",
        5,
        "customer.subscription.updated",
        json!({"id": "sub_1", "n": 2, "items": {"data": [{"id": "si_a", "quantity": 2}], "has_more": true}}),
        json!({"n": 1}),
    );
    permutations(&[first, then], &mut |order| {
        let (newest, items, _) = fed(order);
        assert_eq!((newest.as_str(), items), ("evt_a", pairs(&[("si_a", 2)])));
    });
}

#[test]
fn an_item_that_the_newest_snapshot_leaves_out_has_the_subscriptions_period() {
    let of = |items: &[(&str, i64)], has_more: bool| {
        let data: Vec<Value> = items.iter().map(|(id, end)| json!({"id": id, "current_period_end": end})).collect();
        json!({"id": "sub_1", "object": "subscription", "items": {"data": data, "has_more": has_more}})
    };
    let whole = updated("evt_1", 1, of(&[("si_a", 5), ("si_b", 6)], false));
    let part = updated("evt_2", 2, of(&[("si_a", 9)], true));
    permutations(&[whole, part], &mut |order| {
        let ends: Vec<_> = items(order, PREFIX).unwrap().into_iter().map(|item| item.current_period_end).collect();
        assert_eq!(ends, [Some(9), Some(9)]);
    });
}

#[test]
fn a_deleted_subscription_keeps_its_last_items() {
    let whole = updated("evt_1", 1, subscription(&[("si_a", 1)], false));
    let gone = snapshot("evt_2", 2, "customer.subscription.deleted", subscription(&[("si_a", 3)], false), Value::Null);
    let late = updated("evt_3", 3, subscription(&[("si_a", 9)], false));
    permutations(&[whole, gone, late], &mut |order| {
        assert_eq!(fed(order), ("evt_2".to_owned(), pairs(&[("si_a", 3)]), 1));
    });
}

#[test]
fn a_part_of_what_a_customer_is_entitled_to_takes_nothing_away() {
    let summary = |id: &str, created: i64, keys: &[&str], has_more: bool| {
        let data: Vec<Value> = keys.iter().map(|key| json!({"id": format!("ent_{key}"), "lookup_key": key})).collect();
        let object = json!({"object": "entitlements.active_entitlement_summary", "customer": "cus_1",
                            "entitlements": {"data": data, "has_more": has_more}});
        snapshot(id, created, "entitlements.active_entitlement_summary.updated", object, Value::Null)
    };
    let all = [summary("evt_1", 1, &["a", "b"], false), summary("evt_2", 2, &["c"], true)];
    permutations(&all, &mut |order| {
        let keys: Vec<String> = entitlements(order).unwrap().into_iter().map(|one| one.lookup_key).collect();
        assert_eq!(keys, ["a", "b", "c"]);
    });
    let none = snapshot("evt_3", 3, "x", json!({"customer": "cus_1", "entitlements": null}), Value::Null);
    assert_eq!(entitlements(&[none]).unwrap(), []);
}

#[test]
fn of_an_object_without_a_list_only_the_newest_is_kept() {
    let customer =
        |id: &str, at: i64| snapshot(id, at, "customer.updated", json!({"id": "cus_1", "n": at}), Value::Null);
    let (newest, kept) = (customer("evt_2", 2), [customer("evt_1", 1), customer("evt_2", 2)]);
    assert_eq!(newest_and_undecided(&kept), Some((&newest, vec![&newest])));
}

#[test]
fn an_object_without_items_has_none() {
    let bare =
        snapshot("evt_1", 1, "customer.subscription.updated", json!({"id": "sub_1", "items": null}), Value::Null);
    assert_eq!(quantities(&[bare]), []);
    assert!(newest_and_undecided(&[]).is_none());
}

fn plans() -> impl Strategy<Value = Vec<ObjectSnapshot>> {
    let plan = (0..4_i64, 0..3_i64, 0..3_i64, prop::sample::subsequence(vec!["si_a", "si_b", "si_c"], 0..=3), 0..8_u8);
    prop::collection::vec(plan, 1..7).prop_map(|plans| {
        let make = |(at, (created, n, was, ids, kind)): (usize, (i64, i64, i64, Vec<&str>, u8))| {
            let quantity = i64::try_from(at).unwrap();
            let of: Vec<(&str, i64)> = ids.into_iter().map(|id| (id, quantity)).collect();
            let event_type = match kind {
                0 => "customer.subscription.deleted",
                1 => "customer.subscription.created",
                _ => "customer.subscription.updated",
            };
            let mut object = subscription(&of, kind > 4);
            object["n"] = json!(n);
            snapshot(&format!("evt_{}", at * 4 % 7), created, event_type, object, json!({"n": was}))
        };
        plans.into_iter().enumerate().map(make).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn forgetting_on_the_way_forgets_nothing_that_matters(
        (snapshots, shuffled) in plans().prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle())),
    ) {
        let all = (newest_and_undecided(&snapshots).unwrap().0.event_id.clone(), quantities(&snapshots));
        for order in [&snapshots, &shuffled] {
            let (newest, items, _) = fed(order);
            prop_assert_eq!(&(newest, items), &all);
        }
    }
}
