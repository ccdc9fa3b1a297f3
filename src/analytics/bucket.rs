//! The lengths of time that a series is cut into.

use std::{fmt, str::FromStr};

use jiff::tz::TimeZone;

use super::calendar;
use crate::{Error, Result};

const QUARTER_MINUTES: i64 = 15;
const DAY_MINUTES: i64 = 24 * 60;
const MOST_DAYS: i64 = 366;

/// The length of a bucket: a multiple of 15 minutes up to a day, or whole days
/// up to a year.
///
/// Buckets start at local midnight; a length that does not divide the day has a
/// shorter last bucket, and so has a day on which the clocks change. Days that
/// go together are counted from a Monday, so that weeks start on Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    minutes: i64,
}

impl Bucket {
    /// A quarter of an hour.
    pub const QUARTER_HOUR: Self = Self { minutes: QUARTER_MINUTES };
    /// An hour.
    pub const HOUR: Self = Self { minutes: 60 };
    /// A quarter of a day.
    pub const SIX_HOURS: Self = Self { minutes: 6 * 60 };
    /// A day.
    pub const DAY: Self = Self { minutes: DAY_MINUTES };
    /// A week.
    pub const WEEK: Self = Self { minutes: 7 * DAY_MINUTES };
    /// Four weeks.
    pub const FOUR_WEEKS: Self = Self { minutes: 28 * DAY_MINUTES };
    /// 52 weeks.
    pub const YEAR: Self = Self { minutes: 364 * DAY_MINUTES };

    /// Its length in milliseconds, on a day without a clock change.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.minutes * 60_000
    }

    /// The days it spans; 1 if it is no longer than one.
    const fn days(self) -> i64 {
        if self.minutes > DAY_MINUTES { self.minutes / DAY_MINUTES } else { 1 }
    }

    /// The start of the bucket that holds a moment (UTC milliseconds).
    pub(crate) fn start_of(self, tz: &TimeZone, ts: i64) -> i64 {
        if self.minutes > DAY_MINUTES {
            let into = calendar::days_since_a_monday(tz, ts).rem_euclid(self.days());
            return calendar::midnight(tz, ts, -into);
        }
        let day = calendar::midnight(tz, ts, 0);
        day + (ts - day).div_euclid(self.millis()) * self.millis()
    }

    /// The start of the bucket after the one that starts at `start`.
    pub(crate) fn next(self, tz: &TimeZone, start: i64) -> i64 {
        let next_day = calendar::midnight(tz, start, self.days());
        if self.minutes >= DAY_MINUTES { next_day } else { next_day.min(start + self.millis()) }
    }
}

impl FromStr for Bucket {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = || {
            Error::Invalid(format!(
                "`{text}` is no bucket: use a multiple of 15 minutes up to a day (15m, 1h, 6h, 1d), or whole days \
                 or weeks up to {MOST_DAYS} days (2d, 1w)"
            ))
        };
        let unit = text.chars().last().ok_or_else(invalid)?;
        let count: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| invalid())?;
        let minutes = match unit {
            'm' => count,
            'h' => count.saturating_mul(60),
            'd' => count.saturating_mul(DAY_MINUTES),
            'w' => count.saturating_mul(7 * DAY_MINUTES),
            _ => return Err(invalid()),
        };
        let sound = match minutes {
            QUARTER_MINUTES..=DAY_MINUTES => minutes % QUARTER_MINUTES == 0,
            _ => minutes % DAY_MINUTES == 0 && (1..=MOST_DAYS).contains(&(minutes / DAY_MINUTES)),
        };
        if sound { Ok(Self { minutes }) } else { Err(invalid()) }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minutes {
            m if m % (7 * DAY_MINUTES) == 0 => write!(f, "{}w", m / (7 * DAY_MINUTES)),
            m if m % DAY_MINUTES == 0 => write!(f, "{}d", m / DAY_MINUTES),
            m if m % 60 == 0 => write!(f, "{}h", m / 60),
            m => write!(f, "{m}m"),
        }
    }
}
