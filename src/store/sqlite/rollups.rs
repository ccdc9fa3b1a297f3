//! Rollup cells: how a change of rows changes them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension, Row};

use super::{
    generations,
    many::{Binder, Insert},
    names::{NameKind, Names},
    prune,
    rows::Stored,
};
use crate::store::{ByMode, Dimension, Histogram, Level, Sums, query::Figures, witness::source_name};

/// Which cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CellId {
    pub(crate) level: u8,
    pub(crate) dimension: u8,
    pub(crate) start: i64,
    pub(crate) name: i64,
    pub(crate) simulated: bool,
}

impl CellId {
    /// Whether it is to be compared with the cells of days rather than with rows.
    pub(crate) const fn is_made_of_days(&self) -> bool {
        self.level == Level::FourWeeks as u8
    }

    /// Whether all its rows are there: those of days before `horizon` may be gone.
    pub(crate) const fn is_provable(&self, horizon: i64) -> bool {
        horizon == i64::MIN || (self.level != EVER && self.start >= horizon)
    }
}

/// The level of cells that hold all of time, and the dimension of sessions,
/// which are kept at that level only.
pub(crate) const EVER: u8 = 3;
pub(crate) const SESSION: u8 = 9;

/// Rows that are in the same cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kind {
    quarter: i64,
    session: i64,
    model: i64,
    project: i64,
    branch: i64,
    agent: i64,
    user: i64,
    host: i64,
    tags: i64,
    source: u8,
    simulated: bool,
}

/// Changes to cells, gathered before any is written.
///
/// Rows that follow each other are mostly in the same cells, of which each is
/// in a few dozen: so they are summed by what they have in common first.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    kinds: HashMap<Kind, Sums>,
    /// The kind of the last row, not yet among the others.
    current: Option<(Kind, Sums)>,
    /// Cells that rows left, and the earliest and latest of their times: if
    /// one of those was the cell's first or last, it must be looked up again.
    shrunk: BTreeMap<CellId, (i64, i64)>,
    /// Days of the rows that changed.
    days: BTreeSet<i64>,
}

pub(crate) const SUMS: &str = "requests, errors, input, output, cache_read, cache_write_5m, cache_write_1h, \
     web_searches, cost_auto, cost_calculated, cost_reported, unpriced_auto, unpriced_calculated, \
     unpriced_reported, first, last, durations";

/// Reads [`SUMS`] from column `at` on.
pub(crate) fn read_sums(row: &Row<'_>, at: usize) -> rusqlite::Result<Sums> {
    let durations = row.get_ref(at + 16)?.as_blob()?;
    Ok(Sums {
        requests: row.get(at)?,
        errors: row.get(at + 1)?,
        input_tokens: row.get(at + 2)?,
        output_tokens: row.get(at + 3)?,
        cache_read_tokens: row.get(at + 4)?,
        cache_write_5m_tokens: row.get(at + 5)?,
        cache_write_1h_tokens: row.get(at + 6)?,
        web_searches: row.get(at + 7)?,
        cost: ByMode { auto: row.get(at + 8)?, calculate: row.get(at + 9)?, display: row.get(at + 10)? },
        unpriced: ByMode { auto: row.get(at + 11)?, calculate: row.get(at + 12)?, display: row.get(at + 13)? },
        first: row.get(at + 14)?,
        last: row.get(at + 15)?,
        durations: Histogram::from_bytes(durations).ok_or_else(|| damaged(at + 16))?,
    })
}

/// Adds the [`SUMS`] from column `at` on; `NULL` durations were not asked for.
pub(crate) fn add_sums(sums: &mut Sums, row: &Row<'_>, at: usize) -> rusqlite::Result<()> {
    sums.requests += row.get::<_, i64>(at)?;
    sums.errors += row.get::<_, i64>(at + 1)?;
    sums.input_tokens += row.get::<_, i64>(at + 2)?;
    sums.output_tokens += row.get::<_, i64>(at + 3)?;
    sums.cache_read_tokens += row.get::<_, i64>(at + 4)?;
    sums.cache_write_5m_tokens += row.get::<_, i64>(at + 5)?;
    sums.cache_write_1h_tokens += row.get::<_, i64>(at + 6)?;
    sums.web_searches += row.get::<_, i64>(at + 7)?;
    sums.cost.auto += row.get::<_, i64>(at + 8)?;
    sums.cost.calculate += row.get::<_, i64>(at + 9)?;
    sums.cost.display += row.get::<_, i64>(at + 10)?;
    sums.unpriced.auto += row.get::<_, i64>(at + 11)?;
    sums.unpriced.calculate += row.get::<_, i64>(at + 12)?;
    sums.unpriced.display += row.get::<_, i64>(at + 13)?;
    let (first, last): (Option<i64>, Option<i64>) = (row.get(at + 14)?, row.get(at + 15)?);
    sums.first = [sums.first, first].into_iter().flatten().min();
    sums.last = sums.last.max(last);
    match row.get_ref(at + 16)?.as_blob_or_null()? {
        Some(durations) if !sums.durations.add_bytes(durations) => Err(damaged(at + 16)),
        _ => Ok(()),
    }
}

fn damaged(column: usize) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        column,
        rusqlite::types::Type::Blob,
        "a damaged histogram; run `claude-cli analytics verify --repair`".into(),
    )
}

impl Stored {
    pub(crate) fn sums(&self) -> Sums {
        Figures {
            kind: self.kind,
            ts: self.ts,
            input_tokens: self.usage.input_tokens as i64,
            output_tokens: self.usage.output_tokens as i64,
            cache_read_tokens: self.usage.cache_read_tokens as i64,
            cache_write_5m_tokens: self.usage.cache_write_5m_tokens as i64,
            cache_write_1h_tokens: self.usage.cache_write_1h_tokens as i64,
            web_searches: self.usage.web_searches as i64,
            cost_reported: self.cost_reported(),
            cost_calculated: self.calculated,
            duration_ms: self.duration_ms,
            failed: self.error.is_some(),
        }
        .sums()
    }

    fn in_cells(&self) -> Kind {
        Kind {
            quarter: Level::Quarter.start_of(self.ts),
            session: self.session.unwrap_or(0),
            model: self.model.unwrap_or(0),
            project: self.project.unwrap_or(0),
            branch: self.branch.unwrap_or(0),
            agent: self.agent.unwrap_or(0),
            user: self.user.unwrap_or(0),
            host: self.host.unwrap_or(0),
            tags: self.tags.unwrap_or(0),
            source: self.source,
            simulated: self.simulated,
        }
    }

    /// Whether both count alike, so that no rollup changes.
    fn counts_like(&self, other: &Self) -> bool {
        self.counted == other.counted && self.in_cells() == other.in_cells() && self.sums() == other.sums()
    }
}

impl Kind {
    /// The cells of these rows, but for the level and the start.
    fn names(&self, db: &Connection, names: &mut Names) -> rusqlite::Result<Vec<(Dimension, i64)>> {
        let mut found = vec![
            (Dimension::All, 0),
            (Dimension::Model, self.model),
            (Dimension::Project, self.project),
            (Dimension::Agent, self.agent),
            (Dimension::Source, names.intern(db, NameKind::Source, &source_name(self.source))?),
            (Dimension::User, self.user),
            (Dimension::Host, self.host),
            (Dimension::Branch, self.branch),
        ];
        if self.tags != 0 {
            let tags: BTreeSet<String> = serde_json::from_str(&names.value(db, self.tags)?).unwrap_or_default();
            for tag in tags {
                found.push((Dimension::Tag, names.intern(db, NameKind::Tag, &tag)?));
            }
        }
        Ok(found)
    }

    fn cells(&self, db: &Connection, names: &mut Names) -> rusqlite::Result<Vec<CellId>> {
        let mut cells = Vec::with_capacity(32);
        for (dimension, name) in self.names(db, names)? {
            cells.extend(Level::ALL.map(|level| CellId {
                level: level as u8,
                dimension: dimension as u8,
                start: level.start_of(self.quarter),
                name,
                simulated: self.simulated,
            }));
        }
        if self.session != 0 {
            let (name, simulated) = (self.session, self.simulated);
            cells.push(CellId { level: EVER, dimension: SESSION, start: 0, name, simulated });
        }
        Ok(cells)
    }
}

impl Deltas {
    /// A row became another one; `None` is no row.
    pub(crate) fn change(
        &mut self,
        db: &Connection,
        names: &mut Names,
        before: Option<&Stored>,
        after: Option<&Stored>,
    ) -> rusqlite::Result<()> {
        for row in before.iter().chain(&after).filter(|_| before != after) {
            self.note_day(row.ts);
        }
        if let (Some(before), Some(after)) = (before, after)
            && before.counts_like(after)
        {
            return Ok(());
        }
        let before = before.filter(|row| row.counted);
        let after = after.filter(|row| row.counted);
        if let Some(row) = before {
            let kind = row.in_cells();
            self.sums_of(kind).subtract(&row.sums());
            // Where the row stays at its time, first and last do, too.
            let stays = match after.filter(|after| after.ts == row.ts) {
                Some(after) => after.in_cells().cells(db, names)?,
                None => Vec::new(),
            };
            for cell in kind.cells(db, names)? {
                if !stays.contains(&cell) {
                    let (first, last) = self.shrunk.entry(cell).or_insert((row.ts, row.ts));
                    (*first, *last) = ((*first).min(row.ts), (*last).max(row.ts));
                }
            }
        }
        if let Some(row) = after {
            self.sums_of(row.in_cells()).add(&row.sums());
        }
        Ok(())
    }

    fn note_day(&mut self, ts: i64) {
        self.days.insert(Level::Day.start_of(ts));
    }

    fn sums_of(&mut self, kind: Kind) -> &mut Sums {
        if self.current.as_ref().is_none_or(|(current, _)| *current != kind)
            && let Some((before, sums)) = self.current.replace((kind, Sums::default()))
        {
            self.kinds.entry(before).or_default().add(&sums);
        }
        &mut self.current.get_or_insert_with(|| (kind, Sums::default())).1
    }

    /// The cells, as they would stand in an empty table.
    pub(crate) fn into_cells(
        mut self,
        db: &Connection,
        names: &mut Names,
    ) -> rusqlite::Result<BTreeMap<CellId, Sums>> {
        let mut cells: BTreeMap<CellId, Sums> = BTreeMap::new();
        if let Some((kind, sums)) = self.current {
            self.kinds.entry(kind).or_default().add(&sums);
        }
        for (kind, sums) in self.kinds {
            for id in kind.cells(db, names)? {
                cells.entry(id).or_default().add(&sums);
            }
        }
        Ok(cells)
    }

    /// Adds the changes to the table.
    pub(crate) fn write(mut self, db: &Connection, names: &mut Names) -> rusqlite::Result<()> {
        generations::changed(db, &self.days)?;
        let mut shrunk = std::mem::take(&mut self.shrunk);
        if !shrunk.is_empty() {
            // Where rows are gone, first and last are what they were.
            let horizon = prune::horizon(db)?;
            shrunk.retain(|id, _| id.is_provable(horizon) || id.is_made_of_days());
        }
        let is_plain = |id: &CellId, delta: &Sums| {
            !shrunk.contains_key(id) && delta.durations.is_empty() && delta.first.is_some()
        };
        let (plain, others): (Vec<_>, Vec<_>) =
            self.into_cells(db, names)?.into_iter().partition(|(id, delta)| is_plain(id, delta));
        ADD.write(db, &plain, bind_cell)?;
        // Of the others, some look at the cells before them.
        for (id, delta) in others {
            change_cell(db, id, &delta, shrunk.get(&id).copied())?;
        }
        Ok(())
    }
}

/// Adds to a cell what SQL alone cannot add; `left` are the earliest and latest
/// times of the rows that left it.
fn change_cell(db: &Connection, id: CellId, delta: &Sums, left: Option<(i64, i64)>) -> rusqlite::Result<()> {
    let stored = db
        .prepare_cached(&format!(
            "SELECT {SUMS} FROM rollups WHERE level = ?1 AND dimension = ?2 AND start = ?3 AND name = ?4 \
             AND simulated = ?5"
        ))?
        .query_row((id.level, id.dimension, id.start, id.name, id.simulated), |row| read_sums(row, 0))
        .optional()?;
    let mut sums = stored.unwrap_or_default();
    let (first, last) = (sums.first, sums.last);
    sums.add(delta);
    let shrunk = left.is_some();
    if left.is_some_and(|(earliest, latest)| {
        first.is_none_or(|first| earliest <= first) || last.is_none_or(|last| latest >= last)
    }) {
        (sums.first, sums.last) = first_and_last(db, id)?;
    }
    // Where first and last are not looked up, only what is taken away is left.
    if sums.first.is_none() || (!shrunk && delta.first.is_none() && sums.is_nothing()) {
        return delete_cell(db, id);
    }
    write_cell(db, id, &sums)
}

macro_rules! into {
    ($insert:literal) => {
        concat!(
            $insert,
            " INTO rollups (level, dimension, start, name, simulated, requests, errors, input, output, cache_read, \
             cache_write_5m, cache_write_1h, web_searches, cost_auto, cost_calculated, cost_reported, \
             unpriced_auto, unpriced_calculated, unpriced_reported, first, last, durations)"
        )
    };
}

static PUT: Insert = Insert::new(into!("INSERT OR REPLACE"), 22, "");

/// As [`PUT`], onto what is there; durations stay as they are.
static ADD: Insert = Insert::new(
    into!("INSERT"),
    22,
    "ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, errors = errors + excluded.errors, \
     input = input + excluded.input, output = output + excluded.output, \
     cache_read = cache_read + excluded.cache_read, cache_write_5m = cache_write_5m + excluded.cache_write_5m, \
     cache_write_1h = cache_write_1h + excluded.cache_write_1h, web_searches = web_searches + excluded.web_searches, \
     cost_auto = cost_auto + excluded.cost_auto, cost_calculated = cost_calculated + excluded.cost_calculated, \
     cost_reported = cost_reported + excluded.cost_reported, unpriced_auto = unpriced_auto + excluded.unpriced_auto, \
     unpriced_calculated = unpriced_calculated + excluded.unpriced_calculated, \
     unpriced_reported = unpriced_reported + excluded.unpriced_reported, \
     first = min(first, excluded.first), last = max(last, excluded.last)",
);

pub(crate) fn delete_cell(db: &Connection, id: CellId) -> rusqlite::Result<()> {
    db.prepare_cached(
        "DELETE FROM rollups WHERE level = ?1 AND dimension = ?2 AND start = ?3 AND name = ?4 AND simulated = ?5",
    )?
    .execute((id.level, id.dimension, id.start, id.name, id.simulated))?;
    Ok(())
}

pub(crate) fn write_cell(db: &Connection, id: CellId, sums: &Sums) -> rusqlite::Result<()> {
    PUT.write(db, &[(id, sums)], |binder, (id, sums)| bind_sums(binder, *id, sums))
}

fn bind_cell(binder: &mut Binder<'_, '_>, (id, sums): &(CellId, Sums)) -> rusqlite::Result<()> {
    bind_sums(binder, *id, sums)
}

fn bind_sums(binder: &mut Binder<'_, '_>, id: CellId, sums: &Sums) -> rusqlite::Result<()> {
    let numbers = [
        i64::from(id.level),
        i64::from(id.dimension),
        id.start,
        id.name,
        i64::from(id.simulated),
        sums.requests,
        sums.errors,
        sums.input_tokens,
        sums.output_tokens,
        sums.cache_read_tokens,
        sums.cache_write_5m_tokens,
        sums.cache_write_1h_tokens,
        sums.web_searches,
        sums.cost.auto,
        sums.cost.calculate,
        sums.cost.display,
        sums.unpriced.auto,
        sums.unpriced.calculate,
        sums.unpriced.display,
    ];
    for number in numbers {
        binder.number(number)?;
    }
    binder.optional(sums.first)?;
    binder.optional(sums.last)?;
    binder.blob(&sums.durations.to_bytes())
}

/// The times of a cell's first and last row, from the rows themselves.
fn first_and_last(db: &Connection, id: CellId) -> rusqlite::Result<(Option<i64>, Option<i64>)> {
    if id.dimension == SESSION {
        return db
            .prepare_cached(
                "SELECT min(ts), max(ts) FROM requests WHERE session = ?1 AND counted = 1 AND simulated = ?2",
            )?
            .query_row((id.name, id.simulated), |row| Ok((row.get(0)?, row.get(1)?)));
    }
    let level = Level::ALL.into_iter().find(|l| *l as u8 == id.level).unwrap_or(Level::Quarter);
    let parts = match level {
        Level::FourWeeks => Some(Level::Day),
        Level::SixHours => Some(Level::Hour),
        _ => None,
    };
    if let Some(parts) = parts {
        // They were written before it.
        return db
            .prepare_cached(
                "SELECT min(first), max(last) FROM rollups WHERE level = ?1 AND dimension = ?2 AND start >= ?3 \
                 AND start < ?4 AND name = ?5 AND simulated = ?6",
            )?
            .query_row(
                (parts as u8, id.dimension, id.start, id.start + level.millis(), id.name, id.simulated),
                |row| Ok((row.get(0)?, row.get(1)?)),
            );
    }
    let filter = match Dimension::ALL.into_iter().find(|d| *d as u8 == id.dimension) {
        None | Some(Dimension::All) => "?4 = 0",
        Some(Dimension::Model) => "coalesce(model, 0) = ?4",
        Some(Dimension::Project) => "coalesce(project, 0) = ?4",
        Some(Dimension::Agent) => "coalesce(agent, 0) = ?4",
        Some(Dimension::User) => "coalesce(user, 0) = ?4",
        Some(Dimension::Host) => "coalesce(host, 0) = ?4",
        Some(Dimension::Branch) => "coalesce(branch, 0) = ?4",
        // The bits of a source's name, as `source_name` joins them.
        Some(Dimension::Source) => {
            "(SELECT value FROM names WHERE id = ?4) = \
             substr(iif(source & 1, '+run', '') || iif(source & 2, '+transcript', '') || \
             iif(source & 4, '+telemetry', ''), 2)"
        }
        Some(Dimension::Tag) => {
            "(SELECT value FROM names WHERE id = ?4) IN \
             (SELECT e.value FROM names n, json_each(n.value) e WHERE n.id = requests.tags)"
        }
    };
    db.prepare_cached(&format!(
        "SELECT min(ts), max(ts) FROM requests WHERE ts >= ?1 AND ts < ?2 AND counted = 1 AND simulated = ?3 AND {filter}"
    ))?
    .query_row((id.start, id.start + level.millis(), id.simulated, id.name), |row| Ok((row.get(0)?, row.get(1)?)))
}
