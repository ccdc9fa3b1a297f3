//! Pricing rows anew.

use rusqlite::TransactionBehavior;

use super::{
    SqliteLedger,
    rollups::Deltas,
    rows::{COLUMNS, Stored},
    runs::SessionsWithRuns,
    settlement::{self, Unsettled},
    touched::Touched,
};
use crate::store::Repriced;

/// Rows of one transaction: few enough that others do not wait for long.
const ROWS: i64 = 4_000;

pub(crate) fn reprice(ledger: &mut SqliteLedger) -> rusqlite::Result<Repriced> {
    let mut total = Repriced::default();
    let mut after = 0;
    loop {
        let tx = ledger.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let names = ledger.names.get_mut();
        let rows: Vec<Stored> = tx
            .prepare_cached(&format!("SELECT {COLUMNS} FROM requests WHERE id > ?1 ORDER BY id LIMIT ?2"))?
            .query_map([after, ROWS], Stored::read)?
            .collect::<Result<_, _>>()?;
        let Some(last) = rows.last() else { return Ok(total) };
        after = last.id;
        total.rows += rows.len() as u64;
        let mut touched = Touched::default();
        for before in rows {
            let mut row = before.clone();
            row.price(&tx, names, &ledger.prices)?;
            if row == before {
                continue;
            }
            if row.calculated != before.calculated {
                total.changed += 1;
                total.before += before.calculated.unwrap_or(0);
                total.after += row.calculated.unwrap_or(0);
            }
            touched.replace(&tx, before, row)?;
        }
        // A run's cost is dealt out by what its requests would cost.
        settlement::settle(
            &tx,
            names,
            &ledger.prices,
            Unsettled::default(),
            &mut SessionsWithRuns::default(),
            &mut touched,
        )?;
        let mut deltas = Deltas::default();
        for change in touched.rows() {
            deltas.change(&tx, names, change.before.as_ref(), change.after.as_ref())?;
        }
        deltas.write(&tx, names)?;
        tx.commit()?;
    }
}
