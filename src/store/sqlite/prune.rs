//! Dropping old rows, and keeping what they add up to.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::{SqliteLedger, groups::Group};
use crate::store::{Level, Pruned};

/// Groups of one transaction: few enough that others do not wait for long.
const GROUPS: i64 = 2_000;

/// Rows of days before this time (UTC milliseconds) may be gone.
pub(crate) fn horizon(db: &Connection) -> rusqlite::Result<i64> {
    let before: Option<Option<i64>> =
        db.prepare_cached("SELECT max(before) FROM pruned")?.query_row([], |row| row.get(0)).optional()?;
    Ok(before.flatten().unwrap_or(i64::MIN))
}

pub(crate) fn prune(ledger: &mut SqliteLedger, before: i64) -> rusqlite::Result<Pruned> {
    let before = Level::Day.start_of(before);
    let mut total = Pruned { before: before.max(horizon(&ledger.db)?), rows: 0 };
    // From here on, no run that ended before is settled anew.
    ledger.db.execute("INSERT INTO pruned (before) VALUES (?1)", [before])?;
    let mut after = (i64::MIN, 0);
    loop {
        let tx = ledger.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let heads: Vec<(i64, i64)> = tx
            .prepare_cached(
                "SELECT ts, id FROM requests WHERE (ts, id) > (?1, ?2) AND ts < ?3 AND group_id IS NULL \
                 ORDER BY ts, id LIMIT ?4",
            )?
            .query_map((after.0, after.1, before, GROUPS), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let Some(&last) = heads.last() else { return Ok(total) };
        after = last;
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
