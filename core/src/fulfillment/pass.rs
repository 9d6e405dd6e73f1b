//! Passes: keys that are given for a time. If one is bought again, its time is added to what is left.

/// One purchase of a key for a time. Times are in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Which purchase: `checkout:<local session>`.
    pub source: String,
    /// When it was paid.
    pub paid_at: i64,
    /// For how long, as the server writes an interval.
    pub duration: String,
}

/// Since and until when a pass gives its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// When it was paid, or when the pass before it ends.
    pub starts_at: i64,
    /// That, and its duration.
    pub expires_at: i64,
}

/// No pass starts later than about the year 20,000, so that its end is a time that the server can hold.
const LAST_START: i64 = 570_000_000_000_000_000;

/// The terms of the passes of one holder and key, in the order of `passes`. They follow each other in the order of payment, whatever the
/// order of the events. `later_by` adds an interval.
pub fn terms(passes: &[Pass], later_by: impl Fn(i64, &str) -> i64) -> Vec<Term> {
    let mut order: Vec<usize> = (0..passes.len()).collect();
    order.sort_by_key(|place| (passes[*place].paid_at, &passes[*place].source));
    let mut terms = vec![Term { starts_at: 0, expires_at: 0 }; passes.len()];
    let mut end = i64::MIN;
    for place in order {
        let starts_at = passes[place].paid_at.max(end).min(LAST_START);
        end = later_by(starts_at, &passes[place].duration);
        terms[place] = Term { starts_at, expires_at: end };
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pass(source: &str, paid_at: i64, days: i64) -> Pass {
        Pass { source: source.into(), paid_at, duration: days.to_string() }
    }

    fn of(passes: &[Pass]) -> Vec<(i64, i64)> {
        let later_by = |start: i64, duration: &str| start + duration.parse::<i64>().unwrap();
        terms(passes, later_by).into_iter().map(|term| (term.starts_at, term.expires_at)).collect()
    }

    #[test]
    fn what_is_bought_again_is_added_to_what_is_left() {
        assert_eq!(of(&[pass("a", 0, 7)]), [(0, 7)]);
        assert_eq!(of(&[pass("a", 0, 7), pass("b", 3, 7)]), [(0, 7), (7, 14)]);
        assert_eq!(of(&[pass("b", 3, 7), pass("a", 0, 7)]), [(7, 14), (0, 7)]);
        // Of one that has ended nothing is left.
        assert_eq!(of(&[pass("a", 0, 7), pass("b", 9, 7), pass("c", 10, 1)]), [(0, 7), (9, 16), (16, 17)]);
        // Two of one moment follow each other by their sources.
        assert_eq!(of(&[pass("b", 0, 7), pass("a", 0, 1)]), [(1, 8), (0, 1)]);
        assert_eq!(of(&[]), []);
    }

    #[test]
    fn no_pass_starts_where_its_end_could_not_be_written() {
        assert_eq!(of(&[pass("a", 0, i64::MAX / 2), pass("b", 1, 7)])[1], (LAST_START, LAST_START + 7));
    }

    proptest! {
        #[test]
        fn the_order_in_which_they_are_told_does_not_matter(
            passes in prop::collection::vec((0i64..50, 1i64..9), 1..7), turn in 0usize..7,
        ) {
            let passes: Vec<Pass> =
                passes.iter().zip('a'..).map(|((paid_at, days), name)| pass(&name.to_string(), *paid_at, *days)).collect();
            let mut turned = passes.clone();
            turned.rotate_left(turn % passes.len());
            let (mut one, mut other): (Vec<_>, Vec<_>) =
                (passes.iter().zip(of(&passes)).collect(), turned.iter().zip(of(&turned)).collect());
            one.sort_by_key(|(pass, _)| &pass.source);
            other.sort_by_key(|(pass, _)| &pass.source);
            prop_assert_eq!(&one, &other);
            // Nobody has less than was paid for, and two never count at once.
            for (pass, (start, end)) in &one {
                prop_assert!(*start >= pass.paid_at && (end - start).to_string() == pass.duration);
            }
            let mut spans: Vec<(i64, i64)> = one.iter().map(|(_, span)| *span).collect();
            spans.sort_unstable();
            prop_assert!(spans.windows(2).all(|two| two[0].1 <= two[1].0));
        }
    }
}
