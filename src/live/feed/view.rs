//! What is watched.

use std::fmt;

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    Error, Result,
    analytics::{Bucket, TimeRange, calendar, parse_zone},
    store::{CostMode, Simulated},
};

/// What a viewer watches: a range of time that moves on with the clock, in a
/// zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View {
    range: String,
    zone: String,
    cost: CostMode,
    simulated: Simulated,
}

/// A range at a moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Window {
    since: Option<i64>,
    /// `None` if it goes on.
    pub(super) until: Option<i64>,
    pub(super) tz: TimeZone,
    now: i64,
    /// Whether its beginning moves on with the clock.
    rolls: bool,
}

/// A range as its series are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) since: i64,
    /// Exclusive. Of a range that goes on, the end of the bucket of now.
    pub(super) until: i64,
    pub(super) bucket: Bucket,
}

/// Buckets of series, the shortest first.
const BUCKETS: [Bucket; 7] = [
    Bucket::QUARTER_HOUR,
    Bucket::HOUR,
    Bucket::SIX_HOURS,
    Bucket::DAY,
    Bucket::WEEK,
    Bucket::FOUR_WEEKS,
    Bucket::YEAR,
];

impl View {
    /// The range of a view that none was named for.
    pub const DEFAULT_RANGE: &'static str = "7d";

    /// Watches a range in a zone.
    ///
    /// A range is `today`, `yesterday`, `week` (since Monday), `month` (since
    /// its first), `all`, a span up to now (`90m`, `24h`, `7d`, `2w`; it begins
    /// where a bucket of its series does, so with a little more than that), or
    /// `SINCE..UNTIL`, where both are what [`TimeRange::parse`] takes and either
    /// may be left out. A zone is what [`parse_zone`] takes.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the range or the zone is none.
    pub fn new(range: &str, zone: &str) -> Result<Self> {
        let range = if range.trim().is_empty() { Self::DEFAULT_RANGE } else { range.trim() };
        let view = Self {
            range: range.to_owned(),
            zone: zone.trim().to_owned(),
            cost: CostMode::default(),
            simulated: Simulated::default(),
        };
        view.window(Timestamp::now().as_millisecond())?;
        Ok(view)
    }

    /// With another cost of a request than that of [`CostMode::Auto`].
    #[must_use]
    pub const fn with_cost(mut self, cost: CostMode) -> Self {
        self.cost = cost;
        self
    }

    /// With simulated requests, or without.
    #[must_use]
    pub const fn with_simulated(mut self, simulated: Simulated) -> Self {
        self.simulated = simulated;
        self
    }

    /// The range, as it was asked for.
    #[must_use]
    pub fn range(&self) -> &str {
        &self.range
    }

    /// The zone, as it was asked for.
    #[must_use]
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// Which cost of a request counts.
    #[must_use]
    pub const fn cost(&self) -> CostMode {
        self.cost
    }

    /// Whether simulated requests count.
    #[must_use]
    pub const fn simulated(&self) -> Simulated {
        self.simulated
    }

    /// The range at `now` (UTC milliseconds).
    pub(super) fn window(&self, now: i64) -> Result<Window> {
        let tz = parse_zone(&self.zone)?;
        let at = Timestamp::from_millisecond(now).map_err(|e| Error::Invalid(format!("no time: {e}")))?;
        let named = |since: Option<&str>, until: Option<&str>| TimeRange::parse(since, until, at, tz.clone());
        let range = match self.range.as_str() {
            "all" => TimeRange::all(tz),
            "week" => TimeRange { since: Some(calendar::monday(&tz, now)), until: None, tz },
            "month" => TimeRange { since: Some(calendar::month(&tz, now)), until: None, tz },
            "yesterday" => named(Some("yesterday"), Some("yesterday"))?,
            text => match text.split_once("..") {
                Some((since, until)) => named(some(since), some(until))?,
                None => named(Some(text), None)?,
            },
        };
        Ok(Window { since: range.since, until: range.until, tz: range.tz, now, rolls: is_span(&self.range) })
    }
}

impl Window {
    /// Whether it begins where what was recorded does.
    pub(super) const fn is_open(&self) -> bool {
        self.since.is_none()
    }

    /// Cuts it into so many buckets at most. `first` is the time of the first
    /// request, which an open range begins with.
    pub(super) fn cut(&self, first: Option<i64>, most: usize) -> Result<Cut> {
        let now = self.now;
        let since = self.since.or(first).unwrap_or_else(|| calendar::midnight(&self.tz, now, 0));
        let since = self.until.map_or(since.min(now), |until| since.min(until - 1));
        let length = self.until.unwrap_or(now).saturating_sub(since);
        let bucket = fitting(length, most)
            .ok_or_else(|| Error::Invalid("the range is too long to be shown: begin it later".to_owned()))?;
        // Neither the buckets nor what is in them changes with each minute.
        let since = if self.rolls { bucket.start_of(&self.tz, since) } else { since };
        let until = self.until.unwrap_or_else(|| bucket.next(&self.tz, bucket.start_of(&self.tz, now)));
        Ok(Cut { since, until, bucket })
    }
}

fn some(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// Whether a range is so long, up to now.
fn is_span(text: &str) -> bool {
    text.strip_suffix(['m', 'h', 'd', 'w']).is_some_and(|count| count.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The shortest bucket that cuts a range into so many at most, the ones at its
/// ends included.
fn fitting(length: i64, most: usize) -> Option<Bucket> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    BUCKETS.into_iter().find(|bucket| length / bucket.millis() + 2 <= most)
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.range, self.zone)?;
        if self.cost != CostMode::Auto {
            write!(f, ", {:?} cost", self.cost)?;
        }
        if self.simulated == Simulated::Include {
            write!(f, ", with simulated requests")?;
        }
        Ok(())
    }
}
