//! How a range went, on one page.

mod answer;

use std::cmp::Reverse;

use jiff::{Timestamp, tz::TimeZone};

pub use self::answer::{
    DASHBOARD_SCHEMA, Dashboard, DashboardAlert, DashboardBudget, DashboardError, DashboardGroup, DashboardRange,
    DashboardSeries, DashboardSession, DashboardTotals, Point,
};
use super::{
    Bucket, Figures, Group, GroupBy, Metric, SummaryQuery, TimeRange, TimeSeriesQuery, budget_status, report::iso,
    summary, timeseries, zone_name,
};
use crate::{
    Result,
    store::{CostMode, LedgerReader, RowQuery, SessionOrder, SessionQuery, Simulated},
};

/// What the series of a dashboard show.
const METRICS: [Metric; 5] =
    [Metric::Cost, Metric::Tokens, Metric::Commands, Metric::SuccessRate, Metric::ResponseTime];
/// A dashboard has about as many points a series at most, unless a bucket is asked for.
const POINTS: i64 = 200;
const DEFAULT_DAYS: i64 = 7;

/// Asks for a dashboard.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DashboardQuery {
    /// When. Open ends are those of what was recorded.
    pub range: TimeRange,
    /// The length of a bucket of the series; `None` for hours in a range of up
    /// to eight days, and longer ones in longer ranges.
    pub bucket: Option<Bucket>,
    /// The time of the question, UTC milliseconds: it says which periods of
    /// budgets are the current ones.
    pub now: i64,
    /// Which cost of a request counts.
    pub cost: CostMode,
    /// Whether simulated requests count.
    pub simulated: Simulated,
    /// At most so many models, and so many projects.
    pub groups: usize,
    /// At most so many sessions.
    pub sessions: u32,
    /// At most so many alerts.
    pub alerts: u32,
    /// At most so many recent errors.
    pub errors: u32,
}

impl DashboardQuery {
    /// The last seven days, from the start of an hour on.
    #[must_use]
    pub fn new(now: Timestamp, tz: TimeZone) -> Self {
        let now = now.as_millisecond();
        let since = Bucket::HOUR.start_of(&tz, now - DEFAULT_DAYS * Bucket::DAY.millis());
        Self::of(TimeRange { since: Some(since), until: None, tz }, now)
    }

    /// A range, as it looks at `now` (UTC milliseconds).
    #[must_use]
    pub fn of(range: TimeRange, now: i64) -> Self {
        Self {
            range,
            bucket: None,
            now,
            cost: CostMode::default(),
            simulated: Simulated::default(),
            groups: 100,
            sessions: 100,
            alerts: 20,
            errors: 20,
        }
    }
}

/// The bucket that suits a range of so many milliseconds.
fn fitting(length: i64) -> Bucket {
    let quarter_day = 6 * Bucket::HOUR.millis();
    match length {
        n if n <= POINTS * Bucket::HOUR.millis() => Bucket::HOUR,
        n if n <= POINTS * quarter_day => Bucket::SIX_HOURS,
        n if n <= 2 * POINTS * Bucket::DAY.millis() => Bucket::DAY,
        _ => Bucket::WEEK,
    }
}

/// Draws up a dashboard.
///
/// # Errors
/// If the ledger cannot be read, or the bucket asked for is too short for the
/// range.
pub fn dashboard(reader: &dyn LedgerReader, query: &DashboardQuery) -> Result<Dashboard> {
    let by = |by: GroupBy| {
        let mut asked = SummaryQuery::new(query.range.clone(), by);
        (asked.cost, asked.simulated, asked.limit) = (query.cost, query.simulated, Some(query.groups));
        summary(reader, asked)
    };
    let models = by(GroupBy::Model)?;
    let projects = by(GroupBy::Project)?;
    let totals = models.totals;
    let since = query.range.since.or(totals.first);
    let until = query.range.until.or_else(|| {
        let recorded = totals.last.map(|last| last + 1)?;
        Some(recorded.max(query.now))
    });
    let bucket = query
        .bucket
        .unwrap_or_else(|| fitting(until.zip(since).map_or(0, |(until, since)| until.saturating_sub(since))));
    let series = match since.zip(until) {
        Some(range) => {
            let mut asked = TimeSeriesQuery::new(range, query.range.tz.clone(), bucket, METRICS.to_vec());
            (asked.cost, asked.simulated) = (query.cost, query.simulated);
            timeseries(reader, asked)?.series
        }
        None => Vec::new(),
    };
    let groups =
        |groups: Vec<Group>| groups.into_iter().map(|group| DashboardGroup::of(group, query.cost)).collect();
    Ok(Dashboard {
        schema: DASHBOARD_SCHEMA.to_owned(),
        range: DashboardRange { since: since.map(iso), until: until.map(iso), tz: zone_name(&query.range.tz) },
        bucket: bucket.to_string(),
        totals: DashboardTotals {
            figures: Figures::of(&totals, query.cost),
            unpriced_models: models.unpriced_models,
        },
        series: series
            .into_iter()
            .map(|series| DashboardSeries {
                metric: series.metric.name().to_owned(),
                unit: series.metric.unit().to_owned(),
                points: series.points.into_iter().map(|(at, value)| Point(at, value)).collect(),
            })
            .collect(),
        models: groups(models.groups),
        projects: groups(projects.groups),
        sessions: top_sessions(reader, query)?,
        budgets: budgets(reader, query)?,
        alerts: reader.alerts(Some(query.alerts))?.into_iter().map(DashboardAlert::from).collect(),
        recent_errors: recent_errors(reader, query)?,
    })
}

fn top_sessions(reader: &dyn LedgerReader, query: &DashboardQuery) -> Result<Vec<DashboardSession>> {
    // The ledger sorts by the cost of CostMode::Auto.
    let by_index = query.cost == CostMode::Auto;
    let mut found = reader.sessions(&SessionQuery {
        since: query.range.since,
        until: query.range.until,
        order: SessionOrder::Cost,
        simulated: query.simulated,
        limit: Some(query.sessions).filter(|_| by_index),
    })?;
    if !by_index {
        found.sort_by_key(|session| Reverse(session.sums.cost.get(query.cost)));
        found.truncate(query.sessions as usize);
    }
    Ok(found.into_iter().map(|session| DashboardSession::of(session, query.cost)).collect())
}

fn budgets(reader: &dyn LedgerReader, query: &DashboardQuery) -> Result<Vec<DashboardBudget>> {
    let at = (query.now, &query.range.tz);
    let status = |budget| Ok(budget_status(reader, budget, at, query.cost, query.simulated)?.into());
    reader.budgets()?.into_iter().map(status).collect()
}

fn recent_errors(reader: &dyn LedgerReader, query: &DashboardQuery) -> Result<Vec<DashboardError>> {
    let rows = RowQuery {
        since: query.range.since,
        until: query.range.until,
        simulated: query.simulated,
        ..RowQuery::default()
    };
    Ok(reader.recent_errors(&rows, query.errors)?.into_iter().map(DashboardError::from).collect())
}
