//! New rows that are written together.

use rusqlite::Connection;

use super::rows::{self, Stored};
use crate::store::identity::Hashes;

/// So many rows are written at a time.
const AT_ONCE: usize = 256;

/// Rows that wait to be written, and the keys of those that were.
#[derive(Default)]
pub(crate) struct Waiting {
    rows: Vec<Stored>,
    hashes: Vec<Hashes>,
    keys: Vec<(i64, i64)>,
}

impl Waiting {
    /// Adds a row that has no id yet, and may write those that wait.
    pub(crate) fn add(&mut self, db: &Connection, row: Stored, hashes: Hashes) -> rusqlite::Result<()> {
        self.rows.push(row);
        self.hashes.push(hashes);
        if self.rows.len() == AT_ONCE { self.write(db) } else { Ok(()) }
    }

    /// Adds the keys of a row that was written already.
    pub(crate) fn add_keys(&mut self, hashes: Hashes, id: i64) {
        self.keys.extend(hashes.into_iter().map(|hash| (hash, id)));
    }

    /// Writes all rows that wait.
    pub(crate) fn write(&mut self, db: &Connection) -> rusqlite::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let first = rows::insert(db, &self.rows)?;
        self.rows.clear();
        for (id, hashes) in (first..).zip(std::mem::take(&mut self.hashes)) {
            self.add_keys(hashes, id);
        }
        Ok(())
    }

    /// The keys of all rows, once none waits, in their order in the table:
    /// neighbours share a page.
    pub(crate) fn into_keys(mut self) -> Vec<(i64, i64)> {
        self.keys.sort_unstable();
        self.keys
    }
}
