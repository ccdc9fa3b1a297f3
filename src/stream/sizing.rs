//! How many messages may wait for their reader.

use std::time::{Duration, Instant};

/// A bigger channel is worth its memory only where its reader is without work
/// for more than this share of the time.
const IDLE_SHARE: u32 = 64;

/// The capacity of a channel, and the rule by which it follows its reader.
///
/// A sender that finds the channel full waits until half of it is read. If the
/// reader reads `rate` messages a second and the sender is back `latency` after
/// it was woken, the reader needs `rate · latency` messages meanwhile (Little's
/// law), and so the channel twice as many. That is what is aimed at, twice over,
/// and approached by an eighth a round (as RFC 6298 smooths round-trip times).
/// What was measured with a channel that is too small says too little, though:
/// where the reader ran dry before the sender was back, the channel doubles, as a
/// TCP receiver's window does for a reader that takes all of it (M. Fisk and
/// W. Feng, "Dynamic Right-Sizing in TCP", 2001).
#[derive(Debug)]
pub(super) struct Sizing {
    capacity: usize,
    /// The range to stay in; `None` if the capacity is fixed.
    range: Option<(usize, usize)>,
    /// When the sender began to wait, and what was read until then.
    stopped: Option<Mark>,
    /// When it was woken.
    woken: Option<Mark>,
    /// Since when the reader has nothing to read.
    dry: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    consumed: u64,
}

impl Sizing {
    pub(super) const fn new(capacity: usize, range: Option<(usize, usize)>) -> Self {
        Self { capacity, range, stopped: None, woken: None, dry: None }
    }

    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// The sender found the channel full. Whether it begins to wait with that.
    pub(super) fn stop(&mut self, at: Instant, consumed: u64) -> bool {
        let begins = self.stopped.is_none();
        if begins {
            self.stopped = Some(Mark { at, consumed });
            (self.woken, self.dry) = (None, None);
        }
        begins
    }

    /// Half of the channel is read: the sender is woken.
    pub(super) fn wake(&mut self, at: Instant, consumed: u64) {
        self.woken.get_or_insert(Mark { at, consumed });
    }

    /// Whether a round is under way, so that times matter.
    pub(super) const fn is_waiting(&self) -> bool {
        self.stopped.is_some()
    }

    /// The reader has nothing left to read.
    pub(super) fn run_dry(&mut self, at: Instant) {
        self.dry.get_or_insert(at);
    }

    /// The sender is back. Returns whether the capacity changed.
    pub(super) fn resume(&mut self, now: Instant) -> bool {
        let (stopped, woken, dry) = (self.stopped.take(), self.woken.take(), self.dry.take());
        let (Some((least, most)), Some(stopped), Some(woken)) = (self.range, stopped, woken) else { return false };
        let before = self.capacity;
        let idle = dry.map_or(Duration::ZERO, |dry| now - dry);
        self.capacity = if idle.saturating_mul(IDLE_SHARE) > now - stopped.at {
            before * 2
        } else {
            let reading = (woken.at - stopped.at).as_secs_f64().max(1e-9);
            let rate = (woken.consumed - stopped.consumed) as f64 / reading;
            let aim = (4.0 * rate * (now - woken.at).as_secs_f64()).ceil() as usize;
            before - before.saturating_sub(aim.max(least)).div_ceil(8)
        }
        .clamp(least, most);
        self.capacity != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One round: the reader takes half of the channel at `rate` a second, and
    /// the sender is back `latency` after that.
    fn round(sizing: &mut Sizing, rate: f64, latency: Duration) {
        let start = Instant::now();
        let half = sizing.capacity() / 2;
        let reading = Duration::from_secs_f64(half as f64 / rate);
        sizing.stop(start, 0);
        sizing.wake(start + reading, half as u64);
        if latency > reading {
            sizing.run_dry(start + 2 * reading);
        }
        sizing.resume(start + reading + latency);
    }

    #[test]
    fn a_slow_reader_needs_a_small_channel() {
        let mut sizing = Sizing::new(500, Some((50, 500)));
        for _ in 0..60 {
            round(&mut sizing, 100.0, Duration::from_micros(50));
        }
        assert_eq!(sizing.capacity(), 50);
    }

    #[test]
    fn a_fast_reader_gets_what_it_can_read_while_the_sender_is_on_its_way() {
        let mut sizing = Sizing::new(50, Some((50, 1000)));
        let latency = Duration::from_micros(100);
        for _ in 0..100 {
            round(&mut sizing, 1e6, latency);
        }
        // 100 messages in 100 µs: at least twice as many have to fit in.
        assert!((200..=400).contains(&sizing.capacity()), "{}", sizing.capacity());
        for _ in 0..100 {
            round(&mut sizing, 1e8, latency);
        }
        assert_eq!(sizing.capacity(), 1000);
    }

    #[test]
    fn a_fixed_channel_stays_as_it_is() {
        let mut sizing = Sizing::new(100, None);
        round(&mut sizing, 1e8, Duration::from_millis(1));
        assert_eq!(sizing.capacity(), 100);
    }
}
