//! The `runs` table.

use rusqlite::{Connection, OptionalExtension, Row, types::Type};

use super::names::{NameKind, Names};
use crate::store::Run;

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Run> {
    let record: String = row.get(0)?;
    serde_json::from_str(&record).map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, e.into()))
}

pub(crate) fn get(db: &Connection, id: &str) -> rusqlite::Result<Option<Run>> {
    db.prepare_cached("SELECT record FROM runs WHERE id = ?1")?.query_row([id], read).optional()
}

/// The runs of a session, in the order in which they claim its requests.
pub(crate) fn of_session(db: &Connection, session: i64) -> rusqlite::Result<Vec<Run>> {
    db.prepare_cached("SELECT record FROM runs WHERE session = ?1 ORDER BY started_at, id")?
        .query_map([session], read)?
        .collect()
}

/// Takes in a record of a run; says whether anything changed. Of two records
/// the one that ended wins.
pub(crate) fn merge(db: &Connection, names: &mut Names, run: &Run) -> rusqlite::Result<bool> {
    let known = get(db, &run.id)?;
    let rank = |r: &Run| (r.ended_at.is_some(), r.clone());
    if known.as_ref().is_some_and(|known| rank(known) >= rank(run)) {
        return Ok(false);
    }
    let session = names.intern_some(db, NameKind::Session, run.session.as_deref())?;
    let record = serde_json::to_string(run).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO runs (id, started_at, ended_at, session, simulated, record) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((&run.id, run.started_at, run.ended_at, session, run.simulated, record))?;
    Ok(true)
}
