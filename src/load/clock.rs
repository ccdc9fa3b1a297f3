//! Waiting for a moment. Tokio's own timers tick in milliseconds, and are up to
//! one late; where the system has finer ones that wake the same loop, these are
//! used.

use std::{io, time::Instant};

/// Waits for moments, one at a time.
#[derive(Debug)]
pub(super) struct Timer {
    #[cfg(target_os = "linux")]
    timer: tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl Timer {
    pub(super) fn new() -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        // SAFETY: an `OwnedFd` is the same descriptor for as long as it lives, and closes it when it is dropped;
        // nobody else has it.
        let timer = unsafe { tokio::io::unix::AsyncFd::register(timer)? };
        Ok(Self { timer })
    }

    /// Waits until this moment; at once, if it is over.
    pub(super) async fn until(&self, when: Instant) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let wait = when.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            return Ok(());
        }
        let value = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        loop {
            let mut ready = self.timer.readable().await?;
            let mut expirations = [0; 8];
            match ready.try_io(|timer| Ok(rustix::io::read(timer, &mut expirations)?)) {
                Ok(read) => return read.map(drop),
                // It was readable because of an earlier moment.
                Err(_would_block) => {}
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Timer {
    #[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(super) const fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits until this moment; at once, if it is over.
    pub(super) async fn until(&self, when: Instant) -> io::Result<()> {
        if when > Instant::now() {
            tokio::time::sleep_until(when.into()).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_is_never_early_and_can_be_used_again() {
        let timer = Timer::new().unwrap();
        for micros in [0, 300, 2_500, 700] {
            let when = Instant::now() + Duration::from_micros(micros);
            timer.until(when).await.unwrap();
            assert!(Instant::now() >= when);
        }
    }
}
