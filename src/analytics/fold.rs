//! Rollup cells, as coarse as a question allows, and rows where they cannot say.

use super::TimeRange;
use crate::{
    Result,
    store::{Dimension, Filter, LedgerReader, Level, RequestRow, RollupQuery, RowQuery, Simulated, Span, Sums},
};

/// The requests that a question is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) since: Option<i64>,
    pub(crate) until: Option<i64>,
    pub(crate) filter: &'a Filter,
    pub(crate) simulated: Simulated,
}

/// Where an answer comes from.
enum Origin<'a> {
    /// Cells of a dimension, or of one of its values.
    Cells(Dimension, Option<&'a str>),
    /// Single rows: no cells know what is asked.
    Rows,
}

impl<'a> Scope<'a> {
    pub(crate) const fn of(range: &TimeRange, filter: &'a Filter, simulated: Simulated) -> Self {
        Self { since: range.since, until: range.until, filter, simulated }
    }

    /// Where the sums per value of a dimension come from.
    fn source(&self, dimension: Dimension) -> Origin<'a> {
        if self.filter.is_empty() {
            return Origin::Cells(dimension, None);
        }
        match self.filter.dimension() {
            Some((filtered, key)) if dimension == Dimension::All => Origin::Cells(filtered, Some(key)),
            // A request may have further tags.
            Some((filtered, key)) if filtered == dimension && dimension != Dimension::Tag => {
                Origin::Cells(filtered, Some(key))
            }
            _ => Origin::Rows,
        }
    }

    /// Whether rollups tell the sums per value of a dimension.
    pub(crate) fn is_rolled_up(&self, dimension: Dimension) -> bool {
        matches!(self.source(dimension), Origin::Cells(..))
    }

    /// The same requests between two times.
    pub(crate) fn between(self, since: i64, until: i64) -> Self {
        Self {
            since: Some(self.since.map_or(since, |own| own.max(since))),
            until: Some(self.until.map_or(until, |own| own.min(until))),
            ..self
        }
    }
}

/// Every row in a scope, in order of time.
pub(crate) fn rows(reader: &dyn LedgerReader, scope: Scope<'_>, each: &mut dyn FnMut(RequestRow)) -> Result<()> {
    let query = RowQuery {
        since: scope.since,
        until: scope.until,
        filter: scope.filter.clone(),
        simulated: scope.simulated,
    };
    reader.requests(&query, each)
}

/// Reads what a scope adds up to, exactly, per group of time and value of a
/// dimension.
///
/// `group` gives the group of a moment; groups follow each other in time. A
/// cell that lies within the range and within one group is taken whole; one
/// that does not is looked at more closely: days, then hours, then quarters,
/// and at last the rows of a quarter-hour that the range cuts in two. Cells that
/// follow each other are read in one query.
pub(crate) fn fold(
    reader: &dyn LedgerReader,
    dimension: Dimension,
    scope: Scope<'_>,
    group: &dyn Fn(i64) -> i64,
    each: &mut dyn FnMut(i64, &str, &Sums),
) -> Result<()> {
    let Origin::Cells(kept_per, key) = scope.source(dimension) else {
        return fold_rows(reader, dimension, scope, group, each);
    };
    let (since, until) = (scope.since.unwrap_or(i64::MIN), scope.until.unwrap_or(i64::MAX));
    let floor = if since == i64::MIN { since } else { Level::Day.start_of(since) };
    let mut spans = vec![(floor, until)];
    for level in Level::ALL.into_iter().rev() {
        let mut closer: Vec<(i64, i64)> = Vec::new();
        for (from, to) in spans {
            for row in reader.rollups(&cells(level, (kept_per, key), (from, to), scope.simulated))? {
                let end = row.start + level.millis();
                let inside = row.start >= since && end <= until;
                let at = group(row.start);
                if inside && at == group(end - 1) {
                    each(at, if dimension == Dimension::All { "" } else { &row.key }, &row.sums);
                    continue;
                }
                match closer.last_mut() {
                    Some(last) if last.1 >= row.start => last.1 = end,
                    _ => closer.push((row.start, end)),
                }
            }
        }
        spans = closer;
    }
    for (from, to) in spans {
        fold_rows(reader, dimension, scope.between(from, to), group, each)?;
    }
    Ok(())
}

/// [`fold`] over single rows.
fn fold_rows(
    reader: &dyn LedgerReader,
    dimension: Dimension,
    scope: Scope<'_>,
    group: &dyn Fn(i64) -> i64,
    each: &mut dyn FnMut(i64, &str, &Sums),
) -> Result<()> {
    rows(reader, scope, &mut |row| {
        let sums = row.sums();
        for key in keys(&row, dimension) {
            each(group(row.ts), key, &sums);
        }
    })
}

fn cells(
    level: Level,
    (dimension, key): (Dimension, Option<&str>),
    (since, until): (i64, i64),
    simulated: Simulated,
) -> RollupQuery {
    RollupQuery { level, dimension, since, until, key: key.map(str::to_owned), simulated }
}

/// A scope of whole UTC hours, and the question for their cells.
fn whole_hours<'a>(scope: Scope<'a>) -> (Scope<'a>, Option<RollupQuery>) {
    let since = scope.since.map_or(i64::MIN, |since| Level::Hour.start_of(since));
    let until = scope.until.map_or(i64::MAX, |until| Level::Hour.start_of(until.saturating_add(3_599_999)));
    let query = match scope.source(Dimension::All) {
        Origin::Cells(dimension, key) => {
            Some(cells(Level::Hour, (dimension, key), (since, until), scope.simulated))
        }
        Origin::Rows => None,
    };
    (Scope { since: Some(since), until: Some(until), ..scope }, query)
}

/// What each UTC hour of a scope adds up to, in order. A scope that begins or
/// ends within an hour has that hour whole.
pub(crate) fn hours(reader: &dyn LedgerReader, scope: Scope<'_>) -> Result<Vec<(i64, Sums)>> {
    let (scope, query) = whole_hours(scope);
    if let Some(query) = query {
        return Ok(reader.rollups(&query)?.into_iter().map(|row| (row.start, row.sums)).collect());
    }
    let mut hours: Vec<(i64, Sums)> = Vec::new();
    rows(reader, scope, &mut |row| {
        let start = Level::Hour.start_of(row.ts);
        match hours.last_mut() {
            Some(last) if last.0 == start => last.1.add(&row.sums()),
            _ => hours.push((start, row.sums())),
        }
    })?;
    Ok(hours)
}

/// When the requests of each of the [`hours`] were.
pub(crate) fn spans(reader: &dyn LedgerReader, scope: Scope<'_>) -> Result<Vec<Span>> {
    let (scope, query) = whole_hours(scope);
    if let Some(query) = query {
        return reader.spans(&query);
    }
    let mut spans: Vec<Span> = Vec::new();
    rows(reader, scope, &mut |row| {
        let start = Level::Hour.start_of(row.ts);
        match spans.last_mut() {
            Some(last) if last.start == start => last.last = row.ts,
            _ => spans.push(Span { start, first: row.ts, last: row.ts }),
        }
    })?;
    Ok(spans)
}

/// The values of a dimension that a row counts for.
fn keys(row: &RequestRow, dimension: Dimension) -> Vec<&str> {
    match dimension {
        Dimension::All => vec![""],
        Dimension::Model => vec![row.model.as_deref().unwrap_or_default()],
        Dimension::Project => vec![row.project.as_deref().unwrap_or_default()],
        Dimension::Agent => vec![row.agent.as_deref().unwrap_or_default()],
        Dimension::Source => vec![&row.source],
        Dimension::User => vec![row.user.as_deref().unwrap_or_default()],
        Dimension::Host => vec![row.host.as_deref().unwrap_or_default()],
        Dimension::Branch => vec![row.branch.as_deref().unwrap_or_default()],
        Dimension::Tag => row.tags.iter().map(String::as_str).collect(),
    }
}
