//! Intervals on the calendar, in UTC. Times are in microseconds since 1970.

use serde::Deserialize;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// An interval, as the server keeps one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct Interval {
    /// Months, of whichever length.
    pub months: i64,
    /// Days.
    pub days: i64,
    /// The rest, in microseconds.
    pub micros: i64,
}

impl Interval {
    /// Stripe's: `month` and how many.
    #[must_use]
    pub fn of_price(interval: &str, count: i64) -> Option<Self> {
        let (months, days) = match interval {
            "day" => (0, count),
            "week" => (0, count.checked_mul(7)?),
            "month" => (count, 0),
            "year" => (count.checked_mul(12)?, 0),
            _ => return None,
        };
        (1..=1200).contains(&count).then_some(Self { months, days, micros: 0 })
    }

    /// So many of them after a time; a day that the month lacks is its last.
    #[must_use]
    pub fn after(self, time: i64, times: i64) -> i64 {
        let (day, of_day) = (time.div_euclid(DAY), time.rem_euclid(DAY));
        let (year, month, of_month) = civil(day);
        let month = (year * 12 + month - 1).saturating_add(self.months.saturating_mul(times));
        let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
        let day = days(year, month, of_month.min(length(year, month))).saturating_add(self.days.saturating_mul(times));
        day.saturating_mul(DAY).saturating_add(of_day).saturating_add(self.micros.saturating_mul(times))
    }
}

/// Whole seconds as microseconds.
#[must_use]
pub fn micros(seconds: i64) -> i64 {
    seconds.saturating_mul(SECOND)
}

fn length(year: i64, month: i64) -> i64 {
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days(next_year, next, 1) - days(year, month, 1)
}

/// Days since 1970 of a date of the Gregorian calendar. Years are counted from March, so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year.saturating_sub(i64::from(month <= 2));
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era.saturating_mul(146_097) + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Its year, month and day.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (of_month, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    (year + era * 400 + i64::from(month <= 2), month, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(year: i64, month: i64, day: i64) -> i64 {
        days(year, month, day) * DAY + 3600 * SECOND
    }

    const MONTH: Interval = Interval { months: 1, days: 0, micros: 0 };

    #[test]
    fn months_end_where_they_end() {
        let start = at(2024, 1, 31);
        let parts: Vec<i64> = (0..=13).map(|times| MONTH.after(start, times)).collect();
        assert_eq!(parts[..4], [start, at(2024, 2, 29), at(2024, 3, 31), at(2024, 4, 30)]);
        assert_eq!(parts[12..], [at(2025, 1, 31), at(2025, 2, 28)]);
        assert_eq!(MONTH.after(at(2024, 3, 31), -1), at(2024, 2, 29));
        assert_eq!(Interval { months: 12, days: 0, micros: 0 }.after(at(2024, 2, 29), 1), at(2025, 2, 28));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!((days(1970, 1, 1), days(2000, 3, 1), days(1969, 12, 31)), (0, 11_017, -1));
        // The last day of the calendar's 400 years.
        assert_eq!((civil(11_016), civil(11_017)), ((2000, 2, 29), (2000, 3, 1)));
        assert_eq!(Interval { months: 0, days: 7, micros: 5 }.after(at(2024, 12, 30), 2), at(2025, 1, 13) + 10);
        assert_eq!(Interval::of_price("year", 2), Some(Interval { months: 24, ..Interval::default() }));
        assert_eq!(Interval::of_price("week", 2), Some(Interval { days: 14, ..Interval::default() }));
        assert_eq!((Interval::of_price("month", 0), Interval::of_price("blue", 1)), (None, None));
    }

    proptest! {
        #[test]
        fn a_date_is_read_as_it_was_written(day in -1_000_000_i64..1_000_000) {
            let (year, month, of_month) = civil(day);
            prop_assert_eq!(days(year, month, of_month), day);
            prop_assert!((1..=12).contains(&month) && (1..=length(year, month)).contains(&of_month));
        }
    }
}
