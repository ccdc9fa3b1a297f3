//! What all reports are asked: a range, a zone, what counts, and filters.

use std::{fmt::Display, str::FromStr};

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    Error, Result,
    analytics::{DashboardQuery, TimeRange, parse_zone},
    live::server::Params,
    store::{CostMode, Filter, Simulated},
};

/// The range of a report, and what counts in it.
pub(super) struct Report {
    since: Option<String>,
    until: Option<String>,
    tz: TimeZone,
    pub(super) now: Timestamp,
    pub(super) cost: CostMode,
    pub(super) simulated: Simulated,
}

impl Report {
    pub(super) fn read(params: &mut Params, tz: &TimeZone) -> Result<Self> {
        Ok(Self {
            since: params.text("since")?,
            until: params.text("until")?,
            tz: params.text("tz")?.map_or_else(|| Ok(tz.clone()), |name| parse_zone(&name))?,
            now: Timestamp::now(),
            cost: params.cost()?,
            simulated: params.simulated()?,
        })
    }

    /// Asked as of a full minute.
    pub(super) fn at_the_minute(mut self) -> Self {
        self.now = DashboardQuery::minute_of(self.now);
        self
    }

    /// The range; it begins at `since` where neither end was asked for.
    pub(super) fn range(&self, since: Option<&str>) -> Result<TimeRange> {
        let since = self.since.as_deref().or(since.filter(|_| self.until.is_none()));
        TimeRange::parse(since, self.until.as_deref(), self.now, self.tz.clone())
    }
}

/// Which requests count.
pub(super) fn filter(params: &mut Params) -> Result<Filter> {
    Ok(Filter {
        model: params.text("model")?,
        project: params.text("project")?,
        branch: params.text("branch")?,
        session: params.text("session")?,
        agent: params.text("agent")?,
        user: params.text("user")?,
        host: params.text("host")?,
        tag: params.text("tag")?,
        ..Filter::default()
    })
}

/// Values that may be repeated, or stand behind each other with commas.
pub(super) fn list<T>(params: &mut Params, name: &'static str) -> Result<Vec<T>>
where
    T: FromStr,
    T::Err: Display,
{
    let values = params.all(name);
    let values = values.iter().flat_map(|value| value.split(','));
    values.map(|text| text.parse().map_err(|e| Error::Invalid(format!("`{name}={text}`: {e}")))).collect()
}
