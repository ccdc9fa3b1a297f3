//! What requests add up to between times: from cells, and from rows where a
//! quarter-hour is cut in two or no cells know what is asked.

use std::{fmt::Write, ops::Range};

use rusqlite::CachedStatement;

use super::{
    SqliteLedger,
    plan::Plan,
    read::{highest, name_kind},
    rollups::{SUMS, add_sums},
};
use crate::{
    Result,
    store::{Dimension, Filter, LedgerReader, RowQuery, Simulated, SumsQuery, SumsRow, pieces::Pieces},
};

/// Where an answer comes from.
enum Origin<'a> {
    /// Cells of a dimension, or of one of its values.
    Cells(Dimension, Option<&'a str>),
    /// Single rows: no cells know what is asked.
    Rows,
}

fn origin(query: &SumsQuery) -> Origin<'_> {
    if query.filter.is_empty() {
        return Origin::Cells(query.by, None);
    }
    match query.filter.dimension() {
        // A request may have further tags.
        Some((filtered, key))
            if query.by == Dimension::All || (query.by == filtered && filtered != Dimension::Tag) =>
        {
            Origin::Cells(filtered, Some(key))
        }
        _ => Origin::Rows,
    }
}

/// Rows that some of the questions are about.
struct Scan<'a> {
    range: Range<i64>,
    filter: &'a Filter,
    simulated: Simulated,
    questions: Vec<usize>,
}

/// One statement reads the cells of all questions; rows that several of them are
/// about are read once.
pub(super) fn read(ledger: &SqliteLedger, queries: &[SumsQuery]) -> Result<Vec<Vec<SumsRow>>> {
    let mut scans: Vec<Scan<'_>> = Vec::new();
    let mut scan = |n: usize, range: Range<i64>| {
        let (filter, simulated) = (&queries[n].filter, queries[n].simulated);
        let same =
            |scan: &&mut Scan<'_>| scan.range == range && scan.filter == filter && scan.simulated == simulated;
        match scans.iter_mut().find(same) {
            Some(scan) => scan.questions.push(n),
            None => scans.push(Scan { range, filter, simulated, questions: vec![n] }),
        }
    };
    let mut asked = Asked::default();
    let keys = ledger.known_keys(queries)?;
    for (n, query) in queries.iter().enumerate() {
        let (Some(&since), Some(&until)) = (query.cuts.first(), query.cuts.last()) else { continue };
        match origin(query) {
            Origin::Rows if since < until => scan(n, since..until),
            Origin::Rows => {}
            Origin::Cells(dimension, key) => {
                let name = match key {
                    None => None,
                    Some("") => Some(0),
                    Some(_) => match keys[n] {
                        Some(name) => Some(name),
                        // Nothing has this name.
                        None => continue,
                    },
                };
                let plan = Plan::of(&query.cuts);
                plan.rows.into_iter().for_each(|range| scan(n, range));
                for (level, range) in plan.cells {
                    asked.push(n, query, (level as u8, dimension as u8, name), range);
                }
            }
        }
    }
    let mut answers = ledger.read_cells(queries, asked)?;
    for scan in scans {
        let rows = RowQuery {
            since: Some(scan.range.start),
            until: Some(scan.range.end),
            filter: scan.filter.clone(),
            simulated: scan.simulated,
        };
        ledger.requests(&rows, &mut |row| {
            for &n in &scan.questions {
                answers[n].add_row(&queries[n], &row);
            }
        })?;
    }
    Ok(answers.into_iter().map(Pieces::into_rows).collect())
}

/// The stretches of cells to read, as JSON, and whose they are.
#[derive(Default)]
struct Asked {
    json: String,
    questions: Vec<usize>,
}

impl Asked {
    fn push(&mut self, n: usize, query: &SumsQuery, cells: (u8, u8, Option<i64>), range: Range<i64>) {
        let (level, dimension, name) = cells;
        self.json.push(if self.questions.is_empty() { '[' } else { ',' });
        // Writing to a string cannot fail.
        let _ = write!(self.json, "[{level},{dimension},{},{},", range.start, range.end);
        let _ = match name {
            Some(name) => write!(self.json, "{name}"),
            None => write!(self.json, "null"),
        };
        let _ = write!(self.json, ",{},{}]", highest(query.simulated), u8::from(query.durations));
        self.questions.push(n);
    }
}

impl SqliteLedger {
    /// The ids of the values that questions are filtered by.
    fn known_keys(&self, queries: &[SumsQuery]) -> Result<Vec<Option<i64>>> {
        let keys = queries.iter().map(|query| {
            let (dimension, key) = query.filter.dimension()?;
            (!key.is_empty()).then_some((name_kind(dimension), key))
        });
        let keys: Vec<_> = keys.collect();
        self.names.borrow_mut().find_all(&self.db, &keys).map_err(|e| self.error(&e))
    }

    fn cells_statement(&self) -> rusqlite::Result<CachedStatement<'_>> {
        let columns = SUMS.replace(", durations", "");
        self.db.prepare_cached(&format!(
            "WITH asked (n, level, dimension, since, until, name, simulated, durations) AS MATERIALIZED \
             (SELECT key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 \
             FROM json_each(?1)) \
             SELECT n, start, r.name, {columns}, iif(asked.durations, r.durations, NULL) \
             FROM asked CROSS JOIN rollups AS r \
             WHERE r.level = asked.level AND r.dimension = asked.dimension AND r.start >= since AND r.start < until \
             AND r.simulated <= asked.simulated AND (asked.name IS NULL OR r.name = asked.name)"
        ))
    }

    fn read_cells(&self, queries: &[SumsQuery], mut asked: Asked) -> Result<Vec<Pieces<String>>> {
        let mut read = || {
            let mut found: Vec<Pieces<i64>> = queries.iter().map(|_| Pieces::default()).collect();
            if !asked.questions.is_empty() {
                asked.json.push(']');
                let mut statement = self.cells_statement()?;
                let mut rows = statement.query([&asked.json])?;
                while let Some(row) = rows.next()? {
                    let n = asked.questions[row.get::<_, u32>(0)? as usize];
                    let (query, pieces) = (&queries[n], &mut found[n]);
                    // A cell lies in one piece.
                    let Some(piece) = pieces.find(&query.cuts, row.get(1)?) else { continue };
                    let key = if query.by == Dimension::All { 0 } else { row.get(2)? };
                    add_sums(pieces.of(piece, key), row, 3)?;
                }
            }
            let mut names = self.names.borrow_mut();
            let mut answers = Vec::with_capacity(found.len());
            let found: Vec<Vec<_>> = found.into_iter().map(Pieces::into_sums).collect();
            names.load(&self.db, found.iter().flatten().map(|(_, name, _)| *name))?;
            for pieces in found {
                let mut named = Pieces::default();
                for (piece, name, sums) in pieces {
                    named.put(piece, names.value(&self.db, name)?, sums);
                }
                answers.push(named);
            }
            Ok(answers)
        };
        read().map_err(|e: rusqlite::Error| self.error(&e))
    }
}
