//! Filling an empty ledger, much faster than by appending.

use std::time::Duration;

use rusqlite::Connection;

use super::{
    SqliteLedger, keys,
    names::{NameKind, Names},
    rollups::Deltas,
    rows,
    waiting::Waiting,
};
use crate::{
    Error, Result,
    pricing::PriceTable,
    store::{Witness, identity::CellKey},
};

/// Rows of one transaction.
const ROWS: usize = 200_000;

impl SqliteLedger {
    /// Fills an empty ledger with requests, each told by one witness that shares
    /// no id with another and belongs to no run; returns how many they are.
    ///
    /// What is in it then is what [`append`](crate::store::Ledger::append) would
    /// have made of them, but nothing looks for what is already known, and a
    /// crash leaves a file that must be deleted: for made-up ledgers, not for
    /// records.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the ledger is not empty, or two witnesses share an
    /// id; else if the ledger cannot be written.
    pub fn fill(&mut self, witnesses: impl IntoIterator<Item = Witness>) -> Result<u64> {
        let is_empty = "SELECT NOT EXISTS (SELECT 1 FROM requests) AND NOT EXISTS (SELECT 1 FROM runs)";
        let empty: bool = self.db.query_row(is_empty, [], |row| row.get(0)).map_err(|e| self.error(&e))?;
        if !empty {
            return Err(Error::Invalid(format!("the ledger {} is not empty", self.path.display())));
        }
        let filled = fill(&mut self.db, self.names.get_mut(), &self.prices, witnesses.into_iter());
        match filled.map_err(|e| self.error(&e))? {
            Some(count) => Ok(count),
            None => Err(Error::Invalid("two of the witnesses share an id".to_owned())),
        }
    }
}

/// `None` if two witnesses share an id.
fn fill(
    db: &mut Connection,
    names: &mut Names,
    prices: &PriceTable,
    witnesses: impl Iterator<Item = Witness>,
) -> rusqlite::Result<Option<u64>> {
    let journal = |db: &Connection, mode: &str| {
        db.query_row(&format!("PRAGMA journal_mode = {mode}"), [], |row| row.get::<_, String>(0))
    };
    journal(db, "OFF")?;
    db.pragma_update(None, "synchronous", "OFF")?;
    db.pragma_update(None, "cache_size", -(64 << 10))?;
    let mut waiting = Waiting::default();
    let mut count = 0;
    let mut witnesses = witnesses.peekable();
    while witnesses.peek().is_some() {
        let tx = db.transaction()?;
        let mut deltas = Deltas::default();
        for witness in witnesses.by_ref().take(ROWS) {
            let key = CellKey::from(&witness);
            let hashes = key.hashes();
            let mut row = rows::from_witness(&tx, names, key, &witness)?;
            if let Some(model) = witness.model.as_deref() {
                row.calculated = prices.cost(model, &row.usage);
                let as_of = row.calculated.map(|_| prices.as_of());
                row.priced_as_of = names.intern_some(&tx, NameKind::PriceTable, as_of)?;
            }
            deltas.change(&tx, names, None, Some(&row))?;
            waiting.add(&tx, row, hashes)?;
            count += 1;
        }
        waiting.write(&tx)?;
        deltas.write(&tx, names)?;
        tx.commit()?;
    }
    let keys = waiting.into_keys();
    let distinct = keys.windows(2).all(|pair| pair[0].0 != pair[1].0);
    if distinct {
        let tx = db.transaction()?;
        keys::insert(&tx, &keys)?;
        tx.commit()?;
    }
    db.busy_timeout(Duration::from_secs(20))?;
    journal(db, "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    Ok(distinct.then_some(count))
}
