//! The `load_tests` table.

use rusqlite::params;

use super::SqliteLedger;
use crate::{Result, store::KeptLoadTest};

impl SqliteLedger {
    /// Keeps what came of a load test.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn keep_load_test(&mut self, kept: &KeptLoadTest) -> Result<()> {
        let KeptLoadTest { id, started_at, name, record } = kept;
        self.db
            .execute(
                "INSERT OR REPLACE INTO load_tests (id, started_at, name, record) VALUES (?1, ?2, ?3, ?4)",
                params![id, started_at, name, record],
            )
            .map(drop)
            .map_err(|e| self.error(&e))
    }

    /// All load tests that are kept, the newest first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn load_tests(&self) -> Result<Vec<KeptLoadTest>> {
        let read = || {
            self.db
                .prepare_cached(
                    "SELECT id, started_at, name, record FROM load_tests ORDER BY started_at DESC, id DESC",
                )?
                .query_map([], |row| {
                    Ok(KeptLoadTest {
                        id: row.get(0)?,
                        started_at: row.get(1)?,
                        name: row.get(2)?,
                        record: row.get(3)?,
                    })
                })?
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|e| self.error(&e))
    }
}
