//! What a range amounts to, in all and by one thing.

use std::{collections::BTreeMap, str::FromStr};

use jiff::tz::TimeZone;

use super::{TimeRange, calendar, fold::fold};
use crate::{
    Error, Result,
    store::{CostMode, Dimension, LedgerReader, RowQuery, Simulated, Sums},
};

/// What a summary is grouped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GroupBy {
    /// Local days, as `2026-08-01`.
    #[default]
    Day,
    /// Local weeks, named by their Monday.
    Week,
    /// Local months, as `2026-08`.
    Month,
    /// Local hours, with their offset, as `2026-08-01T13:00+02:00`.
    Hour,
    /// Models.
    Model,
    /// Projects: working directories.
    Project,
    /// Sessions.
    Session,
    /// Who witnessed the requests.
    Source,
    /// Tags; a request with two tags is in two groups, one without in none.
    Tag,
    /// `main` and `subagent`.
    Agent,
    /// Users.
    User,
    /// Hosts.
    Host,
}

impl GroupBy {
    /// All of them and their names.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::Day, "day"),
        (Self::Week, "week"),
        (Self::Month, "month"),
        (Self::Hour, "hour"),
        (Self::Model, "model"),
        (Self::Project, "project"),
        (Self::Session, "session"),
        (Self::Source, "source"),
        (Self::Tag, "tag"),
        (Self::Agent, "agent"),
        (Self::User, "user"),
        (Self::Host, "host"),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(by, _)| *by == self).map_or("", |(_, name)| name)
    }

    /// Whether its groups follow each other in time.
    #[must_use]
    pub const fn is_time(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Month | Self::Hour)
    }

    const fn dimension(self) -> Option<Dimension> {
        match self {
            Self::Model => Some(Dimension::Model),
            Self::Project => Some(Dimension::Project),
            Self::Source => Some(Dimension::Source),
            Self::Tag => Some(Dimension::Tag),
            Self::Agent => Some(Dimension::Agent),
            Self::User => Some(Dimension::User),
            Self::Host => Some(Dimension::Host),
            _ => None,
        }
    }
}

impl FromStr for GroupBy {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(by, _)| *by).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|(_, name)| *name).collect();
            Error::Invalid(format!("cannot group by `{name}`: use {}", names.join(", ")))
        })
    }
}

/// Asks for a summary.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryQuery {
    /// When.
    pub range: TimeRange,
    /// By what.
    pub by: GroupBy,
    /// Which cost of a request counts.
    pub cost: CostMode,
    /// Whether simulated requests count.
    pub simulated: Simulated,
}

/// A group of a [`Summary`].
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The day, model, …; empty where it is unknown.
    pub key: String,
    /// What it amounts to.
    pub sums: Sums,
}

/// What a range amounts to.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The question.
    pub query: SummaryQuery,
    /// Everything in the range.
    pub totals: Sums,
    /// Times ascending; everything else by cost, the largest first.
    pub groups: Vec<Group>,
    /// Models with requests whose cost is unknown.
    pub unpriced_models: Vec<String>,
}

/// Summarises a range.
///
/// # Errors
/// If the ledger cannot be read.
pub fn summary(reader: &dyn LedgerReader, query: SummaryQuery) -> Result<Summary> {
    let range = &query.range;
    let span = (range.since, range.until);
    let mut totals = Sums::default();
    let mut groups: BTreeMap<(i64, String), Sums> = BTreeMap::new();
    let whole = |_: i64| 0;
    if query.by.is_time() {
        let start = |ts: i64| start_of(query.by, &range.tz, ts);
        fold(reader, Dimension::All, span, query.simulated, &start, &mut |group, _, sums| {
            totals.add(sums);
            groups.entry((group, String::new())).or_default().add(sums);
        })?;
    } else {
        fold(reader, Dimension::All, span, query.simulated, &whole, &mut |_, _, sums| totals.add(sums))?;
        if let Some(dimension) = query.by.dimension() {
            fold(reader, dimension, span, query.simulated, &whole, &mut |_, key, sums| {
                groups.entry((0, key.to_owned())).or_default().add(sums);
            })?;
        } else {
            let rows = RowQuery {
                since: range.since,
                until: range.until,
                simulated: query.simulated,
                ..RowQuery::default()
            };
            reader.requests(&rows, &mut |row| {
                let sums = row.sums();
                groups.entry((0, row.session.unwrap_or_default())).or_default().add(&sums);
            })?;
        }
    }
    let mut unpriced_models = Vec::new();
    if totals.unpriced.get(query.cost) > 0 {
        let mut models: BTreeMap<String, i64> = BTreeMap::new();
        fold(reader, Dimension::Model, span, query.simulated, &whole, &mut |_, model, sums| {
            *models.entry(model.to_owned()).or_default() += sums.unpriced.get(query.cost);
        })?;
        unpriced_models = models.into_iter().filter(|(_, n)| *n > 0).map(|(model, _)| model).collect();
    }
    let mut groups: Vec<Group> = groups
        .into_iter()
        .map(|((start, key), sums)| {
            let key = if query.by.is_time() { name_of(query.by, &range.tz, start) } else { key };
            Group { key, sums }
        })
        .collect();
    if !query.by.is_time() {
        // Stable: equal costs stay in the order of their keys.
        groups.sort_by_key(|group| std::cmp::Reverse(group.sums.cost.get(query.cost)));
    }
    Ok(Summary { query, totals, groups, unpriced_models })
}

/// When the group that holds `ts` starts, UTC milliseconds.
fn start_of(by: GroupBy, tz: &TimeZone, ts: i64) -> i64 {
    match by {
        GroupBy::Hour => calendar::hour(tz, ts),
        GroupBy::Week => calendar::monday(tz, ts),
        GroupBy::Month => calendar::month(tz, ts),
        _ => calendar::midnight(tz, ts, 0),
    }
}

fn name_of(by: GroupBy, tz: &TimeZone, start: i64) -> String {
    let pattern = match by {
        GroupBy::Hour => "%Y-%m-%dT%H:00%:z",
        GroupBy::Month => "%Y-%m",
        _ => "%Y-%m-%d",
    };
    calendar::local(tz, start).strftime(pattern).to_string()
}
