//! When requests are due, whatever the server does.

use std::{sync::Arc, time::Duration};

/// A schedule of arrivals.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// One every `1 / rate` seconds.
    Constant {
        /// Requests a second.
        rate: f64,
    },
    /// Independent of each other, as those of many users are: exponential gaps.
    Poisson {
        /// Requests a second, on average.
        rate: f64,
        /// The same seed gives the same arrivals.
        seed: u64,
    },
    /// A rate that grows or shrinks evenly over the whole duration.
    Ramp {
        /// Requests a second at the begin.
        from: f64,
        /// Requests a second at the end.
        to: f64,
    },
    /// One rate after the other.
    Steps {
        /// Requests a second, and for how long.
        steps: Vec<(f64, Duration)>,
    },
    /// Arrivals as they were once.
    Replay {
        /// From the begin, ascending.
        offsets: Arc<[Duration]>,
    },
}

impl Arrivals {
    /// The arrivals within a duration, from its begin, in order.
    #[must_use]
    pub fn times(&self, duration: Duration) -> Times {
        Times { arrivals: self.clone(), end: duration.as_secs_f64(), n: 0, at: 0.0, random: self.random() }
    }

    fn random(&self) -> fastrand::Rng {
        match self {
            Self::Poisson { seed, .. } => fastrand::Rng::with_seed(*seed),
            _ => fastrand::Rng::with_seed(0),
        }
    }

    /// How long the schedule itself takes, if it says so.
    #[must_use]
    pub fn length(&self) -> Option<Duration> {
        match self {
            Self::Steps { steps } => Some(steps.iter().map(|step| step.1).sum()),
            Self::Replay { offsets } => offsets.last().map(|last| *last + Duration::from_millis(1)),
            _ => None,
        }
    }

    /// How many arrivals a duration has, about.
    #[must_use]
    pub fn expected(&self, duration: Duration) -> f64 {
        let seconds = duration.as_secs_f64();
        match self {
            Self::Constant { rate } | Self::Poisson { rate, .. } => rate * seconds,
            Self::Ramp { from, to } => f64::midpoint(*from, *to) * seconds,
            Self::Steps { .. } | Self::Replay { .. } => self.times(duration).count() as f64,
        }
    }

    /// The schedule in a few words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Constant { rate } => format!("constant, {rate}/s"),
            Self::Poisson { rate, seed } => format!("Poisson, {rate}/s, seed {seed}"),
            Self::Ramp { from, to } => format!("ramp, {from}/s to {to}/s"),
            Self::Steps { steps } => {
                let steps: Vec<String> =
                    steps.iter().map(|(rate, time)| format!("{rate}/s for {time:?}")).collect();
                format!("steps, {}", steps.join(", "))
            }
            Self::Replay { offsets } => format!("replay of {} arrivals", offsets.len()),
        }
    }
}

/// Arrivals, one after the other.
#[derive(Clone, Debug)]
pub struct Times {
    arrivals: Arrivals,
    /// Seconds.
    end: f64,
    n: u64,
    /// The last one's time in seconds, where the next one depends on it.
    at: f64,
    random: fastrand::Rng,
}

impl Iterator for Times {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let n = self.n as f64;
        let at = match &self.arrivals {
            Arrivals::Constant { rate } => n / rate,
            Arrivals::Poisson { rate, .. } => {
                self.at -= (1.0 - self.random.f64()).ln() / rate;
                self.at
            }
            Arrivals::Ramp { from, to } => ramp(*from, *to, self.end, n)?,
            Arrivals::Steps { steps } => stepped(steps, n)?,
            Arrivals::Replay { offsets } => offsets.get(usize::try_from(self.n).ok()?)?.as_secs_f64(),
        };
        self.n += 1;
        (at < self.end).then(|| Duration::from_secs_f64(at))
    }
}

/// When the `n`-th arrival of a ramp is due: the rate's integral is `n` then.
fn ramp(from: f64, to: f64, length: f64, n: f64) -> Option<f64> {
    let slope = (to - from) / length;
    if slope.abs() < 1e-12 {
        return Some(n / from);
    }
    let root = from.mul_add(from, 2.0 * slope * n);
    (root >= 0.0).then(|| (root.sqrt() - from) / slope)
}

fn stepped(steps: &[(f64, Duration)], n: f64) -> Option<f64> {
    let (mut begin, mut before) = (0.0, 0.0);
    for (rate, length) in steps {
        let (length, count) = (length.as_secs_f64(), rate * length.as_secs_f64());
        // Counts that are whole numbers but for rounding must not lose their last.
        if n < before + count - 1e-9 {
            return Some(begin + (n - before) / rate);
        }
        (begin, before) = (begin + length, before + count);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn each_schedule_has_its_count_and_shape() {
        let constant = Arrivals::Constant { rate: 4.0 };
        let times: Vec<_> = constant.times(Duration::from_secs(1)).collect();
        assert_eq!(times, [0, 250, 500, 750].map(Duration::from_millis));
        let ramp: Vec<_> = Arrivals::Ramp { from: 0.0, to: 20.0 }.times(MINUTE).collect();
        assert!((599..=601).contains(&ramp.len()), "{}", ramp.len());
        let half = ramp.iter().filter(|at| **at < MINUTE / 2).count();
        assert!((149..=151).contains(&half), "a quarter of them in the first half: {half}");
        let steps = Arrivals::Steps { steps: vec![(2.0, MINUTE), (10.0, MINUTE)] };
        assert_eq!(steps.length(), Some(2 * MINUTE));
        assert_eq!(steps.times(2 * MINUTE).count(), 720);
        assert_eq!(steps.times(2 * MINUTE).filter(|at| *at < MINUTE).count(), 120);
        assert_eq!(steps.times(MINUTE).count(), 120);
    }

    #[test]
    fn poisson_arrivals_are_those_of_the_seed_and_have_exponential_gaps() {
        let of = |seed| Arrivals::Poisson { rate: 50.0, seed }.times(20 * MINUTE).collect::<Vec<_>>();
        let times = of(3);
        assert_eq!(times, of(3));
        assert_ne!(times, of(4));
        assert!((59_000..=61_000).contains(&times.len()), "{}", times.len());
        let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let longer = gaps.iter().filter(|gap| **gap > 1.0 / 50.0).count() as f64 / gaps.len() as f64;
        assert!((longer - (-1.0_f64).exp()).abs() < 0.01, "{longer} of the gaps are longer than the mean");
    }

    proptest! {
        #[test]
        fn times_ascend_within_the_duration(rate in 0.1..500.0f64, to in 0.1..500.0f64, seed: u64) {
            let duration = Duration::from_secs(3);
            for arrivals in [
                Arrivals::Constant { rate },
                Arrivals::Poisson { rate, seed },
                Arrivals::Ramp { from: rate, to },
                Arrivals::Steps { steps: vec![(rate, duration / 2), (to, duration)] },
            ] {
                let times: Vec<_> = arrivals.times(duration).collect();
                prop_assert!(times.is_sorted(), "{arrivals:?}");
                prop_assert!(times.iter().all(|at| *at < duration));
                if !matches!(arrivals, Arrivals::Poisson { .. }) {
                    let expected = arrivals.expected(duration);
                    prop_assert!((times.len() as f64 - expected).abs() <= 2.0, "{arrivals:?}: {}", times.len());
                }
            }
        }
    }
}
