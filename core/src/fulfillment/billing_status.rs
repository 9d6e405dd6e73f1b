//! Billing status: the one subscription that speaks for a subject that may have several.

use std::cmp::Reverse;

/// What decides between subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRank<'a> {
    /// Stripe's status.
    pub status: &'a str,
    /// The end of the paid period, in microseconds since 1970.
    pub current_period_end: Option<i64>,
    /// Stripe's id, which settles what nothing else does.
    pub id: &'a str,
}

/// Whether a status gives access whatever the app's policy.
#[must_use]
pub fn grants_access(status: &str) -> bool {
    matches!(status, "trialing" | "active")
}

/// When what a subscription gives ends, in microseconds since 1970; `None` where nothing ends it.
///
/// What is scheduled to end does so exactly then. Else the period is renewed, and Stripe may tell of that as late as it goes on
/// delivering: `grace` (microseconds).
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

/// The best of several: giving access, then past due, then the rest; then the latest period end; then the greatest id. The place in the slice, or none where it is empty.
#[must_use]
pub fn best(subscriptions: &[SubscriptionRank<'_>]) -> Option<usize> {
    (0..subscriptions.len()).max_by_key(|place| {
        let one = &subscriptions[*place];
        (rank(one.status), one.current_period_end, one.id, Reverse(*place))
    })
}

fn rank(status: &str) -> u8 {
    match status {
        status if grants_access(status) => 2,
        "past_due" => 1,
        _ => 0,
    }
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

    fn one<'a>(status: &'a str, end: Option<i64>, id: &'a str) -> SubscriptionRank<'a> {
        SubscriptionRank { status, current_period_end: end, id }
    }

    #[test]
    fn access_goes_before_a_later_end() {
        assert_eq!(best(&[one("canceled", Some(9), "sub_a"), one("active", Some(1), "sub_b")]), Some(1));
        assert_eq!(best(&[one("past_due", Some(1), "sub_a"), one("canceled", Some(9), "sub_b")]), Some(0));
        assert_eq!(best(&[one("trialing", Some(9), "sub_a"), one("active", Some(1), "sub_b")]), Some(0));
        assert_eq!(best(&[]), None);
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
