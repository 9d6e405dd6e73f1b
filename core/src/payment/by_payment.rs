//! Which new facts are about one payment, as far as their ids say.

use std::collections::HashMap;

use super::fact::Fact;

/// Puts facts together that share an id, directly or through other facts. Facts stay in their order, but when a fact
/// joins two payments, those of the later payment follow those of the earlier one.
#[must_use]
pub fn by_payment(facts: Vec<Fact>) -> Vec<Vec<Fact>> {
    let mut payments: Vec<Vec<Fact>> = Vec::new();
    let mut payment_of: HashMap<String, usize> = HashMap::new();
    for fact in facts {
        let keys = fact.object.keys();
        let mut known: Vec<usize> = keys.iter().filter_map(|key| payment_of.get(key).copied()).collect();
        known.sort_unstable();
        known.dedup();
        let place = known.first().copied().unwrap_or(payments.len());
        if place == payments.len() {
            payments.push(Vec::new());
        }
        for other in known.iter().skip(1) {
            let moved = std::mem::take(&mut payments[*other]);
            payment_of.extend(moved.iter().flat_map(|fact| fact.object.keys()).map(|key| (key, place)));
            payments[place].extend(moved);
        }
        payment_of.extend(keys.into_iter().map(|key| (key, place)));
        payments[place].push(fact);
    }
    payments.retain(|facts| !facts.is_empty());
    payments
}

#[cfg(test)]
mod tests {
    use super::by_payment;
    use crate::payment::fact::{Fact, PaymentObject};
    use crate::stripe::event_type::ObjectKind;

    fn fact(event_id: &str, kind: ObjectKind, object: &str) -> Fact {
        let object = PaymentObject::read(kind, object, None, "").unwrap().unwrap();
        Fact { event_id: event_id.to_owned(), created: 1, rank: 0, previous: serde_json::Map::new(), object }
    }

    fn grouped(facts: &[(&str, ObjectKind, &str)]) -> Vec<Vec<String>> {
        let facts = facts.iter().map(|(event_id, kind, object)| fact(event_id, *kind, object)).collect();
        let names = |facts: Vec<Fact>| facts.into_iter().map(|fact| fact.event_id).collect();
        by_payment(facts).into_iter().map(names).collect()
    }

    const INTENT: &str =
        r#"{"id":"pi_1","object":"payment_intent","status":"succeeded","amount":1,"currency":"eur","created":1}"#;
    const CHARGE: &str =
        r#"{"id":"ch_1","object":"charge","status":"succeeded","amount":1,"currency":"eur","created":1}"#;
    const REFUND: &str = r#"{"id":"re_1","object":"refund","status":"succeeded","amount":1,"currency":"eur","created":1,"charge":"ch_1","payment_intent":"pi_1"}"#;
    const OTHER: &str =
        r#"{"id":"pi_2","object":"payment_intent","status":"succeeded","amount":1,"currency":"eur","created":1}"#;

    #[test]
    fn facts_that_share_an_id_are_together() {
        let (intent, charge, refund, other) = (
            ("intent", ObjectKind::PaymentIntent, INTENT),
            ("charge", ObjectKind::Charge, CHARGE),
            ("refund", ObjectKind::Refund, REFUND),
            ("other", ObjectKind::PaymentIntent, OTHER),
        );
        assert_eq!(grouped(&[intent, other, charge]), [vec!["intent"], vec!["other"], vec!["charge"]]);
        // The refund joins both, which were apart before.
        assert_eq!(grouped(&[intent, other, charge, refund]), [vec!["intent", "charge", "refund"], vec!["other"]]);
        assert_eq!(grouped(&[other, charge, refund, intent]), [vec!["other"], vec!["charge", "refund", "intent"]]);
        assert!(grouped(&[]).is_empty());
    }

    #[test]
    fn what_was_moved_is_found_again() {
        let (intent, charge, refund) = (
            ("intent", ObjectKind::PaymentIntent, INTENT),
            ("charge", ObjectKind::Charge, CHARGE),
            ("refund", ObjectKind::Refund, REFUND),
        );
        let again = ("again", ObjectKind::Charge, CHARGE);
        assert_eq!(grouped(&[intent, charge, refund, again]), [vec!["intent", "charge", "refund", "again"]]);
    }
}
