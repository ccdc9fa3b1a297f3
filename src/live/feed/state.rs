//! What viewers are shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    analytics::{Block, BudgetStatus, DashboardBudget, Figures, dollars, iso},
    store::{Alert, CostMode, Filter, RequestRow, Sums},
};

/// The `schema` of a live state.
pub const LIVE_SCHEMA: &str = "claude-cli/live@1";

/// How things stand, on one screen. Serialised it is the published form.
///
/// Lists are objects by name or id, in no order: so what changes in one is a
/// small patch. What is unknown is null, never 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LiveState {
    /// [`LIVE_SCHEMA`].
    pub schema: String,
    /// The minute of the last change, RFC 3339.
    pub generated: String,
    /// Why this is not how things stand now, if it is not: the ledger could not
    /// be read.
    pub problem: Option<String>,
    /// The range of the totals, the series, the lists and the requests.
    pub range: LiveRange,
    /// What was spent in the current day, week and month of the zone.
    pub spend: LiveSpend,
    /// All budgets by name, in their current periods.
    pub budgets: BTreeMap<String, LiveBudget>,
    /// The 5-hour block in use.
    pub block: Option<LiveBlock>,
    /// Everything in the range.
    pub totals: Figures,
    /// The range over time.
    pub series: LiveSeries,
    /// The costliest models.
    pub models: BTreeMap<String, LiveGroup>,
    /// The costliest projects.
    pub projects: BTreeMap<String, LiveGroup>,
    /// The costliest sessions whose last request is in the range, with all that
    /// they ever cost.
    pub sessions: BTreeMap<String, LiveSession>,
    /// The costliest users; empty where none is known.
    pub users: BTreeMap<String, LiveGroup>,
    /// The costliest hosts; empty where none is known.
    pub hosts: BTreeMap<String, LiveGroup>,
    /// The latest requests of the range, by id.
    pub requests: BTreeMap<String, LiveRequest>,
    /// What budgets crossed in their current periods, by id.
    pub alerts: BTreeMap<String, LiveAlert>,
}

/// A range of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LiveRange {
    /// As it was asked for.
    pub text: String,
    /// Its start, RFC 3339.
    pub since: String,
    /// Its end, exclusive; null of a range that goes on.
    pub until: Option<String>,
    /// The zone.
    pub tz: String,
}

/// What was spent until now in the current periods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LiveSpend {
    /// Since midnight.
    pub day: LivePeriod,
    /// Since Monday.
    pub week: LivePeriod,
    /// Since the first of the month.
    pub month: LivePeriod,
}

/// What a period amounts to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LivePeriod {
    /// Its start, RFC 3339.
    pub since: String,
    /// Its end, exclusive.
    pub until: String,
    /// Requests, failed attempts included.
    pub requests: i64,
    /// All tokens.
    pub total_tokens: i64,
    /// US dollars that are known.
    pub cost_usd: Option<f64>,
    /// Requests whose cost is unknown.
    pub unpriced_requests: i64,
}

/// A budget in its current period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LiveBudget {
    /// How it stands.
    #[serde(flatten)]
    pub status: DashboardBudget,
    /// Whose spending counts; empty for everyone's.
    pub of: Filter,
}

/// A 5-hour block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LiveBlock {
    /// Its start, RFC 3339.
    pub start: String,
    /// Its end, exclusive.
    pub end: String,
    /// The time of its last request.
    pub last: String,
    /// Requests, failed attempts included.
    pub requests: i64,
    /// All tokens.
    pub total_tokens: i64,
    /// US dollars that are known.
    pub cost_usd: Option<f64>,
    /// Tokens a minute between its first and last request.
    pub tokens_per_minute: Option<f64>,
    /// US dollars an hour between its first and last request.
    pub usd_per_hour: Option<f64>,
    /// Tokens at its end, if it goes on like that.
    pub projected_tokens: Option<i64>,
    /// US dollars at its end, if it goes on like that.
    pub projected_usd: Option<f64>,
}

/// The range over time: a value for each bucket, none left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LiveSeries {
    /// The length of a bucket, such as `1h`.
    pub bucket: String,
    /// When the buckets start, UTC milliseconds.
    pub starts_ms: Vec<i64>,
    /// US dollars, to the millionth.
    pub cost: Vec<Option<f64>>,
    /// All tokens.
    pub tokens: Vec<Option<f64>>,
    /// Requests.
    pub requests: Vec<Option<f64>>,
    /// The share of requests without an error, to the ten-thousandth.
    pub success_rate: Vec<Option<f64>>,
    /// The median duration in milliseconds.
    pub p50_ms: Vec<Option<f64>>,
    /// The duration in milliseconds that 95 % stay within.
    pub p95_ms: Vec<Option<f64>>,
}

/// A model, project, user or host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LiveGroup {
    /// Requests, failed attempts included.
    pub requests: i64,
    /// Requests that ended in an error.
    pub errors: i64,
    /// All tokens.
    pub total_tokens: i64,
    /// US dollars that are known.
    pub cost_usd: Option<f64>,
    /// Requests whose cost is unknown.
    pub unpriced_requests: i64,
}

/// A session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LiveSession {
    /// The project of its last request, if known.
    pub project: Option<String>,
    /// The branch of its last request, if known.
    pub branch: Option<String>,
    /// The model of its last request, if known.
    pub model: Option<String>,
    /// The time of its last request, RFC 3339.
    pub last: Option<String>,
    /// The figures of the whole session.
    #[serde(flatten)]
    pub figures: LiveGroup,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LiveRequest {
    /// When, RFC 3339.
    pub at: String,
    /// The model, if one was known.
    pub model: Option<String>,
    /// The project, if known.
    pub project: Option<String>,
    /// The user, if known.
    pub user: Option<String>,
    /// The session, if known.
    pub session: Option<String>,
    /// All tokens.
    pub total_tokens: i64,
    /// Output tokens.
    pub output_tokens: i64,
    /// US dollars, if known.
    pub cost_usd: Option<f64>,
    /// How long it took, in milliseconds, if known.
    pub duration_ms: Option<i64>,
    /// The kind of error it ended in.
    pub error: Option<String>,
}

/// A threshold of a budget that was crossed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LiveAlert {
    /// Tells it from others: of a limit, a period and a threshold there is one.
    pub id: String,
    /// When that was noticed, RFC 3339.
    pub at: String,
    /// The budget.
    pub budget: String,
    /// `day`, `week` or `month`.
    pub period: String,
    /// The period's start, RFC 3339.
    pub since: String,
    /// The threshold, in percent of the limit.
    pub threshold_percent: u8,
    /// The limit then, in dollars.
    pub limit_usd: f64,
    /// What had been spent then, in dollars.
    pub spent_usd: f64,
}

fn usd(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

pub(super) fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

impl LiveState {
    /// Whether both show the same, whenever that was.
    pub(super) fn shows_the_same(&self, other: &Self) -> bool {
        let Self { generated: _, problem, range, spend, budgets, block, totals, series, .. } = self;
        (problem, range, spend, budgets, block, totals, series)
            == (
                &other.problem,
                &other.range,
                &other.spend,
                &other.budgets,
                &other.block,
                &other.totals,
                &other.series,
            )
            && (&self.models, &self.projects, &self.sessions, &self.users, &self.hosts)
                == (&other.models, &other.projects, &other.sessions, &other.users, &other.hosts)
            && (&self.requests, &self.alerts) == (&other.requests, &other.alerts)
    }
}

impl LivePeriod {
    pub(super) fn of(sums: &Sums, (since, until): (i64, i64), mode: CostMode) -> Self {
        Self {
            since: iso(since),
            until: iso(until),
            requests: sums.requests,
            total_tokens: sums.total_tokens(),
            cost_usd: dollars(sums, mode),
            unpriced_requests: sums.unpriced.get(mode),
        }
    }
}

impl LiveGroup {
    pub(super) fn of(sums: &Sums, mode: CostMode) -> Self {
        Self {
            requests: sums.requests,
            errors: sums.errors,
            total_tokens: sums.total_tokens(),
            cost_usd: dollars(sums, mode),
            unpriced_requests: sums.unpriced.get(mode),
        }
    }
}

impl From<BudgetStatus> for LiveBudget {
    fn from(status: BudgetStatus) -> Self {
        let of = status.budget.filter.clone();
        Self { status: DashboardBudget::from(status), of }
    }
}

impl LiveBlock {
    pub(super) fn of(block: &Block, now: i64, mode: CostMode) -> Self {
        let rate = block.burn_rate(mode);
        let projection = block.projection(mode, now);
        Self {
            start: iso(block.start),
            end: iso(block.end()),
            last: iso(block.last),
            requests: block.sums.requests,
            total_tokens: block.sums.total_tokens(),
            cost_usd: dollars(&block.sums, mode),
            tokens_per_minute: rate.map(|rate| rounded(rate.tokens_per_minute, 1)),
            usd_per_hour: rate.and_then(|rate| rate.usd_per_hour).map(|usd| rounded(usd, 6)),
            projected_tokens: projection.map(|end| end.total_tokens),
            projected_usd: projection.and_then(|end| end.cost_usd).map(|usd| rounded(usd, 6)),
        }
    }
}

impl LiveRequest {
    pub(super) fn of(row: RequestRow, mode: CostMode) -> Self {
        Self {
            at: iso(row.ts),
            total_tokens: row.sums().total_tokens(),
            output_tokens: row.output_tokens,
            cost_usd: row.cost(mode).map(usd),
            duration_ms: row.duration_ms,
            model: row.model,
            project: row.project,
            user: row.user,
            session: row.session,
            error: row.error,
        }
    }
}

impl From<&Alert> for LiveAlert {
    fn from(alert: &Alert) -> Self {
        Self {
            id: format!("{} {} {} {}", iso(alert.since), alert.threshold, alert.limit, alert.budget),
            at: iso(alert.at),
            budget: alert.budget.clone(),
            period: alert.period.name().to_owned(),
            since: iso(alert.since),
            threshold_percent: alert.threshold,
            limit_usd: usd(alert.limit),
            spent_usd: usd(alert.spent),
        }
    }
}
