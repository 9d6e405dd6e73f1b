//! Which of several Stripe sessions has the local row that all of them name: one that a backend has recorded has it; of
//! those that only name it, the one that stands first here.

use std::cmp::Reverse;

use super::fact::{Fact, Statement};
use super::fold::is_paid;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::object::session::Session;

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
}
