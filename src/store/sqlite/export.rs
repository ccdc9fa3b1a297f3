//! Reading all that another ledger needs.

use std::collections::HashSet;

use rusqlite::params;

use super::{
    SqliteLedger,
    groups::Group,
    read::highest,
    rows::{COLUMNS, IN_CELLS, Stored, to_state},
    runs::{self, WINDOW_SLACK_MS},
};
use crate::{
    Result,
    store::{Entry, Record, RowKind, RowQuery},
};

pub(crate) fn export(
    ledger: &SqliteLedger,
    query: &RowQuery,
    each: &mut dyn FnMut(Entry) -> Result<()>,
) -> Result<()> {
    let failed = |e: rusqlite::Error| ledger.error(&e);
    // One read transaction: runs and rows of the same moment.
    let _moment = ledger.db.unchecked_transaction().map_err(failed)?;
    export_runs(ledger, query, each)?;
    let mut statement = ledger
        .db
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM requests WHERE ts >= ?1 AND ts < ?2 AND simulated <= ?3 ORDER BY ts, id"
        ))
        .map_err(failed)?;
    let bounds =
        params![query.since.unwrap_or(i64::MIN), query.until.unwrap_or(i64::MAX), highest(query.simulated)];
    let mut rows = statement.query(bounds).map_err(failed)?;
    let mut told = HashSet::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let stored = Stored::read(row).map_err(failed)?;
        let row = ledger.request_row(stored.clone()).map_err(failed)?;
        if !query.filter.accepts(&row) {
            continue;
        }
        let records = records(ledger, &stored, &mut told).map_err(failed)?;
        each(if stored.counted { Entry::Request(Box::new(row), records) } else { Entry::Uncounted(records) })?;
    }
    Ok(())
}

fn export_runs(ledger: &SqliteLedger, query: &RowQuery, each: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()> {
    let failed = |e: rusqlite::Error| ledger.error(&e);
    let mut statement = ledger
        .db
        .prepare_cached(
            "SELECT record FROM runs WHERE coalesce(ended_at, started_at) >= ?1 AND started_at < ?2 \
             AND simulated <= ?3 ORDER BY started_at, id",
        )
        .map_err(failed)?;
    let bounds = params![
        query.since.map_or(i64::MIN, |since| since.saturating_sub(WINDOW_SLACK_MS)),
        query.until.unwrap_or(i64::MAX),
        highest(query.simulated)
    ];
    let mut rows = statement.query(bounds).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let run = runs::read(row).map_err(failed)?;
        if query.filter.accepts_run(&run) {
            each(Entry::Run(Box::new(run)))?;
        }
    }
    Ok(())
}

/// What is known of a request. Requests that share their ids are told together
/// with the first of them; `told` holds the groups of several.
fn records(ledger: &SqliteLedger, row: &Stored, told: &mut HashSet<i64>) -> rusqlite::Result<Vec<Record>> {
    if row.kind != RowKind::Request {
        return Ok(Vec::new());
    }
    let names = &mut *ledger.names.borrow_mut();
    if row.state.as_deref() != Some(IN_CELLS) {
        let state = to_state(&ledger.db, names, row)?;
        return Ok(vec![Record { key: row.key.clone(), state }]);
    }
    let id = row.group_id.unwrap_or(row.id);
    if told.contains(&id) {
        return Ok(Vec::new());
    }
    let group = Group::load(&ledger.db, names, id)?;
    if group.has_several() {
        told.insert(id);
    }
    Ok(group.into_records())
}
