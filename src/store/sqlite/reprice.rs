//! Pricing rows anew.

use rusqlite::TransactionBehavior;

use super::{
    SqliteLedger,
    rollups::Deltas,
    rows::{COLUMNS, Stored},
    runs::Sessions,
    settlement::{self, Unsettled},
    touched::Touched,
};
use crate::{Result, store::Repriced};

/// Rows of one transaction: few enough that others do not wait for long.
const ROWS: i64 = 4_000;

impl SqliteLedger {
    /// What [`reprice`](crate::store::Ledger::reprice) would change.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn would_reprice(&self) -> Result<Repriced> {
        let read = || {
            let mut total = Repriced::default();
            let mut statement = self.db.prepare(&format!("SELECT {COLUMNS} FROM requests"))?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let row = Stored::read(row)?;
                total.rows += 1;
                if let Some(model) = self.names.borrow_mut().value_some(&self.db, row.model)? {
                    total.note(row.calculated, self.prices.cost(&model, &row.usage));
                }
            }
            Ok(total)
        };
        read().map_err(|e| self.error(&e))
    }
}

impl Repriced {
    fn note(&mut self, before: Option<i64>, after: Option<i64>) {
        if before != after {
            self.changed += 1;
            self.newly_priced += u64::from(before.is_none());
            self.before += before.unwrap_or(0);
            self.after += after.unwrap_or(0);
        }
    }
}

pub(crate) fn reprice(ledger: &mut SqliteLedger) -> rusqlite::Result<Repriced> {
    let mut total = Repriced::default();
    let mut after = 0;
    loop {
        let tx = ledger.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let names = ledger.names.get_mut();
        let rows: Vec<Stored> = tx
            .prepare_cached(&format!("SELECT {COLUMNS} FROM requests WHERE id > ?1 ORDER BY id LIMIT ?2"))?
            .query_map([after, ROWS], Stored::read)?
            .collect::<rusqlite::Result<_>>()?;
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
            total.note(before.calculated, row.calculated);
            touched.replace(&tx, before, row)?;
        }
        // A run's cost is dealt out by what its requests would cost.
        settlement::settle(
            &tx,
            names,
            &ledger.prices,
            Unsettled::default(),
            &mut Sessions::default(),
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
