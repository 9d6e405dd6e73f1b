//! Which snapshot is the newest: whole seconds, ranks, and what `previous_attributes` say within a second.

use payments_core::mirror::ObjectSnapshot;
use payments_core::snapshot::{is_late, newest};
use payments_core::stripe::event_type::rank;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::make::{permutations, say, session, sync};

pub(crate) fn snapshot(id: &str, created: i64, event_type: &str, object: Value, previous: Value) -> ObjectSnapshot {
    ObjectSnapshot {
        event_id: id.to_owned(),
        created,
        rank: rank(Some(event_type)),
        deleted: event_type.ends_with(".deleted"),
        previous: if let Value::Object(previous) = previous { previous } else { Map::new() },
        object,
    }
}

fn updated(id: &str, object: Value, previous: Value) -> ObjectSnapshot {
    snapshot(id, 10, "customer.updated", object, previous)
}

/// The id of the newest snapshot, the same in every order.
fn chosen(snapshots: &[ObjectSnapshot]) -> String {
    let first = newest(snapshots).unwrap().event_id.clone();
    permutations(snapshots, &mut |order| assert_eq!(newest(order).unwrap().event_id, first));
    first
}

#[test]
fn the_later_second_is_newer() {
    let old = snapshot("evt_z", 10, "customer.updated", json!({"n": 1}), json!({}));
    let new = snapshot("evt_a", 11, "customer.updated", json!({"n": 2}), json!({}));
    assert_eq!(chosen(&[old, new]), "evt_a");
    assert!(newest::<ObjectSnapshot>([]).is_none());
}

#[test]
fn within_a_second_life_goes_on() {
    let of = |id: &str, event_type: &str| snapshot(id, 10, event_type, json!({"id": id}), json!({}));
    assert_eq!(chosen(&[of("evt_z", "customer.created"), of("evt_a", "customer.updated")]), "evt_a");
    let ended = of("evt_a", "invoice.voided");
    assert_eq!(chosen(&[of("evt_z", "invoice.paid"), of("evt_y", "invoice.payment_failed"), ended]), "evt_a");
    for (before, after) in [
        ("customer.subscription.created", "customer.subscription.updated"),
        ("customer.subscription.updated", "customer.subscription.deleted"),
        ("checkout.session.completed", "checkout.session.async_payment_failed"),
        ("checkout.session.completed", "checkout.session.async_payment_succeeded"),
        ("payment_intent.processing", "payment_intent.payment_failed"),
        ("payment_intent.payment_failed", "payment_intent.succeeded"),
        ("payment_intent.payment_failed", "payment_intent.canceled"),
        ("charge.succeeded", "charge.refunded"),
        ("refund.created", "charge.refund.updated"),
        ("refund.updated", "refund.failed"),
        ("invoice.finalized", "invoice.payment_failed"),
        ("invoice.payment_failed", "invoice.paid"),
        ("invoice.paid", "invoice.marked_uncollectible"),
        ("charge.dispute.created", "charge.dispute.funds_withdrawn"),
        ("charge.dispute.updated", "charge.dispute.closed"),
        ("charge.dispute.closed", "charge.dispute.funds_reinstated"),
        ("price.created", "price.updated"),
        ("product.updated", "product.deleted"),
    ] {
        assert!(rank(Some(before)) < rank(Some(after)), "{before} comes before {after}");
    }
}

#[test]
fn a_back_fill_stands_among_the_changes() {
    // Within a second, an event that begins or continues something is older than a backfill; one that decides is newer.
    let found = 10;
    for before in ["invoice.finalized", "payment_intent.processing", "checkout.session.completed", "charge.succeeded"] {
        assert!(rank(Some(before)) < found, "{before}");
    }
    for after in
        ["payment_intent.payment_failed", "checkout.session.async_payment_failed", "invoice.paid", "refund.failed"]
    {
        assert!(rank(Some(after)) > found, "{after}");
    }
    // A declined charge ends nothing: another event of the same second is not older.
    assert!(rank(Some("charge.failed")) <= rank(Some("charge.refunded")));
}

#[test]
fn what_is_deleted_stays_deleted() {
    let gone = snapshot("evt_a", 10, "customer.deleted", json!({"n": 1}), json!({}));
    let late = snapshot("evt_z", 99, "customer.updated", json!({"n": 2}), json!({"n": 1}));
    assert_eq!(chosen(&[gone, late]), "evt_a");
}

#[test]
fn previous_attributes_tell_which_came_after_which() {
    let first = updated("evt_z", json!({"email": "a", "name": "x"}), json!({"email": null}));
    let then = updated("evt_a", json!({"email": "b", "name": "x"}), json!({"email": "a"}));
    assert_eq!(chosen(&[first.clone(), then.clone()]), "evt_a");
    let last = updated("evt_m", json!({"email": "b", "name": "y"}), json!({"name": "x"}));
    assert_eq!(chosen(&[first, then, last]), "evt_m");
}

#[test]
fn a_chain_of_three_is_followed_to_its_end() {
    for ids in [["evt_1", "evt_2", "evt_3"], ["evt_3", "evt_2", "evt_1"], ["evt_2", "evt_3", "evt_1"]] {
        let links: Vec<ObjectSnapshot> =
            (0..3).map(|n| updated(ids[n], json!({"n": n + 1, "id": "x"}), json!({"n": n}))).collect();
        assert_eq!(chosen(&links), ids[2], "{ids:?}");
    }
}

#[test]
fn a_toggle_within_a_second_ends_where_its_chain_ends() {
    // off (before) → on → off → on and seats: nothing follows the last one.
    let on = updated("evt_c", json!({"flag": true, "seats": 1}), json!({"flag": false}));
    let off = updated("evt_b", json!({"flag": false, "seats": 1}), json!({"flag": true}));
    let last = updated("evt_a", json!({"flag": true, "seats": 2}), json!({"flag": false, "seats": 1}));
    assert_eq!(chosen(&[on, off, last]), "evt_a");
}

#[test]
fn of_two_chains_the_one_that_agrees_in_all_else_is_followed() {
    // off → on → off, then a note is added. By the named attributes alone, `on` could follow the note.
    let on = updated("evt_9", json!({"flag": true, "metadata": {}}), json!({"flag": false}));
    let off = updated("evt_8", json!({"flag": false, "metadata": {}}), json!({"flag": true}));
    let noted = updated("evt_7", json!({"flag": false, "metadata": {"x": "1"}}), json!({"metadata": {"x": null}}));
    permutations(&[on, off, noted], &mut |order| assert_eq!(chosen(order), "evt_7"));
}

#[test]
fn a_session_that_is_over_is_never_open_again() {
    let completed = say("checkout.session.completed", 10, &session(json!({})));
    let looked = sync(20, &session(json!({"status": "open", "payment_status": "unpaid", "payment_intent": null})));
    permutations(&[completed, looked], &mut |order| {
        assert_eq!(newest(order).unwrap().event_id, "evt_checkout.session.completed_10_cs_1");
    });
}

#[test]
fn where_nothing_tells_the_event_id_decides() {
    let plain = |id: &str, n: i64| updated(id, json!({"n": n}), json!({}));
    assert_eq!(chosen(&[plain("evt_b", 1), plain("evt_c", 2), plain("evt_a", 3)]), "evt_c");
    // A pure toggle has no end: each snapshot follows the other.
    let on = updated("evt_a", json!({"flag": true}), json!({"flag": false}));
    let off = updated("evt_b", json!({"flag": false}), json!({"flag": true}));
    assert_eq!(chosen(&[on, off]), "evt_b");
}

#[test]
fn nested_attributes_are_compared_by_what_is_named() {
    let first = updated("evt_z", json!({"metadata": {"plan": "gold", "by": "x"}}), json!({"metadata": {"plan": null}}));
    let then =
        updated("evt_a", json!({"metadata": {"plan": "platinum", "by": "x"}}), json!({"metadata": {"plan": "gold"}}));
    assert_eq!(chosen(&[first, then]), "evt_a");
    // An attribute that was missing before is null in `previous_attributes`.
    let first = updated("evt_z", json!({"n": 1}), json!({"n": 0}));
    let then = updated("evt_a", json!({"n": 1, "phone": "1"}), json!({"phone": null}));
    assert_eq!(chosen(&[first, then]), "evt_a");
}

#[test]
fn of_equal_snapshots_the_greatest_event_id_decides_too() {
    let plain = |id: &str| updated(id, json!({"n": 1}), json!({}));
    assert_eq!(chosen(&[plain("evt_a"), plain("evt_b")]), "evt_b");
}

#[test]
fn what_fully_follows_another_does_not_come_before_it() {
    let off = updated("evt_a", json!({"flag": false, "note": "x"}), json!({"flag": true}));
    // It names everything that differs. By the flag alone, `off` could follow it too.
    let on = updated("evt_b", json!({"flag": true, "note": "y"}), json!({"flag": false, "note": "x"}));
    // It follows `off` too, but does not name the note, which differs.
    let other = updated("evt_c", json!({"flag": "maybe", "note": "z"}), json!({"flag": false}));
    assert_eq!(chosen(&[off, on, other]), "evt_b");
}

#[test]
fn a_chain_does_not_return_to_its_beginning() {
    // `on` and `off` fully follow each other, so a chain that returned to `off` would have more full matches.
    let on = updated("evt_a", json!({"flag": true, "n": 1}), json!({"flag": false}));
    let off = updated("evt_b", json!({"flag": false, "n": 1}), json!({"flag": true}));
    let last = updated("evt_c", json!({"flag": "maybe", "n": 2}), json!({"flag": true}));
    assert_eq!(chosen(&[on, off, last]), "evt_c");
}

#[test]
fn of_back_fills_only_the_last_look_counts() {
    let looked = |at: i64| sync(at, &session(json!({})));
    let told = |at: i64| say("checkout.session.completed", at, &session(json!({})));
    assert!(is_late(&looked(10), &[looked(11)]));
    assert!(is_late(&looked(10), &[told(5), looked(3), looked(11)]));
    // No later backfill is known; one of the same second is not later.
    assert!(!is_late(&looked(10), &[]));
    assert!(!is_late(&looked(10), &[looked(9), looked(10)]));
    // An event is never late, and never makes a backfill late.
    assert!(!is_late(&told(10), &[looked(11), told(11)]));
    assert!(!is_late(&looked(10), &[told(11)]));
}

#[test]
fn a_repeated_event_is_one() {
    let on = updated("evt_b", json!({"flag": true}), json!({"flag": false}));
    let off = updated("evt_c", json!({"flag": false}), json!({"flag": true}));
    let once = chosen(&[on.clone(), off.clone()]);
    assert_eq!(chosen(&[on.clone(), off, on]), once);
}

#[test]
fn a_tie_of_many_is_decided_all_the_same() {
    let many = |n: i64| -> Vec<ObjectSnapshot> {
        (0..n).map(|n| updated(&format!("evt_{:02}", 99 - n), json!({"n": n + 1}), json!({"n": n}))).collect()
    };
    let seven = many(7);
    assert_eq!(newest(&seven).unwrap().event_id, "evt_93");
    // These are too many to search for chains, so the greatest id counts.
    let eight = many(8);
    assert_eq!(newest(&eight).unwrap().event_id, "evt_99");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_choice_is_of_a_set(
        (snapshots, shuffled) in prop::collection::vec((0..3_i64, 0..3_i64, 0..3_i64, 0..3_i64, 0..4_usize), 1..9)
            .prop_map(|plans| {
                let types = ["customer.created", "customer.updated", "customer.updated", "customer.deleted"];
                plans.into_iter().enumerate().map(|(at, (created, a, b, was, kind))| {
                    let previous = if b == 0 { json!({"a": was}) } else { json!({"a": was, "b": b - 1}) };
                    snapshot(&format!("evt_{}", at * 5 % 9), created, types[kind], json!({"a": a, "b": b}), previous)
                }).collect::<Vec<_>>()
            })
            .prop_flat_map(|snapshots| (Just(snapshots.clone()), Just(snapshots).prop_shuffle())),
    ) {
        let chosen = newest(&snapshots).unwrap();
        prop_assert_eq!(&newest(&shuffled).unwrap().event_id, &chosen.event_id);
        // No other snapshot comes later by deletion, time and rank.
        for other in &snapshots {
            prop_assert!((other.deleted, other.created, other.rank) <= (chosen.deleted, chosen.created, chosen.rank));
        }
    }
}
