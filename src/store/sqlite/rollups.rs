//! Rollup cells: how a change of rows changes them.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    names::{NameKind, Names},
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

/// Changes to cells, gathered before any is written.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    cells: BTreeMap<CellId, Sums>,
    /// Cells that something was taken from: their first and last time must be
    /// looked up again.
    shrunk: BTreeSet<CellId>,
}

pub(crate) const SUMS: &str = "requests, errors, input, output, cache_read, cache_write_5m, cache_write_1h, \
     web_searches, cost_auto, cost_calculated, cost_reported, unpriced_auto, unpriced_calculated, \
     unpriced_reported, first, last, durations";

/// Reads [`SUMS`] from column `at` on.
pub(crate) fn read_sums(row: &Row<'_>, at: usize) -> rusqlite::Result<Sums> {
    let durations: Vec<u8> = row.get(at + 16)?;
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
        durations: Histogram::from_bytes(&durations).ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(
                at + 16,
                rusqlite::types::Type::Blob,
                "a damaged histogram; run `claude-cli analytics verify --repair`".into(),
            )
        })?,
    })
}

impl Stored {
    fn sums(&self) -> Sums {
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

    /// The dimension values this row counts for.
    fn names(&self, db: &Connection, names: &mut Names) -> rusqlite::Result<Vec<(Dimension, i64)>> {
        let mut found = vec![
            (Dimension::All, 0),
            (Dimension::Model, self.model.unwrap_or(0)),
            (Dimension::Project, self.project.unwrap_or(0)),
            (Dimension::Agent, self.agent.unwrap_or(0)),
            (Dimension::Source, names.intern(db, NameKind::Source, &source_name(self.source))?),
            (Dimension::User, self.user.unwrap_or(0)),
            (Dimension::Host, self.host.unwrap_or(0)),
        ];
        if let Some(set) = names.value_some(db, self.tags)? {
            let tags: BTreeSet<String> = serde_json::from_str(&set).unwrap_or_default();
            for tag in tags {
                found.push((Dimension::Tag, names.intern(db, NameKind::Tag, &tag)?));
            }
        }
        Ok(found)
    }

    /// Whether both count alike, so that no rollup changes.
    fn counts_like(&self, other: &Self) -> bool {
        let dimensions = |r: &Self| (r.model, r.project, r.agent, r.source, r.user, r.host, r.tags, r.simulated);
        self.counted == other.counted && dimensions(self) == dimensions(other) && self.sums() == other.sums()
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
        if let (Some(before), Some(after)) = (before, after)
            && before.counts_like(after)
        {
            return Ok(());
        }
        for (row, gone) in [(before, true), (after, false)] {
            let Some(row) = row.filter(|r| r.counted) else { continue };
            let sums = row.sums();
            for (dimension, name) in row.names(db, names)? {
                for level in Level::ALL {
                    let id = CellId {
                        level: level as u8,
                        dimension: dimension as u8,
                        start: level.start_of(row.ts),
                        name,
                        simulated: row.simulated,
                    };
                    let cell = self.cells.entry(id).or_default();
                    if gone {
                        cell.subtract(&sums);
                        self.shrunk.insert(id);
                    } else {
                        cell.add(&sums);
                    }
                }
            }
        }
        Ok(())
    }

    /// The cells, as they would stand in an empty table.
    pub(crate) fn into_cells(self) -> BTreeMap<CellId, Sums> {
        self.cells
    }

    /// Adds the changes to the table.
    pub(crate) fn write(self, db: &Connection) -> rusqlite::Result<()> {
        for (id, delta) in self.cells {
            let stored = db
                .prepare_cached(&format!(
                    "SELECT {SUMS} FROM rollups WHERE level = ?1 AND dimension = ?2 AND start = ?3 AND name = ?4 \
                     AND simulated = ?5"
                ))?
                .query_row((id.level, id.dimension, id.start, id.name, id.simulated), |row| read_sums(row, 0))
                .optional()?;
            let mut sums = stored.unwrap_or_default();
            sums.add(&delta);
            if self.shrunk.contains(&id) {
                (sums.first, sums.last) = first_and_last(db, id)?;
                if sums.first.is_none() {
                    db.prepare_cached(
                        "DELETE FROM rollups WHERE level = ?1 AND dimension = ?2 AND start = ?3 AND name = ?4 \
                         AND simulated = ?5",
                    )?
                    .execute((id.level, id.dimension, id.start, id.name, id.simulated))?;
                    continue;
                }
            }
            write_cell(db, id, &sums)?;
        }
        Ok(())
    }
}

pub(crate) fn write_cell(db: &Connection, id: CellId, sums: &Sums) -> rusqlite::Result<()> {
    db.prepare_cached(&format!(
        "INSERT OR REPLACE INTO rollups (level, dimension, start, name, simulated, {SUMS}) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)"
    ))?
    .execute(params![
        id.level,
        id.dimension,
        id.start,
        id.name,
        id.simulated,
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
        sums.first,
        sums.last,
        sums.durations.to_bytes(),
    ])?;
    Ok(())
}

/// The times of a cell's first and last row, from the rows themselves.
fn first_and_last(db: &Connection, id: CellId) -> rusqlite::Result<(Option<i64>, Option<i64>)> {
    let level = Level::ALL.into_iter().find(|l| *l as u8 == id.level).unwrap_or(Level::Quarter);
    let filter = match Dimension::ALL.into_iter().find(|d| *d as u8 == id.dimension) {
        None | Some(Dimension::All) => "?4 = 0",
        Some(Dimension::Model) => "coalesce(model, 0) = ?4",
        Some(Dimension::Project) => "coalesce(project, 0) = ?4",
        Some(Dimension::Agent) => "coalesce(agent, 0) = ?4",
        Some(Dimension::User) => "coalesce(user, 0) = ?4",
        Some(Dimension::Host) => "coalesce(host, 0) = ?4",
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
