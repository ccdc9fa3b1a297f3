//! Identity groups: found by any id, joined, and written back as rows.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

use super::{
    keys,
    names::{NameKind, Names},
    rows::{self, COLUMNS, IN_CELLS, Stored},
    touched::Touched,
};
use crate::{
    pricing::PriceTable,
    store::{
        Record, RowKind,
        identity::{self, CellKey, Cells},
        state::State,
    },
};

/// The groups that a batch touches.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    all: Vec<Group>,
    by_key: HashMap<i64, usize>,
    /// The batch's keys that are in the ledger, and their groups.
    stored: KeyIndex,
}

/// Groups by the hash of a key.
pub(crate) type KeyIndex = HashMap<i64, i64>;

#[derive(Debug, Default)]
pub(crate) struct Group {
    /// `None` until its first row is inserted.
    id: Option<i64>,
    cells: Cells,
    /// The rows as they are in the ledger.
    rows: Vec<Stored>,
    /// Cells or keys differ from what is in the ledger.
    dirty: bool,
    /// Joined into another group.
    absorbed: bool,
    /// The ids of groups that were joined into this one.
    former: Vec<i64>,
    /// Its rows were dropped: they count as they were when that was done.
    pruned: bool,
}

/// The group of all keys whose rows were dropped.
pub(crate) const PRUNED: i64 = 0;

impl Groups {
    /// Groups that may be found in the ledger by `keys`.
    pub(crate) fn among(stored: KeyIndex) -> Self {
        Self { all: Vec::new(), by_key: HashMap::new(), stored }
    }

    /// Adds what a sight says to the group it belongs to.
    pub(crate) fn add(
        &mut self,
        db: &Connection,
        names: &mut Names,
        key: CellKey,
        said: &State,
    ) -> rusqlite::Result<()> {
        let hashes = key.hashes();
        let mut home = None;
        for hash in hashes {
            let Some(found) = self.find(db, names, hash)? else { continue };
            home = Some(match home {
                Some(first) if first != found => self.unite(first, found),
                _ => found,
            });
        }
        let home = home.unwrap_or_else(|| {
            self.all.push(Group::default());
            self.all.len() - 1
        });
        for hash in hashes {
            if self.by_key.insert(hash, home) != Some(home) {
                self.all[home].dirty = true;
            }
        }
        let group = &mut self.all[home];
        match group.cells.get_mut(&key) {
            Some(cell) => {
                let before = cell.clone();
                cell.join(said);
                group.dirty |= *cell != before;
            }
            None => {
                group.cells.insert(key, said.clone());
                group.dirty = true;
            }
        }
        Ok(())
    }

    fn find(&mut self, db: &Connection, names: &mut Names, hash: i64) -> rusqlite::Result<Option<usize>> {
        if let Some(&at) = self.by_key.get(&hash) {
            return Ok(Some(at));
        }
        let Some(&id) = self.stored.get(&hash) else { return Ok(None) };
        let group = Group::load(db, names, id)?;
        let at = self.all.len();
        for key in group.cells.keys() {
            for hash in key.hashes() {
                self.by_key.insert(hash, at);
            }
        }
        self.by_key.insert(hash, at);
        self.all.push(group);
        Ok(Some(at))
    }

    /// Joins two groups; the one with the older rows keeps its id.
    fn unite(&mut self, a: usize, b: usize) -> usize {
        let older = |g: &Group| g.id.unwrap_or(i64::MAX);
        let (keep, give) = if older(&self.all[a]) <= older(&self.all[b]) { (a, b) } else { (b, a) };
        let given = std::mem::take(&mut self.all[give]);
        self.all[give].absorbed = true;
        let kept = &mut self.all[keep];
        for (key, state) in given.cells {
            kept.cells.entry(key).and_modify(|s| s.join(&state)).or_insert(state);
        }
        kept.rows.extend(given.rows);
        kept.former.extend(given.former);
        kept.former.extend(given.id);
        kept.pruned |= given.pruned;
        kept.dirty = true;
        for at in self.by_key.values_mut().filter(|at| **at == give) {
            *at = keep;
        }
        keep
    }

    /// Writes every group that changed.
    pub(crate) fn flush(
        self,
        db: &Connection,
        names: &mut Names,
        prices: &PriceTable,
        touched: &mut Touched,
    ) -> rusqlite::Result<()> {
        for group in self.all.into_iter().filter(|g| g.dirty && !g.absorbed) {
            if group.pruned {
                group.forget(db, touched)?;
            } else {
                group.write(db, names, prices, touched)?;
            }
        }
        Ok(())
    }
}

impl Group {
    pub(crate) fn load(db: &Connection, names: &mut Names, id: i64) -> rusqlite::Result<Self> {
        if id == PRUNED {
            return Ok(Self { pruned: true, ..Self::default() });
        }
        let rows: Vec<Stored> = db
            .prepare_cached(&format!("SELECT {COLUMNS} FROM requests WHERE id = ?1 OR group_id = ?1"))?
            .query_map([id], Stored::read)?
            .collect::<Result<_, _>>()?;
        let mut cells = Cells::new();
        if rows.iter().any(|r| r.state.as_deref() == Some(IN_CELLS)) {
            let mut statement =
                db.prepare_cached("SELECT message_id, request_id, uuid, state FROM cells WHERE group_id = ?1")?;
            let mut found = statement.query([id])?;
            while let Some(row) = found.next()? {
                let key = CellKey { message_id: row.get(0)?, request_id: row.get(1)?, uuid: row.get(2)? };
                let state: String = row.get(3)?;
                let state = serde_json::from_str(&state).map_err(|e| {
                    rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Text, e.into())
                })?;
                cells.insert(key, state);
            }
        } else if let Some(row) = rows.iter().find(|r| r.kind == RowKind::Request) {
            cells.insert(row.key.clone(), rows::to_state(db, names, row)?);
        }
        Ok(Self { id: Some(id), cells, rows, ..Self::default() })
    }

    pub(crate) const fn cells(&self) -> &Cells {
        &self.cells
    }

    /// All that is known of it.
    pub(crate) fn into_records(self) -> Vec<Record> {
        self.cells.into_iter().map(|(key, state)| Record { key, state }).collect()
    }

    /// Whether it holds more than one request.
    pub(crate) fn has_several(&self) -> bool {
        self.rows.iter().filter(|row| row.kind == RowKind::Request).count() > 1
    }

    /// The time of its youngest row.
    pub(crate) fn youngest(&self) -> i64 {
        self.rows.iter().map(|row| row.ts).max().unwrap_or(i64::MAX)
    }

    /// Drops its rows from the ledger, but not from what is counted; returns
    /// how many they are.
    pub(crate) fn drop_rows(&self, db: &Connection) -> rusqlite::Result<u64> {
        for row in &self.rows {
            db.prepare_cached("DELETE FROM requests WHERE id = ?1")?.execute([row.id])?;
        }
        self.mark_pruned(db)?;
        Ok(self.rows.len() as u64)
    }

    /// What was counted before its rows were dropped is not counted again.
    fn forget(mut self, db: &Connection, touched: &mut Touched) -> rusqlite::Result<()> {
        for row in std::mem::take(&mut self.rows) {
            touched.delete(db, row)?;
        }
        self.mark_pruned(db)
    }

    fn mark_pruned(&self, db: &Connection) -> rusqlite::Result<()> {
        let hashes: Vec<_> = self.cells.keys().flat_map(CellKey::hashes).map(|hash| (hash, PRUNED)).collect();
        keys::write(db, &hashes)?;
        for id in self.former.iter().chain(&self.id) {
            db.prepare_cached("DELETE FROM cells WHERE group_id = ?1")?.execute([id])?;
        }
        Ok(())
    }

    fn write(
        self,
        db: &Connection,
        names: &mut Names,
        prices: &PriceTable,
        touched: &mut Touched,
    ) -> rusqlite::Result<()> {
        let mut old: BTreeMap<(CellKey, i64), Stored> =
            self.rows.into_iter().map(|row| ((row.key.clone(), row.part), row)).collect();
        let mut new = resolve(db, names, &self.cells)?;

        // Rows that stay keep their id, and what is settled from outside.
        for row in &mut new {
            if let Some(before) = old.remove(&(row.key.clone(), row.part)) {
                row.id = before.id;
                // Only a session's failed attempts may be counted by another kind of witness.
                row.counted = before.counted || !row.is_bare_error() || row.session.is_none();
                // A share belongs to the run that dealt it.
                if (before.session, &before.run, before.ts) == (row.session, &row.run, row.ts) {
                    row.share = before.share;
                }
                if before.model == row.model && before.usage == row.usage {
                    row.calculated = before.calculated;
                    row.priced_as_of = before.priced_as_of;
                }
                touched.gone(before);
            }
        }
        for gone in old.into_values() {
            touched.delete(db, gone)?;
        }

        // The group's id is always the id of one of its rows.
        let mut group_id = self.id;
        if let Some(id) = group_id
            && !new.iter().any(|r| r.id == id)
            && let Some(first) = new.first_mut()
        {
            if first.id != 0 {
                db.prepare_cached("DELETE FROM requests WHERE id = ?1")?.execute([first.id])?;
            }
            first.id = id;
        }
        new.sort_by_key(|row| Some(row.id) != group_id);

        for mut row in new {
            if row.calculated.is_none() {
                row.price(db, names, prices)?;
            }
            row.group_id = group_id.filter(|&id| id != row.id);
            let id = touched.write(db, row)?;
            group_id.get_or_insert(id);
        }

        let Some(group_id) = group_id else { return Ok(()) };
        let hashes: Vec<_> = self.cells.keys().flat_map(CellKey::hashes).map(|hash| (hash, group_id)).collect();
        keys::write(db, &hashes)?;
        if self.cells.len() > 1 {
            for id in self.former.into_iter().chain([group_id]) {
                db.prepare_cached("DELETE FROM cells WHERE group_id = ?1")?.execute([id])?;
            }
            for (n, (key, state)) in (0_i64..).zip(&self.cells) {
                db.prepare_cached(
                    "INSERT INTO cells (group_id, n, message_id, request_id, uuid, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute((
                    group_id,
                    n,
                    &key.message_id,
                    &key.request_id,
                    &key.uuid,
                    serde_json::to_string(state).unwrap_or_default(),
                ))?;
            }
        }
        Ok(())
    }
}

/// The rows that a group's cells amount to: its requests and their advisor calls.
fn resolve(db: &Connection, names: &mut Names, cells: &Cells) -> rusqlite::Result<Vec<Stored>> {
    let mut rows = Vec::new();
    for (key, state) in identity::rows(cells) {
        let mut row = rows::from_state(db, names, &key, &state)?;
        let advisors = std::mem::take(&mut row.usage.advisors);
        if cells.len() > 1 {
            row.state = Some(IN_CELLS.to_owned());
        } else if rows::columns_to_state(db, names, &row)? != state {
            row.state = serde_json::to_string(&state).ok();
        }
        for (part, advisor) in (1..).zip(advisors) {
            let mut child = row.clone();
            child.kind = RowKind::Advisor;
            child.part = part;
            child.model = Some(names.intern(db, NameKind::Model, &advisor.model)?);
            child.usage = *advisor.usage;
            child.usage.advisors = Vec::new();
            child.reported = None;
            child.duration_ms = None;
            child.ttft_ms = None;
            child.error = None;
            child.state = row.state.as_ref().map(|_| IN_CELLS.to_owned()).filter(|_| cells.len() > 1);
            rows.push(child);
        }
        rows.push(row);
    }
    Ok(rows)
}
