//! The rows that an append changes, as they were and as they are.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::rows::Stored;

/// A row's way through an append.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) before: Option<Stored>,
    pub(crate) after: Option<Stored>,
}

/// Rows written or deleted in this append, by id. All of them go through here,
/// so that what an append did is known without reading it again.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    rows: BTreeMap<i64, Change>,
}

impl Touched {
    /// Deletes a row.
    pub(crate) fn delete(&mut self, db: &Connection, row: Stored) -> rusqlite::Result<()> {
        db.prepare_cached("DELETE FROM requests WHERE id = ?1")?.execute([row.id])?;
        self.gone(row);
        Ok(())
    }

    /// Notes that a row's id stands for nothing any more, or is about to be
    /// written anew.
    pub(crate) fn gone(&mut self, row: Stored) {
        let id = row.id;
        let change = self.rows.entry(id).or_insert_with(|| Change { before: Some(row), after: None });
        change.after = None;
    }

    /// Writes a row that was not there before, or was noted as
    /// [`gone`](Self::gone); returns its id.
    pub(crate) fn write(&mut self, db: &Connection, mut row: Stored) -> rusqlite::Result<i64> {
        let id = row.write(db)?;
        row.id = id;
        self.rows.entry(id).or_default().after = Some(row);
        Ok(id)
    }

    /// Writes a row in the place of another one.
    pub(crate) fn replace(&mut self, db: &Connection, before: Stored, row: Stored) -> rusqlite::Result<i64> {
        self.gone(before);
        self.write(db, row)
    }

    /// All rows that were touched.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Change> {
        self.rows.values()
    }
}
