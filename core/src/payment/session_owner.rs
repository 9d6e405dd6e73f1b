//! Which of several Stripe sessions owns a local row of `payments.checkout_sessions`.
//!
//! The session that a backend recorded for the row owns it. When that session expires unpaid, a session that Stripe
//! recovered from it takes its place ([`row_owner`]). If no session was recorded, several can name the row in their
//! metadata: the one with the greatest [`SessionRank`] owns it.

use std::cmp::Reverse;

use serde::Deserialize;

use super::fact::{Fact, PaymentObject};
use super::fold::{is_paid, paid_at};
use crate::stripe::object::money_state::MoneyState;
use crate::stripe::object::session::Session;

/// The rank of a session that names the row: the greatest owns it. A new fact raises the rank or leaves it, so the
/// owner depends on the set of facts and not on their order.
///
/// A paid session ranks above a completed one, and that above the rest. Of completed sessions the first made wins,
/// because it is the one that was meant; of the others the last made, because it may still be paid.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionRank {
    paid: bool,
    complete: bool,
    made: Option<i64>,
    id: Reverse<String>,
}

impl SessionRank {
    /// The rank of a session, from the facts about its payment; `None` if none of them is about the session itself.
    #[must_use]
    pub fn of(id: &str, facts: &[Fact]) -> Option<Self> {
        let created = snapshots_of(id, facts).next()?.created;
        let complete = snapshots_of(id, facts).any(Session::is_complete);
        Some(Self {
            paid: is_paid(facts),
            complete,
            made: if complete { created.map(i64::saturating_neg) } else { created },
            id: Reverse(id.to_owned()),
        })
    }
}

fn snapshots_of<'a>(id: &str, facts: &'a [Fact]) -> impl Iterator<Item = &'a Session> {
    facts.iter().filter_map(move |fact| match &fact.object {
        PaymentObject::CheckoutSession(session) if session.id == id => Some(&**session),
        _ => None,
    })
}

/// A session of a family. A family is a session, the sessions that Stripe recovered from it when it expired, those
/// recovered from these, and so on.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RelatedSession {
    /// `cs_…`.
    pub id: String,
    /// The session that it was recovered from.
    pub recovered_from: Option<String>,
    /// The facts about its payment.
    pub facts: Vec<Fact>,
}

impl RelatedSession {
    fn snapshots(&self) -> impl Iterator<Item = &Session> {
        snapshots_of(&self.id, &self.facts)
    }

    fn expired_unpaid(&self) -> bool {
        self.snapshots().any(Session::is_expired)
            && !self.snapshots().any(|session| session.is_complete() || session.state == MoneyState::Succeeded)
            && !is_paid(&self.facts)
    }

    /// The first paid session wins, then the first completed one; of the others the last made, because it may still be
    /// paid.
    fn rank(&self) -> impl Ord {
        let made = self.snapshots().find_map(|session| session.created);
        let complete = self.snapshots().any(Session::is_complete);
        let paid = is_paid(&self.facts);
        (
            paid,
            Reverse(paid.then(|| paid_at(&self.facts)).flatten()),
            complete,
            if complete { made.map(i64::saturating_neg) } else { made },
            Reverse(self.id.clone()),
        )
    }
}

/// The nearest session with a recorded row: the session itself, or one of its ancestors. `recorded` are all sessions
/// with a recorded row.
#[must_use]
pub fn recorded_ancestor<'a>(id: &'a str, family: &'a [RelatedSession], recorded: &[&str]) -> Option<&'a str> {
    with_ancestors(id, family).find(|id| recorded.contains(id))
}

/// The session that owns the row that was recorded for `root`. `recorded` are all sessions with a recorded row.
///
/// A session takes the place of the one that it was recovered from only if that one expired unpaid. Of several paid
/// sessions the first paid wins. The answer depends on the set of facts, not on their order.
#[must_use]
pub fn row_owner<'a>(root: &'a str, family: &'a [RelatedSession], recorded: &[&str]) -> &'a str {
    let may_own = |one: &&RelatedSession| {
        let ancestors: Vec<&str> = with_ancestors(&one.id, family).skip(1).collect();
        recorded_ancestor(&one.id, family, recorded) == Some(root)
            && ancestors.iter().position(|id| *id == root).is_some_and(|place| {
                ancestors[..=place].iter().all(|id| find(id, family).is_some_and(RelatedSession::expired_unpaid))
            })
    };
    let best = family.iter().filter(|one| one.id != root).filter(may_own).max_by_key(|one| one.rank());
    best.map_or(root, |one| &one.id)
}

fn find<'a>(id: &str, family: &'a [RelatedSession]) -> Option<&'a RelatedSession> {
    family.iter().find(|one| one.id == id)
}

/// A session and its ancestors, nearest first: the one that it was recovered from, and so on. A circle ends after as
/// many steps as the family has members.
fn with_ancestors<'a>(id: &'a str, family: &'a [RelatedSession]) -> impl Iterator<Item = &'a str> {
    let before = |id: &&'a str| find(id, family).and_then(|one| one.recovered_from.as_deref());
    std::iter::successors(Some(id), before).take(family.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(id: &str, status: &str, paid: &str, created: i64) -> Fact {
        let text = format!(
            r#"{{"id": "{id}", "mode": "payment", "status": "{status}", "payment_status": "{paid}", "created": {created}}}"#
        );
        let session = Session::read(&text, None, "insforge_").expect("a session");
        let event_id = format!("evt_{status}_{paid}");
        let object = PaymentObject::CheckoutSession(Box::new(session));
        Fact { event_id, created, rank: 10, previous: serde_json::Map::new(), object }
    }

    fn rank_of(id: &str, status: &str, paid: &str, created: i64) -> Option<SessionRank> {
        SessionRank::of(id, &[said(id, status, paid, created)])
    }

    #[test]
    fn paid_comes_before_completed_before_the_rest() {
        let paid = rank_of("cs_c", "complete", "paid", 30);
        let completed = rank_of("cs_b", "complete", "unpaid", 20);
        let expired = rank_of("cs_a", "expired", "unpaid", 10);
        assert!(paid > completed);
        assert!(completed > expired);
        assert!(expired > SessionRank::of("cs_a", &[]));
    }

    #[test]
    fn the_first_made_is_the_one_that_was_meant_and_the_last_made_the_one_that_may_still_be_paid() {
        assert!(rank_of("cs_a", "complete", "paid", 10) > rank_of("cs_b", "complete", "paid", 20));
        assert!(rank_of("cs_a", "expired", "unpaid", 10) < rank_of("cs_b", "open", "unpaid", 20));
    }

    #[test]
    fn of_one_second_the_lesser_id_has_it() {
        assert!(rank_of("cs_a", "complete", "paid", 10) > rank_of("cs_b", "complete", "paid", 10));
    }

    #[test]
    fn more_facts_never_make_it_less() {
        let told = [("open", "unpaid"), ("complete", "unpaid"), ("complete", "paid"), ("expired", "unpaid")]
            .map(|(status, paid)| said("cs_a", status, paid, 10));
        let some = |set: usize| {
            let known: Vec<Fact> =
                told.iter().enumerate().filter(|(n, _)| set & (1 << n) != 0).map(|(_, s)| s.clone()).collect();
            SessionRank::of("cs_a", &known)
        };
        for known in 1..16 {
            for more in 0..4 {
                assert!(some(known | (1 << more)) >= some(known), "{known} and {more}");
            }
        }
    }

    fn relative_of(id: &str, from: Option<&str>, said_of_it: &[Fact]) -> RelatedSession {
        RelatedSession { id: id.into(), recovered_from: from.map(Into::into), facts: said_of_it.to_vec() }
    }

    fn at(time: i64, mut fact: Fact) -> Fact {
        fact.created = time;
        fact
    }

    #[test]
    fn a_recovered_session_takes_the_place_of_one_that_expired_unpaid() {
        let paid = || relative_of("cs_b", Some("cs_a"), &[said("cs_b", "complete", "paid", 20)]);
        let owner = |status: &str, payment: &str| {
            let family = [relative_of("cs_a", None, &[said("cs_a", status, payment, 10)]), paid()];
            row_owner("cs_a", &family, &["cs_a"]).to_owned()
        };
        assert_eq!(owner("expired", "unpaid"), "cs_b");
        for (status, payment) in [("open", "unpaid"), ("complete", "unpaid"), ("complete", "paid"), ("expired", "paid")]
        {
            assert_eq!(owner(status, payment), "cs_a", "{status} {payment}");
        }
        // Nothing is known about the session that it was recovered from.
        assert_eq!(row_owner("cs_a", &[relative_of("cs_a", None, &[]), paid()], &["cs_a"]), "cs_a");
    }

    #[test]
    fn a_chain_of_recoveries_is_followed() {
        let expired = |id: &str, from| relative_of(id, from, &[said(id, "expired", "unpaid", 10)]);
        let last = relative_of("cs_d", Some("cs_c"), &[said("cs_d", "complete", "paid", 40)]);
        let family =
            [last.clone(), expired("cs_c", Some("cs_b")), expired("cs_b", Some("cs_a")), expired("cs_a", None)];
        assert_eq!(row_owner("cs_a", &family, &["cs_a"]), "cs_d");
        let broken = [last.clone(), relative_of("cs_c", Some("cs_b"), &[]), family[2].clone(), family[3].clone()];
        assert_eq!(row_owner("cs_a", &broken, &["cs_a"]), "cs_b");
        // A session in between has a row of its own, so it is the nearest.
        assert_eq!(recorded_ancestor("cs_d", &family, &["cs_a", "cs_c"]), Some("cs_c"));
        assert_eq!(row_owner("cs_a", &family, &["cs_a", "cs_c"]), "cs_b");
        // A circle of recoveries has no recorded ancestor, and it ends.
        let circle = [expired("cs_x", Some("cs_y")), expired("cs_y", Some("cs_x"))];
        assert_eq!(recorded_ancestor("cs_x", &circle, &["cs_a"]), None);
        assert_eq!(row_owner("cs_x", &circle, &["cs_x"]), "cs_y");
    }

    #[test]
    fn of_several_recovered_sessions_the_first_that_was_paid_has_it() {
        let copy =
            |id: &str, made, paid| relative_of(id, Some("cs_a"), &[at(paid, said(id, "complete", "paid", made))]);
        let mut family = vec![
            relative_of("cs_a", None, &[said("cs_a", "expired", "unpaid", 10)]),
            copy("cs_b", 20, 50),
            copy("cs_c", 30, 40),
            relative_of("cs_d", Some("cs_a"), &[said("cs_d", "complete", "unpaid", 15)]),
        ];
        for _ in 0..family.len() {
            assert_eq!(row_owner("cs_a", &family, &["cs_a"]), "cs_c");
            family.rotate_left(1);
        }
    }

    #[test]
    fn only_a_sessions_own_snapshots_count() {
        let facts = [said("cs_a", "expired", "unpaid", 10), said("cs_b", "complete", "unpaid", 20)];
        let rank = |id: &str| SessionRank::of(id, &facts);
        assert!(rank("cs_b") > rank("cs_a"));
        assert_eq!(rank("cs_a"), rank_of("cs_a", "expired", "unpaid", 10));
        assert_eq!(rank("cs_c"), None);
    }

    #[test]
    fn a_session_that_was_ever_completed_is_not_left_to_another() {
        let paid = relative_of("cs_b", Some("cs_a"), &[said("cs_b", "complete", "paid", 20)]);
        let (expired, completed) = (said("cs_a", "expired", "unpaid", 10), said("cs_a", "complete", "unpaid", 10));
        let owner =
            |facts: &[Fact]| row_owner("cs_a", &[relative_of("cs_a", None, facts), paid.clone()], &["cs_a"]).to_owned();
        assert_eq!(owner(std::slice::from_ref(&expired)), "cs_b");
        assert_eq!(owner(&[expired, completed]), "cs_a");
    }

    #[test]
    fn an_ancestor_of_which_nothing_is_known_is_found() {
        let family = [relative_of("cs_b", Some("cs_a"), &[said("cs_b", "complete", "paid", 20)])];
        assert_eq!(recorded_ancestor("cs_b", &family, &["cs_a"]), Some("cs_a"));
        assert_eq!(row_owner("cs_a", &family, &["cs_a"]), "cs_a");
    }
}
