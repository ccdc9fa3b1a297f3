//! What a range amounts to, in all and by one thing.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use serde::{Deserialize, Serialize};

use super::{
    GroupBy, GroupOrder, TimeRange, blocks,
    fold::{self, Scope, one, rows},
};
use crate::{
    Result,
    store::{CostMode, Dimension, Filter, LedgerReader, Level, SessionQuery, Simulated, Sums, SumsQuery},
};

/// Asks for a summary.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryQuery {
    /// When.
    pub range: TimeRange,
    /// By what.
    pub by: GroupBy,
    /// Which requests count.
    pub filter: Filter,
    /// Which cost of a request counts.
    pub cost: CostMode,
    /// Whether simulated requests count.
    pub simulated: Simulated,
    /// What the groups are sorted by; `None` for times by time, and everything
    /// else by cost.
    pub order: Option<GroupOrder>,
    /// At most so many groups: the latest of times that are sorted by time, the
    /// first of everything else. The totals are of all.
    pub limit: Option<usize>,
}

impl SummaryQuery {
    /// All requests of a range.
    #[must_use]
    pub fn new(range: TimeRange, by: GroupBy) -> Self {
        Self {
            range,
            by,
            filter: Filter::default(),
            cost: CostMode::default(),
            simulated: Simulated::default(),
            order: None,
            limit: None,
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(&self.range, &self.filter, self.simulated)
    }
}

/// A group of a [`Summary`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// The groups, in the order asked for.
    pub groups: Vec<Group>,
    /// Models with requests whose cost is unknown.
    pub unpriced_models: Vec<String>,
}

/// Sums by the start of a group of time, and by name.
type Groups = BTreeMap<(i64, String), Sums>;

/// Summarises a range.
///
/// # Errors
/// If the ledger cannot be read.
pub fn summary(reader: &dyn LedgerReader, query: SummaryQuery) -> Result<Summary> {
    let _moment = reader.snapshot()?;
    let scope = query.scope();
    let mut questions = vec![scope.sums(Dimension::All)];
    questions.extend(query.by.dimension().map(|dimension| scope.sums(dimension)));
    let mut answers = reader.sums(&questions)?.into_iter();
    let totals = answers.next().into_iter().flatten().next().map(|row| row.sums).unwrap_or_default();
    let groups = match (answers.next(), query.by) {
        (Some(rows), _) => rows.into_iter().map(|row| ((0, row.key), row.sums)).collect(),
        (None, GroupBy::Session) => by_session(reader, scope, &totals)?,
        (None, _) => by_time(reader, scope, &query, &totals)?,
    };
    let unpriced_models = match (totals.unpriced.get(query.cost), query.by) {
        (0, _) => Vec::new(),
        (_, GroupBy::Model) => unpriced_of(groups.iter().map(|((_, model), sums)| (model, sums)), query.cost),
        _ => unpriced_models(reader, scope, query.cost)?,
    };
    let groups = arrange(groups, &query);
    Ok(Summary { query, totals, groups, unpriced_models })
}

/// Groups that follow each other, from the one of the first request to the one
/// of the last.
fn by_time(reader: &dyn LedgerReader, scope: Scope<'_>, query: &SummaryQuery, totals: &Sums) -> Result<Groups> {
    let Some((first, last)) = totals.first.zip(totals.last) else { return Ok(Groups::new()) };
    let tz = &query.range.tz;
    let mut starts = match query.by {
        GroupBy::Block => blocks::starts(reader, scope)?,
        by => {
            let mut starts = vec![by.start_of(tz, first)];
            while let Some(&start) = starts.last()
                && start <= last
            {
                starts.push(by.next_start(tz, start));
            }
            starts
        }
    };
    let before_all = starts.partition_point(|&start| start <= first).saturating_sub(1);
    starts.drain(..before_all);
    starts.retain(|&start| start <= last);
    let mut cuts = starts.clone();
    if let Some(start) = cuts.first_mut() {
        *start = scope.since.map_or(*start, |since| since.max(*start));
    }
    // From the last request on there is nothing.
    cuts.push(scope.until.map_or(i64::MAX, |until| until.max(last.saturating_add(1))));
    let rows = one(reader, scope.pieces(cuts))?;
    Ok(rows.into_iter().map(|row| ((starts[row.piece], String::new()), row.sums)).collect())
}

/// Sessions that lie in the range whole come from their cells; of the others,
/// the rows are read.
fn by_session(reader: &dyn LedgerReader, scope: Scope<'_>, totals: &Sums) -> Result<Groups> {
    let mut groups = Groups::new();
    if !scope.filter.is_empty() {
        rows(reader, scope, &mut |row| {
            let sums = row.sums();
            groups.entry((0, row.session.unwrap_or_default())).or_default().add(&sums);
        })?;
        return Ok(groups);
    }
    let mut rest = totals.clone();
    let query = SessionQuery { since: scope.since, simulated: scope.simulated, ..SessionQuery::default() };
    let in_range = |ts: Option<i64>| {
        ts.is_some_and(|ts| scope.since.is_none_or(|at| ts >= at) && scope.until.is_none_or(|at| ts < at))
    };
    // A session id that was both simulated and real has two cells.
    let mut cells: BTreeMap<String, Sums> = BTreeMap::new();
    for row in reader.sessions(&query)? {
        cells.entry(row.session).or_default().add(&row.sums);
    }
    for (session, mut sums) in cells {
        if !(in_range(sums.first) && in_range(sums.last)) {
            if sums.first.is_some_and(|first| scope.until.is_some_and(|until| first >= until)) {
                continue;
            }
            let filter = Filter { session: Some(session.clone()), ..Filter::default() };
            sums = Sums::default();
            rows(reader, Scope { filter: &filter, ..scope }, &mut |row| sums.add(&row.sums()))?;
        }
        if sums.first.is_some() {
            rest.subtract(&sums);
            groups.insert((0, session), sums);
        }
    }
    if rest.requests != 0 || rest.total_tokens() != 0 || rest.cost != Sums::default().cost {
        let filter = Filter { session: Some(String::new()), ..Filter::default() };
        let mut unknown = Sums::default();
        rows(reader, Scope { filter: &filter, ..scope }, &mut |row| unknown.add(&row.sums()))?;
        groups.insert((0, String::new()), unknown);
    }
    Ok(groups)
}

/// The models among some whose requests have no known cost.
fn unpriced_of<'a>(models: impl Iterator<Item = (&'a String, &'a Sums)>, mode: CostMode) -> Vec<String> {
    models.filter(|(_, sums)| sums.unpriced.get(mode) > 0).map(|(model, _)| model.clone()).collect()
}

/// The models of requests whose cost is unknown. Where rollups do not tell
/// them, the rows of the days that have such requests do.
pub(super) fn unpriced_models(reader: &dyn LedgerReader, scope: Scope<'_>, mode: CostMode) -> Result<Vec<String>> {
    let without_durations = |mut query: SumsQuery| {
        query.durations = false;
        query
    };
    if scope.filter.is_empty() {
        let rows = one(reader, without_durations(scope.sums(Dimension::Model)))?;
        return Ok(unpriced_of(rows.iter().map(|row| (&row.key, &row.sums)), mode));
    }
    let Some((first, last)) = fold::total(reader, scope).map(|total| total.first.zip(total.last))? else {
        return Ok(Vec::new());
    };
    let days = (first..=last).step_by(Level::Day.millis() as usize).map(|ts| Level::Day.start_of(ts));
    let mut cuts: Vec<i64> = days.collect();
    cuts[0] = first;
    cuts.push(last.saturating_add(1));
    cuts.dedup();
    let of_days = one(reader, without_durations(scope.pieces(cuts.clone())))?;
    let unpriced = of_days.iter().filter(|day| day.sums.unpriced.get(mode) > 0);
    let questions: Vec<SumsQuery> = unpriced
        .map(|day| {
            let mut query = without_durations(scope.sums(Dimension::Model));
            query.cuts = vec![cuts[day.piece], cuts[day.piece + 1]];
            query
        })
        .collect();
    let mut found = BTreeSet::new();
    for rows in reader.sums(&questions)? {
        found.extend(unpriced_of(rows.iter().map(|row| (&row.key, &row.sums)), mode));
    }
    Ok(found.into_iter().collect())
}

/// Names, sorts and limits groups.
fn arrange(groups: Groups, query: &SummaryQuery) -> Vec<Group> {
    let by = query.by;
    let mut groups: Vec<Group> = groups
        .into_iter()
        .map(|((start, key), sums)| {
            let key = if by.is_time() { by.name_of(&query.range.tz, start) } else { key };
            Group { key, sums }
        })
        .collect();
    let order = query.order.unwrap_or(if by.is_time() { GroupOrder::Key } else { GroupOrder::Cost });
    // Stable: what is equal stays in the order of time or name.
    match order {
        GroupOrder::Key => {}
        GroupOrder::Cost => groups.sort_by_key(|group| Reverse(group.sums.cost.get(query.cost))),
        GroupOrder::Tokens => groups.sort_by_key(|group| Reverse(group.sums.total_tokens())),
        GroupOrder::Requests => groups.sort_by_key(|group| Reverse(group.sums.requests)),
        GroupOrder::Errors => groups.sort_by_key(|group| Reverse(group.sums.errors)),
        GroupOrder::Last => groups.sort_by_key(|group| Reverse(group.sums.last)),
    }
    if let Some(limit) = query.limit {
        if by.is_time() && order == GroupOrder::Key {
            groups.drain(..groups.len().saturating_sub(limit));
        } else {
            groups.truncate(limit);
        }
    }
    groups
}
