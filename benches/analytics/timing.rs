//! Times of something done again and again.

use std::time::Instant;

/// Milliseconds.
pub(crate) struct Timing {
    pub(crate) median: f64,
    pub(crate) p95: f64,
}

impl Timing {
    /// Does it once to warm up, and then so many times.
    pub(crate) fn of(rounds: usize, mut work: impl FnMut()) -> Self {
        work();
        let times = (0..rounds.max(1)).map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64() * 1e3
        });
        Self::from(times.collect())
    }

    pub(crate) fn from(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len() - 1)).copied();
        Self { median: at(0.5).unwrap_or_default(), p95: at(0.95).unwrap_or_default() }
    }
}
