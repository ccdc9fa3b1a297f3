//! Reading sessions: each is one rollup cell.

use rusqlite::{Connection, params};

use super::{
    names::Names,
    read::highest,
    rollups::{SUMS, read_sums},
};
use crate::store::{SessionOrder, SessionQuery, SessionRow};

/// Where a range holds less than this share of all time, its sessions are found
/// by time and sorted; else by cost, until enough of them are in it.
const SMALL_SHARE: f64 = 0.02;

/// The sessions that are asked for. Those of the simulated backend and others
/// have different ids, so that a session is in one cell.
pub(crate) fn read(db: &Connection, names: &mut Names, query: &SessionQuery) -> rusqlite::Result<Vec<SessionRow>> {
    let (order, index) = match query.order {
        SessionOrder::Last => ("last", "last"),
        SessionOrder::Cost if is_small(db, query)? => ("cost_auto", "last"),
        SessionOrder::Cost => ("cost_auto", "cost"),
    };
    // What is sorted is small; the rest is read of those that are told.
    let mut statement = db.prepare_cached(&format!(
        "WITH found AS MATERIALIZED (SELECT name, simulated FROM rollups INDEXED BY rollups_sessions_{index} \
         WHERE dimension = 9 AND last >= ?1 AND last < ?2 AND simulated <= ?3 ORDER BY {order} DESC, name LIMIT ?4) \
         SELECT (SELECT value FROM names WHERE id = r.name), q.project, q.branch, q.model, {} \
         FROM found CROSS JOIN rollups AS r ON r.level = 3 AND r.dimension = 9 AND r.start = 0 \
         AND r.name = found.name AND r.simulated = found.simulated \
         LEFT JOIN requests AS q ON q.id = (SELECT id FROM requests WHERE session = r.name AND counted = 1 \
         ORDER BY ts DESC, id LIMIT 1)",
        qualified(SUMS)
    ))?;
    let mut rows = statement.query(params![
        query.since.unwrap_or(i64::MIN),
        query.until.unwrap_or(i64::MAX),
        highest(query.simulated),
        query.limit.map_or(-1, i64::from)
    ])?;
    let mut found: Vec<([Option<i64>; 3], SessionRow)> = Vec::new();
    while let Some(row) = rows.next()? {
        let sums = read_sums(row, 4)?;
        let session = SessionRow { session: row.get(0)?, project: None, branch: None, model: None, sums };
        found.push(([row.get(1)?, row.get(2)?, row.get(3)?], session));
    }
    names.load(db, found.iter().flat_map(|(ids, _)| ids.iter().flatten().copied()))?;
    for ([project, branch, model], session) in &mut found {
        session.project = names.value_some(db, *project)?;
        session.branch = names.value_some(db, *branch)?;
        session.model = names.value_some(db, *model)?;
    }
    Ok(found.into_iter().map(|(_, session)| session).collect())
}

/// The columns of the cell, not of the request beside it.
fn qualified(columns: &str) -> String {
    columns.split(", ").map(|column| format!("r.{}", column.trim())).collect::<Vec<_>>().join(", ")
}

/// Whether the range asked for is a small part of the time in which sessions
/// ended.
fn is_small(db: &Connection, query: &SessionQuery) -> rusqlite::Result<bool> {
    let Some(since) = query.since else { return Ok(false) };
    let all: Option<(i64, i64)> = db
        .prepare_cached(
            "SELECT (SELECT last FROM rollups INDEXED BY rollups_sessions_last WHERE dimension = 9 \
             ORDER BY last LIMIT 1), (SELECT last FROM rollups INDEXED BY rollups_sessions_last \
             WHERE dimension = 9 ORDER BY last DESC LIMIT 1)",
        )?
        .query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?)))?;
    let Some((first, last)) = all else { return Ok(true) };
    let part = query.until.unwrap_or(i64::MAX).min(last).saturating_sub(since.max(first));
    Ok((part as f64) < SMALL_SHARE * last.saturating_sub(first) as f64)
}
