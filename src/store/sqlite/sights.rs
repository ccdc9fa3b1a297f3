//! Taking in a batch of sights.
//!
//! Nearly all sights of a batch are the only ones of their request: no id of
//! theirs is in the ledger or elsewhere in the batch. Their rows are written at
//! once. The others go through their [groups](super::groups).

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

use super::{
    groups::{Groups, INSERT_KEY, KeyIndex},
    names::Names,
    rollups::Deltas,
    rows,
    touched::Touched,
};
use crate::{
    pricing::PriceTable,
    store::{Witness, identity::CellKey, state::State},
};

/// The ids of a sight, and what it says.
struct Sight<'a> {
    key: CellKey,
    hashes: Vec<i64>,
    says: Says<'a>,
}

enum Says<'a> {
    Witness(&'a Witness),
    State(&'a State),
}

impl Says<'_> {
    fn state(&self) -> State {
        match self {
            Self::Witness(witness) => State::from(*witness),
            Self::State(state) => (*state).clone(),
        }
    }

    /// Whether the columns of its row say it all: one witness does, but for
    /// what stands in rows of its own.
    const fn is_plain(&self) -> bool {
        matches!(self, Self::Witness(witness) if witness.usage.advisors.is_empty())
    }
}

/// Adds what the witnesses say, and the merged states of other ledgers.
pub(crate) fn take_in(
    db: &Connection,
    names: &mut Names,
    prices: &PriceTable,
    (witnesses, states): (&[Witness], &[(CellKey, State)]),
    touched: &mut Touched,
    deltas: &mut Deltas,
) -> rusqlite::Result<()> {
    let of_witnesses = witnesses.iter().map(|witness| (key_of(witness), Says::Witness(witness)));
    let of_states = states.iter().map(|(key, state)| (key.clone(), Says::State(state)));
    let sights: Vec<Sight<'_>> = of_witnesses
        .chain(of_states)
        .map(|(key, says)| Sight { hashes: key.hashes().collect(), key, says })
        .collect();
    let index = Index::of(db, &sights)?;
    let mut groups = Groups::among(index.stored);
    let mut sessions = SessionsWithRuns::default();
    let mut keys = Vec::with_capacity(2 * sights.len());
    for (sight, alone) in sights.iter().zip(&index.alone) {
        if !alone || !sight.says.is_plain() {
            groups.add(db, names, sight.key.clone(), &sight.says.state())?;
            continue;
        }
        let mut row = rows::from_state(db, names, &sight.key, &sight.says.state())?;
        row.price(db, names, prices)?;
        let settled = row.run.is_none() && !row.is_bare_error() && !sessions.has(db, row.session)?;
        let id = if settled {
            let id = row.write(db)?;
            deltas.change(db, names, None, Some(&row))?;
            id
        } else {
            touched.write(db, row)?
        };
        keys.extend(sight.hashes.iter().map(|&hash| (hash, id)));
    }
    // In their order in the table: neighbours share a page.
    keys.sort_unstable();
    let mut insert = db.prepare_cached(INSERT_KEY)?;
    for (hash, id) in keys {
        insert.execute([hash, id])?;
    }
    groups.flush(db, names, prices, touched)
}

fn key_of(witness: &Witness) -> CellKey {
    let mut key = CellKey::from(witness);
    if key == CellKey::default() {
        // No id at all: what it says is its identity.
        key.uuid = Some(serde_json::to_string(witness).unwrap_or_default());
    }
    key
}

/// What is known of the ids of a batch.
struct Index {
    stored: KeyIndex,
    /// Per sight: no id of it is anywhere else.
    alone: Vec<bool>,
}

impl Index {
    fn of(db: &Connection, sights: &[Sight<'_>]) -> rusqlite::Result<Self> {
        let mut hashes: Vec<(i64, usize)> = Vec::with_capacity(2 * sights.len());
        for (at, sight) in sights.iter().enumerate() {
            hashes.extend(sight.hashes.iter().map(|&hash| (hash, at)));
        }
        // In their order in the table: neighbours share a page.
        hashes.sort_unstable();
        let mut alone = vec![true; sights.len()];
        let mut stored = KeyIndex::new();
        let mut find = db.prepare_cached("SELECT group_id FROM request_keys WHERE key = ?1")?;
        for same in hashes.chunk_by(|a, b| a.0 == b.0) {
            let hash = same[0].0;
            let found: Option<i64> = find.query_row([hash], |row| row.get(0)).optional()?;
            stored.extend(found.map(|group| (hash, group)));
            if found.is_some() || same.iter().any(|(_, at)| *at != same[0].1) {
                for (_, at) in same {
                    alone[*at] = false;
                }
            }
        }
        Ok(Self { stored, alone })
    }
}

/// Sessions that own runs may claim something of.
#[derive(Debug, Default)]
struct SessionsWithRuns {
    known: HashMap<i64, bool>,
}

impl SessionsWithRuns {
    fn has(&mut self, db: &Connection, session: Option<i64>) -> rusqlite::Result<bool> {
        let Some(session) = session else { return Ok(false) };
        if let Some(&has) = self.known.get(&session) {
            return Ok(has);
        }
        let has = db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM runs WHERE session = ?1)")?
            .query_row([session], |row| row.get(0))?;
        self.known.insert(session, has);
        Ok(has)
    }
}
