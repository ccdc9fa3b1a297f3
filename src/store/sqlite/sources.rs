//! The `sources` table.

use rusqlite::Connection;

use crate::store::Source;

/// Notes how far a transcript has been read.
pub(crate) fn write(db: &Connection, source: &Source) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO sources (path, device, inode, size, modified, read_to, fingerprint) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((
        &source.path,
        // SQLite's integers are signed: the bits are what counts.
        source.device as i64,
        source.inode as i64,
        source.size as i64,
        source.modified,
        source.read_to as i64,
        &source.fingerprint,
    ))?;
    Ok(())
}

/// All of them, by path.
pub(crate) fn all(db: &Connection) -> rusqlite::Result<Vec<Source>> {
    db.prepare_cached(
        "SELECT path, device, inode, size, modified, read_to, fingerprint FROM sources ORDER BY path",
    )?
    .query_map([], |row| {
        let unsigned = |at: usize| row.get::<_, i64>(at).map(|n| n as u64);
        Ok(Source {
            path: row.get(0)?,
            device: unsigned(1)?,
            inode: unsigned(2)?,
            size: unsigned(3)?,
            modified: row.get(4)?,
            read_to: unsigned(5)?,
            fingerprint: row.get(6)?,
        })
    })?
    .collect()
}
