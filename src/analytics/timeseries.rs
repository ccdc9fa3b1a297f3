//! How a range went, bucket by bucket.

use std::{collections::BTreeMap, fmt, str::FromStr};

use jiff::tz::TimeZone;

use super::{
    calendar,
    fold::{Scope, fold},
    report::dollars,
};
use crate::{
    Error, Result,
    store::{CostMode, Dimension, Filter, LedgerReader, Simulated, Sums},
};

/// More points than this are refused: nobody reads them.
const MOST_POINTS: usize = 100_000;
const QUARTER_MINUTES: i64 = 15;
const DAY_MINUTES: i64 = 24 * 60;

/// What a series shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Metric {
    /// Cost in dollars.
    Cost,
    /// Requests.
    Commands,
    /// Share of requests without an error; unknown where there are none.
    SuccessRate,
    /// Median duration in milliseconds; unknown where none is known.
    ResponseTime,
    /// All tokens.
    Tokens,
}

impl Metric {
    /// All of them, their names and their units.
    pub const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Cost, "cost", "USD"),
        (Self::Commands, "commands", "requests"),
        (Self::SuccessRate, "success_rate", "share"),
        (Self::ResponseTime, "response_time", "ms"),
        (Self::Tokens, "tokens", "tokens"),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|m| m.0 == self).map_or("", |m| m.1)
    }

    /// The unit of its values.
    #[must_use]
    pub fn unit(self) -> &'static str {
        Self::ALL.iter().find(|m| m.0 == self).map_or("", |m| m.2)
    }

    fn value(self, sums: &Sums, mode: CostMode) -> Option<f64> {
        match self {
            // Where nothing has a known cost, the cost is unknown and not 0.
            Self::Cost => dollars(sums, mode),
            Self::Commands => Some(sums.requests as f64),
            Self::SuccessRate => sums.success_rate(),
            Self::ResponseTime => sums.durations.quantile(0.5),
            Self::Tokens => Some(sums.total_tokens() as f64),
        }
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().find(|m| m.1 == name).map(|m| m.0).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|m| m.1).collect();
            Error::Invalid(format!("`{name}` is no metric: use {}", names.join(", ")))
        })
    }
}

/// The length of a bucket: a multiple of 15 minutes up to a day, or a week.
///
/// Buckets start at local midnight, and weeks on Monday; a length that does not
/// divide the day has a shorter last bucket, and so has a day on which the
/// clocks change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    minutes: i64,
}

impl Bucket {
    /// An hour.
    pub const HOUR: Self = Self { minutes: 60 };

    /// Its length in milliseconds, on a day without a clock change.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.minutes * 60_000
    }

    fn start_of(self, tz: &TimeZone, ts: i64) -> i64 {
        if self.minutes > DAY_MINUTES {
            return calendar::monday(tz, ts);
        }
        let day = calendar::midnight(tz, ts, 0);
        day + (ts - day).div_euclid(self.millis()) * self.millis()
    }

    fn next(self, tz: &TimeZone, start: i64) -> i64 {
        let days = if self.minutes > DAY_MINUTES { 7 } else { 1 };
        let next_day = calendar::midnight(tz, start, days);
        if self.minutes >= DAY_MINUTES { next_day } else { next_day.min(start + self.millis()) }
    }
}

impl FromStr for Bucket {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = || {
            Error::Invalid(format!(
                "`{text}` is no bucket: use a multiple of 15 minutes up to a day (15m, 1h, 6h, 1d), or 1w"
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
        let week = 7 * DAY_MINUTES;
        let sound = minutes == week || (QUARTER_MINUTES..=DAY_MINUTES).contains(&minutes);
        if sound && minutes % QUARTER_MINUTES == 0 { Ok(Self { minutes }) } else { Err(invalid()) }
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

/// Asks for series.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeSeriesQuery {
    /// When: the buckets that touch it are shown whole, but count only what is in it.
    pub since: i64,
    /// The end, exclusive, UTC milliseconds.
    pub until: i64,
    /// The zone that buckets are aligned to.
    pub tz: TimeZone,
    /// The length of a bucket.
    pub bucket: Bucket,
    /// Which requests count.
    pub filter: Filter,
    /// What to show.
    pub metrics: Vec<Metric>,
    /// Which cost of a request counts.
    pub cost: CostMode,
    /// Whether simulated requests count.
    pub simulated: Simulated,
}

/// One metric over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it shows.
    pub metric: Metric,
    /// Bucket starts (UTC milliseconds) and values; `None` is unknown.
    pub points: Vec<(i64, Option<f64>)>,
}

/// The answer: all series over the same buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeSeries {
    /// The question.
    pub query: TimeSeriesQuery,
    /// A series a metric, in the order asked for.
    pub series: Vec<Series>,
}

/// Computes all series in one pass over one set of cells. Buckets without
/// requests are there, with 0, or unknown where 0 would be a claim.
///
/// # Errors
/// If the ledger cannot be read, or there would be more than 100,000 buckets.
pub fn timeseries(reader: &dyn LedgerReader, query: TimeSeriesQuery) -> Result<TimeSeries> {
    let mut buckets: BTreeMap<i64, Sums> = BTreeMap::new();
    let mut start = query.bucket.start_of(&query.tz, query.since);
    while start < query.until {
        if buckets.len() >= MOST_POINTS {
            return Err(Error::Invalid(format!(
                "more than {MOST_POINTS} buckets of {}: choose a longer --bucket or a shorter range",
                query.bucket
            )));
        }
        buckets.insert(start, Sums::default());
        start = query.bucket.next(&query.tz, start);
    }
    let scope = Scope {
        since: Some(query.since),
        until: Some(query.until),
        filter: &query.filter,
        simulated: query.simulated,
    };
    let group = |ts: i64| query.bucket.start_of(&query.tz, ts);
    fold(reader, Dimension::All, scope, &group, &mut |start, _, sums| {
        buckets.entry(start).or_default().add(sums);
    })?;
    let series = query
        .metrics
        .iter()
        .map(|&metric| Series {
            metric,
            points: buckets.iter().map(|(&start, sums)| (start, metric.value(sums, query.cost))).collect(),
        })
        .collect();
    Ok(TimeSeries { query, series })
}
