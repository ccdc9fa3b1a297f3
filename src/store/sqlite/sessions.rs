//! Reading sessions: each is one rollup cell.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    names::Names,
    read::highest,
    rollups::{SUMS, read_sums},
};
use crate::store::{Level, SessionOrder, SessionQuery, SessionRow};

/// Of so many days at most, the costliest sessions are looked for among the
/// costliest of each day; of more, among all sessions by cost.
const FEW_DAYS: i64 = 31;
const DAY: i64 = Level::Day.millis();

/// The sessions that are asked for. Those of the simulated backend and others
/// have different ids, so that a session is in one cell.
pub(crate) fn read(db: &Connection, names: &mut Names, query: &SessionQuery) -> rusqlite::Result<Vec<SessionRow>> {
    // What is sorted is small; the rest is read of those that are told.
    let mut statement = db.prepare_cached(&format!(
        "WITH found AS MATERIALIZED ({}) \
         SELECT (SELECT value FROM names WHERE id = r.name), q.project, q.branch, q.model, {} \
         FROM found CROSS JOIN rollups AS r ON r.level = 3 AND r.dimension = 9 AND r.start = 0 \
         AND r.name = found.name AND r.simulated = found.simulated \
         LEFT JOIN requests AS q ON q.id = (SELECT id FROM requests WHERE session = r.name AND counted = 1 \
         ORDER BY ts DESC, id DESC LIMIT 1)",
        found(db, query)?,
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

/// The statement that finds the sessions, in order. ?1 and ?2 are the range, ?3
/// is whether simulated ones count, ?4 how many there may be.
fn found(db: &Connection, query: &SessionQuery) -> rusqlite::Result<String> {
    let of = |index: &str, condition: &str, order: &str| {
        format!(
            "SELECT name, simulated, cost_auto FROM rollups INDEXED BY rollups_sessions_{index} \
             WHERE dimension = 9 AND last >= ?1 AND last < ?2 AND simulated <= ?3{condition} \
             ORDER BY {order} DESC, name LIMIT ?4"
        )
    };
    if query.order == SessionOrder::Last {
        return Ok(of("last", "", "last"));
    }
    let days: Vec<String> = match query.limit {
        Some(_) => few_days(db, query)?,
        None => Vec::new(),
    };
    if days.is_empty() {
        return Ok(of("cost", "", "cost_auto"));
    }
    let each = days.iter().map(|day| {
        format!("SELECT * FROM ({})", of("day", &format!(" AND last / 86400000 = {day}"), "cost_auto"))
    });
    let all = each.collect::<Vec<_>>().join(" UNION ALL ");
    Ok(format!("{all} ORDER BY cost_auto DESC, name LIMIT ?4"))
}

/// The days of the range asked for in which sessions ended, if they are few.
fn few_days(db: &Connection, query: &SessionQuery) -> rusqlite::Result<Vec<String>> {
    let Some(since) = query.since else { return Ok(Vec::new()) };
    let last: Option<i64> = db
        .prepare_cached(
            "SELECT last FROM rollups INDEXED BY rollups_sessions_last WHERE dimension = 9 \
             ORDER BY last DESC LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()?;
    let until = query.until.unwrap_or(i64::MAX).min(last.map_or(i64::MIN, |last| last.saturating_add(1)));
    if since >= until || until.saturating_sub(since) > FEW_DAYS * DAY {
        return Ok(Vec::new());
    }
    // As SQL divides: towards zero.
    Ok((since / DAY..=(until - 1) / DAY).map(|day| day.to_string()).collect())
}

/// The columns of the cell, not of the request beside it.
fn qualified(columns: &str) -> String {
    columns.split(", ").map(|column| format!("r.{}", column.trim())).collect::<Vec<_>>().join(", ")
}
