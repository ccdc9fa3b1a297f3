//! The questions the ledger answers.

use serde::{Deserialize, Serialize};

use super::{ByMode, CostMode, Run, Sums};

/// The length of a rollup cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// 15 minutes: every time zone's midnight falls on one.
    Quarter = 0,
    /// An hour.
    Hour = 1,
    /// A UTC day.
    Day = 2,
    /// Four weeks, counted from the start of 1970: what a long range is made of.
    FourWeeks = 4,
    /// A quarter of a UTC day: most of a day of another zone is made of them.
    SixHours = 5,
}

impl Level {
    /// All levels, the finest first.
    pub const ALL: [Self; 5] = [Self::Quarter, Self::Hour, Self::SixHours, Self::Day, Self::FourWeeks];

    /// The cell's length in milliseconds.
    #[must_use]
    pub const fn millis(self) -> i64 {
        match self {
            Self::Quarter => 900_000,
            Self::Hour => 3_600_000,
            Self::SixHours => 6 * 3_600_000,
            Self::Day => 86_400_000,
            Self::FourWeeks => 28 * 86_400_000,
        }
    }

    /// The start of the cell that holds the time `ts` (UTC milliseconds).
    #[must_use]
    pub const fn start_of(self, ts: i64) -> i64 {
        ts - ts.rem_euclid(self.millis())
    }
}

/// What a rollup is kept per.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Dimension {
    /// Nothing: all requests together (the key is empty).
    #[default]
    All = 0,
    /// The model.
    Model = 1,
    /// The project: the working directory.
    Project = 2,
    /// `main` or `subagent`.
    Agent = 3,
    /// Who witnessed the request: `run`, `transcript`, `telemetry`, joined by `+`.
    Source = 4,
    /// The user.
    User = 5,
    /// The host.
    Host = 6,
    /// A tag, as `key=value`; a request with two tags is in two cells.
    Tag = 7,
    /// The git branch.
    Branch = 8,
}

impl Dimension {
    /// All dimensions.
    pub const ALL: [Self; 9] = [
        Self::All,
        Self::Model,
        Self::Project,
        Self::Agent,
        Self::Source,
        Self::User,
        Self::Host,
        Self::Tag,
        Self::Branch,
    ];

    /// The values of this dimension that a row counts for.
    #[must_use]
    pub fn values(self, row: &RequestRow) -> Vec<&str> {
        fn one(value: &Option<String>) -> Vec<&str> {
            vec![value.as_deref().unwrap_or_default()]
        }
        match self {
            Self::All => vec![""],
            Self::Model => one(&row.model),
            Self::Project => one(&row.project),
            Self::Agent => one(&row.agent),
            Self::Source => vec![&row.source],
            Self::User => one(&row.user),
            Self::Host => one(&row.host),
            Self::Branch => one(&row.branch),
            Self::Tag => row.tags.iter().map(String::as_str).collect(),
        }
    }
}

/// Whether what the simulated backend did counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Simulated {
    /// It does not: the default of every report.
    #[default]
    Exclude,
    /// It does.
    Include,
}

/// Asks what requests add up to, between each two of a row of times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SumsQuery {
    /// Times in ascending order, UTC milliseconds: two for one sum, and one more
    /// for each further piece of time that is added up by itself. A time belongs
    /// to the piece that it begins; `i64::MIN` and `i64::MAX` are open ends.
    pub cuts: Vec<i64>,
    /// Per which value.
    pub by: Dimension,
    /// Which requests count.
    pub filter: Filter,
    /// Whether simulated requests count.
    pub simulated: Simulated,
    /// Whether durations are summed, too: they take as long as all else.
    pub durations: bool,
}

impl SumsQuery {
    /// Asks what all requests add up to between two times; `None` is an open end.
    #[must_use]
    pub fn between(since: Option<i64>, until: Option<i64>) -> Self {
        let cuts = vec![since.unwrap_or(i64::MIN), until.unwrap_or(i64::MAX)];
        Self { cuts, durations: true, ..Self::default() }
    }
}

/// What the requests of a piece of time and a value add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SumsRow {
    /// The index of the time that the piece begins with.
    pub piece: usize,
    /// The dimension's value; empty if unknown, or for [`Dimension::All`].
    pub key: String,
    /// The sums.
    pub sums: Sums,
}

/// Asks for the rollup cells of one level and dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollupQuery {
    /// Cell length.
    pub level: Level,
    /// What the cells are kept per.
    pub dimension: Dimension,
    /// First cell start, UTC milliseconds, inclusive.
    pub since: i64,
    /// End, UTC milliseconds, exclusive.
    pub until: i64,
    /// Only the cells of this value of the dimension; `None` for all of them.
    pub key: Option<String>,
    /// Whether simulated requests count.
    pub simulated: Simulated,
}

/// One rollup cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollupRow {
    /// Start of the cell, UTC milliseconds.
    pub start: i64,
    /// The dimension's value; empty if unknown, or for [`Dimension::All`].
    pub key: String,
    /// The sums.
    pub sums: Sums,
}

/// When a rollup cell's requests were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Start of the cell, UTC milliseconds.
    pub start: i64,
    /// Time of its first request.
    pub first: i64,
    /// Time of its last request.
    pub last: i64,
}

/// Asks for single ledger rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowQuery {
    /// From this time on (UTC milliseconds), inclusive.
    pub since: Option<i64>,
    /// Up to this time, exclusive.
    pub until: Option<i64>,
    /// Which rows count.
    pub filter: Filter,
    /// Whether simulated requests count.
    pub simulated: Simulated,
}

/// Which requests count: those that have all of these values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Filter {
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The git branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// `main` or `subagent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// A tag, as `key=value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

impl Filter {
    /// Whether all requests count.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a row has all of the values. An empty value stands for an
    /// unknown one.
    #[must_use]
    pub fn accepts(&self, row: &RequestRow) -> bool {
        let is = |wanted: &Option<String>, found: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| wanted == found.as_deref().unwrap_or_default())
        };
        is(&self.model, &row.model)
            && is(&self.project, &row.project)
            && is(&self.branch, &row.branch)
            && is(&self.session, &row.session)
            && is(&self.agent, &row.agent)
            && is(&self.user, &row.user)
            && is(&self.host, &row.host)
            && self.tag.as_ref().is_none_or(|tag| row.tags.contains(tag))
    }

    /// Whether a run may have to do with requests that have all of the values.
    pub(crate) fn accepts_run(&self, run: &Run) -> bool {
        let is = |wanted: &Option<String>, found: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| wanted == found.as_deref().unwrap_or_default())
        };
        let ran = |model: &String| {
            run.model.as_ref() == Some(model) || run.totals.iter().any(|total| total.model == *model)
        };
        // A run knows neither the branch of its requests nor its agents.
        self.model.as_ref().is_none_or(ran)
            && is(&self.project, &run.project)
            && is(&self.session, &run.session)
            && is(&self.user, &run.user)
            && is(&self.host, &run.host)
            && self.tag.as_ref().is_none_or(|tag| run.tags.contains(tag))
    }

    /// The one dimension that is asked for, if it is one of the rollups' and
    /// nothing else is asked for.
    #[must_use]
    pub fn dimension(&self) -> Option<(Dimension, &str)> {
        let of_rollups = [
            (Dimension::Model, &self.model),
            (Dimension::Project, &self.project),
            (Dimension::Branch, &self.branch),
            (Dimension::Agent, &self.agent),
            (Dimension::User, &self.user),
            (Dimension::Host, &self.host),
            (Dimension::Tag, &self.tag),
        ];
        let mut asked =
            of_rollups.into_iter().filter_map(|(dimension, value)| Some((dimension, value.as_deref()?)));
        match (asked.next(), asked.next(), &self.session) {
            (Some(one), None, None) => Some(one),
            _ => None,
        }
    }
}

/// Asks for sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionQuery {
    /// Whose last request is at or after this time (UTC milliseconds).
    pub since: Option<i64>,
    /// Whose last request is before this time.
    pub until: Option<i64>,
    /// What they are sorted by, the greatest first.
    pub order: SessionOrder,
    /// Whether simulated requests count.
    pub simulated: Simulated,
    /// At most so many; `None` for all.
    pub limit: Option<u32>,
}

/// What sessions are sorted by, the greatest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SessionOrder {
    /// The time of the last request.
    #[default]
    Last,
    /// The cost under [`CostMode::Auto`].
    Cost,
}

/// A session and all that was ever spent in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionRow {
    /// Its id.
    pub session: String,
    /// The project of its last request, if known.
    pub project: Option<String>,
    /// The branch of its last request, if known.
    pub branch: Option<String>,
    /// The model of its last request, if known.
    pub model: Option<String>,
    /// The sums.
    pub sums: Sums,
}

/// What a ledger row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum RowKind {
    /// An API request, or a failed attempt at one.
    Request = 0,
    /// An advisor call within a request: tokens and cost, not a request.
    Advisor = 1,
    /// What a run's totals say beyond its known requests: tokens and cost, not
    /// a request.
    Remainder = 2,
}

/// One row of the ledger that counts.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RequestRow {
    /// What it stands for.
    pub kind: RowKind,
    /// When, UTC milliseconds.
    pub ts: i64,
    /// `msg_…`.
    pub message_id: Option<String>,
    /// `req_…`.
    pub request_id: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// The own run it belongs to.
    pub run: Option<String>,
    /// The model; `None` for an attempt that failed before one was known.
    pub model: Option<String>,
    /// The working directory.
    pub project: Option<String>,
    /// The git branch.
    pub branch: Option<String>,
    /// `main` or `subagent`.
    pub agent: Option<String>,
    /// Who witnessed it, such as `run+transcript`.
    pub source: String,
    /// The user.
    pub user: Option<String>,
    /// The host.
    pub host: Option<String>,
    /// Tags, as `key=value`, sorted.
    pub tags: Vec<String>,
    /// Uncached input tokens.
    pub input_tokens: i64,
    /// Output tokens.
    pub output_tokens: i64,
    /// Tokens read from the prompt cache.
    pub cache_read_tokens: i64,
    /// Tokens written to the 5-minute cache.
    pub cache_write_5m_tokens: i64,
    /// Tokens written to the 1-hour cache.
    pub cache_write_1h_tokens: i64,
    /// Web searches.
    pub web_searches: i64,
    /// Reported cost in nano-dollars, its own or its share of its run's.
    pub cost_reported: Option<i64>,
    /// Calculated cost in nano-dollars.
    pub cost_calculated: Option<i64>,
    /// Duration in milliseconds, where it is known.
    pub duration_ms: Option<i64>,
    /// Time to first token in milliseconds, where it is known.
    pub ttft_ms: Option<i64>,
    /// The kind of error it ended in.
    pub error: Option<String>,
    /// Whether the simulated backend made it.
    pub simulated: bool,
}

impl RequestRow {
    /// The cost in nano-dollars under `mode`, if it is known.
    #[must_use]
    pub fn cost(&self, mode: CostMode) -> Option<i64> {
        match mode {
            CostMode::Auto => self.cost_reported.or(self.cost_calculated),
            CostMode::Calculate => self.cost_calculated,
            CostMode::Display => self.cost_reported,
        }
    }

    /// What this row adds to a sum.
    #[must_use]
    pub fn sums(&self) -> Sums {
        Figures {
            kind: self.kind,
            ts: self.ts,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cache_read_tokens: self.cache_read_tokens,
            cache_write_5m_tokens: self.cache_write_5m_tokens,
            cache_write_1h_tokens: self.cache_write_1h_tokens,
            web_searches: self.web_searches,
            cost_reported: self.cost_reported,
            cost_calculated: self.cost_calculated,
            duration_ms: self.duration_ms,
            failed: self.error.is_some(),
        }
        .sums()
    }
}

/// The numbers of a row, and the one place that says what they add to a sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) kind: RowKind,
    pub(crate) ts: i64,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) cache_read_tokens: i64,
    pub(crate) cache_write_5m_tokens: i64,
    pub(crate) cache_write_1h_tokens: i64,
    pub(crate) web_searches: i64,
    pub(crate) cost_reported: Option<i64>,
    pub(crate) cost_calculated: Option<i64>,
    pub(crate) duration_ms: Option<i64>,
    pub(crate) failed: bool,
}

impl Figures {
    pub(crate) fn sums(&self) -> Sums {
        let request = self.kind == RowKind::Request;
        let mut sums = Sums {
            requests: i64::from(request),
            errors: i64::from(request && self.failed),
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cache_read_tokens: self.cache_read_tokens,
            cache_write_5m_tokens: self.cache_write_5m_tokens,
            cache_write_1h_tokens: self.cache_write_1h_tokens,
            web_searches: self.web_searches,
            first: Some(self.ts),
            last: Some(self.ts),
            ..Sums::default()
        };
        let billed = sums.total_tokens() > 0 || sums.web_searches > 0;
        let auto = self.cost_reported.or(self.cost_calculated);
        let unknown = |cost: Option<i64>| i64::from(billed && cost.is_none());
        sums.cost = ByMode {
            auto: auto.unwrap_or(0),
            calculate: self.cost_calculated.unwrap_or(0),
            display: self.cost_reported.unwrap_or(0),
        };
        sums.unpriced = ByMode {
            auto: unknown(auto),
            calculate: unknown(self.cost_calculated),
            display: unknown(self.cost_reported),
        };
        if let (true, Some(ms)) = (request, self.duration_ms) {
            sums.durations.record(u64::try_from(ms).unwrap_or(0));
        }
        sums
    }
}

/// Asks for own runs, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunQuery {
    /// Started at or after this time (UTC milliseconds).
    pub since: Option<i64>,
    /// Started before this time.
    pub until: Option<i64>,
    /// Whether simulated runs count.
    pub simulated: Simulated,
    /// At most so many; `None` for all.
    pub limit: Option<u32>,
}
