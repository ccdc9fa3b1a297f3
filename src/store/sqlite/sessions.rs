//! Reading sessions: each is one rollup cell.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    names::Names,
    read::highest,
    rollups::{SUMS, read_sums},
};
use crate::store::{SessionOrder, SessionQuery, SessionRow};

/// The sessions that are asked for. Those of the simulated backend and others
/// have different ids, so that a session is in one cell.
pub(crate) fn read(db: &Connection, names: &mut Names, query: &SessionQuery) -> rusqlite::Result<Vec<SessionRow>> {
    let order = match query.order {
        SessionOrder::Last => "last",
        SessionOrder::Cost => "cost_auto",
    };
    let mut statement = db.prepare_cached(&format!(
        "SELECT name, {SUMS} FROM rollups INDEXED BY rollups_sessions_{} \
         WHERE dimension = 9 AND last >= ?1 AND last < ?2 AND simulated <= ?3 ORDER BY {order} DESC, name LIMIT ?4",
        match query.order {
            SessionOrder::Last => "last",
            SessionOrder::Cost => "cost",
        }
    ))?;
    let found: Vec<_> = statement
        .query_map(
            params![
                query.since.unwrap_or(i64::MIN),
                query.until.unwrap_or(i64::MAX),
                highest(query.simulated),
                query.limit.map_or(-1, i64::from)
            ],
            |row| Ok((row.get::<_, i64>(0)?, read_sums(row, 1)?)),
        )?
        .collect::<rusqlite::Result<_>>()?;
    let mut sessions = Vec::with_capacity(found.len());
    for (id, sums) in found {
        let last: Option<[Option<i64>; 3]> = db
            .prepare_cached(
                "SELECT project, branch, model FROM requests WHERE session = ?1 AND counted = 1 \
                 ORDER BY ts DESC, id LIMIT 1",
            )?
            .query_row([id], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
            .optional()?;
        let [project, branch, model] = last.unwrap_or_default();
        sessions.push(SessionRow {
            session: names.value(db, id)?,
            project: names.value_some(db, project)?,
            branch: names.value_some(db, branch)?,
            model: names.value_some(db, model)?,
            sums,
        });
    }
    Ok(sessions)
}
