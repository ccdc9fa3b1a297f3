//! Joining sights that share no id.
//!
//! A gateway may strip the ids by which witnesses of different kinds find each
//! other. Such a sight joins a request of its session that has the same model
//! and token counts and no witness of its kind, one to one in the order of
//! time. What was joined is told anew from the rows' own states whenever the
//! session changes, so that it does not depend on the order of arrival.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::{
    groups::Group,
    names::Names,
    rows::{self, COLUMNS, IN_CELLS, Stored},
    touched::Touched,
};
use crate::{
    pricing::PriceTable,
    store::{RowKind, identity, state::State, witness::WitnessKind},
};

/// The order in which kinds of witnesses look for a request to join.
const ORDER: [WitnessKind; 3] = [WitnessKind::Run, WitnessKind::Transcript, WitnessKind::Telemetry];

/// What requests must have in common to be joined.
type Likeness = (Option<i64>, [u64; 4]);

/// Whether a session has rows that may have to be joined with others.
pub(crate) fn are_in(db: &Connection, session: i64) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM requests WHERE session = ?1 AND message_id IS NULL AND request_id IS NULL \
         AND kind = 0 AND error IS NULL)",
    )?
    .query_row([session], |row| row.get(0))
}

/// Joins what belongs together in a session, and parts what no longer does.
pub(crate) fn settle(
    db: &Connection,
    names: &mut Names,
    prices: &PriceTable,
    session: i64,
    touched: &mut Touched,
) -> rusqlite::Result<()> {
    let rows: Vec<Stored> = db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM requests WHERE session = ?1 AND kind IN (0, 1)"))?
        .query_map([session], Stored::read)?
        .collect::<Result<_, _>>()?;
    // What was billed on top of a request stands in rows of its own: it stays whole.
    let advised: BTreeSet<i64> =
        rows.iter().filter(|row| row.kind == RowKind::Advisor).filter_map(|row| row.group_id).collect();
    let mut alike: BTreeMap<Likeness, Vec<Candidate>> = BTreeMap::new();
    for stored in rows {
        if stored.kind == RowKind::Advisor || stored.is_bare_error() {
            continue;
        }
        let candidate = Candidate::of(db, names, stored, &advised)?;
        alike.entry(candidate.likeness()).or_default().push(candidate);
    }
    for mut candidates in
        alike.into_values().filter(|candidates| candidates.iter().any(|c| c.anonymous || c.stored.joined))
    {
        candidates.sort_by(|a, b| (a.own.ts, &a.own.key).cmp(&(b.own.ts, &b.own.key)));
        pair(&mut candidates);
        for at in 0..candidates.len() {
            let joins: Vec<State> =
                candidates.iter().filter(|c| c.joins == Some(at)).map(|c| c.state.clone()).collect();
            candidates[at].write(db, names, prices, &joins, touched)?;
        }
    }
    Ok(())
}

/// A row that may join another one, or be joined.
struct Candidate {
    stored: Stored,
    /// The row as its own witnesses alone tell it.
    own: Stored,
    state: State,
    /// It has no id that another kind of witness would know.
    anonymous: bool,
    /// The candidate that it joins.
    joins: Option<usize>,
    /// The kinds of witnesses that it has, those that join it included.
    kinds: u8,
}

impl Candidate {
    fn of(db: &Connection, names: &mut Names, stored: Stored, advised: &BTreeSet<i64>) -> rusqlite::Result<Self> {
        let state = if stored.state.as_deref() == Some(IN_CELLS) {
            let group = Group::load(db, names, stored.group_id.unwrap_or(stored.id))?;
            let own = identity::rows(group.cells()).remove(&stored.key);
            own.map_or_else(|| rows::columns_to_state(db, names, &stored), Ok)?
        } else {
            rows::to_state(db, names, &stored)?
        };
        let mut own = stored.clone();
        if stored.joined {
            own = rows::from_state(db, names, &stored.key, &state)?;
            own.usage.advisors.clear();
            own.keep_place_of(&stored);
            own.state = stored.state.clone().filter(|kept| kept == IN_CELLS);
            if own.state.is_none() && rows::columns_to_state(db, names, &own)? != state {
                own.state = serde_json::to_string(&state).ok();
            }
        }
        own.counted = true;
        let anonymous = stored.key.message_id.is_none() && stored.key.request_id.is_none();
        let anonymous = anonymous && own.error.is_none() && !advised.contains(&stored.id);
        Ok(Self { kinds: state.mask, stored, own, state, anonymous, joins: None })
    }

    fn likeness(&self) -> Likeness {
        let usage = &self.own.usage;
        let writes = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens;
        (self.own.model, [usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, writes])
    }

    /// Writes the row as it is with all that joins it, if it is not so yet.
    fn write(
        &self,
        db: &Connection,
        names: &mut Names,
        prices: &PriceTable,
        joins: &[State],
        touched: &mut Touched,
    ) -> rusqlite::Result<()> {
        let mut row = self.own.clone();
        if !joins.is_empty() {
            let mut state = self.state.clone();
            for joining in joins {
                state.join(joining);
            }
            row = rows::from_state(db, names, &self.own.key, &state)?;
            row.usage.advisors.clear();
            row.keep_place_of(&self.own);
            row.joined = true;
            row.state = self.own.state.clone().or_else(|| serde_json::to_string(&self.state).ok());
        }
        row.counted = self.joins.is_none();
        if row.usage == self.stored.usage && row.model == self.stored.model {
            (row.calculated, row.priced_as_of) = (self.stored.calculated, self.stored.priced_as_of);
        } else {
            row.price(db, names, prices)?;
        }
        if row != self.stored {
            touched.replace(db, self.stored.clone(), row)?;
        }
        Ok(())
    }
}

/// Pairs candidates that are alike, in the order of time.
fn pair(candidates: &mut [Candidate]) {
    for kind in ORDER.map(WitnessKind::bit) {
        let looks = |c: &Candidate| c.anonymous && c.joins.is_none() && c.state.mask == kind && c.kinds == kind;
        let looking: Vec<usize> = (0..candidates.len()).filter(|&at| looks(&candidates[at])).collect();
        let mut open = (0..candidates.len())
            .filter(|&at| candidates[at].kinds & kind == 0 && candidates[at].joins.is_none())
            .collect::<Vec<_>>()
            .into_iter();
        for at in looking {
            let Some(host) = open.next() else { break };
            candidates[at].joins = Some(host);
            candidates[host].kinds |= kind;
        }
    }
}
