//! Which of several Stripe sessions has a local row. One that a backend has recorded has it, until it expires unpaid and a
//! session that Stripe recovered from it takes its place ([`heir`]). Of those that only name a row, the one that stands first
//! ([`Standing`]) has it.

use std::cmp::Reverse;

use serde::Deserialize;

use super::fact::{Fact, State, Statement};
use super::fold::{is_paid, paid_at};
use crate::stripe::object::session::Session;

/// How well a session stands: the greatest has the row. Facts that arrive make it greater, never less, so whoever stood
/// first once all are told has the row, whatever the arrival.
///
/// Paid comes before completed, before anything else; of several that were completed the first made stands first, as the
/// one that was meant, else the last made, as the one that may still be paid.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    paid: bool,
    complete: bool,
    made: Option<i64>,
    id: Reverse<String>,
}

impl Standing {
    /// Of a session, from all that is said of its payment; `None` where nothing is.
    #[must_use]
    pub fn of(id: &str, statements: &[Statement]) -> Option<Self> {
        let its = || {
            statements.iter().filter_map(|statement| match &statement.fact {
                Fact::CheckoutSession(session) if session.id == id => Some(session),
                _ => None,
            })
        };
        let created = its().next()?.created;
        let complete = its().any(|session| session.is_complete());
        Some(Self {
            paid: is_paid(statements),
            complete,
            made: if complete { created.map(i64::saturating_neg) } else { created },
            id: Reverse(id.to_owned()),
        })
    }
}

/// A session of a family: one that a backend may have recorded, those that Stripe recovered from it when it expired, and those
/// that it recovered from these.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Relative {
    /// `cs_…`.
    pub id: String,
    /// The one that it was recovered from.
    pub recovered_from: Option<String>,
    /// All that is said of its payment.
    pub statements: Vec<Statement>,
}

impl Relative {
    fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.statements.iter().filter_map(|statement| match &statement.fact {
            Fact::CheckoutSession(session) if session.id == self.id => Some(&**session),
            _ => None,
        })
    }

    fn expired_unpaid(&self) -> bool {
        self.sessions().any(Session::is_expired)
            && !self.sessions().any(|session| session.is_complete() || session.state == State::Succeeded)
            && !is_paid(&self.statements)
    }

    /// Who was paid first, then who was completed first; of the others whoever was made last may still be paid.
    fn standing(&self) -> impl Ord {
        let made = self.sessions().find_map(|session| session.created);
        let complete = self.sessions().any(Session::is_complete);
        let paid = is_paid(&self.statements);
        (
            paid,
            Reverse(paid.then(|| paid_at(&self.statements)).flatten()),
            complete,
            if complete { made.map(i64::saturating_neg) } else { made },
            Reverse(self.id.clone()),
        )
    }
}

/// The recorded session that `id` goes back to: itself, or the nearest of those that it was recovered from.
#[must_use]
pub fn recorded_before<'a>(id: &'a str, family: &'a [Relative], recorded: &[&str]) -> Option<&'a str> {
    line_of(id, family).find(|id| recorded.contains(id))
}

/// Which session has the row that was recorded for `root`; `recorded` are all that a row was recorded for.
///
/// A session takes the place of the one that it was recovered from only where that expired unpaid. Of several that are paid
/// the first has it. It is a property of the set, so that the order in which the facts became known leaves no trace.
#[must_use]
pub fn heir<'a>(root: &'a str, family: &'a [Relative], recorded: &[&str]) -> &'a str {
    let may_have_it = |one: &&Relative| {
        let before: Vec<&str> = line_of(&one.id, family).skip(1).collect();
        recorded_before(&one.id, family, recorded) == Some(root)
            && before.iter().position(|id| *id == root).is_some_and(|place| {
                before[..=place].iter().all(|id| relative(id, family).is_some_and(Relative::expired_unpaid))
            })
    };
    let best = family.iter().filter(|one| one.id != root).filter(may_have_it).max_by_key(|one| one.standing());
    best.map_or(root, |one| &one.id)
}

fn relative<'a>(id: &str, family: &'a [Relative]) -> Option<&'a Relative> {
    family.iter().find(|one| one.id == id)
}

/// A session, what it was recovered from, what that was recovered from, and so on; a circle ends.
fn line_of<'a>(id: &'a str, family: &'a [Relative]) -> impl Iterator<Item = &'a str> {
    let before = |id: &&'a str| relative(id, family).and_then(|one| one.recovered_from.as_deref());
    std::iter::successors(Some(id), before).take(family.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(id: &str, status: &str, paid: &str, created: i64) -> Statement {
        let text = format!(
            r#"{{"id": "{id}", "mode": "payment", "status": "{status}", "payment_status": "{paid}", "created": {created}}}"#
        );
        let session = Session::read(&text, None, "insforge_").expect("a session");
        let event_id = format!("evt_{status}_{paid}");
        let fact = Fact::CheckoutSession(Box::new(session));
        Statement { event_id, created, rank: 10, previous: serde_json::Map::new(), fact }
    }

    fn standing(id: &str, status: &str, paid: &str, created: i64) -> Option<Standing> {
        Standing::of(id, &[said(id, status, paid, created)])
    }

    #[test]
    fn paid_comes_before_completed_before_the_rest() {
        let paid = standing("cs_c", "complete", "paid", 30);
        let completed = standing("cs_b", "complete", "unpaid", 20);
        let expired = standing("cs_a", "expired", "unpaid", 10);
        assert!(paid > completed);
        assert!(completed > expired);
        assert!(expired > Standing::of("cs_a", &[]));
    }

    #[test]
    fn the_first_made_is_the_one_that_was_meant_and_the_last_made_the_one_that_may_still_be_paid() {
        assert!(standing("cs_a", "complete", "paid", 10) > standing("cs_b", "complete", "paid", 20));
        assert!(standing("cs_a", "expired", "unpaid", 10) < standing("cs_b", "open", "unpaid", 20));
    }

    #[test]
    fn of_one_second_the_lesser_id_has_it() {
        assert!(standing("cs_a", "complete", "paid", 10) > standing("cs_b", "complete", "paid", 10));
    }

    #[test]
    fn more_facts_never_make_it_less() {
        let told = [("open", "unpaid"), ("complete", "unpaid"), ("complete", "paid"), ("expired", "unpaid")]
            .map(|(status, paid)| said("cs_a", status, paid, 10));
        let some = |set: usize| {
            let known: Vec<Statement> =
                told.iter().enumerate().filter(|(n, _)| set & (1 << n) != 0).map(|(_, s)| s.clone()).collect();
            Standing::of("cs_a", &known)
        };
        for known in 1..16 {
            for more in 0..4 {
                assert!(some(known | (1 << more)) >= some(known), "{known} and {more}");
            }
        }
    }

    fn relative_of(id: &str, from: Option<&str>, said_of_it: &[Statement]) -> Relative {
        Relative { id: id.into(), recovered_from: from.map(Into::into), statements: said_of_it.to_vec() }
    }

    fn at(time: i64, mut statement: Statement) -> Statement {
        statement.created = time;
        statement
    }

    #[test]
    fn a_recovered_session_takes_the_place_of_one_that_expired_unpaid() {
        let paid = || relative_of("cs_b", Some("cs_a"), &[said("cs_b", "complete", "paid", 20)]);
        let heir_of = |status: &str, payment: &str| {
            let family = [relative_of("cs_a", None, &[said("cs_a", status, payment, 10)]), paid()];
            heir("cs_a", &family, &["cs_a"]).to_owned()
        };
        assert_eq!(heir_of("expired", "unpaid"), "cs_b");
        for (status, payment) in [("open", "unpaid"), ("complete", "unpaid"), ("complete", "paid"), ("expired", "paid")]
        {
            assert_eq!(heir_of(status, payment), "cs_a", "{status} {payment}");
        }
        // Nothing is known of the one that it was recovered from.
        assert_eq!(heir("cs_a", &[relative_of("cs_a", None, &[]), paid()], &["cs_a"]), "cs_a");
    }

    #[test]
    fn a_chain_of_recoveries_is_followed() {
        let expired = |id: &str, from| relative_of(id, from, &[said(id, "expired", "unpaid", 10)]);
        let last = relative_of("cs_d", Some("cs_c"), &[said("cs_d", "complete", "paid", 40)]);
        let family =
            [last.clone(), expired("cs_c", Some("cs_b")), expired("cs_b", Some("cs_a")), expired("cs_a", None)];
        assert_eq!(heir("cs_a", &family, &["cs_a"]), "cs_d");
        let broken = [last.clone(), relative_of("cs_c", Some("cs_b"), &[]), family[2].clone(), family[3].clone()];
        assert_eq!(heir("cs_a", &broken, &["cs_a"]), "cs_b");
        // One in between has a row of its own: it is the nearest.
        assert_eq!(recorded_before("cs_d", &family, &["cs_a", "cs_c"]), Some("cs_c"));
        assert_eq!(heir("cs_a", &family, &["cs_a", "cs_c"]), "cs_b");
        // A circle is nobody's and ends.
        let circle = [expired("cs_x", Some("cs_y")), expired("cs_y", Some("cs_x"))];
        assert_eq!(recorded_before("cs_x", &circle, &["cs_a"]), None);
        assert_eq!(heir("cs_x", &circle, &["cs_x"]), "cs_y");
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
            assert_eq!(heir("cs_a", &family, &["cs_a"]), "cs_c");
            family.rotate_left(1);
        }
    }
}
