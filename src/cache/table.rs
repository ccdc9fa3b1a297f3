//! The tables of a cache, and all that is done with them.

use std::{collections::BTreeMap, time::Duration};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, types::Type};
use xxhash_rust::xxh3::Xxh3Default;

use super::{
    CacheCounts, CacheKey, CachedValue, Freshness, Lookup, Staleness,
    counts::Pending,
    pack::{Packed, pack, unpack},
};

/// Values stand apart from what is known of them: a row that changes is written
/// anew as a whole, and one that is used changes.
pub(super) const SCHEMA: &str = "
CREATE TABLE entries (
  id       INTEGER PRIMARY KEY,
  kind     TEXT NOT NULL,
  key      BLOB NOT NULL,
  stamp    BLOB NOT NULL,
  created  INTEGER NOT NULL,
  expires  INTEGER,
  used     INTEGER NOT NULL,
  -- The order of use: the highest was used last.
  turn     INTEGER NOT NULL,
  size     INTEGER NOT NULL,
  plain    INTEGER,
  checksum BLOB NOT NULL,
  UNIQUE (kind, key)
) STRICT;
CREATE INDEX entries_turn ON entries (turn);
CREATE INDEX entries_expires ON entries (expires) WHERE expires IS NOT NULL;
CREATE TABLE contents (
  id    INTEGER PRIMARY KEY,
  value BLOB NOT NULL
) STRICT;
CREATE TABLE counts (
  kind      TEXT PRIMARY KEY,
  entries   INTEGER NOT NULL DEFAULT 0,
  bytes     INTEGER NOT NULL DEFAULT 0,
  hits      INTEGER NOT NULL DEFAULT 0,
  misses    INTEGER NOT NULL DEFAULT 0,
  stale     INTEGER NOT NULL DEFAULT 0,
  evictions INTEGER NOT NULL DEFAULT 0,
  saved     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TRIGGER entry_comes AFTER INSERT ON entries BEGIN
  INSERT INTO counts (kind, entries, bytes) VALUES (new.kind, 1, new.size)
    ON CONFLICT DO UPDATE SET entries = entries + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER entry_goes AFTER DELETE ON entries BEGIN
  UPDATE counts SET entries = entries - 1, bytes = bytes - old.size WHERE kind = old.kind;
  DELETE FROM contents WHERE id = old.id;
END;
";

/// What is known of a value takes about so many bytes.
const ENTRY_BYTES: usize = 200;
/// So many expired values are dropped at a time.
const SWEEP: u32 = 64;
/// A value of the future is of a clock that was set back since.
const CLOCK_SLACK: i64 = 60_000;

/// A value on its way into the cache.
pub(super) struct New<'a> {
    kind: &'a str,
    key: &'a CacheKey,
    stamp: &'a [u8],
    created: i64,
    expires: Option<i64>,
    value: Packed,
}

impl<'a> New<'a> {
    pub(super) fn pack(kind: &'a str, key: &'a CacheKey, value: &[u8], good: Freshness<'a>, now: i64) -> Self {
        let expires = good.age.map(|age| now.saturating_add(millis(age)));
        Self { kind, key, stamp: good.stamp, created: now, expires, value: pack(value) }
    }

    pub(super) fn size(&self) -> i64 {
        let bytes = self.value.bytes.len() + self.kind.len() + self.stamp.len() + self.key.bytes().len();
        i64::try_from(bytes + ENTRY_BYTES).unwrap_or(i64::MAX)
    }

    fn plain(&self) -> Option<i64> {
        self.value.plain.and_then(|length| i64::try_from(length).ok())
    }

    fn checksum(&self) -> [u8; 16] {
        let Self { kind, key, stamp, created, expires, value } = self;
        checksum(kind, key, stamp, [Some(*created), *expires, self.plain()], &value.bytes)
    }
}

fn checksum(kind: &str, key: &CacheKey, stamp: &[u8], numbers: [Option<i64>; 3], value: &[u8]) -> [u8; 16] {
    let mut hash = Xxh3Default::new();
    for part in [kind.as_bytes(), key.bytes(), stamp, value] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    for number in numbers {
        hash.update(&[u8::from(number.is_some())]);
        hash.update(&number.unwrap_or(0).to_le_bytes());
    }
    hash.digest128().to_le_bytes()
}

/// Looks a value up; the id is that of the entry that was found. A value that
/// is not what was put is an error.
pub(super) fn get(
    db: &Connection,
    kind: &str,
    key: &CacheKey,
    wanted: Freshness<'_>,
    now: i64,
) -> rusqlite::Result<(Lookup, Option<i64>)> {
    let mut statement = db.prepare_cached(
        "SELECT id, stamp, created, expires, used, plain, checksum, value \
         FROM entries LEFT JOIN contents USING (id) WHERE kind = ?1 AND key = ?2",
    )?;
    let found = statement
        .query_row((kind, key.bytes()), |row| {
            let id: i64 = row.get(0)?;
            let stamp = row.get_ref(1)?.as_blob()?;
            let (created, expires): (i64, Option<i64>) = (row.get(2)?, row.get(3)?);
            let too_old = wanted.age.is_some_and(|age| now.saturating_sub(created) >= millis(age));
            if too_old || expires.is_some_and(|at| at <= now) || created > now + CLOCK_SLACK {
                return Ok((Lookup::Stale(Staleness::Expired), Some(id)));
            }
            if stamp != wanted.stamp {
                return Ok((Lookup::Stale(Staleness::Stamp), Some(id)));
            }
            let plain: Option<i64> = row.get(5)?;
            let value = row.get_ref(7)?.as_blob()?;
            let sum = checksum(kind, key, stamp, [Some(created), expires, plain], value);
            let sound = row.get_ref(6)?.as_blob()? == sum;
            let plain = plain.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
            let bytes = unpack(value, plain).filter(|_| sound).ok_or_else(damaged)?;
            Ok((Lookup::Hit(CachedValue { bytes, created_at: created, used_at: row.get(4)? }), Some(id)))
        })
        .optional()?;
    Ok(found.unwrap_or((Lookup::Miss, None)))
}

fn damaged() -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(7, Type::Blob, "it is not what was put there".into())
}

/// Keeps a value, and drops others where there is no room.
pub(super) fn put(db: &mut Connection, new: &New<'_>, max_bytes: u64) -> rusqlite::Result<bool> {
    let max_bytes = i64::try_from(max_bytes).unwrap_or(i64::MAX);
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    delete(&tx, new.kind, new.key)?;
    tx.prepare_cached("DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE expires <= ?1 LIMIT ?2)")?
        .execute((new.created, SWEEP))?;
    let fits = new.size() <= max_bytes;
    if fits {
        make_room(&tx, max_bytes - new.size())?;
        tx.prepare_cached(
            "INSERT INTO entries (kind, key, stamp, created, expires, used, turn, size, plain, checksum) VALUES \
             (?1, ?2, ?3, ?4, ?5, ?4, (SELECT coalesce(max(turn), 0) + 1 FROM entries), ?6, ?7, ?8)",
        )?
        .execute((
            new.kind,
            new.key.bytes(),
            new.stamp,
            new.created,
            new.expires,
            new.size(),
            new.plain(),
            new.checksum(),
        ))?;
        tx.prepare_cached("INSERT INTO contents (id, value) VALUES (?1, ?2)")?
            .execute((tx.last_insert_rowid(), &new.value.bytes))?;
    }
    tx.commit()?;
    Ok(fits)
}

/// Drops what was used least recently, until all that is there fits.
fn make_room(tx: &Transaction<'_>, room: i64) -> rusqlite::Result<()> {
    let mut bytes: i64 =
        tx.prepare_cached("SELECT coalesce(sum(bytes), 0) FROM counts")?.query_row([], |row| row.get(0))?;
    let mut oldest = tx.prepare_cached("SELECT id, kind, size FROM entries ORDER BY turn LIMIT 1")?;
    while bytes > room {
        let found = oldest
            .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?)))
            .optional()?;
        // Nothing is there, and yet it takes room: the counts are wrong.
        let Some((id, kind, size)) = found else { return recount(tx) };
        tx.prepare_cached("DELETE FROM entries WHERE id = ?1")?.execute([id])?;
        tx.prepare_cached("UPDATE counts SET evictions = evictions + 1 WHERE kind = ?1")?.execute([kind])?;
        bytes -= size;
    }
    Ok(())
}

fn recount(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch("UPDATE counts SET entries = 0, bytes = 0")
}

fn delete(tx: &Transaction<'_>, kind: &str, key: &CacheKey) -> rusqlite::Result<usize> {
    tx.prepare_cached("DELETE FROM entries WHERE kind = ?1 AND key = ?2")?.execute((kind, key.bytes()))
}

pub(super) fn remove(db: &mut Connection, kind: &str, key: &CacheKey) -> rusqlite::Result<bool> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let removed = delete(&tx, kind, key)?;
    tx.commit()?;
    Ok(removed > 0)
}

pub(super) fn clear(db: &mut Connection, kind: Option<&str>) -> rusqlite::Result<u64> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let removed = tx.execute("DELETE FROM entries WHERE ?1 IS NULL OR kind = ?1", [kind])?;
    tx.execute("DELETE FROM counts WHERE ?1 IS NULL OR kind = ?1", [kind])?;
    tx.commit()?;
    // Each step gives back a page.
    let mut vacuum = db.prepare("PRAGMA incremental_vacuum")?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(removed as u64)
}

/// Writes down what was counted, and what was used.
pub(super) fn count(db: &mut Connection, pending: &Pending) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (kind, counted) in &pending.counts {
        let [hits, misses, stale] = counted.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        tx.prepare_cached(
            "INSERT INTO counts (kind, hits, misses, stale) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET \
             hits = hits + excluded.hits, misses = misses + excluded.misses, stale = stale + excluded.stale",
        )?
        .execute((kind, hits, misses, stale))?;
    }
    let mut used = tx.prepare_cached(
        "UPDATE entries SET used = ?2, turn = (SELECT max(turn) + 1 FROM entries) WHERE id = ?1",
    )?;
    for used_entry in &pending.used {
        used.execute(*used_entry)?;
    }
    drop(used);
    tx.commit()
}

pub(super) fn counts(db: &Connection) -> rusqlite::Result<BTreeMap<String, CacheCounts>> {
    let mut statement =
        db.prepare_cached("SELECT kind, entries, bytes, hits, misses, stale, evictions, saved FROM counts")?;
    let rows = statement.query_map([], |row| {
        let number = |column| row.get::<_, i64>(column).map(|n| u64::try_from(n).unwrap_or(0));
        let counts = CacheCounts {
            entries: number(1)?,
            bytes: number(2)?,
            hits: number(3)?,
            misses: number(4)?,
            stale: number(5)?,
            evictions: number(6)?,
            saved_micros: number(7)?,
        };
        Ok((row.get(0)?, counts))
    })?;
    rows.collect()
}

/// Adds to what values of a kind saved.
pub(super) fn saved(db: &Connection, kind: &str, micros: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO counts (kind, saved) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET saved = saved + excluded.saved",
    )?
    .execute((kind, micros))?;
    Ok(())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
