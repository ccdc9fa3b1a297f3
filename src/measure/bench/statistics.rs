//! Shifts between samples, and how certain they are.
//!
//! Both estimates are distribution-free: the Hodges–Lehmann estimate with the
//! interval that inverts the Wilcoxon signed-rank test (pairs) or the
//! Mann–Whitney test (two samples), by the exact distributions of their
//! statistics. A few outliers, such as a neighbour that compiles, do not move them.

/// How far something moved.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Shift {
    /// The estimate.
    pub estimate: f64,
    /// The lower end of the interval; minus infinity if there are too few samples.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

/// The median; not a number if there are no values.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// How many values lie more than one and a half times the interquartile range
/// outside of it (Tukey's fences).
#[must_use]
pub fn outliers(values: &[f64]) -> usize {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return 0 };
    let quantile = |share: f64| {
        let at = share * last as f64;
        let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
        below + (above - below) * at.fract()
    };
    let (low, high) = (quantile(0.25), quantile(0.75));
    let reach = 1.5 * (high - low);
    sorted.iter().filter(|&&value| value < low - reach || value > high + reach).count()
}

/// The shift that these paired differences tell, with an interval that covers it
/// with this confidence.
#[must_use]
pub fn paired_shift(differences: &[f64], confidence: f64) -> Shift {
    let n = differences.len();
    let mut walsh = Vec::with_capacity(n * (n + 1) / 2);
    for (i, a) in differences.iter().enumerate() {
        walsh.extend(differences[i..].iter().map(|b| f64::midpoint(*a, *b)));
    }
    // Each rank has a sign of its own.
    let mut ways = vec![1.0];
    for rank in 1..=n {
        let mut next = vec![0.0; ways.len() + rank];
        for (sum, count) in ways.iter().enumerate() {
            next[sum] += count / 2.0;
            next[sum + rank] += count / 2.0;
        }
        ways = next;
    }
    interval(walsh, &ways, confidence)
}

/// How much larger the values of `new` are than those of `old`.
#[must_use]
pub fn shift(old: &[f64], new: &[f64], confidence: f64) -> Shift {
    let (m, n) = (old.len(), new.len());
    let differences: Vec<f64> = new.iter().flat_map(|new| old.iter().map(move |old| new - old)).collect();
    // Which of all ranks are those of `old`: so many ways to each sum, from the least.
    let most = m * n;
    let mut ways = vec![vec![0.0; most + 1]; m + 1];
    ways[0][0] = 1.0;
    for rank in 0..m + n {
        for chosen in (0..m.min(rank + 1)).rev() {
            // The statistic of a choice is its sum of ranks less the least there is.
            let adds = rank - chosen;
            if adds <= most {
                let (fewer, more) = ways.split_at_mut(chosen + 1);
                for sum in (adds..=most).rev() {
                    more[0][sum] += fewer[chosen][sum - adds];
                }
            }
        }
    }
    let ways = &ways[m];
    let all: f64 = ways.iter().sum();
    let shares: Vec<f64> = ways.iter().map(|count| count / all).collect();
    interval(differences, &shares, confidence)
}

/// The interval between the k-th least and the k-th largest value, where a
/// statistic of these probabilities (from 0 on) is below k rarely enough.
fn interval(mut values: Vec<f64>, probabilities: &[f64], confidence: f64) -> Shift {
    values.sort_unstable_by(f64::total_cmp);
    let estimate = median(&values);
    let tail = (1.0 - confidence) / 2.0;
    let mut below = 0.0;
    // A little more, for what sums in floating point lose.
    let k = probabilities.iter().take_while(|share| {
        below += **share;
        below <= tail * (1.0 + 1e-9)
    });
    match k.count() {
        0 => Shift { estimate, low: f64::NEG_INFINITY, high: f64::INFINITY },
        k => Shift { estimate, low: values[k - 1], high: values[values.len() - k] },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_intervals() {
        // n = 6 at 95%: the least and the largest Walsh average (W ≤ 0 has 1/64).
        let pairs = paired_shift(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.95);
        assert_eq!((pairs.estimate, pairs.low, pairs.high), (3.5, 1.0, 6.0));
        // n = 10 at 95%: the critical value of the signed-rank test is 8.
        let ten: Vec<f64> = (1..=10).map(f64::from).collect();
        let pairs = paired_shift(&ten, 0.95);
        let mut walsh: Vec<f64> =
            ten.iter().enumerate().flat_map(|(i, a)| ten[i..].iter().map(move |b| (a + b) / 2.0)).collect();
        walsh.sort_unstable_by(f64::total_cmp);
        assert_eq!((pairs.low, pairs.high), (walsh[8], walsh[55 - 9]));
        // 5 and 5 at 95%: the critical value of the Mann-Whitney test is 2.
        let (old, new) = ([1.0, 2.0, 3.0, 4.0, 5.0], [11.0, 12.0, 13.0, 14.0, 15.0]);
        let two = shift(&old, &new, 0.95);
        assert_eq!((two.estimate, two.low, two.high), (10.0, 7.0, 13.0));
        // Too few to say anything at all.
        assert_eq!(paired_shift(&[1.0; 10], 0.999).low, f64::NEG_INFINITY);
        assert_eq!(paired_shift(&[1.0; 11], 0.999).low, 1.0);
        assert_eq!(outliers(&[1.0, 1.1, 0.9, 1.0, 1.05, 9.0]), 1);
    }

    fn samples() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(-1e3..1e3_f64, 1..25)
    }

    proptest! {
        #[test]
        fn a_swap_turns_the_sign(old in samples(), new in samples()) {
            let (one, other) = (shift(&old, &new, 0.999), shift(&new, &old, 0.999));
            prop_assert!((one.estimate + other.estimate).abs() < 1e-9);
            prop_assert_eq!((one.low, one.high), (-other.high, -other.low));
            let negative: Vec<f64> = new.iter().map(|d| -d).collect();
            let (one, other) = (paired_shift(&new, 0.999), paired_shift(&negative, 0.999));
            prop_assert!((one.estimate + other.estimate).abs() < 1e-9);
            prop_assert_eq!((one.low, one.high), (-other.high, -other.low));
        }

        #[test]
        fn what_is_added_moves_all_of_it(values in samples(), by in -100..100_i32) {
            let by = f64::from(by);
            let moved: Vec<f64> = values.iter().map(|d| d + by).collect();
            for (one, other) in [
                (paired_shift(&values, 0.95), paired_shift(&moved, 0.95)),
                (shift(&values, &values, 0.95), shift(&values, &moved, 0.95)),
            ] {
                let near = |a: f64, b: f64| a == b || (a + by - b).abs() < 1e-9;
                prop_assert!(near(one.estimate, other.estimate));
                prop_assert!(near(one.low, other.low) && near(one.high, other.high), "{one:?} {other:?}");
            }
        }

        #[test]
        fn more_confidence_is_a_wider_interval_around_the_estimate(values in samples(), other in samples()) {
            for estimate in [paired_shift, |d: &[f64], c| shift(&[0.0, 1.0, 2.0, 3.0, 4.0], d, c)] {
                let (narrow, wide) = (estimate(&values, 0.9), estimate(&values, 0.999));
                prop_assert!(narrow.low <= narrow.estimate && narrow.estimate <= narrow.high);
                prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
            }
            prop_assert!(median(&other) >= other.iter().copied().fold(f64::INFINITY, f64::min));
        }
    }

    #[test]
    fn the_interval_holds_the_shift_as_often_as_it_says() {
        let mut rng = fastrand::Rng::with_seed(7);
        // Skewed noise on both sides, with bursts.
        let mut noise =
            move || (0..4).map(|_| rng.f64()).sum::<f64>() / 4.0 + if rng.u8(..) < 20 { 1.0 } else { 0.0 };
        let (mut missed, mut found) = (0, 0);
        for _ in 0..2_000 {
            let same: Vec<f64> = (0..15).map(|_| 0.1 * (noise() - noise())).collect();
            let interval = paired_shift(&same, 0.95);
            missed += usize::from(interval.low > 0.0 || interval.high < 0.0);
            let slower: Vec<f64> = same.iter().map(|d| d + 1.1_f64.ln()).collect();
            found += usize::from(paired_shift(&slower, 0.999).low > 1.03_f64.ln());
        }
        // 5% of 2,000 are 100; 4.5 standard deviations are 44.
        assert!(missed <= 144, "{missed}");
        assert!(found >= 1_000, "{found}");
    }
}
