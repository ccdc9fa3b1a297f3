//! Texts that repeat, kept once.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension};

use crate::store::Name;

/// What a name names. Stored: never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum NameKind {
    Model = 1,
    Project = 2,
    Agent = 3,
    Source = 4,
    User = 5,
    Host = 6,
    Tag = 7,
    Session = 8,
    Branch = 9,
    Version = 10,
    Error = 11,
    /// A row's whole set of tags, as a JSON array.
    TagSet = 12,
    PriceTable = 13,
}

const KINDS: usize = NameKind::PriceTable as usize + 1;

/// The names of one kind that were looked up before.
#[derive(Debug, Default)]
struct Known {
    ids: HashMap<String, i64>,
    /// The last one: rows that follow each other mostly agree.
    last: (String, Option<i64>),
}

/// Names looked up before, in both directions.
#[derive(Debug, Default)]
pub(crate) struct Names {
    kinds: [Known; KINDS],
    values: HashMap<i64, Name>,
}

impl Names {
    /// The id of a name, which is added if it is new.
    pub(crate) fn intern(&mut self, db: &Connection, kind: NameKind, value: &str) -> rusqlite::Result<i64> {
        let known = &mut self.kinds[kind as usize];
        if let (last, Some(id)) = &known.last
            && last == value
        {
            return Ok(*id);
        }
        let id = match known.ids.get(value) {
            Some(&id) => id,
            None => {
                let id = find_or_add(db, kind, value)?;
                known.ids.insert(value.to_owned(), id);
                id
            }
        };
        value.clone_into(&mut known.last.0);
        known.last.1 = Some(id);
        Ok(id)
    }

    /// [`intern`](Self::intern) for an optional name.
    pub(crate) fn intern_some(
        &mut self,
        db: &Connection,
        kind: NameKind,
        value: Option<&str>,
    ) -> rusqlite::Result<Option<i64>> {
        value.map(|v| self.intern(db, kind, v)).transpose()
    }

    /// The id of a name, if there is such a name.
    pub(crate) fn find(&self, db: &Connection, kind: NameKind, value: &str) -> rusqlite::Result<Option<i64>> {
        find(db, kind, value)
    }

    /// The ids of several names, in one statement for all that were not looked up
    /// before; `None` for those that there are not.
    pub(crate) fn find_all(
        &mut self,
        db: &Connection,
        names: &[Option<(NameKind, &str)>],
    ) -> rusqlite::Result<Vec<Option<i64>>> {
        let known =
            |names: &Self, (kind, value): (NameKind, &str)| names.kinds[kind as usize].ids.get(value).copied();
        let unknown: Vec<(u8, &str)> = names
            .iter()
            .flatten()
            .filter(|name| known(self, **name).is_none())
            .map(|(kind, value)| (*kind as u8, *value))
            .collect();
        if !unknown.is_empty() {
            let json = serde_json::to_string(&unknown).unwrap_or_default();
            let mut statement = db.prepare_cached(
                "SELECT n.kind, n.value, n.id FROM json_each(?1) AS asked CROSS JOIN names AS n \
                 WHERE n.kind = asked.value ->> 0 AND n.value = asked.value ->> 1",
            )?;
            let mut rows = statement.query([json])?;
            while let Some(row) = rows.next()? {
                self.kinds[usize::from(row.get::<_, u8>(0)?)].ids.insert(row.get(1)?, row.get(2)?);
            }
        }
        Ok(names.iter().map(|name| name.and_then(|name| known(self, name))).collect())
    }

    /// Looks up the names with these ids, in one statement for all that are new.
    pub(crate) fn load(&mut self, db: &Connection, ids: impl Iterator<Item = i64>) -> rusqlite::Result<()> {
        let unknown: BTreeSet<i64> = ids.filter(|id| *id != 0 && !self.values.contains_key(id)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let json = serde_json::to_string(&unknown).unwrap_or_default();
        let mut statement =
            db.prepare_cached("SELECT id, value FROM names WHERE id IN (SELECT value FROM json_each(?1))")?;
        let mut rows = statement.query([json])?;
        while let Some(row) = rows.next()? {
            self.values.insert(row.get(0)?, row.get(1)?);
        }
        Ok(())
    }

    /// The name with this id; empty for 0, which stands for none.
    pub(crate) fn value(&mut self, db: &Connection, id: i64) -> rusqlite::Result<String> {
        self.shared(db, id).map(|name| (*name).to_owned())
    }

    /// [`value`](Self::value) for an optional name.
    pub(crate) fn value_some(&mut self, db: &Connection, id: Option<i64>) -> rusqlite::Result<Option<String>> {
        id.map(|id| self.value(db, id)).transpose()
    }

    /// [`value`](Self::value), shared with all who ask for it.
    pub(crate) fn shared(&mut self, db: &Connection, id: i64) -> rusqlite::Result<Name> {
        if id == 0 {
            return Ok("".into());
        }
        if let Some(value) = self.values.get(&id) {
            return Ok(value.clone());
        }
        let value: Name =
            db.prepare_cached("SELECT value FROM names WHERE id = ?1")?.query_row([id], |row| row.get(0))?;
        self.values.insert(id, value.clone());
        Ok(value)
    }

    /// [`shared`](Self::shared) for an optional name.
    pub(crate) fn shared_some(&mut self, db: &Connection, id: Option<i64>) -> rusqlite::Result<Option<Name>> {
        id.map(|id| self.shared(db, id)).transpose()
    }

    /// Forgets ids that a rolled-back transaction may have made up.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn find(db: &Connection, kind: NameKind, value: &str) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM names WHERE kind = ?1 AND value = ?2")?
        .query_row((kind as u8, value), |row| row.get(0))
        .optional()
}

fn find_or_add(db: &Connection, kind: NameKind, value: &str) -> rusqlite::Result<i64> {
    match find(db, kind, value)? {
        Some(id) => Ok(id),
        None => db.prepare_cached("INSERT INTO names (kind, value) VALUES (?1, ?2)")?.insert((kind as u8, value)),
    }
}
