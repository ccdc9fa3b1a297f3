//! From the ledger to what viewers are shown.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::{
    config::FeedConfig,
    state::{
        LIVE_SCHEMA, LiveBlock, LiveBudget, LiveGroup, LivePeriod, LiveRange, LiveRequest, LiveSeries,
        LiveSession, LiveSpend, LiveState, rounded,
    },
    view::{Cut, View},
};
use crate::{
    Result,
    analytics::{
        BlocksQuery, BudgetStatus, DashboardCache, Figures, GroupBy, Metric, SessionsQuery, SummaryQuery,
        TimeRange, TimeSeries, TimeSeriesQuery, budget_status, budgets, iso, zone_name,
    },
    store::{
        CostMode, Filter, LedgerReader, Period, RequestRow, RowQuery, SessionOrder, Simulated, Sums, SumsQuery,
    },
};

/// Longer names lose their middle.
const LONGEST_NAME: usize = 120;

/// Reads what one view shows at one moment.
pub(super) struct Reading<'a> {
    pub(super) reader: &'a dyn LedgerReader,
    pub(super) cache: &'a DashboardCache,
    pub(super) config: &'a FeedConfig,
    pub(super) view: &'a View,
    /// UTC milliseconds, at a minute's start.
    pub(super) now: i64,
}

impl Reading<'_> {
    /// Everything but alerts, which are the same for all views.
    pub(super) fn state(&self) -> Result<LiveState> {
        let window = self.view.window(self.now)?;
        let first = if window.is_open() { self.first_recorded()? } else { None };
        let cut = window.cut(first, self.config.points)?;
        let range = TimeRange { since: Some(cut.since), until: Some(cut.until), tz: window.tz.clone() };
        let over_time = self.over_time(&range, cut)?;
        Ok(LiveState {
            schema: LIVE_SCHEMA.to_owned(),
            generated: iso(self.now),
            problem: None,
            range: LiveRange {
                text: self.view.range().to_owned(),
                since: iso(cut.since),
                until: window.until.map(iso),
                tz: zone_name(&window.tz),
            },
            spend: self.spend(&window.tz)?,
            budgets: self.budgets(&window.tz)?,
            block: self.block()?,
            totals: Figures::of(&over_time.totals, self.view.cost()),
            series: series(&over_time),
            models: self.groups(&range, GroupBy::Model)?,
            projects: self.groups(&range, GroupBy::Project)?,
            sessions: self.sessions(&range)?,
            users: known(self.groups(&range, GroupBy::User)?),
            hosts: known(self.groups(&range, GroupBy::Host)?),
            requests: self.requests(&range)?,
            alerts: BTreeMap::new(),
        })
    }

    fn first_recorded(&self) -> Result<Option<i64>> {
        let mut question = SumsQuery::between(None, None);
        question.simulated = self.view.simulated();
        question.durations = false;
        let answer = self.reader.sums(&[question])?;
        Ok(answer.into_iter().flatten().next().and_then(|row| row.sums.first))
    }

    fn over_time(&self, range: &TimeRange, cut: Cut) -> Result<TimeSeries> {
        let metrics = vec![
            Metric::Cost,
            Metric::Tokens,
            Metric::Commands,
            Metric::SuccessRate,
            Metric::ResponseTime,
            Metric::ResponseTimeP95,
        ];
        let mut query = TimeSeriesQuery::new((cut.since, cut.until), range.tz.clone(), cut.bucket, metrics);
        (query.cost, query.simulated) = (self.view.cost(), self.view.simulated());
        Ok((*self.cache.ask(self.reader, &query)?).clone())
    }

    fn spend(&self, tz: &TimeZone) -> Result<LiveSpend> {
        let of = |period| {
            let (since, until) = budgets::period(tz, period, self.now);
            let range = TimeRange { since: Some(since), until: Some(until), tz: tz.clone() };
            let answer = self.cache.ask(self.reader, &self.summary(range, GroupBy::Month))?;
            Ok(LivePeriod::of(&answer.totals, (since, until), self.view.cost()))
        };
        Ok(LiveSpend { day: of(Period::Day)?, week: of(Period::Week)?, month: of(Period::Month)? })
    }

    fn summary(&self, range: TimeRange, by: GroupBy) -> SummaryQuery {
        let (cost, simulated) = (self.view.cost(), self.view.simulated());
        SummaryQuery { cost, simulated, ..SummaryQuery::new(range, by) }
    }

    fn budgets(&self, tz: &TimeZone) -> Result<BTreeMap<String, LiveBudget>> {
        let at = (self.now, tz);
        let found = budget_statuses(self.reader, at, self.view.cost(), self.view.simulated())?;
        Ok(found.into_iter().map(|status| (status.budget.name.clone(), status.into())).collect())
    }

    fn block(&self) -> Result<Option<LiveBlock>> {
        // Blocks are of UTC hours: in any zone they are the same.
        let range = TimeRange { since: Some(self.now), until: Some(self.now + 1), tz: TimeZone::UTC };
        let query = BlocksQuery { range, filter: Filter::default(), simulated: self.view.simulated() };
        let blocks = self.cache.ask(self.reader, &query)?;
        let active = blocks.iter().rfind(|block| block.is_active(self.now));
        Ok(active.map(|block| LiveBlock::of(block, self.now, self.view.cost())))
    }

    fn groups(&self, range: &TimeRange, by: GroupBy) -> Result<BTreeMap<String, LiveGroup>> {
        let query = SummaryQuery { limit: Some(self.config.rows), ..self.summary(range.clone(), by) };
        let answer = self.cache.ask(self.reader, &query)?;
        let shown = |sums: &Sums| LiveGroup::of(sums, self.view.cost());
        Ok(answer.groups.iter().map(|group| (shortened(&group.key), shown(&group.sums))).collect())
    }

    fn sessions(&self, range: &TimeRange) -> Result<BTreeMap<String, LiveSession>> {
        let query = SessionsQuery {
            range: range.clone(),
            filter: Filter::default(),
            order: SessionOrder::Cost,
            cost: self.view.cost(),
            simulated: self.view.simulated(),
            limit: u32::try_from(self.config.rows).ok(),
        };
        let found = self.cache.ask(self.reader, &query)?;
        let name = |name: &Option<String>| name.as_deref().map(shortened);
        let shown = found.iter().map(|session| {
            let shown = LiveSession {
                project: name(&session.project),
                branch: name(&session.branch),
                model: name(&session.model),
                last: session.sums.last.map(iso),
                figures: LiveGroup::of(&session.sums, self.view.cost()),
            };
            (shortened(&session.session), shown)
        });
        Ok(shown.collect())
    }

    fn requests(&self, range: &TimeRange) -> Result<BTreeMap<String, LiveRequest>> {
        let query = RowQuery {
            since: range.since,
            until: range.until,
            simulated: self.view.simulated(),
            ..RowQuery::default()
        };
        let mut shown = BTreeMap::new();
        for mut row in self.reader.recent_requests(&query, self.config.requests)? {
            for name in [&mut row.model, &mut row.project, &mut row.user, &mut row.session, &mut row.error] {
                *name = name.as_deref().map(shortened);
            }
            shown.insert(id(&row, &shown), LiveRequest::of(row, self.view.cost()));
        }
        Ok(shown)
    }
}

/// All budgets, as they stand at a time in a zone.
pub(super) fn budget_statuses(
    reader: &dyn LedgerReader,
    at: (i64, &TimeZone),
    cost: CostMode,
    simulated: Simulated,
) -> Result<Vec<BudgetStatus>> {
    reader.budgets()?.into_iter().map(|budget| budget_status(reader, budget, at, cost, simulated)).collect()
}

/// What a request is known by. A failed attempt may have no id of its own.
fn id(row: &RequestRow, taken: &BTreeMap<String, LiveRequest>) -> String {
    let known = row.message_id.as_deref().or(row.request_id.as_deref());
    let id = known.map_or_else(|| iso(row.ts), shortened);
    if !taken.contains_key(&id) {
        return id;
    }
    let numbered = (2..=taken.len() + 2).map(|n| format!("{id} {n}")).find(|id| !taken.contains_key(id));
    numbered.unwrap_or(id)
}

/// Nothing where only the unknown one is there.
fn known(groups: BTreeMap<String, LiveGroup>) -> BTreeMap<String, LiveGroup> {
    if groups.keys().all(String::is_empty) { BTreeMap::new() } else { groups }
}

/// A name of a length that can be shown.
fn shortened(name: &str) -> String {
    let length = name.chars().count();
    if length <= LONGEST_NAME {
        return name.to_owned();
    }
    let half = LONGEST_NAME / 2;
    let start: String = name.chars().take(half - 1).collect();
    let end: String = name.chars().skip(length - half).collect();
    format!("{start}…{end}")
}

fn series(over_time: &TimeSeries) -> LiveSeries {
    let values = |metric: Metric, digits: i32| -> Vec<Option<f64>> {
        let found = over_time.series.iter().find(|series| series.metric == metric);
        let points = found.map(|series| series.points.as_slice()).unwrap_or_default();
        points.iter().map(|point| point.1.map(|value| rounded(value, digits))).collect()
    };
    let starts = over_time.series.first().map(|series| series.points.iter().map(|point| point.0).collect());
    LiveSeries {
        bucket: over_time.query.bucket.to_string(),
        starts_ms: starts.unwrap_or_default(),
        cost: values(Metric::Cost, 6),
        tokens: values(Metric::Tokens, 0),
        requests: values(Metric::Commands, 0),
        success_rate: values(Metric::SuccessRate, 4),
        p50_ms: values(Metric::ResponseTime, 0),
        p95_ms: values(Metric::ResponseTimeP95, 0),
    }
}
