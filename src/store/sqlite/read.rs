//! Reading rollups, rows and runs.

use rusqlite::params;

use super::{
    SqliteLedger, budgets, export, generations,
    names::NameKind,
    prune,
    rollups::{SUMS, read_sums},
    rows::{COLUMNS, Stored},
    runs, sessions, sources, sums, texts,
};
use crate::{
    Result,
    store::{
        Alert, Budget, Dimension, Entry, FoundText, LedgerReader, RequestRow, RollupQuery, RollupRow, RowQuery,
        Run, RunQuery, SessionQuery, SessionRow, Simulated, Snapshot, Source, Span, SumsQuery, SumsRow,
        witness::source_name,
    },
};

/// The highest value of the `simulated` column that a question takes in.
pub(super) const fn highest(simulated: Simulated) -> u8 {
    match simulated {
        Simulated::Exclude => 0,
        Simulated::Include => 1,
    }
}

/// What the names of a dimension's values are kept as.
pub(super) const fn name_kind(dimension: Dimension) -> NameKind {
    match dimension {
        Dimension::All | Dimension::Model => NameKind::Model,
        Dimension::Project => NameKind::Project,
        Dimension::Agent => NameKind::Agent,
        Dimension::Source => NameKind::Source,
        Dimension::User => NameKind::User,
        Dimension::Host => NameKind::Host,
        Dimension::Tag => NameKind::Tag,
        Dimension::Branch => NameKind::Branch,
    }
}

impl LedgerReader for SqliteLedger {
    fn snapshot(&self) -> Result<Snapshot<'_>> {
        if !self.db.is_autocommit() {
            // Within another one, which goes on.
            return Ok(Snapshot::none());
        }
        self.db.execute_batch("BEGIN").map_err(|e| self.error(&e))?;
        Ok(Snapshot::until(|| _ = self.db.execute_batch("COMMIT")))
    }

    fn sums(&self, queries: &[SumsQuery]) -> Result<Vec<Vec<SumsRow>>> {
        sums::read(self, queries)
    }

    fn generation_of(&self, since: Option<i64>, until: Option<i64>) -> Result<i64> {
        generations::of(&self.db, since, until).map_err(|e| self.error(&e))
    }

    fn rollups(&self, query: &RollupQuery) -> Result<Vec<RollupRow>> {
        let read = || {
            let Some(key) = self.key(query)? else { return Ok(Vec::new()) };
            let mut statement = self.db.prepare_cached(&format!("SELECT start, name, {SUMS} {FROM_CELLS}"))?;
            let mut rows = statement.query(params![
                query.level as u8,
                query.dimension as u8,
                query.since,
                query.until,
                highest(query.simulated),
                key.name()
            ])?;
            let mut cells: Vec<RollupRow> = Vec::new();
            let mut names = self.names.borrow_mut();
            let mut last = None;
            while let Some(row) = rows.next()? {
                let (start, name) = (row.get(0)?, row.get(1)?);
                let sums = read_sums(row, 2)?;
                match cells.last_mut() {
                    // What is simulated and what is not are two cells in the table.
                    Some(cell) if last == Some((start, name)) => cell.sums.add(&sums),
                    _ => cells.push(RollupRow { start, key: names.value(&self.db, name)?, sums }),
                }
                last = Some((start, name));
            }
            // The table has the cells of one time in the order of their ids.
            cells.sort_by(|a, b| (a.start, &a.key).cmp(&(b.start, &b.key)));
            Ok(cells)
        };
        read().map_err(|e: rusqlite::Error| self.error(&e))
    }

    fn spans(&self, query: &RollupQuery) -> Result<Vec<Span>> {
        let read = || {
            let Some(key) = self.key(query)? else { return Ok(Vec::new()) };
            let mut statement = self
                .db
                .prepare_cached(&format!("SELECT start, min(first), max(last) {FROM_CELLS} GROUP BY start"))?;
            let read =
                |row: &rusqlite::Row<'_>| Ok(Span { start: row.get(0)?, first: row.get(1)?, last: row.get(2)? });
            let params = params![
                query.level as u8,
                query.dimension as u8,
                query.since,
                query.until,
                highest(query.simulated),
                key.name()
            ];
            statement.query_map(params, read)?.collect()
        };
        read().map_err(|e: rusqlite::Error| self.error(&e))
    }

    fn requests(&self, query: &RowQuery, each: &mut dyn FnMut(RequestRow)) -> Result<()> {
        let mut read = || {
            // One session's rows are found by its index.
            let (session, condition) = match query.filter.session.as_deref() {
                None => (None, "?4 IS NULL"),
                Some("") => (None, "?4 IS NULL AND session IS NULL"),
                Some(id) => match self.names.borrow().find(&self.db, NameKind::Session, id)? {
                    Some(name) => (Some(name), "session = ?4"),
                    None => return Ok(()),
                },
            };
            let mut statement = self.db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM requests \
                 WHERE ts >= ?1 AND ts < ?2 AND counted = 1 AND simulated <= ?3 AND {condition} ORDER BY ts"
            ))?;
            let mut rows = statement.query(params![
                query.since.unwrap_or(i64::MIN),
                query.until.unwrap_or(i64::MAX),
                highest(query.simulated),
                session
            ])?;
            while let Some(row) = rows.next()? {
                let row = self.request_row(Stored::read(row)?)?;
                if query.filter.accepts(&row) {
                    each(row);
                }
            }
            Ok(())
        };
        read().map_err(|e: rusqlite::Error| self.error(&e))
    }

    fn recent_errors(&self, query: &RowQuery, limit: u32) -> Result<Vec<RequestRow>> {
        self.recent("error IS NOT NULL", query, limit).map_err(|e| self.error(&e))
    }

    fn recent_requests(&self, query: &RowQuery, limit: u32) -> Result<Vec<RequestRow>> {
        self.recent("kind = 0", query, limit).map_err(|e| self.error(&e))
    }

    fn sessions(&self, query: &SessionQuery) -> Result<Vec<SessionRow>> {
        sessions::read(&self.db, &mut self.names.borrow_mut(), query).map_err(|e| self.error(&e))
    }

    fn export(&self, query: &RowQuery, each: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()> {
        export::export(self, query, each)
    }

    fn pruned_before(&self) -> Result<Option<i64>> {
        let horizon = prune::horizon(&self.db).map_err(|e| self.error(&e))?;
        Ok(Some(horizon).filter(|&before| before != i64::MIN))
    }

    fn sources(&self) -> Result<Vec<Source>> {
        sources::all(&self.db).map_err(|e| self.error(&e))
    }

    fn search(&self, words: &str, limit: u32) -> Result<Vec<FoundText>> {
        texts::search(&self.db, words, limit).map_err(|e| self.error(&e))
    }

    fn budgets(&self) -> Result<Vec<Budget>> {
        budgets::all(&self.db).map_err(|e| self.error(&e))
    }

    fn alerts(&self, limit: Option<u32>) -> Result<Vec<Alert>> {
        budgets::alerts(&self.db, limit).map_err(|e| self.error(&e))
    }

    fn runs(&self, query: &RunQuery) -> Result<Vec<Run>> {
        let read = || {
            self.db
                .prepare_cached(
                    "SELECT record FROM runs WHERE started_at >= ?1 AND started_at < ?2 AND simulated <= ?3 \
                     ORDER BY started_at DESC, id DESC LIMIT ?4",
                )?
                .query_map(
                    params![
                        query.since.unwrap_or(i64::MIN),
                        query.until.unwrap_or(i64::MAX),
                        highest(query.simulated),
                        query.limit.map_or(-1, i64::from)
                    ],
                    runs::read,
                )?
                .collect::<rusqlite::Result<Vec<Run>>>()
        };
        read().map_err(|e: rusqlite::Error| self.error(&e))
    }
}

/// The cells that a question is about.
const FROM_CELLS: &str = "FROM rollups \
     WHERE level = ?1 AND dimension = ?2 AND start >= ?3 AND start < ?4 AND simulated <= ?5 \
     AND (?6 IS NULL OR name = ?6)";

/// Cells of which names.
enum Key {
    All,
    Name(i64),
}

impl Key {
    const fn name(&self) -> Option<i64> {
        match self {
            Self::All => None,
            Self::Name(name) => Some(*name),
        }
    }
}

impl SqliteLedger {
    /// The key of a question; `None` if it is of a name that nothing has.
    fn key(&self, query: &RollupQuery) -> rusqlite::Result<Option<Key>> {
        Ok(match query.key.as_deref() {
            None => Some(Key::All),
            Some("") => Some(Key::Name(0)),
            Some(key) => self.names.borrow().find(&self.db, name_kind(query.dimension), key)?.map(Key::Name),
        })
    }

    /// The latest rows that a condition is true of, the newest first.
    fn recent(&self, condition: &str, query: &RowQuery, limit: u32) -> rusqlite::Result<Vec<RequestRow>> {
        // A filter is for names, so how many rows it takes is not known before.
        let most = if query.filter.is_empty() { i64::from(limit) } else { -1 };
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM requests \
             WHERE {condition} AND counted = 1 AND ts >= ?1 AND ts < ?2 AND simulated <= ?3 \
             ORDER BY ts DESC, id DESC LIMIT ?4"
        ))?;
        let limit = limit as usize;
        let asked = params![
            query.since.unwrap_or(i64::MIN),
            query.until.unwrap_or(i64::MAX),
            highest(query.simulated),
            most
        ];
        let mut rows = statement.query_map(asked, Stored::read)?;
        let mut found: Vec<RequestRow> = Vec::new();
        while found.len() < limit {
            let some: Vec<Stored> = rows.by_ref().take(limit).collect::<rusqlite::Result<_>>()?;
            if some.is_empty() {
                break;
            }
            self.names.borrow_mut().load(&self.db, some.iter().flat_map(Stored::names))?;
            for row in some {
                let row = self.request_row(row)?;
                if query.filter.accepts(&row) && found.len() < limit {
                    found.push(row);
                }
            }
        }
        Ok(found)
    }

    pub(super) fn request_row(&self, row: Stored) -> rusqlite::Result<RequestRow> {
        let names = &mut *self.names.borrow_mut();
        let db = &self.db;
        let tags = names.value_some(db, row.tags)?;
        let reported = row.cost_reported();
        Ok(RequestRow {
            kind: row.kind,
            ts: row.ts,
            session: names.value_some(db, row.session)?,
            run: row.run,
            model: names.value_some(db, row.model)?,
            project: names.value_some(db, row.project)?,
            branch: names.value_some(db, row.branch)?,
            agent: names.value_some(db, row.agent)?,
            source: source_name(row.source),
            user: names.value_some(db, row.user)?,
            host: names.value_some(db, row.host)?,
            tags: tags.and_then(|set| serde_json::from_str(&set).ok()).unwrap_or_default(),
            input_tokens: row.usage.input_tokens as i64,
            output_tokens: row.usage.output_tokens as i64,
            cache_read_tokens: row.usage.cache_read_tokens as i64,
            cache_write_5m_tokens: row.usage.cache_write_5m_tokens as i64,
            cache_write_1h_tokens: row.usage.cache_write_1h_tokens as i64,
            web_searches: row.usage.web_searches as i64,
            cost_reported: reported,
            cost_calculated: row.calculated,
            duration_ms: row.duration_ms,
            ttft_ms: row.ttft_ms,
            error: names.value_some(db, row.error)?,
            simulated: row.simulated,
            message_id: row.key.message_id,
            request_id: row.key.request_id,
        })
    }
}
