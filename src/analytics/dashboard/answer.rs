//! A dashboard as it is shown, cached and published.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    analytics::{BudgetStatus, Figures, Metric, report::iso},
    store::{Alert, CostMode, RequestRow, SessionRow, SumsRow},
};

/// The `schema` of a dashboard.
pub const DASHBOARD_SCHEMA: &str = "claude-cli/dashboard@1";

/// How a range went, on one page. Serialised it is the published form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Dashboard {
    /// [`DASHBOARD_SCHEMA`].
    pub schema: String,
    /// When.
    pub range: DashboardRange,
    /// The length of a bucket of the series, such as `1h`.
    pub bucket: String,
    /// Everything in the range.
    pub totals: DashboardTotals,
    /// Cost, tokens, requests, success rate and median duration over time.
    pub series: Vec<DashboardSeries>,
    /// The costliest models.
    pub models: Vec<DashboardGroup>,
    /// The costliest projects.
    pub projects: Vec<DashboardGroup>,
    /// The costliest sessions whose last request is in the range; what they
    /// amount to is not cut by it.
    pub sessions: Vec<DashboardSession>,
    /// All budgets, in their current periods.
    pub budgets: Vec<DashboardBudget>,
    /// The latest alerts, the newest first.
    pub alerts: Vec<DashboardAlert>,
    /// The latest failed requests of the range, the newest first.
    pub recent_errors: Vec<DashboardError>,
}

/// The range of a dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DashboardRange {
    /// Its start, RFC 3339; `None` if nothing was recorded and none was asked for.
    pub since: Option<String>,
    /// Its end, exclusive.
    pub until: Option<String>,
    /// The zone of its days and hours.
    pub tz: String,
}

/// Everything in the range of a dashboard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DashboardTotals {
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// Models with requests whose cost is unknown.
    pub unpriced_models: Vec<String>,
}

/// One metric over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DashboardSeries {
    /// The name of the [`Metric`].
    pub metric: String,
    /// The unit of the values.
    pub unit: String,
    /// A point a bucket, none left out.
    pub points: Vec<Point>,
}

/// A bucket's start (UTC milliseconds) and its value; `None` is unknown. In
/// JSON, a pair of an RFC 3339 time and a number or null.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point(pub i64, pub Option<f64>);

/// A model or project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DashboardGroup {
    /// Its name; empty where it is unknown.
    pub key: String,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DashboardSession {
    /// Its id.
    pub session_id: String,
    /// The project of its last request, if known.
    pub project: Option<String>,
    /// The branch of its last request, if known.
    pub branch: Option<String>,
    /// The model of its last request, if known.
    pub model: Option<String>,
    /// The figures of the whole session.
    #[serde(flatten)]
    pub figures: Figures,
}

/// A budget in its current period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DashboardBudget {
    /// Its name.
    pub name: String,
    /// `day`, `week` or `month`.
    pub period: String,
    /// The period's start, RFC 3339.
    pub since: String,
    /// The period's end, exclusive.
    pub until: String,
    /// What may be spent, in dollars.
    pub limit_usd: f64,
    /// What is known to have been spent; `None` if no cost is known.
    pub spent_usd: Option<f64>,
    /// Requests whose cost is unknown.
    pub unpriced_requests: i64,
    /// The share of the limit that was spent; `None` of a limit of 0.
    pub share: Option<f64>,
    /// What will have been spent at the period's end, if it goes on as it did.
    pub projected_usd: Option<f64>,
    /// `ok`, `warning` or `over`.
    pub state: String,
}

/// A budget's threshold that was crossed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DashboardAlert {
    /// When that was noticed, RFC 3339.
    pub at: String,
    /// The budget.
    pub budget: String,
    /// `day`, `week` or `month`.
    pub period: String,
    /// The threshold, in percent of the limit.
    pub threshold_percent: u8,
    /// The limit then, in dollars.
    pub limit_usd: f64,
    /// What had been spent then, in dollars.
    pub spent_usd: f64,
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DashboardError {
    /// When, RFC 3339.
    pub at: String,
    /// The kind of error.
    pub error: String,
    /// The model, if one was known.
    pub model: Option<String>,
    /// The project, if known.
    pub project: Option<String>,
    /// The session, if known.
    pub session_id: Option<String>,
    /// How long it took, in milliseconds, if known.
    pub duration_ms: Option<i64>,
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (iso(self.0), self.1).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (at, value) = <(String, Option<f64>)>::deserialize(deserializer)?;
        let at: jiff::Timestamp = at.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(at.as_millisecond(), value))
    }
}

impl Dashboard {
    /// The series of a metric, if it is among them.
    #[must_use]
    pub fn series_of(&self, metric: Metric) -> Option<&DashboardSeries> {
        self.series.iter().find(|series| series.metric == metric.name())
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let series = self.series.iter().map(|series| size_of_val(series) + size_of_val(&*series.points));
        let groups = self.models.iter().chain(&self.projects).map(|group| size_of_val(group) + group.key.len());
        let sessions = self.sessions.iter().map(|session| {
            let names = [&session.project, &session.branch, &session.model].map(text);
            size_of_val(session) + session.session_id.len() + names.iter().sum::<usize>()
        });
        let errors = self.recent_errors.iter().map(|error| {
            let names = [&error.model, &error.project, &error.session_id].map(text);
            size_of_val(error) + error.at.len() + error.error.len() + names.iter().sum::<usize>()
        });
        // Names and times of these are short.
        let rest = size_of_val(&*self.budgets) + size_of_val(&*self.alerts);
        let all = series.chain(groups).chain(sessions).chain(errors);
        size_of::<Self>() + all.sum::<usize>() + 2 * rest
    }

    /// The dashboard in its published form.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl DashboardGroup {
    pub(super) fn of(row: SumsRow, mode: CostMode) -> Self {
        Self { figures: Figures::of(&row.sums, mode), key: row.key }
    }
}

impl DashboardSession {
    pub(super) fn of(session: SessionRow, mode: CostMode) -> Self {
        Self {
            figures: Figures::of(&session.sums, mode),
            session_id: session.session,
            project: session.project,
            branch: session.branch,
            model: session.model,
        }
    }
}

impl From<BudgetStatus> for DashboardBudget {
    fn from(status: BudgetStatus) -> Self {
        let usd = |nanos: i64| nanos as f64 / 1e9;
        Self {
            period: status.budget.period.name().to_owned(),
            since: iso(status.since),
            until: iso(status.until),
            limit_usd: usd(status.budget.limit),
            spent_usd: crate::analytics::dollars(&status.sums, status.cost),
            unpriced_requests: status.sums.unpriced.get(status.cost),
            share: status.share(),
            projected_usd: status.projected().map(usd),
            state: status.state().name().to_owned(),
            name: status.budget.name,
        }
    }
}

impl From<Alert> for DashboardAlert {
    fn from(alert: Alert) -> Self {
        Self {
            at: iso(alert.at),
            budget: alert.budget,
            period: alert.period.name().to_owned(),
            threshold_percent: alert.threshold,
            limit_usd: alert.limit as f64 / 1e9,
            spent_usd: alert.spent as f64 / 1e9,
        }
    }
}

impl From<RequestRow> for DashboardError {
    fn from(row: RequestRow) -> Self {
        Self {
            at: iso(row.ts),
            error: row.error.unwrap_or_default(),
            model: row.model,
            project: row.project,
            session_id: row.session,
            duration_ms: row.duration_ms,
        }
    }
}
