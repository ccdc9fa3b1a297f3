//! Recomputing the rollups from the rows, to prove or repair them.

use std::collections::BTreeMap;

use rusqlite::{Connection, TransactionBehavior};

use super::{
    SqliteLedger,
    names::Names,
    prune,
    rollups::{CellId, Deltas, EVER, SUMS, read_sums, write_cell},
    rows::{COLUMNS, Stored},
};
use crate::{Result, store::Sums};

/// At most so many problems are spelled out.
const MOST_PROBLEMS: usize = 100;

/// What [`SqliteLedger::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Rows read.
    pub rows: u64,
    /// Rollup cells compared.
    pub cells: u64,
    /// Rollup cells whose rows were pruned, at least in part.
    pub unprovable: u64,
    /// What is wrong, at most 100 of them, in words.
    pub problems: Vec<String>,
    /// Whether the rollups were written anew.
    pub repaired: bool,
}

impl SqliteLedger {
    /// Checks the file's integrity and every rollup against the rows. With
    /// `repair`, damaged rollups are replaced by what the rows say.
    ///
    /// # Errors
    /// If the ledger cannot be read, or not written for a repair. Damage that
    /// was found is no error; it is in the report.
    pub fn verify(&mut self, repair: bool) -> Result<VerifyReport> {
        let outcome = if repair { self.verify_and_repair() } else { self.verify_only() };
        outcome.map_err(|e| self.error(&e))
    }

    fn verify_only(&mut self) -> rusqlite::Result<VerifyReport> {
        // One read transaction: rows and rollups of the same moment.
        let tx = self.db.transaction()?;
        let (report, _) = compare(&tx, self.names.get_mut())?;
        Ok(report)
    }

    fn verify_and_repair(&mut self) -> rusqlite::Result<VerifyReport> {
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (mut report, cells) = compare(&tx, self.names.get_mut())?;
        if !report.problems.is_empty() {
            replace(&tx, &cells, prune::horizon(&tx)?)?;
            report.repaired = true;
        }
        tx.commit()?;
        Ok(report)
    }
}

fn compare(db: &Connection, names: &mut Names) -> rusqlite::Result<(VerifyReport, BTreeMap<CellId, Sums>)> {
    let mut report = VerifyReport::default();
    let mut problems = Vec::new();
    let mut problem = |text: String| {
        if problems.len() < MOST_PROBLEMS {
            problems.push(text);
        }
    };
    let mut checks = db.prepare("PRAGMA integrity_check(10)")?;
    for line in checks.query_map([], |row| row.get::<_, String>(0))? {
        let line = line?;
        if line != "ok" {
            problem(format!("file: {line}"));
        }
    }
    let horizon = prune::horizon(db)?;
    let (mut expected, count) = recompute(db, names)?;
    expected.retain(|id, _| id.is_provable(horizon));

    let mut cells = 0;
    let mut unseen = expected.clone();
    let mut read = db.prepare(&format!("SELECT level, dimension, start, name, simulated, {SUMS} FROM rollups"))?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let id = CellId {
            level: row.get(0)?,
            dimension: row.get(1)?,
            start: row.get(2)?,
            name: row.get(3)?,
            simulated: row.get(4)?,
        };
        if !id.is_provable(horizon) {
            report.unprovable += 1;
            continue;
        }
        // A damaged cell is a finding, not the end of the search.
        cells += 1;
        let stored = read_sums(row, 5);
        match (stored, unseen.remove(&id)) {
            (Ok(stored), Some(sums)) if stored == sums => {}
            (Ok(_), Some(_)) => problem(format!("rollup {id:?} differs from its rows")),
            (Ok(_), None) => problem(format!("rollup {id:?} has no rows")),
            (Err(e), _) => problem(format!("rollup {id:?} cannot be read: {e}")),
        }
    }
    for id in unseen.keys() {
        problem(format!("rollup {id:?} is missing"));
    }
    report.problems = problems;
    report.rows = count;
    report.cells = cells;
    Ok((report, expected))
}

/// The cells that the rows amount to, and how many rows there are.
fn recompute(db: &Connection, names: &mut Names) -> rusqlite::Result<(BTreeMap<CellId, Sums>, u64)> {
    let mut deltas = Deltas::default();
    let mut read = db.prepare(&format!("SELECT {COLUMNS} FROM requests"))?;
    let mut rows = read.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let row = Stored::read(row)?;
        deltas.change(db, names, None, Some(&row))?;
        count += 1;
    }
    Ok((deltas.into_cells(db, names)?, count))
}

/// Puts `cells` in the place of all that the rows can prove.
fn replace(db: &Connection, cells: &BTreeMap<CellId, Sums>, horizon: i64) -> rusqlite::Result<()> {
    if horizon == i64::MIN {
        db.execute("DELETE FROM rollups", [])?;
    } else {
        db.execute("DELETE FROM rollups WHERE level <> ?1 AND start >= ?2", (EVER, horizon))?;
    }
    for (id, sums) in cells {
        write_cell(db, *id, sums)?;
    }
    Ok(())
}

/// Writes all rollups anew, from the rows.
pub(crate) fn rebuild(db: &Connection, names: &mut Names) -> rusqlite::Result<()> {
    let (cells, _) = recompute(db, names)?;
    replace(db, &cells, i64::MIN)
}
