//! The whole server stands still: nothing is read or sent for a while.

use std::time::Duration;

/// When the server stands still, from its start on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standstill {
    /// The first one begins after so long.
    pub after: Duration,
    /// So long from one's begin to the next one's; `None`: there is only one.
    pub every: Option<Duration>,
    /// It lasts so long.
    pub duration: Duration,
}

impl Standstill {
    /// When the standstill of this moment ends, if there is one; both from the
    /// server's start.
    pub(super) fn ends(&self, at: Duration) -> Option<Duration> {
        let since = at.checked_sub(self.after)?;
        let begin = match self.every {
            Some(every) if !every.is_zero() => {
                let n = since.as_nanos() / every.as_nanos();
                self.after + Duration::from_nanos_u128(n * every.as_nanos())
            }
            _ => self.after,
        };
        let end = begin + self.duration;
        (at < end).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_once_or_again_and_again() {
        let ms = Duration::from_millis;
        let once = Standstill { after: ms(100), every: None, duration: ms(30) };
        assert_eq!((once.ends(ms(99)), once.ends(ms(100))), (None, Some(ms(130))));
        assert_eq!((once.ends(ms(130)), once.ends(ms(230))), (None, None));
        let again = Standstill { every: Some(ms(200)), ..once };
        assert_eq!((again.ends(ms(310)), again.ends(ms(330))), (Some(ms(330)), None));
    }
}
