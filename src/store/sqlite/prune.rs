//! Dropping old rows, and keeping what they add up to.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::{SqliteLedger, generations, groups::Group};
use crate::{
    Result,
    store::{Level, Pruned},
};

/// Groups of one transaction: few enough that others do not wait for long.
const GROUPS: i64 = 2_000;

/// Rows of days before this time (UTC milliseconds) may be gone.
pub(crate) fn horizon(db: &Connection) -> rusqlite::Result<i64> {
    let before: Option<Option<i64>> =
        db.prepare_cached("SELECT max(before) FROM pruned")?.query_row([], |row| row.get(0)).optional()?;
    Ok(before.flatten().unwrap_or(i64::MIN))
}

impl SqliteLedger {
    /// What [`prune`](crate::store::Ledger::prune) would drop; what that leaves
    /// free is not known beforehand.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn would_prune(&self, before: i64) -> Result<Pruned> {
        let read = || {
            let before = Level::Day.start_of(before);
            // What has a younger part stays whole.
            let rows: i64 = self.db.query_row(
                "SELECT count(*) FROM requests AS r WHERE r.ts < ?1 AND NOT EXISTS (SELECT 1 FROM requests AS y \
                 WHERE (y.id = coalesce(r.group_id, r.id) OR y.group_id = coalesce(r.group_id, r.id)) AND y.ts >= ?1)",
                [before],
                |row| row.get(0),
            )?;
            let before = before.max(horizon(&self.db)?);
            Ok(Pruned { before, rows: u64::try_from(rows).unwrap_or(0), freed: 0 })
        };
        read().map_err(|e: rusqlite::Error| self.error(&e))
    }

    /// Gives space that is free within the file back to the file system. Writes
    /// the file anew, and waits for whoever uses it.
    ///
    /// # Errors
    /// If the ledger cannot be written, or there is no room for a second copy.
    pub fn vacuum(&mut self) -> Result<()> {
        let write = || {
            self.db.execute_batch("VACUUM")?;
            // Until then the write-ahead log holds a copy of all of it.
            self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        };
        write().map_err(|e| self.error(&e))
    }
}

/// Bytes of pages that nothing is on.
fn free_bytes(db: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma: &str| db.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let bytes = number("PRAGMA freelist_count")? * number("PRAGMA page_size")?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

pub(crate) fn prune(ledger: &mut SqliteLedger, before: i64) -> rusqlite::Result<Pruned> {
    let before = Level::Day.start_of(before);
    let mut total = Pruned { before: before.max(horizon(&ledger.db)?), ..Pruned::default() };
    let free = free_bytes(&ledger.db)?;
    // From here on, no run that ended before is settled anew.
    ledger.db.execute("INSERT INTO pruned (before) VALUES (?1)", [before])?;
    generations::changed_beside_days(&ledger.db)?;
    let mut after = (i64::MIN, 0);
    loop {
        let tx = ledger.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let heads: Vec<(i64, i64)> = tx
            .prepare_cached(
                "SELECT ts, id FROM requests WHERE (ts, id) > (?1, ?2) AND ts < ?3 AND group_id IS NULL \
                 ORDER BY ts, id LIMIT ?4",
            )?
            .query_map((after.0, after.1, before, GROUPS), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let Some(&last) = heads.last() else {
            total.freed = free_bytes(&tx)?.saturating_sub(free);
            return Ok(total);
        };
        after = last;
        // Answers from rows change with each of these transactions.
        generations::changed_beside_days(&tx)?;
        for (_, head) in heads {
            let group = Group::load(&tx, ledger.names.get_mut(), head)?;
            // What has a younger part stays whole.
            if group.youngest() < before {
                total.rows += group.drop_rows(&tx)?;
            }
        }
        tx.commit()?;
    }
}
