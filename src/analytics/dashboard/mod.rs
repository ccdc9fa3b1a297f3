//! How a range went, on one page.

mod answer;

use std::cmp::Reverse;

use jiff::{RoundMode, Timestamp, TimestampRound, Unit, tz::TimeZone};
use tracing::trace_span;

pub use self::answer::{
    DASHBOARD_SCHEMA, Dashboard, DashboardAlert, DashboardBudget, DashboardError, DashboardGroup, DashboardRange,
    DashboardSeries, DashboardSession, DashboardTotals, Point,
};
use super::{
    Bucket, BudgetStatus, Figures, Metric, Series, TimeRange, TimeSeriesQuery, budgets, calendar,
    fold::{Scope, one},
    report::iso,
    timeseries, zone_name,
};
use crate::{
    Result,
    store::{
        Budget, CostMode, Dimension, Filter, LedgerReader, Level, RowQuery, SessionOrder, SessionQuery, Simulated,
        SumsQuery, SumsRow,
    },
};

/// What the series of a dashboard show.
const METRICS: [Metric; 5] =
    [Metric::Cost, Metric::Tokens, Metric::Commands, Metric::SuccessRate, Metric::ResponseTime];
/// A dashboard has about as many points a series at most, unless a bucket is asked for.
const POINTS: i64 = 200;
/// So many days before today are shown, unless a range is asked for.
const DAYS_BEFORE: i64 = 6;

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
    /// Today and the six days before.
    #[must_use]
    pub fn new(now: Timestamp, tz: TimeZone) -> Self {
        let now = now.as_millisecond();
        let since = calendar::midnight(&tz, now, -DAYS_BEFORE);
        Self::of(TimeRange { since: Some(since), until: None, tz }, now)
    }

    /// The time to ask at: to the minute, so that what is asked again within it
    /// is the same question.
    #[must_use]
    pub fn minute_of(now: Timestamp) -> Timestamp {
        let minute = TimestampRound::new().smallest(Unit::Minute).mode(RoundMode::Trunc);
        now.round(minute).unwrap_or(now)
    }

    /// A range that somebody asked for, or the last seven days if both of its
    /// ends are open.
    #[must_use]
    pub fn asked(range: TimeRange, now: Timestamp) -> Self {
        match range.since.or(range.until) {
            Some(_) => Self::of(range, now.as_millisecond()),
            None => Self::new(now, range.tz),
        }
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

/// Draws up a dashboard: a fixed number of questions, whatever the range and
/// however long the history is.
///
/// # Errors
/// If the ledger cannot be read, or the bucket asked for is too short for the
/// range.
pub fn dashboard(reader: &dyn LedgerReader, query: &DashboardQuery) -> Result<Dashboard> {
    let _moment = reader.snapshot()?;
    let everything = Filter::default();
    let scope = Scope::of(&query.range, &everything, query.simulated);
    let (since, until) = trace_span!("read ends").in_scope(|| ends(reader, query, scope))?;
    let bucket = query
        .bucket
        .unwrap_or_else(|| fitting(until.zip(since).map_or(0, |(until, since)| until.saturating_sub(since))));
    let mut over_time = TimeSeriesQuery::new(
        whole_quarters(query, since, until),
        query.range.tz.clone(),
        bucket,
        METRICS.to_vec(),
    );
    (over_time.cost, over_time.simulated) = (query.cost, query.simulated);
    let at = (query.now, &query.range.tz);
    let budgets = trace_span!("read budgets").in_scope(|| reader.budgets())?;
    let budgets: Vec<BudgetQuestion> =
        budgets.into_iter().map(|budget| BudgetQuestion::of(budget, at, query.simulated)).collect();

    let mut questions =
        vec![timeseries::question(&over_time)?, scope.sums(Dimension::Model), scope.sums(Dimension::Project)];
    questions.extend(budgets.iter().map(|budget| budget.question.clone()));
    let mut answers = trace_span!("read rollups").in_scope(|| reader.sums(&questions))?.into_iter();
    let sessions = trace_span!("read sessions").in_scope(|| top_sessions(reader, query))?;
    let alerts = trace_span!("read alerts").in_scope(|| reader.alerts(Some(query.alerts)))?;
    let recent_errors = trace_span!("read errors").in_scope(|| recent_errors(reader, query))?;
    let _fold = trace_span!("fold").entered();
    let over_time = timeseries::answer(over_time, answers.next().unwrap_or_default())?;
    let models = answers.next().unwrap_or_default();
    let unpriced = models.iter().filter(|row| row.sums.unpriced.get(query.cost) > 0);
    let unpriced_models = unpriced.map(|row| row.key.clone()).collect();
    let projects = answers.next().unwrap_or_default();
    let budgets = budgets.into_iter().zip(answers.map(Some).chain(std::iter::repeat(None)));
    Ok(Dashboard {
        schema: DASHBOARD_SCHEMA.to_owned(),
        range: DashboardRange { since: since.map(iso), until: until.map(iso), tz: zone_name(&query.range.tz) },
        bucket: bucket.to_string(),
        totals: DashboardTotals { figures: Figures::of(&over_time.totals, query.cost), unpriced_models },
        series: over_time.series.into_iter().filter(|series| !series.points.is_empty()).map(shown).collect(),
        models: costliest(models, query),
        projects: costliest(projects, query),
        sessions,
        budgets: budgets
            .map(|(budget, rows)| DashboardBudget::from(budget.status(rows.unwrap_or_default(), query)))
            .collect(),
        alerts: alerts.into_iter().map(DashboardAlert::from).collect(),
        recent_errors,
    })
}

/// The ends of the range; open ones are those of what was recorded, or now.
fn ends(
    reader: &dyn LedgerReader,
    query: &DashboardQuery,
    scope: Scope<'_>,
) -> Result<(Option<i64>, Option<i64>)> {
    if query.range.since.is_some() && query.range.until.is_some() {
        return Ok((query.range.since, query.range.until));
    }
    let mut question = scope.sums(Dimension::All);
    question.durations = false;
    let recorded = one(reader, question)?.into_iter().next().map(|row| row.sums).unwrap_or_default();
    let since = query.range.since.or(recorded.first);
    let last = recorded.last.map(|last| last.saturating_add(1));
    let until = query.range.until.or_else(|| since.map(|since| last.unwrap_or(since).max(query.now).max(since)));
    Ok((since, until))
}

/// The time that series are of: nothing lies beyond open ends, and with whole
/// quarter-hours no single rows need to be read.
fn whole_quarters(query: &DashboardQuery, since: Option<i64>, until: Option<i64>) -> (i64, i64) {
    const QUARTER: Level = Level::Quarter;
    let (since, until) = (since.unwrap_or(0), until.unwrap_or(0));
    let up = |ts: i64| QUARTER.start_of(ts.saturating_add(QUARTER.millis() - 1));
    (query.range.since.unwrap_or(QUARTER.start_of(since)), query.range.until.unwrap_or(up(until)))
}

fn shown(series: Series) -> DashboardSeries {
    DashboardSeries {
        metric: series.metric.name().to_owned(),
        unit: series.metric.unit().to_owned(),
        points: series.points.into_iter().map(|(at, value)| Point(at, value)).collect(),
    }
}

fn costliest(mut rows: Vec<SumsRow>, query: &DashboardQuery) -> Vec<DashboardGroup> {
    rows.sort_by_key(|row| Reverse(row.sums.cost.get(query.cost)));
    rows.truncate(query.groups);
    rows.into_iter().map(|row| DashboardGroup::of(row, query.cost)).collect()
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

/// A budget, and what is asked of its period.
struct BudgetQuestion {
    budget: Budget,
    period: (i64, i64),
    question: SumsQuery,
}

impl BudgetQuestion {
    fn of(budget: Budget, (now, tz): (i64, &TimeZone), simulated: Simulated) -> Self {
        let period = budgets::period(tz, budget.period, now);
        let mut question = SumsQuery::between(Some(period.0), Some(period.1));
        question.filter = budget.filter.clone();
        question.simulated = simulated;
        question.durations = false;
        Self { budget, period, question }
    }

    fn status(self, rows: Vec<SumsRow>, query: &DashboardQuery) -> BudgetStatus {
        let sums = rows.into_iter().next().map(|row| row.sums).unwrap_or_default();
        BudgetStatus {
            budget: self.budget,
            since: self.period.0,
            until: self.period.1,
            now: query.now,
            sums,
            unpriced_models: Vec::new(),
            cost: query.cost,
        }
    }
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
