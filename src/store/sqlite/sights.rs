//! Taking in a batch of sights.
//!
//! Nearly all sights of a batch are the only ones of their request: no id of
//! theirs is in the ledger or elsewhere in the batch. Their rows are written at
//! once. The others go through their [groups](super::groups).

use std::borrow::Cow;

use rusqlite::Connection;

use super::{
    groups::Groups,
    keys::{self, AllKeys, Index},
    names::{NameKind, Names},
    rollups::Deltas,
    rows::{self, Stored},
    runs::Sessions,
    touched::Touched,
    waiting::Waiting,
};
use crate::{
    pricing::{PriceTable, Priced},
    store::{
        Batch, Record, Witness,
        identity::{CellKey, Hashes},
        state::State,
    },
};

/// What somebody saw, or what is known of it elsewhere.
enum Says<'a> {
    Witness(&'a Witness),
    Record(&'a Record),
}

impl<'a> Says<'a> {
    fn hashes(&self) -> Hashes {
        match self {
            Self::Witness(w) if w.message_id.is_some() || w.request_id.is_some() => {
                Hashes::of(w.message_id.as_deref(), w.request_id.as_deref(), None)
            }
            _ => self.key().hashes(),
        }
    }

    fn key(&self) -> CellKey {
        match self {
            Self::Witness(witness) => CellKey::from(named(witness).as_ref()),
            // No id at all: what is known of it is its identity.
            Self::Record(record) if record.key == CellKey::default() => {
                let said = serde_json::to_vec(&record.state).unwrap_or_default();
                CellKey { uuid: Some(hash_of(&said)), ..CellKey::default() }
            }
            Self::Record(record) => record.key.clone(),
        }
    }

    fn state(&self) -> State {
        match self {
            Self::Witness(witness) => State::from(named(witness).as_ref()),
            Self::Record(record) => record.state.clone(),
        }
    }

    /// Whether it is all in one row: nothing of it stands in rows of its own.
    fn is_plain(&self) -> bool {
        match self {
            Self::Witness(witness) => witness.usage.advisors.is_empty() && !is_nameless(witness),
            Self::Record(record) => record.state.snapshot.usage.advisors.is_empty(),
        }
    }

    fn model(&self) -> Option<&'a str> {
        match self {
            Self::Witness(witness) => witness.model.as_deref(),
            Self::Record(record) => record.state.snapshot.model.as_deref(),
        }
    }

    /// Its row, if it is plain and alone.
    fn row(&self, db: &Connection, names: &mut Names) -> rusqlite::Result<Stored> {
        match self {
            Self::Witness(witness) => rows::from_witness(db, names, self.key(), witness),
            Self::Record(record) => {
                let mut row = rows::from_state(db, names, &self.key(), &record.state)?;
                if rows::columns_to_state(db, names, &row)? != record.state {
                    row.state = serde_json::to_string(&record.state).ok();
                }
                Ok(row)
            }
        }
    }
}

fn hash_of(said: &[u8]) -> String {
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(said))
}

const fn is_nameless(witness: &Witness) -> bool {
    witness.message_id.is_none() && witness.request_id.is_none() && witness.uuid.is_none()
}

/// The witness with an id: if it has none at all, what it says is its identity.
fn named(witness: &Witness) -> Cow<'_, Witness> {
    if !is_nameless(witness) {
        return Cow::Borrowed(witness);
    }
    let said = serde_json::to_vec(witness).unwrap_or_default();
    Cow::Owned(Witness { uuid: Some(hash_of(&said)), ..witness.clone() })
}

/// Adds what the witnesses of a batch and the records of other ledgers say.
/// `all` are all keys of the ledger, if they are known; returns them with those
/// of the batch.
#[allow(clippy::too_many_arguments, reason = "they are the parts of one append")]
pub(crate) fn take_in<'a>(
    db: &Connection,
    names: &mut Names,
    prices: &'a PriceTable,
    batch: &'a Batch,
    sessions: &mut Sessions,
    touched: &mut Touched,
    deltas: &mut Deltas,
    mut all: Option<AllKeys>,
) -> rusqlite::Result<Option<AllKeys>> {
    let records = batch.records.iter().map(Says::Record);
    let sights: Vec<Says<'_>> = batch.witnesses.iter().map(Says::Witness).chain(records).collect();
    let hashes: Vec<Hashes> = sights.iter().map(Says::hashes).collect();
    let index = Index::of(db, &hashes, all.as_ref())?;
    let mut groups = Groups::among(index.stored);
    let mut pricer = Pricer { prices, last: None };
    let mut waiting = Waiting::default();
    for ((sight, hashes), alone) in sights.iter().zip(&hashes).zip(&index.alone) {
        if !*alone || !sight.is_plain() {
            groups.add(db, names, sight.key(), &sight.state())?;
            continue;
        }
        let mut row = sight.row(db, names)?;
        if let Some(model) = sight.model() {
            row.calculated = pricer.priced(model).and_then(|price| price.cost(&row.usage));
            let as_of = row.calculated.map(|_| prices.as_of());
            row.priced_as_of = names.intern_some(db, NameKind::PriceTable, as_of)?;
        }
        if is_settled(db, sessions, &row)? {
            deltas.change(db, names, None, Some(&row))?;
            waiting.add(db, row, *hashes)?;
        } else {
            let id = touched.write(db, row)?;
            waiting.add_keys(*hashes, id);
        }
    }
    waiting.write(db)?;
    let keys = waiting.into_keys();
    match &mut all {
        Some(all) => all.keep(db, &keys)?,
        None => keys::insert(db, &keys)?,
    }
    groups.flush(db, names, prices, touched)?;
    match all {
        Some(all) => all.with(db, &index.keys),
        None => Ok(None),
    }
}

/// Whether nothing else may have to do with a row that is new.
fn is_settled(db: &Connection, sessions: &mut Sessions, row: &Stored) -> rusqlite::Result<bool> {
    let Some(session) = row.session else { return Ok(row.run.is_none()) };
    let named = row.key.message_id.is_some() || row.key.request_id.is_some();
    Ok(named
        && row.run.is_none()
        && !row.is_bare_error()
        && !sessions.has_runs(db, session)?
        && !sessions.has_anonymous(db, session)?)
}

/// Finds prices; rows that follow each other mostly have the same model.
struct Pricer<'a> {
    prices: &'a PriceTable,
    last: Option<(&'a str, Option<Priced<'a>>)>,
}

impl<'a> Pricer<'a> {
    fn priced(&mut self, model: &'a str) -> Option<Priced<'a>> {
        match self.last {
            Some((last, price)) if last == model => price,
            _ => {
                let price = self.prices.priced(model);
                self.last = Some((model, price));
                price
            }
        }
    }
}
