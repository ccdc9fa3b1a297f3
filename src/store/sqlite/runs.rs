//! The `runs` table.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, types::Type};

use super::{
    anonymous,
    names::{NameKind, Names},
};
use crate::store::Run;

/// A transcript's clock may lag behind the end of the run that made it write.
pub(crate) const WINDOW_SLACK_MS: i64 = 2_000;

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Run> {
    let record: String = row.get(0)?;
    serde_json::from_str(&record).map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, e.into()))
}

/// A run as it was recorded.
fn recorded(db: &Connection, id: &str) -> rusqlite::Result<Option<Run>> {
    db.prepare_cached("SELECT record FROM runs WHERE id = ?1")?.query_row([id], read).optional()
}

/// The run that counts the totals of a `result` line, and the one that would
/// if it were not there.
pub(crate) fn first_two_of_result(db: &Connection, result_id: &str) -> rusqlite::Result<Vec<Run>> {
    db.prepare_cached("SELECT record FROM runs WHERE result_id = ?1 ORDER BY id LIMIT 2")?
        .query_map([result_id], read)?
        .collect()
}

/// Whether another run counts the totals of the `result` line that this one read.
pub(crate) fn is_superseded(db: &Connection, run: &Run) -> rusqlite::Result<bool> {
    let Some(result_id) = &run.result_id else { return Ok(false) };
    let first: Option<String> = db
        .prepare_cached("SELECT min(id) FROM runs WHERE result_id = ?1")?
        .query_row([result_id], |r| r.get(0))?;
    Ok(first.is_some_and(|first| first < run.id))
}

/// A run with the totals that it counts: none, if another one counts them.
pub(crate) fn get(db: &Connection, id: &str) -> rusqlite::Result<Option<Run>> {
    let Some(mut run) = recorded(db, id)? else { return Ok(None) };
    if is_superseded(db, &run)? {
        run.totals.clear();
    }
    Ok(Some(run))
}

/// The runs of a session in whose time a moment falls, in the order in which
/// they claim what happened in it.
pub(crate) fn covering(db: &Connection, session: i64, ts: i64) -> rusqlite::Result<Vec<Run>> {
    db.prepare_cached(
        "SELECT record FROM runs WHERE session = ?1 AND started_at <= ?2 AND ended_at >= ?3 ORDER BY started_at, id",
    )?
    .query_map([session, ts, ts - WINDOW_SLACK_MS], read)?
    .collect()
}

/// The run that claims what happened at a moment of its session and no run saw:
/// the first in whose time it falls.
pub(crate) fn claimant(db: &Connection, session: i64, ts: i64) -> rusqlite::Result<Option<Run>> {
    for run in covering(db, session, ts)? {
        if !run.totals.is_empty() && !is_superseded(db, &run)? {
            return Ok(Some(run));
        }
    }
    Ok(None)
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

/// What is known of sessions, for as long as no row or run is added.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    with_runs: HashMap<i64, bool>,
    with_anonymous: HashMap<i64, bool>,
}

impl Sessions {
    /// Whether own runs may claim something of a session.
    pub(crate) fn has_runs(&mut self, db: &Connection, session: i64) -> rusqlite::Result<bool> {
        if let Some(&has) = self.with_runs.get(&session) {
            return Ok(has);
        }
        let has = db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM runs WHERE session = ?1)")?
            .query_row([session], |row| row.get(0))?;
        self.with_runs.insert(session, has);
        Ok(has)
    }

    /// Whether a session has rows that may be joined with others.
    pub(crate) fn has_anonymous(&mut self, db: &Connection, session: i64) -> rusqlite::Result<bool> {
        if let Some(&has) = self.with_anonymous.get(&session) {
            return Ok(has);
        }
        let has = anonymous::are_in(db, session)?;
        self.with_anonymous.insert(session, has);
        Ok(has)
    }
}
