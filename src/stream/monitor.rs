//! How far a stream's reader is behind, without a lock.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

/// A slot of the history is 2²⁷ ns, about an eighth of a second.
const SLOT_BITS: u32 = 27;
/// So many slots are kept: a little over a minute.
const SLOTS: usize = 512;

/// Counts the messages of a stream, and how fast they are read.
///
/// Clones count together; all of it is lock-free. A stream's own is
/// [`MessageStream::monitor`](crate::MessageStream::monitor).
///
/// ```
/// use std::time::Duration;
///
/// use claude_cli::BackpressureMonitor;
///
/// let monitor = BackpressureMonitor::new();
/// monitor.record_send();
/// monitor.record_send();
/// monitor.record_consume();
/// assert_eq!(monitor.get_lag(), 1);
/// assert!(monitor.get_consumption_rate(Duration::from_secs(10)) > 0.0);
/// ```
#[derive(Clone)]
pub struct BackpressureMonitor {
    counters: Arc<Counters>,
}

/// What the two sides write is kept apart, so that neither waits for the
/// other's cache line.
struct Counters {
    started: Instant,
    /// The same by the coarse clock.
    origin: Duration,
    writing: Writing,
    reading: Reading,
    /// Messages read in each slot of time: the slot's number in the upper half,
    /// the count in the lower.
    history: [AtomicU64; SLOTS],
}

#[repr(align(128))]
#[derive(Default)]
struct Writing {
    sent: AtomicU64,
    most: AtomicU64,
    waits: AtomicU64,
}

#[repr(align(128))]
#[derive(Default)]
struct Reading {
    consumed: AtomicU64,
}

impl Default for BackpressureMonitor {
    fn default() -> Self {
        Self::new()
    }
}

impl BackpressureMonitor {
    /// A monitor that has counted nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            counters: Arc::new(Counters {
                started: Instant::now(),
                origin: coarse_clock(),
                writing: Writing::default(),
                reading: Reading::default(),
                history: [const { AtomicU64::new(0) }; SLOTS],
            }),
        }
    }

    /// Counts a message that was sent.
    pub fn record_send(&self) {
        self.record_sends(1);
    }

    /// Counts a message that was read.
    pub fn record_consume(&self) {
        self.counters.reading.consumed.fetch_add(1, SeqCst);
        self.remember(slot(coarse_clock().saturating_sub(self.counters.origin)));
    }

    /// Messages that were sent and not read yet.
    #[must_use]
    pub fn get_lag(&self) -> u64 {
        // In this order: a message that is read in between is not counted as read
        // before it was counted as sent.
        let consumed = self.counters.reading.consumed.load(SeqCst);
        self.counters.writing.sent.load(SeqCst).saturating_sub(consumed)
    }

    /// Messages read a second, over the last `window`: to the eighth of a second,
    /// and no further back than a minute, or than the monitor itself.
    #[must_use]
    pub fn get_consumption_rate(&self, window: Duration) -> f64 {
        self.rate_at(self.counters.started.elapsed(), window)
    }

    /// Messages sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.counters.writing.sent.load(SeqCst)
    }

    /// Messages read so far.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        self.counters.reading.consumed.load(SeqCst)
    }

    /// The most messages that ever waited for the reader.
    #[must_use]
    pub fn most_behind(&self) -> u64 {
        self.counters.writing.most.load(Relaxed)
    }

    /// How often the sender had to wait for the reader.
    #[must_use]
    pub fn waits(&self) -> u64 {
        self.counters.writing.waits.load(Relaxed)
    }

    pub(super) fn record_sends(&self, messages: u64) {
        let writing = &self.counters.writing;
        let sent = writing.sent.fetch_add(messages, SeqCst) + messages;
        let lag = sent.saturating_sub(self.counters.reading.consumed.load(Relaxed));
        if lag > writing.most.load(Relaxed) {
            writing.most.fetch_max(lag, Relaxed);
        }
    }

    pub(super) fn record_wait(&self) {
        self.counters.writing.waits.fetch_add(1, Relaxed);
    }

    fn remember(&self, now: u32) {
        let place = &self.counters.history[now as usize % SLOTS];
        let mut seen = place.load(Relaxed);
        loop {
            // The count of the same slot a minute ago makes room for this one's.
            let next = if (seen >> 32) as u32 == now { seen + 1 } else { u64::from(now) << 32 | 1 };
            match place.compare_exchange_weak(seen, next, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(other) => seen = other,
            }
        }
    }

    fn rate_at(&self, now: Duration, window: Duration) -> f64 {
        let last = slot(now);
        let first = slot(now.saturating_sub(window)).max(last.saturating_sub(SLOTS as u32 - 1));
        let messages: u64 = (first..=last)
            .map(|slot| self.counters.history[slot as usize % SLOTS].load(Relaxed))
            .zip(first..=last)
            .filter(|(seen, slot)| (seen >> 32) as u32 == *slot)
            .map(|(seen, _)| seen & u64::from(u32::MAX))
            .sum();
        // From the beginning of the first slot that was counted.
        let covered = now.saturating_sub(Duration::from_nanos(u64::from(first) << SLOT_BITS));
        messages as f64 / covered.as_secs_f64().max(1e-6)
    }
}

impl fmt::Debug for BackpressureMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackpressureMonitor")
            .field("sent", &self.sent())
            .field("lag", &self.get_lag())
            .field("most_behind", &self.most_behind())
            .field("waits", &self.waits())
            .finish_non_exhaustive()
    }
}

/// A clock for every message: to a few milliseconds, in a third of the time.
#[cfg(target_os = "linux")]
fn coarse_clock() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let now = clock_gettime(ClockId::MonotonicCoarse);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

#[cfg(not(target_os = "linux"))]
fn coarse_clock() -> Duration {
    static ORIGIN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    ORIGIN.elapsed()
}

/// The slot that a time falls into: after 18 years they repeat.
fn slot(since_start: Duration) -> u32 {
    (since_start.as_nanos() >> SLOT_BITS) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(slots: u64) -> Duration {
        Duration::from_nanos(slots << SLOT_BITS)
    }

    #[test]
    fn a_rate_is_that_of_the_window_asked_for() {
        let monitor = BackpressureMonitor::new();
        // 10 messages in each of the first 8 slots (about a second), then none for 80.
        (0..8).for_each(|slot| (0..10).for_each(|_| monitor.remember(slot)));
        let second = at(8).as_secs_f64();
        assert!((monitor.rate_at(at(8), Duration::from_secs(60)) - 80.0 / second).abs() < 1e-6);
        assert_eq!(monitor.rate_at(at(88), at(40)), 0.0);
        assert!((monitor.rate_at(at(88), Duration::MAX) - 80.0 / (11.0 * second)).abs() < 1e-6);
    }

    #[test]
    fn what_is_older_than_the_history_is_forgotten_and_not_counted_again() {
        let monitor = BackpressureMonitor::new();
        monitor.remember(3);
        let later = SLOTS as u64 + 3;
        assert_eq!(monitor.rate_at(at(later), Duration::MAX), 0.0);
        monitor.remember(later as u32);
        assert!(monitor.rate_at(at(later + 1), at(1)) > 0.0);
    }
}
