//! Exact amounts. A month is not a whole number of weeks, so amounts are fractions until they are rounded, once.

/// A fraction. An operation returns `None` if its result does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fraction {
    over: i128,
    under: i128,
}

impl Fraction {
    /// Zero.
    pub const ZERO: Self = Self { over: 0, under: 1 };

    /// `over / under`; `None` if `under` is not positive.
    #[must_use]
    pub fn of(over: i128, under: i128) -> Option<Self> {
        if under <= 0 {
            return None;
        }
        let common = common_divisor(over.checked_abs()?, under);
        Some(Self { over: over / common, under: under / common })
    }

    /// A decimal number such as `1999`, `0.05` or `33.333`; `None` for any other text, or for more than 20 decimals.
    #[must_use]
    pub fn decimal(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        let digits = whole.strip_prefix('-').unwrap_or(whole);
        if digits.is_empty() || part.len() > 20 || !is_number(digits) || !is_number(part) {
            return None;
        }
        let under = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
        Self::of(format!("{whole}{part}").parse().ok()?, under)
    }

    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let over = self.over.checked_mul(other.under)?.checked_add(other.over.checked_mul(self.under)?)?;
        Self::of(over, self.under.checked_mul(other.under)?)
    }

    /// This fraction minus `other`, but at least zero.
    #[must_use]
    pub fn less(self, other: Self) -> Option<Self> {
        let left = self.plus(Self { over: other.over.checked_neg()?, under: other.under })?;
        Some(if left.over < 0 { Self::ZERO } else { left })
    }

    /// The product of both.
    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        Self::of(self.over.checked_mul(other.over)?, self.under.checked_mul(other.under)?)
    }

    /// Whether this fraction is greater than `other`.
    #[must_use]
    pub fn exceeds(self, other: Self) -> Option<bool> {
        Some(self.over.checked_mul(other.under)? > other.over.checked_mul(self.under)?)
    }

    /// The nearest whole number; a half goes up.
    #[must_use]
    pub fn rounded(self) -> Option<i64> {
        let twice = self.over.checked_mul(2)?.checked_add(self.under)?;
        i64::try_from(twice.div_euclid(self.under.checked_mul(2)?)).ok()
    }
}

fn common_divisor(mut a: i128, mut b: i128) -> i128 {
    while a != 0 {
        (a, b) = (b % a, a);
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Fraction {
        Fraction::decimal(text).unwrap()
    }

    #[test]
    fn a_decimal_is_exact() {
        assert_eq!(decimal("0.05"), Fraction::of(1, 20).unwrap());
        assert_eq!(decimal("1999"), Fraction::of(1999, 1).unwrap());
        assert_eq!(decimal("-2.50"), Fraction::of(-5, 2).unwrap());
        for no_number in ["", ".", ".5", "1.5e3", "one", "1.2.3", "--1", "1.-5", "+1"] {
            assert_eq!(Fraction::decimal(no_number), None, "{no_number}");
        }
        assert_eq!(Fraction::decimal("0.123456789012345678901"), None);
        assert_eq!(decimal("0.00000000000000000001"), Fraction::of(1, 10_i128.pow(20)).unwrap());
    }

    #[test]
    fn thirds_add_up() {
        let third = Fraction::of(1, 3).unwrap();
        let one = third.plus(third).and_then(|two| two.plus(third)).unwrap();
        assert_eq!(one, Fraction::of(1, 1).unwrap());
        assert_eq!(third.times(decimal("3")), Some(one));
        assert_eq!(one.less(third).unwrap(), Fraction::of(2, 3).unwrap());
        assert_eq!(third.less(one), Some(Fraction::ZERO));
        assert_eq!((one.exceeds(third), third.exceeds(one), one.exceeds(one)), (Some(true), Some(false), Some(false)));
    }

    #[test]
    fn a_half_goes_up() {
        for (text, rounded) in [("0.49", 0), ("0.5", 1), ("1.5", 2), ("2.4999", 2), ("-0.5", 0), ("-0.51", -1)] {
            assert_eq!(decimal(text).rounded(), Some(rounded), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_none() {
        let huge = Fraction::of(i128::MAX, 1).unwrap();
        assert_eq!(huge.plus(huge), None);
        assert_eq!(huge.times(huge), None);
        assert_eq!(huge.rounded(), None);
        assert_eq!(Fraction::of(1, 0), None);
        assert_eq!(Fraction::of(1, -2), None);
        assert_eq!(Fraction::of(i128::from(i64::MAX) + 1, 1).unwrap().rounded(), None);
    }
}
