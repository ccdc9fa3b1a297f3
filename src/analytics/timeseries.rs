//! How a range went, bucket by bucket.

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{Bucket, Metric, TimeRange, calendar, fold::Scope, statistics};
use crate::{
    Error, Result,
    store::{CostMode, Filter, LedgerReader, Simulated, Sums, SumsQuery, SumsRow},
};

/// More points than this are refused: nobody reads them.
const MOST_POINTS: usize = 100_000;
/// Without a start, so many buckets are shown.
const DEFAULT_BUCKETS: i64 = 24;

/// Asks for series.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
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
    /// Whether to compare with the period before: as many days before, where
    /// the range starts at midnight; as long a time, where it does not.
    pub compare: bool,
    /// Buckets of a moving average, if one is asked for.
    pub moving_average: Option<usize>,
    /// Whether to mark anomalies ([`ANOMALY_METHOD`](super::ANOMALY_METHOD)).
    pub anomalies: bool,
}

impl TimeSeriesQuery {
    /// Series of all requests between two times (UTC milliseconds).
    #[must_use]
    pub fn new((since, until): (i64, i64), tz: TimeZone, bucket: Bucket, metrics: Vec<Metric>) -> Self {
        Self {
            since,
            until,
            tz,
            bucket,
            filter: Filter::default(),
            metrics,
            cost: CostMode::default(),
            simulated: Simulated::default(),
            compare: false,
            moving_average: None,
            anomalies: false,
        }
    }

    /// Series over a range; an open end is now, and 24 buckets come before it if
    /// the start is open. Without a metric, those of cost and requests.
    #[must_use]
    pub fn over(range: TimeRange, now: Timestamp, bucket: Bucket, mut metrics: Vec<Metric>) -> Self {
        let until = range.until.unwrap_or_else(|| now.as_millisecond() + 1);
        let since = range.since.unwrap_or(until - DEFAULT_BUCKETS * bucket.millis());
        if metrics.is_empty() {
            metrics = vec![Metric::Cost, Metric::Commands];
        }
        Self::new((since, until), range.tz, bucket, metrics)
    }

    /// The period before the one that is asked for.
    pub(super) fn previous(&self) -> (i64, i64) {
        let (tz, since, until) = (&self.tz, self.since, self.until);
        if calendar::midnight(tz, since, 0) != since {
            let length = until.saturating_sub(since);
            return (since.saturating_sub(length), since);
        }
        // Whole days, and what is left of the last one.
        let mut days = until.saturating_sub(since) / Bucket::DAY.millis();
        while calendar::midnight(tz, since, days + 1) <= until {
            days += 1;
        }
        while days > 0 && calendar::midnight(tz, since, days) > until {
            days -= 1;
        }
        let rest = until.saturating_sub(calendar::midnight(tz, since, days));
        let back = days + i64::from(rest > 0);
        let end = calendar::midnight(tz, since, days - back).saturating_add(rest);
        (calendar::midnight(tz, since, -back), end)
    }
}

/// One metric over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Series {
    /// What it shows.
    pub metric: Metric,
    /// Bucket starts (UTC milliseconds) and values; `None` is unknown.
    pub points: Vec<(i64, Option<f64>)>,
    /// The value of the whole range.
    pub total: Option<f64>,
    /// The period before, if it was asked for.
    pub previous: Option<PreviousPeriod>,
    /// At each point the mean of the known values of the buckets up to it, as
    /// many as asked for; `None` before there are as many buckets.
    pub moving_average: Option<Vec<Option<f64>>>,
    /// The indexes of the points that stand out, if they were asked for.
    pub anomalies: Option<Vec<usize>>,
}

/// A metric in the period before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PreviousPeriod {
    /// Its start, UTC milliseconds.
    pub since: i64,
    /// Its end, exclusive.
    pub until: i64,
    /// Bucket starts (UTC milliseconds) and values. The n-th belongs to the n-th
    /// of the period asked for; where the clocks change there may be one more
    /// or less.
    pub points: Vec<(i64, Option<f64>)>,
    /// The value of the whole period.
    pub total: Option<f64>,
}

impl Series {
    /// By how much the total is more than that of the period before: 0.5 is half
    /// as much again. `None` if one is unknown, or there was nothing before.
    #[must_use]
    pub fn change(&self) -> Option<f64> {
        let before = self.previous.as_ref()?.total.filter(|total| *total != 0.0)?;
        Some(self.total? / before - 1.0)
    }
}

/// The answer: all series over the same buckets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TimeSeries {
    /// The question.
    pub query: TimeSeriesQuery,
    /// A series a metric, in the order asked for.
    pub series: Vec<Series>,
    /// What all of it amounts to; without durations if no metric is of them.
    pub totals: Sums,
}

impl TimeSeries {
    /// Whether there was nothing at all in the range.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.totals.requests == 0 && self.totals.total_tokens() == 0
    }
}

/// What buckets and all of them together amount to.
struct Buckets {
    period: (i64, i64),
    starts: Vec<i64>,
    each: Vec<Sums>,
    total: Sums,
}

/// Computes all series in one pass over one set of cells. Buckets without
/// requests are there, with 0, or unknown where 0 would be a claim.
///
/// # Errors
/// If the ledger cannot be read, or there would be more than 100,000 buckets.
pub fn timeseries(reader: &dyn LedgerReader, query: TimeSeriesQuery) -> Result<TimeSeries> {
    let mut periods = vec![empty(&query, (query.since, query.until))?];
    if query.compare {
        periods.push(empty(&query, query.previous())?);
    }
    let questions: Vec<SumsQuery> = periods.iter().map(|buckets| buckets.question(&query)).collect();
    for (buckets, rows) in periods.iter_mut().zip(reader.sums(&questions)?) {
        buckets.fill(rows);
    }
    Ok(series(query, &periods))
}

/// Buckets that nothing is in yet.
pub(super) fn question(query: &TimeSeriesQuery) -> Result<SumsQuery> {
    Ok(empty(query, (query.since, query.until))?.question(query))
}

/// The series of the answer to [`question`].
pub(super) fn answer(query: TimeSeriesQuery, rows: Vec<SumsRow>) -> Result<TimeSeries> {
    let mut buckets = empty(&query, (query.since, query.until))?;
    buckets.fill(rows);
    Ok(series(query, &[buckets]))
}

fn empty(query: &TimeSeriesQuery, period: (i64, i64)) -> Result<Buckets> {
    let mut starts = Vec::new();
    let mut start = query.bucket.start_of(&query.tz, period.0);
    while start < period.1 {
        if starts.len() >= MOST_POINTS {
            return Err(Error::Invalid(format!(
                "more than {MOST_POINTS} buckets of {}: choose a longer --bucket or a shorter range",
                query.bucket
            )));
        }
        starts.push(start);
        start = query.bucket.next(&query.tz, start);
    }
    Ok(Buckets { period, each: vec![Sums::default(); starts.len()], starts, total: Sums::default() })
}

impl Buckets {
    fn question(&self, query: &TimeSeriesQuery) -> SumsQuery {
        let (since, until) = self.period;
        let scope =
            Scope { since: Some(since), until: Some(until), filter: &query.filter, simulated: query.simulated };
        let inner = self.starts.iter().skip(1).copied();
        let cuts = std::iter::once(since).chain(inner).chain([until]).collect();
        let mut question = scope.pieces(cuts);
        question.durations = query.metrics.iter().any(|metric| metric.is_of_durations());
        question
    }

    fn fill(&mut self, rows: Vec<SumsRow>) {
        for row in rows {
            self.total.add(&row.sums);
            if let Some(bucket) = self.each.get_mut(row.piece) {
                *bucket = row.sums;
            }
        }
    }

    fn points(&self, metric: Metric, mode: CostMode) -> Vec<(i64, Option<f64>)> {
        self.starts.iter().zip(&self.each).map(|(&start, sums)| (start, metric.value(sums, mode))).collect()
    }
}

/// The series of a period, compared with the one before if that is the second.
fn series(query: TimeSeriesQuery, periods: &[Buckets]) -> TimeSeries {
    let mode = query.cost;
    let of = |metric: Metric, now: &Buckets| {
        let points = now.points(metric, mode);
        let values: Vec<Option<f64>> = points.iter().map(|point| point.1).collect();
        Series {
            metric,
            total: metric.value(&now.total, mode),
            previous: periods.get(1).map(|before| PreviousPeriod {
                since: before.period.0,
                until: before.period.1,
                points: before.points(metric, mode),
                total: metric.value(&before.total, mode),
            }),
            moving_average: query.moving_average.map(|width| statistics::moving_average(&values, width)),
            anomalies: query.anomalies.then(|| statistics::anomalies(&values)),
            points,
        }
    };
    let asked = query.metrics.iter();
    let series = periods.first().map(|now| asked.map(|&metric| of(metric, now)).collect()).unwrap_or_default();
    let totals = periods.first().map(|now| now.total.clone()).unwrap_or_default();
    TimeSeries { query, series, totals }
}
