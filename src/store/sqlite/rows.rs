//! A row of `requests`: written, read, and turned back into what it came from.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row, types::Type};

use super::{
    many::{Binder, Insert},
    names::{NameKind, Names},
};
use crate::{
    Usage,
    pricing::PriceTable,
    store::{
        Name, RowKind, Witness,
        identity::CellKey,
        state::{Origin, Ranked, Snapshot, State},
    },
};

/// The columns of a row, with names as ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// 0 until it is inserted.
    pub(crate) id: i64,
    pub(crate) group_id: Option<i64>,
    pub(crate) kind: RowKind,
    /// 0 for the request itself, n for its n-th advisor call.
    pub(crate) part: i64,
    pub(crate) counted: bool,
    pub(crate) ts: i64,
    pub(crate) first_ts: i64,
    pub(crate) key: CellKey,
    /// The line id of the snapshot.
    pub(crate) uuid: Option<String>,
    pub(crate) sidechain: bool,
    pub(crate) session: Option<i64>,
    pub(crate) run: Option<String>,
    pub(crate) model: Option<i64>,
    pub(crate) project: Option<i64>,
    pub(crate) branch: Option<i64>,
    pub(crate) version: Option<i64>,
    pub(crate) agent: Option<i64>,
    pub(crate) source: u8,
    pub(crate) user: Option<i64>,
    pub(crate) host: Option<i64>,
    pub(crate) tags: Option<i64>,
    pub(crate) usage: Usage,
    pub(crate) reported: Option<i64>,
    pub(crate) share: Option<i64>,
    pub(crate) calculated: Option<i64>,
    pub(crate) priced_as_of: Option<i64>,
    pub(crate) duration_ms: Option<i64>,
    pub(crate) ttft_ms: Option<i64>,
    pub(crate) error: Option<i64>,
    pub(crate) simulated: bool,
    /// Sights without a shared id are joined to it; `state` is what its own
    /// witnesses say.
    pub(crate) joined: bool,
    pub(crate) state: Option<String>,
}

/// Marks the rows of a group whose states stand in `cells`.
pub(crate) const IN_CELLS: &str = "";

pub(crate) const COLUMNS: &str = "id, group_id, kind, part, counted, ts, first_ts, message_id, request_id, uuid, \
     sidechain, session, run, model, project, branch, version, agent, source, user, host, tags, input, output, \
     cache_read, cache_write_5m, cache_write_1h, web_searches, modifiers, reported, share, calculated, \
     priced_as_of, duration_ms, ttft_ms, error, simulated, state";

macro_rules! into {
    ($insert:literal) => {
        concat!(
            $insert,
            " INTO requests (id, group_id, kind, part, counted, ts, first_ts, message_id, request_id, uuid, \
             sidechain, session, run, model, project, branch, version, agent, source, user, host, tags, input, \
             output, cache_read, cache_write_5m, cache_write_1h, web_searches, modifiers, reported, share, \
             calculated, priced_as_of, duration_ms, ttft_ms, error, simulated, state)"
        )
    };
}

/// A row in the place of the one with its id.
static REPLACE: Insert = Insert::new(into!("INSERT OR REPLACE"), 38, "");
/// A new row. `OR REPLACE` would cost several times as much: it keeps a journal
/// for each row, to undo what it may have deleted.
static INSERT: Insert = Insert::new(into!("INSERT OR ROLLBACK"), 38, "");

const FAST: u8 = 1;
const US: u8 = 2;
const BATCH: u8 = 4;
/// The row is known by its line id alone.
pub(crate) const BY_UUID: u8 = 8;
const JOINED: u8 = 16;

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Writes rows that have no id yet; returns the id of the first: the others
/// follow it.
pub(crate) fn insert(db: &Connection, rows: &[Stored]) -> rusqlite::Result<i64> {
    INSERT.write(db, rows, Stored::bind)?;
    Ok(db.last_insert_rowid() + 1 - rows.len() as i64)
}

impl Stored {
    /// Writes the row in the place of the one with its id, or as a new one;
    /// returns the id.
    pub(crate) fn write(&self, db: &Connection) -> rusqlite::Result<i64> {
        if self.id == 0 {
            return insert(db, std::slice::from_ref(self));
        }
        REPLACE.write(db, std::slice::from_ref(self), Self::bind)?;
        Ok(self.id)
    }

    fn bind(binder: &mut Binder<'_, '_>, row: &Self) -> rusqlite::Result<()> {
        let modifiers = (if row.usage.fast { FAST } else { 0 })
            | (if row.usage.us_inference { US } else { 0 })
            | (if row.usage.batch { BATCH } else { 0 })
            | (if row.key.uuid.is_some() { BY_UUID } else { 0 })
            | (if row.joined { JOINED } else { 0 });
        binder.optional((row.id != 0).then_some(row.id))?;
        binder.optional(row.group_id)?;
        binder.number(row.kind as i64)?;
        binder.number(row.part)?;
        binder.number(row.counted.into())?;
        binder.number(row.ts)?;
        binder.number(row.first_ts)?;
        binder.text(row.key.message_id.as_deref())?;
        binder.text(row.key.request_id.as_deref())?;
        binder.text(row.uuid.as_deref())?;
        binder.number(row.sidechain.into())?;
        binder.optional(row.session)?;
        binder.text(row.run.as_deref())?;
        for name in [row.model, row.project, row.branch, row.version, row.agent] {
            binder.optional(name)?;
        }
        binder.number(row.source.into())?;
        for name in [row.user, row.host, row.tags] {
            binder.optional(name)?;
        }
        let usage = &row.usage;
        for tokens in [
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_tokens,
            usage.cache_write_5m_tokens,
            usage.cache_write_1h_tokens,
            usage.web_searches,
        ] {
            binder.number(count(tokens))?;
        }
        binder.number(modifiers.into())?;
        for number in
            [row.reported, row.share, row.calculated, row.priced_as_of, row.duration_ms, row.ttft_ms, row.error]
        {
            binder.optional(number)?;
        }
        binder.number(row.simulated.into())?;
        binder.text(row.state.as_deref())
    }

    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let uint = |i: usize| row.get::<_, i64>(i).map(|n| u64::try_from(n).unwrap_or(0));
        let modifiers: u8 = row.get(28)?;
        let usage = Usage {
            input_tokens: uint(22)?,
            output_tokens: uint(23)?,
            cache_read_tokens: uint(24)?,
            cache_write_5m_tokens: uint(25)?,
            cache_write_1h_tokens: uint(26)?,
            web_searches: uint(27)?,
            fast: modifiers & FAST != 0,
            us_inference: modifiers & US != 0,
            batch: modifiers & BATCH != 0,
            advisors: Vec::new(),
        };
        let uuid: Option<String> = row.get(9)?;
        Ok(Self {
            id: row.get(0)?,
            group_id: row.get(1)?,
            kind: match row.get::<_, u8>(2)? {
                0 => RowKind::Request,
                1 => RowKind::Advisor,
                2 => RowKind::Remainder,
                other => {
                    let message = format!("row kind {other} is unknown");
                    return Err(rusqlite::Error::FromSqlConversionFailure(2, Type::Integer, message.into()));
                }
            },
            part: row.get(3)?,
            counted: row.get(4)?,
            ts: row.get(5)?,
            first_ts: row.get(6)?,
            key: CellKey {
                message_id: row.get(7)?,
                request_id: row.get(8)?,
                uuid: if modifiers & BY_UUID != 0 { uuid.clone() } else { None },
            },
            uuid,
            sidechain: row.get(10)?,
            session: row.get(11)?,
            run: row.get(12)?,
            model: row.get(13)?,
            project: row.get(14)?,
            branch: row.get(15)?,
            version: row.get(16)?,
            agent: row.get(17)?,
            source: row.get(18)?,
            user: row.get(19)?,
            host: row.get(20)?,
            tags: row.get(21)?,
            usage,
            reported: row.get(29)?,
            share: row.get(30)?,
            calculated: row.get(31)?,
            priced_as_of: row.get(32)?,
            duration_ms: row.get(33)?,
            ttft_ms: row.get(34)?,
            error: row.get(35)?,
            simulated: row.get(36)?,
            joined: modifiers & JOINED != 0,
            state: row.get(37)?,
        })
    }

    /// Prices the row by the table in force.
    pub(crate) fn price(
        &mut self,
        db: &Connection,
        names: &mut Names,
        prices: &PriceTable,
    ) -> rusqlite::Result<()> {
        let Some(model) = names.value_some(db, self.model)? else { return Ok(()) };
        self.calculated = prices.cost(&model, &self.usage);
        let as_of = self.calculated.map(|_| prices.as_of());
        self.priced_as_of = names.intern_some(db, NameKind::PriceTable, as_of)?;
        Ok(())
    }

    /// Takes the place of another row: its ids in the ledger, and what was
    /// settled for it.
    pub(crate) fn keep_place_of(&mut self, other: &Self) {
        self.id = other.id;
        self.group_id = other.group_id;
        self.share = other.share;
        self.calculated = other.calculated;
        self.priced_as_of = other.priced_as_of;
    }

    /// The ids of all its names.
    pub(crate) fn names(&self) -> impl Iterator<Item = i64> + use<> {
        let names = [
            self.session,
            self.model,
            self.project,
            self.branch,
            self.agent,
            self.user,
            self.host,
            self.tags,
            self.error,
        ];
        names.into_iter().flatten()
    }

    /// Whether it is a failed attempt that consumed nothing.
    pub(crate) fn is_bare_error(&self) -> bool {
        self.kind == RowKind::Request && self.error.is_some() && self.usage.is_zero()
    }

    /// The reported cost, its own or its share of its run's.
    pub(crate) fn cost_reported(&self) -> Option<i64> {
        self.reported.or(self.share)
    }
}

/// The row of a request that has one witness alone: what [`from_state`] makes
/// of its state, without the way over it.
pub(crate) fn from_witness(
    db: &Connection,
    names: &mut Names,
    key: CellKey,
    witness: &Witness,
) -> rusqlite::Result<Stored> {
    let mut name = |kind, value: Option<&str>| names.intern_some(db, kind, value);
    Ok(Stored {
        id: 0,
        group_id: None,
        kind: RowKind::Request,
        part: 0,
        counted: true,
        ts: witness.ts,
        first_ts: witness.first_ts.unwrap_or(witness.ts),
        key,
        uuid: witness.uuid.clone(),
        sidechain: witness.sidechain,
        session: name(NameKind::Session, witness.session.as_deref())?,
        run: witness.run.clone(),
        model: name(NameKind::Model, witness.model.as_deref())?,
        project: name(NameKind::Project, witness.project.as_deref())?,
        branch: name(NameKind::Branch, witness.branch.as_deref())?,
        version: name(NameKind::Version, witness.version.as_deref())?,
        agent: name(NameKind::Agent, witness.agent.as_deref())?,
        source: witness.by.bit(),
        user: name(NameKind::User, witness.user.as_deref())?,
        host: name(NameKind::Host, witness.host.as_deref())?,
        error: name(NameKind::Error, witness.error.as_deref())?,
        tags: tag_set(db, names, &witness.tags)?,
        usage: witness.usage.clone(),
        reported: witness.cost,
        share: None,
        calculated: None,
        priced_as_of: None,
        duration_ms: witness.duration_ms,
        ttft_ms: witness.ttft_ms,
        simulated: witness.simulated,
        joined: false,
        state: None,
    })
}

fn tag_set(db: &Connection, names: &mut Names, tags: &BTreeSet<String>) -> rusqlite::Result<Option<i64>> {
    if tags.is_empty() {
        return Ok(None);
    }
    let set = serde_json::to_string(tags).unwrap_or_default();
    names.intern(db, NameKind::TagSet, &set).map(Some)
}

/// The row of a resolved request; costs, ids and `state` are still to be set.
pub(crate) fn from_state(
    db: &Connection,
    names: &mut Names,
    key: &CellKey,
    state: &State,
) -> rusqlite::Result<Stored> {
    let detail = |d: &Option<Ranked<Name>>| d.as_ref().map(|d| d.value.clone());
    let tags = tag_set(db, names, &state.tags)?;
    Ok(Stored {
        id: 0,
        group_id: None,
        kind: RowKind::Request,
        part: 0,
        counted: true,
        ts: state.snapshot.ts,
        first_ts: state.origin.ts,
        key: key.clone(),
        // A row that is known by its line keeps that, whatever joins it.
        uuid: key.uuid.clone().or_else(|| state.snapshot.uuid.clone()),
        sidechain: state.snapshot.sidechain,
        session: names.intern_some(db, NameKind::Session, state.origin.session.as_deref())?,
        run: state.run.clone(),
        model: names.intern_some(db, NameKind::Model, state.snapshot.model.as_deref())?,
        project: names.intern_some(db, NameKind::Project, detail(&state.project).as_deref())?,
        branch: names.intern_some(db, NameKind::Branch, detail(&state.branch).as_deref())?,
        version: names.intern_some(db, NameKind::Version, detail(&state.version).as_deref())?,
        agent: names.intern_some(db, NameKind::Agent, detail(&state.agent).as_deref())?,
        source: state.mask,
        user: names.intern_some(db, NameKind::User, detail(&state.user).as_deref())?,
        host: names.intern_some(db, NameKind::Host, detail(&state.host).as_deref())?,
        tags,
        usage: state.usage(),
        reported: state.cost.as_ref().map(|c| c.value),
        share: None,
        calculated: None,
        priced_as_of: None,
        duration_ms: state.duration_ms.as_ref().map(|d| d.value),
        ttft_ms: state.ttft_ms.as_ref().map(|d| d.value),
        error: names.intern_some(db, NameKind::Error, state.error.as_deref())?,
        simulated: state.simulated,
        joined: false,
        state: None,
    })
}

/// The state a row stands for: the one it keeps, else the one its columns say.
///
/// Most rows have witnesses of one kind and one session, and their columns say
/// it all; only where [`to_state`] does not give a row's state back is it kept.
pub(crate) fn to_state(db: &Connection, names: &mut Names, row: &Stored) -> rusqlite::Result<State> {
    if let Some(kept) = row.state.as_deref().filter(|s| *s != IN_CELLS) {
        return serde_json::from_str(kept)
            .map_err(|e| rusqlite::Error::FromSqlConversionFailure(37, Type::Text, e.into()));
    }
    columns_to_state(db, names, row)
}

pub(crate) fn columns_to_state(db: &Connection, names: &mut Names, row: &Stored) -> rusqlite::Result<State> {
    let session = names.shared_some(db, row.session)?;
    let (place, source) = match row.source {
        2 => (0, 2),
        4 => (2, 0),
        _ => (1, 1),
    };
    let mut detail = |id: Option<i64>| -> rusqlite::Result<Option<Ranked<Name>>> {
        let value = names.shared_some(db, id)?;
        Ok(value.map(|value| Ranked { by: place, ts: row.first_ts, session: session.clone(), value }))
    };
    let (project, branch, version) = (detail(row.project)?, detail(row.branch)?, detail(row.version)?);
    let (agent, user, host) = (detail(row.agent)?, detail(row.user)?, detail(row.host)?);
    let number =
        |value: Option<i64>| value.map(|value| Ranked { by: source, ts: row.ts, session: session.clone(), value });
    let coarse = row.source == 4;
    let tags = match names.value_some(db, row.tags)? {
        Some(set) => serde_json::from_str(&set).unwrap_or_default(),
        None => BTreeSet::new(),
    };
    Ok(State {
        snapshot: Snapshot {
            sidechain: row.sidechain,
            coarse,
            ts: row.ts,
            session: session.clone(),
            uuid: row.uuid.clone(),
            model: names.shared_some(db, row.model)?,
            usage: row.usage.clone(),
        },
        final_output: coarse.then_some(row.usage.output_tokens),
        origin: Origin { ts: row.first_ts, anonymous: session.is_none(), session: session.clone() },
        project,
        branch,
        version,
        agent,
        user,
        host,
        run: row.run.clone(),
        cost: number(row.reported),
        duration_ms: number(row.duration_ms),
        ttft_ms: number(row.ttft_ms),
        error: names.value_some(db, row.error)?,
        tags,
        mask: row.source,
        simulated: row.simulated,
    })
}
