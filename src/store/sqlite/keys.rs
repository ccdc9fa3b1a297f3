//! Which ids are known: the `request_keys` table.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use rusqlite::{Connection, OptionalExtension};

use super::{
    groups::KeyIndex,
    many::{Binder, Insert},
    rows::BY_UUID,
};
use crate::store::identity::Hashes;

static INSERT: Insert = Insert::new("INSERT OR ROLLBACK INTO request_keys (key, group_id)", 2, "");
static REPLACE: Insert = Insert::new("INSERT OR REPLACE INTO request_keys (key, group_id)", 2, "");
static ADD: Insert = Insert::new("INSERT OR IGNORE INTO request_keys (key, group_id)", 2, "");

/// Above so many, keys are looked up in the ledger all the same.
const MOST: usize = 450_000;
/// A ledger with more keys is not read for them all.
const FEW: usize = 50_000;
/// Nor is it for fewer new requests.
const WORTH: usize = 2048;

/// Every key of a ledger, for as long as one connection alone writes it: what
/// is not among them need not be looked up.
///
/// Those of new rows can wait to be written, too: all together, and in their
/// order, that takes half as long. The table `unkeyed` says from which row on
/// keys may be absent, and whoever writes next makes up for them.
#[derive(Debug)]
pub(crate) struct AllKeys {
    /// With the group, if it is not written yet; else with [`WRITTEN`].
    keys: HashMap<i64, i64, BuildHasherDefault<AsItIs>>,
    /// Changes when another connection commits.
    version: i64,
    /// The ledger knows that keys are absent.
    is_marked: bool,
}

const WRITTEN: i64 = -1;

/// Keys are hashes already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_i64(&mut self, key: i64) {
        self.0 = key as u64;
    }
}

impl AllKeys {
    /// All keys, within a transaction that writes: those of `known` if they are
    /// still all, or what is in the ledger if that is little beside `new`.
    pub(crate) fn of(db: &Connection, known: Option<Self>, new: usize) -> rusqlite::Result<Option<Self>> {
        let version = db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if let Some(known) = known.filter(|known| known.version == version) {
            return Ok(Some(known));
        }
        complete(db)?;
        if new < WORTH {
            return Ok(None);
        }
        let few = FEW.min(2 * new);
        let mut keys: HashMap<_, _, _> = HashMap::default();
        let mut find = db.prepare_cached("SELECT key FROM request_keys LIMIT ?1")?;
        let mut found = find.query([few as i64 + 1])?;
        while let Some(row) = found.next()? {
            keys.insert(row.get(0)?, WRITTEN);
        }
        Ok((keys.len() <= few).then_some(Self { keys, version, is_marked: false }))
    }

    /// Keeps the keys of new rows back.
    pub(crate) fn keep(&mut self, db: &Connection, keys: &[(i64, i64)]) -> rusqlite::Result<()> {
        let Some(first) = keys.iter().map(|(_, row)| *row).min() else { return Ok(()) };
        if !self.is_marked {
            db.execute("INSERT INTO unkeyed (first) VALUES (?1)", [first])?;
            self.is_marked = true;
        }
        self.keys.extend(keys.iter().copied());
        Ok(())
    }

    /// With those of a batch that are written; `None` if they are too many.
    pub(crate) fn with(mut self, db: &Connection, keys: &[(i64, usize)]) -> rusqlite::Result<Option<Self>> {
        for (key, _) in keys {
            self.keys.entry(*key).or_insert(WRITTEN);
        }
        if self.keys.len() <= MOST {
            return Ok(Some(self));
        }
        self.write(db)?;
        Ok(None)
    }

    /// Writes those that were kept back.
    pub(crate) fn write(self, db: &Connection) -> rusqlite::Result<()> {
        if !self.is_marked {
            return Ok(());
        }
        let mut keys: Vec<(i64, i64)> = self.keys.into_iter().filter(|(_, group)| *group != WRITTEN).collect();
        keys.sort_unstable();
        all_are_there(db, &keys)
    }

    /// Whether nothing is kept back.
    pub(crate) const fn is_written(&self) -> bool {
        !self.is_marked
    }
}

/// Writes the keys that an import kept back and did not come to write.
pub(crate) fn complete(db: &Connection) -> rusqlite::Result<()> {
    let first: Option<i64> =
        db.prepare_cached("SELECT min(first) FROM unkeyed")?.query_row([], |row| row.get(0))?;
    let Some(first) = first else { return Ok(()) };
    let mut keys = Vec::new();
    let mut find = db.prepare(
        "SELECT coalesce(group_id, id), message_id, request_id, iif(modifiers & ?2, uuid, NULL) FROM requests \
         WHERE id >= ?1 AND kind = 0",
    )?;
    let mut found = find.query((first, BY_UUID))?;
    while let Some(row) = found.next()? {
        let group: i64 = row.get(0)?;
        let text = |at| row.get_ref(at)?.as_str_or_null().map_err(rusqlite::Error::from);
        keys.extend(Hashes::of(text(1)?, text(2)?, text(3)?).into_iter().map(|key| (key, group)));
    }
    keys.sort_unstable();
    all_are_there(db, &keys)
}

/// Adds the last keys that were absent; others may have got a group since.
fn all_are_there(db: &Connection, keys: &[(i64, i64)]) -> rusqlite::Result<()> {
    ADD.write(db, keys, bind)?;
    db.execute("DELETE FROM unkeyed", [])?;
    Ok(())
}

/// What is known of the ids of a batch.
pub(crate) struct Index {
    /// Those that are in the ledger.
    pub(crate) stored: KeyIndex,
    /// Per sight: no id of it is anywhere else.
    pub(crate) alone: Vec<bool>,
    /// All of them, in order, and the sights that they are of.
    pub(crate) keys: Vec<(i64, usize)>,
}

impl Index {
    pub(crate) fn of(db: &Connection, sights: &[Hashes], all: Option<&AllKeys>) -> rusqlite::Result<Self> {
        let mut keys: Vec<(i64, usize)> = Vec::with_capacity(2 * sights.len());
        for (at, sight) in sights.iter().enumerate() {
            keys.extend(sight.as_slice().iter().map(|&key| (key, at)));
        }
        // In their order in the table: neighbours share a page.
        keys.sort_unstable();
        let mut alone = vec![true; sights.len()];
        let mut stored = KeyIndex::new();
        let mut find = db.prepare_cached("SELECT group_id FROM request_keys WHERE key = ?1")?;
        for same in keys.chunk_by(|a, b| a.0 == b.0) {
            let key = same[0].0;
            let mut look_up = || find.query_row([key], |row| row.get(0)).optional();
            let found: Option<i64> = match all.map(|all| all.keys.get(&key)) {
                Some(None) => None,
                // Its group may have changed since it was kept back.
                Some(Some(&kept)) => look_up()?.or(Some(kept).filter(|kept| *kept != WRITTEN)),
                None => look_up()?,
            };
            stored.extend(found.map(|group| (key, group)));
            if found.is_some() || same.iter().any(|(_, at)| *at != same[0].1) {
                for (_, at) in same {
                    alone[*at] = false;
                }
            }
        }
        Ok(Self { stored, alone, keys })
    }
}

/// Writes keys that were not there, and their groups; in their order it is
/// fastest.
pub(crate) fn insert(db: &Connection, keys: &[(i64, i64)]) -> rusqlite::Result<()> {
    INSERT.write(db, keys, bind)
}

/// Writes keys and their groups, whether or not they were there.
pub(crate) fn write(db: &Connection, keys: &[(i64, i64)]) -> rusqlite::Result<()> {
    REPLACE.write(db, keys, bind)
}

fn bind(binder: &mut Binder<'_, '_>, &(key, group): &(i64, i64)) -> rusqlite::Result<()> {
    binder.number(key)?;
    binder.number(group)
}
