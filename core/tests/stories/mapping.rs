//! Which subject maps to which customer: the earliest claim wins, in every order of arrival.

use payments_core::Subject;
use payments_core::payment::mapping::{Claim, Mapping, resolve};
use proptest::prelude::*;

use crate::make::permutations;

fn subject(id: &str) -> Subject {
    Subject { subject_type: "team".to_owned(), subject_id: id.to_owned() }
}

fn claim(at: i64, who: &str, customer: &str) -> Claim {
    Claim {
        stripe_checkout_session_id: format!("cs_{at}_{who}_{customer}"),
        subject: subject(who),
        stripe_customer_id: customer.to_owned(),
        evidence_created: at,
        evidence_event_id: format!("evt_{who}_{customer}"),
    }
}

fn fixed(who: &str, customer: &str) -> Mapping {
    Mapping { subject: subject(who), stripe_customer_id: customer.to_owned() }
}

type Pairs = Vec<(String, String)>;

fn resolved(claims: &[Claim], fixed: &[Mapping]) -> (Pairs, Pairs) {
    let pairs = |claims: Vec<&Claim>| {
        let mut pairs: Pairs =
            claims.into_iter().map(|c| (c.subject.subject_id.clone(), c.stripe_customer_id.clone())).collect();
        pairs.sort();
        pairs
    };
    let (standing, refused) = resolve(claims, fixed);
    (pairs(standing), pairs(refused))
}

fn pairs(of: &[(&str, &str)]) -> Pairs {
    of.iter().map(|(who, customer)| ((*who).to_owned(), (*customer).to_owned())).collect()
}

#[test]
fn the_earliest_evidence_stands_in_every_order() {
    let claims = [claim(30, "a", "cus_1"), claim(10, "a", "cus_2"), claim(20, "b", "cus_2"), claim(40, "b", "cus_1")];
    permutations(&claims, &mut |order| {
        assert_eq!(
            resolved(order, &[]),
            (pairs(&[("a", "cus_2"), ("b", "cus_1")]), pairs(&[("a", "cus_1"), ("b", "cus_2")]))
        );
    });
}

#[test]
fn a_refused_claim_refuses_nothing() {
    // a–2 is accepted, so b–2 is refused, and b and 3 are free for each other.
    let claims = [claim(1, "a", "cus_2"), claim(2, "b", "cus_2"), claim(3, "b", "cus_3"), claim(4, "c", "cus_3")];
    permutations(&claims, &mut |order| {
        assert_eq!(
            resolved(order, &[]),
            (pairs(&[("a", "cus_2"), ("b", "cus_3")]), pairs(&[("b", "cus_2"), ("c", "cus_3")]))
        );
    });
    // Without the first claim, every other decision is reversed.
    assert_eq!(resolved(&claims[1..], &[]), (pairs(&[("b", "cus_2"), ("c", "cus_3")]), pairs(&[("b", "cus_3")])));
}

#[test]
fn the_event_id_decides_within_a_second() {
    let claims = [claim(10, "b", "cus_1"), claim(10, "a", "cus_1")];
    permutations(&claims, &mut |order| {
        assert_eq!(resolved(order, &[]), (pairs(&[("a", "cus_1")]), pairs(&[("b", "cus_1")])));
    });
}

#[test]
fn of_back_filled_claims_of_one_second_the_session_decides() {
    let synced = |who: &str| Claim { evidence_event_id: "sync".to_owned(), ..claim(10, who, "cus_1") };
    permutations(&[synced("b"), synced("c"), synced("a")], &mut |order| {
        assert_eq!(resolved(order, &[]), (pairs(&[("a", "cus_1")]), pairs(&[("b", "cus_1"), ("c", "cus_1")])));
    });
}

#[test]
fn an_admins_mapping_stands_above_every_claim() {
    let claims = [claim(1, "a", "cus_1"), claim(2, "b", "cus_2"), claim(3, "c", "cus_3"), claim(4, "z", "cus_9")];
    let admin = [fixed("a", "cus_2"), fixed("c", "cus_3")];
    permutations(&claims, &mut |order| {
        assert_eq!(
            resolved(order, &admin),
            // c–3 repeats an accepted mapping, so it is no conflict.
            (pairs(&[("z", "cus_9")]), pairs(&[("a", "cus_1"), ("b", "cus_2")]))
        );
    });
}

#[test]
fn the_same_said_again_is_no_conflict() {
    let claims = [claim(1, "a", "cus_1"), claim(2, "a", "cus_1")];
    assert_eq!(resolved(&claims, &[]), (pairs(&[("a", "cus_1")]), pairs(&[])));
    assert_eq!(resolved(&[], &[]), (pairs(&[]), pairs(&[])));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_cannot_be_seen_and_no_one_has_two(
        (claims, shuffled) in prop::collection::vec((0..6_i64, 0..4_u8, 0..4_u8), 0..14)
            .prop_map(|plans| {
                plans.into_iter().map(|(at, who, customer)| claim(at, &who.to_string(), &customer.to_string()))
                    .collect::<Vec<_>>()
            })
            .prop_flat_map(|claims| (Just(claims.clone()), Just(claims).prop_shuffle())),
        admin in prop::option::of((0..4_u8, 0..4_u8)),
    ) {
        let admin: Vec<Mapping> = admin.iter().map(|(who, customer)| fixed(&who.to_string(), &customer.to_string())).collect();
        prop_assert_eq!(resolved(&claims, &admin), resolved(&shuffled, &admin));
        let (standing, refused) = resolve(&claims, &admin);
        for (at, one) in standing.iter().enumerate() {
            for other in &standing[at + 1..] {
                prop_assert!(one.subject != other.subject && one.stripe_customer_id != other.stripe_customer_id);
            }
        }
        // For each refused claim there is an earlier accepted one, or an admin's mapping, that takes its subject or
        // customer.
        for claim in refused {
            let clash = |subject: &Subject, customer: &str| *subject == claim.subject || customer == claim.stripe_customer_id;
            let by_claim = standing.iter().any(|earlier| {
                earlier.evidence_created <= claim.evidence_created && clash(&earlier.subject, &earlier.stripe_customer_id)
            });
            let by_admin = admin.iter().any(|fixed| clash(&fixed.subject, &fixed.stripe_customer_id));
            prop_assert!(by_claim || by_admin);
        }
    }
}
