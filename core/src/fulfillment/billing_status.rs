//! Whether and until when a subscription gives access, and which one speaks for a subject that may have several.

use std::cmp::Reverse;

/// The app's policy for a subscription that is past due, or whose collection is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether it gives access while an invoice is overdue.
    pub past_due: bool,
    /// Whether it gives access while its collection is paused, which leaves Stripe's status as it was.
    pub paused: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { past_due: false, paused: true }
    }
}

/// One item of a subscription that gives something: by which policy, and since and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Giving {
    /// The benefit's.
    pub policy: Policy,
    /// The start of the item's period, in microseconds since 1970.
    pub starts_at: Option<i64>,
    /// When what it gives ends; `None` where nothing ends it.
    pub ends_at: Option<i64>,
}

/// Of items that give the same, the one that counts: one that gives access before one that does not, then the one that lasts longest.
#[must_use]
pub fn longest(givings: &[Giving], status: &str, is_collection_paused: bool) -> Option<Giving> {
    let rank = |giving: &&Giving| {
        let grants = grants_access(status, is_collection_paused, giving.policy);
        (grants, giving.ends_at.is_none(), giving.ends_at, Reverse(giving.starts_at))
    };
    givings.iter().max_by_key(rank).copied()
}

/// What decides between subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRank<'a> {
    /// Stripe's status.
    pub status: &'a str,
    /// Until when it gives access, in microseconds since 1970; `None` where it gives none.
    pub access_until: Option<i64>,
    /// The end of the paid period, in microseconds since 1970.
    pub current_period_end: Option<i64>,
    /// Stripe's id, which decides if all else is equal.
    pub id: &'a str,
}

/// Whether a subscription gives access while its period lasts: the rule of every paywall.
#[must_use]
pub fn grants_access(status: &str, is_collection_paused: bool, policy: Policy) -> bool {
    let grants = match status {
        "trialing" | "active" => true,
        "past_due" => policy.past_due,
        _ => false,
    };
    grants && (policy.paused || !is_collection_paused)
}

/// Whether a subscription with this status gives no access, whatever the policy.
#[must_use]
pub fn never_grants(status: &str) -> bool {
    !grants_access(status, false, Policy { past_due: true, paused: true })
}

/// When what a subscription gives ends, in microseconds since 1970; `None` where nothing ends it.
///
/// A subscription that is scheduled to end does so exactly then. Otherwise its period is renewed, and the webhook of that may come late, by
/// at most `grace` (microseconds).
#[must_use]
pub fn access_ends(
    current_period_end: Option<i64>,
    cancel_at_period_end: bool,
    cancel_at: Option<i64>,
    grace: i64,
) -> Option<i64> {
    let renewed = current_period_end.map(|end| if cancel_at_period_end { end } else { end.saturating_add(grace) });
    cancel_at.into_iter().chain(renewed).min()
}

/// The best of several: the one that gives access longest, then one that goes on, then the latest period end, then the
/// greatest id. The place in the slice, or none where it is empty.
#[must_use]
pub fn best(subscriptions: &[SubscriptionRank<'_>]) -> Option<usize> {
    (0..subscriptions.len()).max_by_key(|place| {
        let one = &subscriptions[*place];
        (one.access_until, goes_on(one.status), one.current_period_end, one.id, Reverse(*place))
    })
}

/// Whether Stripe goes on with a subscription, whether it gives access or not.
#[must_use]
pub fn goes_on(status: &str) -> bool {
    matches!(status, "trialing" | "active" | "past_due")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_renewal_may_be_told_late_and_an_end_may_not() {
        assert_eq!(access_ends(Some(100), false, None, 30), Some(130));
        assert_eq!(access_ends(Some(100), true, None, 30), Some(100));
        // Flexible billing sets the time and leaves the flag.
        assert_eq!(access_ends(Some(100), false, Some(100), 30), Some(100));
        assert_eq!(access_ends(Some(100), false, Some(500), 30), Some(130));
        assert_eq!(access_ends(Some(100), false, Some(50), 30), Some(50));
        assert_eq!((access_ends(None, false, Some(50), 30), access_ends(None, true, None, 30)), (Some(50), None));
        assert_eq!(access_ends(Some(i64::MAX), false, None, 30), Some(i64::MAX));
    }

    #[test]
    fn one_rule_gives_access() {
        let grants = |status, paused, policy| grants_access(status, paused, policy);
        let plain = Policy::default();
        let strict = Policy { past_due: true, paused: false };
        for status in ["trialing", "active"] {
            assert!(grants(status, false, plain) && grants(status, false, strict), "{status}");
            assert!(grants(status, true, plain) && !grants(status, true, strict), "{status}");
        }
        assert!(!grants("past_due", false, plain) && grants("past_due", false, strict));
        assert!(!grants("past_due", true, strict));
        let generous = Policy { past_due: true, paused: true };
        for status in ["incomplete", "incomplete_expired", "unpaid", "canceled", "paused", "something new"] {
            assert!(!grants(status, false, generous), "{status}");
        }
    }

    #[test]
    fn of_items_that_give_the_same_the_longest_that_gives_it_counts() {
        let giving = |past_due, starts_at, ends_at| Giving {
            policy: Policy { past_due, ..Policy::default() },
            starts_at: Some(starts_at),
            ends_at,
        };
        let both = [giving(true, 1, Some(5)), giving(false, 2, Some(9))];
        let end = |status| longest(&both, status, false).and_then(|giving| giving.ends_at);
        assert_eq!((end("active"), end("past_due"), end("canceled")), (Some(9), Some(5), Some(9)));
        let endless = [giving(false, 1, None), giving(false, 1, Some(9))];
        assert_eq!(longest(&endless, "active", false).map(|giving| giving.ends_at), Some(None));
        assert_eq!(longest(&[], "active", false), None);
    }

    fn one<'a>(status: &'a str, end: Option<i64>, id: &'a str) -> SubscriptionRank<'a> {
        let access_until = end.filter(|_| grants_access(status, false, Policy::default()));
        SubscriptionRank { status, access_until, current_period_end: end, id }
    }

    #[test]
    fn access_goes_before_a_later_end() {
        assert_eq!(best(&[one("canceled", Some(9), "sub_a"), one("active", Some(1), "sub_b")]), Some(1));
        assert_eq!(best(&[one("past_due", Some(1), "sub_a"), one("canceled", Some(9), "sub_b")]), Some(0));
        assert_eq!(best(&[one("trialing", Some(9), "sub_a"), one("active", Some(1), "sub_b")]), Some(0));
        assert_eq!(best(&[]), None);
        // By the benefit's policy one that is past due gives access, and one whose collection is paused gives none.
        let of = |access_until, id| SubscriptionRank { access_until, ..one("past_due", Some(5), id) };
        assert_eq!(best(&[of(None, "sub_a"), of(Some(2), "sub_0")]), Some(1));
    }

    #[test]
    fn what_stripe_goes_on_with() {
        assert!(goes_on("trialing") && goes_on("active") && goes_on("past_due"));
        assert!(!goes_on("unpaid") && !goes_on("paused") && !goes_on("canceled") && !goes_on("incomplete"));
    }

    proptest! {
        #[test]
        fn the_order_of_the_rows_does_not_matter(
            rows in prop::collection::vec(
                (prop::sample::select(vec!["active", "past_due", "canceled", "trialing"]), prop::option::of(0i64..4), 0u8..20), 1..8),
            turn in 0usize..8,
        ) {
            let ids: Vec<String> = rows.iter().enumerate().map(|(place, row)| format!("sub_{}_{place}", row.2)).collect();
            let there: Vec<SubscriptionRank> = rows.iter().zip(&ids).map(|(row, id)| one(row.0, row.1, id)).collect();
            let mut turned = there.clone();
            turned.rotate_left(turn % there.len());
            let picked = best(&there).map(|place| &there[place]);
            prop_assert_eq!(picked, best(&turned).map(|place| &turned[place]));
        }
    }
}
