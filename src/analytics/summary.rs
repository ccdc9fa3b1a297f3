//! What a range amounts to, in all and by one thing.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use super::{
    GroupBy, GroupOrder, TimeRange, blocks,
    fold::{Scope, fold, rows},
};
use crate::{
    Result,
    store::{CostMode, Dimension, Filter, LedgerReader, Level, SessionQuery, Simulated, Sums},
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
    /// The groups, in the order asked for.
    pub groups: Vec<Group>,
    /// Models with requests whose cost is unknown.
    pub unpriced_models: Vec<String>,
}

/// Sums by the start of a group of time, and by name.
type Groups = BTreeMap<(i64, String), Sums>;

const fn whole(_: i64) -> i64 {
    0
}

/// Summarises a range.
///
/// # Errors
/// If the ledger cannot be read.
pub fn summary(reader: &dyn LedgerReader, query: SummaryQuery) -> Result<Summary> {
    let scope = query.scope();
    let mut totals = Sums::default();
    let mut groups = Groups::new();
    if query.by.is_time() {
        let starts = match query.by {
            GroupBy::Block => blocks::starts(reader, scope)?,
            _ => Vec::new(),
        };
        let start = |ts: i64| match query.by {
            GroupBy::Block => starts[..starts.partition_point(|&start| start <= ts)].last().map_or(ts, |&at| at),
            by => by.start_of(&query.range.tz, ts),
        };
        fold(reader, Dimension::All, scope, &start, &mut |group, _, sums| {
            totals.add(sums);
            groups.entry((group, String::new())).or_default().add(sums);
        })?;
    } else {
        fold(reader, Dimension::All, scope, &whole, &mut |_, _, sums| totals.add(sums))?;
        if let Some(dimension) = query.by.dimension() {
            let mut names: HashMap<String, Sums> = HashMap::new();
            fold(reader, dimension, scope, &whole, &mut |_, key, sums| match names.get_mut(key) {
                Some(known) => known.add(sums),
                None => _ = names.insert(key.to_owned(), sums.clone()),
            })?;
            groups.extend(names.into_iter().map(|(name, sums)| ((0, name), sums)));
        } else {
            groups = by_session(reader, scope, &totals)?;
        }
    }
    let unpriced_models = match totals.unpriced.get(query.cost) {
        0 => Vec::new(),
        _ => unpriced_models(reader, scope, query.cost)?,
    };
    let groups = arrange(groups, &query);
    Ok(Summary { query, totals, groups, unpriced_models })
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

/// The models of requests whose cost is unknown. Where rollups do not tell
/// them, the rows of the days that have such requests do.
fn unpriced_models(reader: &dyn LedgerReader, scope: Scope<'_>, mode: CostMode) -> Result<Vec<String>> {
    let mut unpriced: BTreeMap<String, i64> = BTreeMap::new();
    let mut note = |_: i64, model: &str, sums: &Sums| {
        let n = sums.unpriced.get(mode);
        if n > 0 {
            *unpriced.entry(model.to_owned()).or_default() += n;
        }
    };
    if scope.is_rolled_up(Dimension::Model) {
        fold(reader, Dimension::Model, scope, &whole, &mut note)?;
    } else {
        let mut days: BTreeMap<i64, i64> = BTreeMap::new();
        fold(reader, Dimension::All, scope, &|ts| Level::Day.start_of(ts), &mut |day, _, sums| {
            *days.entry(day).or_default() += sums.unpriced.get(mode);
        })?;
        for (day, _) in days.into_iter().filter(|(_, n)| *n > 0) {
            let of_day = scope.between(day, day + Level::Day.millis());
            fold(reader, Dimension::Model, of_day, &whole, &mut note)?;
        }
    }
    Ok(unpriced.into_keys().collect())
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
