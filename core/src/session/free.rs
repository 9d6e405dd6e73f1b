//! Prices that cost nothing and give credits. The caller chooses the quantity, so it is limited.

use serde::Deserialize;

/// What the catalog and the benefits say of a price.
#[derive(Debug, Default, Clone, Deserialize)]
pub struct Gives {
    /// What one costs, in the currency's smallest unit; none where the catalog doesn't say it in one number.
    pub unit: Option<String>,
    /// Whether it gives credits.
    pub credits: bool,
    /// Whether a trial of it gives them too.
    pub in_trials: bool,
}

impl Gives {
    /// How many of these lines of it give credits and cost nothing. Stripe rounds what each line costs, a half up.
    #[must_use]
    pub fn for_nothing(&self, quantities: &[u64]) -> u64 {
        let unit = self.unit.as_deref().and_then(|unit| unit.parse::<f64>().ok()).filter(|_| self.credits);
        #[allow(clippy::cast_precision_loss, reason = "Stripe sells at most 999,999 at once")]
        let is_free = |quantity: &&u64| unit.is_some_and(|unit| unit * (**quantity as f64) < 0.5);
        quantities.iter().filter(is_free).sum()
    }

    /// Whether so many of it, as one line, give credits and cost nothing: those of a trial cost nothing where `in_trial`.
    #[must_use]
    pub fn is_for_nothing(&self, quantity: u64, in_trial: bool) -> bool {
        self.for_nothing(&[quantity]) > 0 || (in_trial && self.in_trials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(unit: Option<&str>, credits: bool, quantities: &[u64]) -> u64 {
        Gives { unit: unit.map(ToOwned::to_owned), credits, in_trials: false }.for_nothing(quantities)
    }

    #[test]
    fn what_costs_nothing_is_counted_over_all_lines() {
        assert_eq!(of(Some("0"), true, &[3]), 3);
        assert_eq!(of(Some("0.000"), true, &[3, 999_999]), 1_000_002);
        assert_eq!(of(Some("1"), true, &[999_999]), 0);
        assert_eq!(of(Some("0"), false, &[3]), 0);
        for unknown in [None, Some(""), Some("free")] {
            assert_eq!(of(unknown, true, &[3]), 0);
        }
    }

    #[test]
    fn in_a_trial_what_gives_credits_there_costs_nothing() {
        let gives = |unit: &str, in_trials| Gives { unit: Some(unit.to_owned()), credits: true, in_trials };
        assert!(gives("0", false).is_for_nothing(3, false) && gives("0", false).is_for_nothing(3, true));
        assert!(!gives("500", false).is_for_nothing(3, true) && !gives("500", true).is_for_nothing(3, false));
        assert!(gives("500", true).is_for_nothing(3, true));
    }

    #[test]
    fn a_line_that_is_rounded_down_to_nothing_costs_nothing() {
        assert_eq!(of(Some("0.001"), true, &[499]), 499);
        assert_eq!(of(Some("0.001"), true, &[500]), 0);
        assert_eq!(of(Some("0.001"), true, &[499, 500, 1]), 500);
    }
}
