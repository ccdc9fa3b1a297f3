//! Whether a connection is alive, by how it was so far.

use std::time::{Duration, Instant};

/// A moving mean of times, and how far they stray from it, smoothed as RFC 6298
/// smooths round-trip times: by an eighth, and by a quarter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MovingLatency {
    /// Seconds; `None` before the first time.
    mean: Option<f64>,
    deviation: f64,
}

impl MovingLatency {
    /// Takes in a time.
    pub fn record(&mut self, time: Duration) {
        let time = time.as_secs_f64();
        match &mut self.mean {
            None => (self.mean, self.deviation) = (Some(time), time / 2.0),
            Some(mean) => {
                self.deviation += ((*mean - time).abs() - self.deviation) / 4.0;
                *mean += (time - *mean) / 8.0;
            }
        }
    }

    /// The moving mean; `None` before the first time.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        self.mean.map(Duration::from_secs_f64)
    }

    /// What a time will hardly exceed if all is as it was: the mean and four
    /// deviations, which is when TCP gives up waiting.
    #[must_use]
    pub fn bound(&self) -> Option<Duration> {
        self.mean.map(|mean| Duration::from_secs_f64(mean + 4.0 * self.deviation))
    }
}

/// Watches what comes over a connection.
///
/// It has stalled when it is silent for longer than its pauses so far explain,
/// and for longer than a least time that is given to it.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionHealth {
    gaps: MovingLatency,
    last: Instant,
    least: Duration,
}

impl ConnectionHealth {
    /// Starts to watch a connection. `expected` is how long similar ones took to
    /// say something, and `least` the silence that is never a stall.
    #[must_use]
    pub const fn start(now: Instant, expected: MovingLatency, least: Duration) -> Self {
        Self { gaps: expected, last: now, least }
    }

    /// Notes that something came; returns how long it was waited for.
    pub fn heard(&mut self, now: Instant) -> Duration {
        let gap = now.saturating_duration_since(self.last);
        self.gaps.record(gap);
        self.last = now;
        gap
    }

    /// The moving mean of the pauses.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        self.gaps.mean()
    }

    /// For how long nothing came.
    #[must_use]
    pub fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last)
    }

    /// When the connection counts as stalled if nothing comes until then.
    #[must_use]
    pub fn stalls_at(&self) -> Instant {
        self.last + self.gaps.bound().unwrap_or_default().max(self.least)
    }

    /// Whether it has stalled.
    #[must_use]
    pub fn is_stalled(&self, now: Instant) -> bool {
        now >= self.stalls_at()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_connection_stalls_when_it_is_silent_for_longer_than_it_ever_is() {
        let start = Instant::now();
        let mut health = ConnectionHealth::start(start, MovingLatency::default(), 10 * MS);
        assert!(!health.is_stalled(start + 9 * MS) && health.is_stalled(start + 10 * MS));
        let mut now = start;
        for _ in 0..100 {
            now += 100 * MS;
            assert_eq!(health.heard(now), 100 * MS);
        }
        assert!(health.latency().is_some_and(|mean| mean.abs_diff(100 * MS) < MS));
        // Its pauses are a steady 100 ms: less is no stall, and much more is one.
        assert!(!health.is_stalled(now + 99 * MS) && health.is_stalled(now + 120 * MS));
    }

    #[test]
    fn pauses_that_vary_allow_for_more() {
        let mut moving = MovingLatency::default();
        for n in 0..100 {
            moving.record(if n % 2 == 0 { 10 * MS } else { 300 * MS });
        }
        assert!(moving.bound().is_some_and(|bound| bound > 500 * MS), "{moving:?}");
        assert_eq!(MovingLatency::default().bound(), None);
    }
}
