//! The `runs` table.

use rusqlite::{Connection, OptionalExtension, Row, types::Type};

use super::names::{NameKind, Names};
use crate::store::Run;

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Run> {
    let record: String = row.get(0)?;
    serde_json::from_str(&record).map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, e.into()))
}

/// A run as it was recorded.
fn recorded(db: &Connection, id: &str) -> rusqlite::Result<Option<Run>> {
    db.prepare_cached("SELECT record FROM runs WHERE id = ?1")?.query_row([id], read).optional()
}

/// The runs that read one `result` line, the one that counts its totals first.
pub(crate) fn of_result(db: &Connection, result_id: &str) -> rusqlite::Result<Vec<Run>> {
    db.prepare_cached("SELECT record FROM runs WHERE result_id = ?1 ORDER BY id")?
        .query_map([result_id], read)?
        .collect()
}

/// A run with the totals that it counts: none, if another one counts them.
pub(crate) fn get(db: &Connection, id: &str) -> rusqlite::Result<Option<Run>> {
    recorded(db, id)?.map(|run| without_counted_totals(db, run)).transpose()
}

/// The runs of a session, in the order in which they claim its requests, with
/// the totals that they count.
pub(crate) fn of_session(db: &Connection, session: i64) -> rusqlite::Result<Vec<Run>> {
    let recorded: Vec<Run> = db
        .prepare_cached("SELECT record FROM runs WHERE session = ?1 ORDER BY started_at, id")?
        .query_map([session], read)?
        .collect::<Result<_, _>>()?;
    recorded.into_iter().map(|run| without_counted_totals(db, run)).collect()
}

fn without_counted_totals(db: &Connection, mut run: Run) -> rusqlite::Result<Run> {
    if let Some(result_id) = &run.result_id {
        let counts: Option<String> = db
            .prepare_cached("SELECT min(id) FROM runs WHERE result_id = ?1")?
            .query_row([result_id], |r| r.get(0))?;
        if counts.is_some_and(|first| first < run.id) {
            run.totals.clear();
        }
    }
    Ok(run)
}

/// A record of a run that won over what was known, if anything was.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) before: Option<Run>,
}

/// Takes in a record of a run; `None` if that changes nothing. Of two records
/// the one that ended wins.
pub(crate) fn merge(db: &Connection, names: &mut Names, run: &Run) -> rusqlite::Result<Option<Merged>> {
    let known = recorded(db, &run.id)?;
    let rank = |r: &Run| (r.ended_at.is_some(), r.clone());
    if known.as_ref().is_some_and(|known| rank(known) >= rank(run)) {
        return Ok(None);
    }
    let session = names.intern_some(db, NameKind::Session, run.session.as_deref())?;
    let record = serde_json::to_string(run).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO runs (id, started_at, ended_at, session, result_id, simulated, record) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((&run.id, run.started_at, run.ended_at, session, &run.result_id, run.simulated, record))?;
    Ok(Some(Merged { before: known }))
}
