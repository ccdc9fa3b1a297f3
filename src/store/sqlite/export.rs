//! Reading all that another ledger needs.

use rusqlite::params;

use super::{
    SqliteLedger,
    groups::Group,
    read::highest,
    rows::{COLUMNS, Stored},
};
use crate::{
    Result,
    store::{Entry, LedgerReader, Record, RowKind, RowQuery, RunQuery},
};

pub(crate) fn export(
    ledger: &SqliteLedger,
    query: &RowQuery,
    each: &mut dyn FnMut(Entry) -> Result<()>,
) -> Result<()> {
    let failed = |e: rusqlite::Error| ledger.error(&e);
    let runs = RunQuery { simulated: query.simulated, ..RunQuery::default() };
    for run in ledger.runs(&runs)? {
        each(Entry::Run(Box::new(run)))?;
    }
    let mut statement = ledger
        .db
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM requests WHERE ts >= ?1 AND ts < ?2 AND simulated <= ?3 ORDER BY ts, id"
        ))
        .map_err(failed)?;
    let bounds =
        params![query.since.unwrap_or(i64::MIN), query.until.unwrap_or(i64::MAX), highest(query.simulated)];
    let mut rows = statement.query(bounds).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let stored = Stored::read(row).map_err(failed)?;
        let records = records(ledger, &stored).map_err(failed)?;
        let row = ledger.request_row(stored).map_err(failed)?;
        if query.filter.accepts(&row) {
            each(Entry::Request(Box::new(row), records))?;
        }
    }
    Ok(())
}

/// What is known of a row's group, if this is its first row.
fn records(ledger: &SqliteLedger, row: &Stored) -> rusqlite::Result<Vec<Record>> {
    if row.kind == RowKind::Remainder || row.group_id.is_some() {
        return Ok(Vec::new());
    }
    let group = Group::load(&ledger.db, &mut ledger.names.borrow_mut(), row.id)?;
    Ok(group.into_records())
}
