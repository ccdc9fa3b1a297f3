//! What a summary is grouped by.

use std::str::FromStr;

use jiff::tz::TimeZone;

use super::calendar;
use crate::{Error, Result, store::Dimension};

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
    /// Git branches.
    Branch,
    /// `main` and `subagent`.
    Agent,
    /// Who witnessed the requests.
    Source,
    /// 5-hour blocks, named by their start as [`Hour`](Self::Hour) is.
    Block,
    /// Users.
    User,
    /// Hosts.
    Host,
    /// Tags; a request with two tags is in two groups, one without in none.
    Tag,
}

impl GroupBy {
    /// All of them and their names.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::Day, "day"),
        (Self::Week, "week"),
        (Self::Month, "month"),
        (Self::Hour, "hour"),
        (Self::Model, "model"),
        (Self::Project, "project"),
        (Self::Session, "session"),
        (Self::Branch, "branch"),
        (Self::Agent, "agent"),
        (Self::Source, "source"),
        (Self::Block, "block"),
        (Self::User, "user"),
        (Self::Host, "host"),
        (Self::Tag, "tag"),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(by, _)| *by == self).map_or("", |(_, name)| name)
    }

    /// Whether its groups follow each other in time.
    #[must_use]
    pub const fn is_time(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Month | Self::Hour | Self::Block)
    }

    pub(super) const fn dimension(self) -> Option<Dimension> {
        match self {
            Self::Model => Some(Dimension::Model),
            Self::Project => Some(Dimension::Project),
            Self::Branch => Some(Dimension::Branch),
            Self::Source => Some(Dimension::Source),
            Self::Tag => Some(Dimension::Tag),
            Self::Agent => Some(Dimension::Agent),
            Self::User => Some(Dimension::User),
            Self::Host => Some(Dimension::Host),
            _ => None,
        }
    }

    /// When the group of the calendar that holds `ts` starts, UTC milliseconds.
    pub(super) fn start_of(self, tz: &TimeZone, ts: i64) -> i64 {
        match self {
            Self::Hour => calendar::hour(tz, ts),
            Self::Week => calendar::monday(tz, ts),
            Self::Month => calendar::month(tz, ts),
            _ => calendar::midnight(tz, ts, 0),
        }
    }

    /// When the group after the one that starts at `start` starts.
    pub(super) fn next_start(self, tz: &TimeZone, start: i64) -> i64 {
        match self {
            Self::Hour => calendar::next_hour(tz, start),
            Self::Week => calendar::midnight(tz, start, 7),
            // 32 days after the first of a month it is the next one.
            Self::Month => calendar::month(tz, calendar::midnight(tz, start, 32)),
            _ => calendar::midnight(tz, start, 1),
        }
    }

    /// What a group of time is called.
    pub(super) fn name_of(self, tz: &TimeZone, start: i64) -> String {
        let pattern = match self {
            Self::Hour => "%Y-%m-%dT%H:00%:z",
            // UTC hours are not hours of every zone.
            Self::Block => "%Y-%m-%dT%H:%M%:z",
            Self::Month => "%Y-%m",
            _ => "%Y-%m-%d",
        };
        calendar::local(tz, start).strftime(pattern).to_string()
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

/// What the groups of a summary are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GroupOrder {
    /// Their time or name, ascending.
    Key,
    /// Their known cost, the largest first.
    Cost,
    /// Their tokens, the most first.
    Tokens,
    /// Their requests, the most first.
    Requests,
    /// Their errors, the most first.
    Errors,
    /// The time of their last request, the latest first.
    Last,
}
