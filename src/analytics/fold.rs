//! What the requests of a question add up to.

use super::TimeRange;
use crate::{
    Result,
    store::{
        Dimension, Filter, LedgerReader, Level, RequestRow, RollupQuery, RowQuery, Simulated, Span, Sums,
        SumsQuery, SumsRow,
    },
};

/// The requests that a question is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) since: Option<i64>,
    pub(crate) until: Option<i64>,
    pub(crate) filter: &'a Filter,
    pub(crate) simulated: Simulated,
}

impl<'a> Scope<'a> {
    pub(crate) const fn of(range: &TimeRange, filter: &'a Filter, simulated: Simulated) -> Self {
        Self { since: range.since, until: range.until, filter, simulated }
    }

    /// The question what they add up to per value of a dimension.
    pub(crate) fn sums(self, by: Dimension) -> SumsQuery {
        let mut query = SumsQuery::between(self.since, self.until);
        query.by = by;
        query.filter = self.filter.clone();
        query.simulated = self.simulated;
        query
    }

    /// The question what they add up to between times, as far as those are in
    /// the range.
    pub(crate) fn pieces(self, cuts: Vec<i64>) -> SumsQuery {
        SumsQuery { cuts, ..self.sums(Dimension::All) }
    }
}

/// What a scope adds up to.
pub(crate) fn total(reader: &dyn LedgerReader, scope: Scope<'_>) -> Result<Sums> {
    let answers = reader.sums(&[scope.sums(Dimension::All)])?;
    Ok(answers.into_iter().flatten().next().map(|row| row.sums).unwrap_or_default())
}

/// The answer to one question.
pub(crate) fn one(reader: &dyn LedgerReader, query: SumsQuery) -> Result<Vec<SumsRow>> {
    Ok(reader.sums(&[query])?.into_iter().next().unwrap_or_default())
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

/// A scope of whole UTC hours, and the question for their cells if there are any.
fn whole_hours<'a>(scope: Scope<'a>) -> (Scope<'a>, Option<RollupQuery>) {
    let since = scope.since.map_or(i64::MIN, |since| Level::Hour.start_of(since));
    let until = scope.until.map_or(i64::MAX, |until| Level::Hour.start_of(until.saturating_add(3_599_999)));
    let one_value = match scope.filter.dimension() {
        Some((dimension, key)) => Some((dimension, Some(key.to_owned()))),
        None => scope.filter.is_empty().then_some((Dimension::All, None)),
    };
    let simulated = scope.simulated;
    let query = one_value.map(|(dimension, key)| RollupQuery {
        level: Level::Hour,
        dimension,
        since,
        until,
        key,
        simulated,
    });
    (Scope { since: Some(since), until: Some(until), ..scope }, query)
}

/// When the requests of each UTC hour of a scope were, in order. A scope that
/// begins or ends within an hour has that hour whole.
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
