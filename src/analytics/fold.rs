//! Rollup cells, as coarse as a question allows.

use crate::{
    Result,
    store::{Dimension, LedgerReader, Level, RequestRow, RollupQuery, RowQuery, Simulated, Sums},
};

/// Reads what a range adds up to, exactly, per group of time and value of a
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
    (since, until): (Option<i64>, Option<i64>),
    simulated: Simulated,
    group: &dyn Fn(i64) -> i64,
    each: &mut dyn FnMut(i64, &str, &Sums),
) -> Result<()> {
    let (since, until) = (since.unwrap_or(i64::MIN), until.unwrap_or(i64::MAX));
    let floor = if since == i64::MIN { since } else { Level::Day.start_of(since) };
    let mut spans = vec![(floor, until)];
    for level in Level::ALL.into_iter().rev() {
        let mut closer: Vec<(i64, i64)> = Vec::new();
        for (from, to) in spans {
            let query = RollupQuery { level, dimension, since: from, until: to, key: None, simulated };
            for row in reader.rollups(&query)? {
                let end = row.start + level.millis();
                let inside = row.start >= since && end <= until;
                if inside && group(row.start) == group(end - 1) {
                    each(group(row.start), &row.key, &row.sums);
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
        let query = RowQuery {
            since: Some(from.max(since)),
            until: Some(to.min(until)),
            simulated,
            ..RowQuery::default()
        };
        reader.requests(&query, &mut |row| {
            let sums = row.sums();
            for key in keys(&row, dimension) {
                each(group(row.ts), key, &sums);
            }
        })?;
    }
    Ok(())
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
