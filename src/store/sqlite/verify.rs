//! Recomputing the rollups from the rows, to prove or repair them: four weeks
//! at a time, so that neither memory nor locks grow with the ledger.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::{
    SqliteLedger,
    names::Names,
    prune,
    rollups::{CellId, Deltas, EVER, SESSION, SUMS, delete_cell, read_sums, write_cell},
    rows::{COLUMNS, Stored},
};
use crate::{
    Result,
    store::{Dimension, Level, Sums},
};

/// At most so many problems are spelled out.
const MOST_PROBLEMS: usize = 100;
/// Sessions that are looked at together, by the range of their ids.
const SESSIONS: i64 = 4_000;
const DAY: i64 = Level::Day.millis();
const PERIOD: i64 = Level::FourWeeks.millis();
/// The levels whose cells are sums of rows.
const OF_ROWS: [Level; 4] = [Level::Quarter, Level::Hour, Level::SixHours, Level::Day];

/// What [`SqliteLedger::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Rows read.
    pub rows: u64,
    /// Rollup cells compared.
    pub cells: u64,
    /// Rollup cells whose rows were pruned, at least in part.
    pub unprovable: u64,
    /// What is wrong, at most 100 of them, in words.
    pub problems: Vec<String>,
    /// Whether damaged rollups were replaced.
    pub repaired: bool,
}

impl SqliteLedger {
    /// Checks the file's integrity and every rollup against the rows. With
    /// `repair`, damaged rollups are replaced by what the rows say.
    ///
    /// # Errors
    /// If the ledger cannot be read, or not written for a repair. Damage that
    /// was found is no error; it is in the report.
    pub fn verify(&mut self, repair: bool) -> Result<VerifyReport> {
        let outcome = verify(&mut self.db, self.names.get_mut(), repair);
        outcome.map_err(|e| self.error(&e))
    }
}

fn verify(db: &mut Connection, names: &mut Names, repair: bool) -> rusqlite::Result<VerifyReport> {
    let mut check = Check { report: VerifyReport::default(), horizon: prune::horizon(db)?, repair };
    check.file(db)?;
    let behavior = if repair { TransactionBehavior::Immediate } else { TransactionBehavior::Deferred };
    let mut from = Some(i64::MIN);
    while let Some(since) = from {
        // Rows and rollups of the same moment.
        let tx = db.transaction_with_behavior(behavior)?;
        from = match next_day(&tx, since)? {
            Some(day) => {
                let period = Level::FourWeeks.start_of(day);
                check.period(&tx, names, period)?;
                period.checked_add(PERIOD)
            }
            None => None,
        };
        tx.commit()?;
    }
    let last: i64 = db.query_row(
        "SELECT max(coalesce((SELECT max(session) FROM requests), 0), \
         coalesce((SELECT max(name) FROM rollups WHERE level = ?1 AND dimension = ?2), 0))",
        [EVER, SESSION],
        |row| row.get(0),
    )?;
    for first in (0..=last).step_by(SESSIONS as usize) {
        let tx = db.transaction_with_behavior(behavior)?;
        check.sessions(&tx, first, first.saturating_add(SESSIONS))?;
        tx.commit()?;
    }
    check.others(db)?;
    Ok(check.report)
}

/// The first day from `since` on that has rows or cells.
fn next_day(db: &Connection, since: i64) -> rusqlite::Result<Option<i64>> {
    let row: Option<i64> = db
        .prepare_cached("SELECT ts FROM requests WHERE ts >= ?1 ORDER BY ts LIMIT 1")?
        .query_row([since], |row| row.get(0))
        .optional()?;
    let mut first = row;
    for level in Level::ALL {
        for dimension in Dimension::ALL {
            let cell: Option<i64> = db
                .prepare_cached(
                    "SELECT start FROM rollups WHERE level = ?1 AND dimension = ?2 AND start >= ?3 \
                     ORDER BY start LIMIT 1",
                )?
                .query_row((level as u8, dimension as u8, since), |row| row.get(0))
                .optional()?;
            first = [first, cell].into_iter().flatten().min();
        }
    }
    Ok(first.map(|ts| Level::Day.start_of(ts)))
}

type Cells = BTreeMap<CellId, Sums>;

struct Check {
    report: VerifyReport,
    horizon: i64,
    repair: bool,
}

impl Check {
    fn problem(&mut self, text: String) {
        if self.report.problems.len() < MOST_PROBLEMS {
            self.report.problems.push(text);
        }
    }

    fn file(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut checks = db.prepare("PRAGMA integrity_check(10)")?;
        for line in checks.query_map([], |row| row.get::<_, String>(0))? {
            let line = line?;
            if line != "ok" {
                self.problem(format!("file: {line}"));
            }
        }
        Ok(())
    }

    /// The cells of four weeks are what those of their days should be together.
    fn period(&mut self, db: &Connection, names: &mut Names, period: i64) -> rusqlite::Result<()> {
        let mut expected = Cells::new();
        for day in (0..PERIOD / DAY).map(|n| period + n * DAY) {
            let of_day = self.day(db, names, day)?;
            for (id, sums) in of_day.into_iter().filter(|(id, _)| id.level == Level::Day as u8) {
                let whole = CellId { level: Level::FourWeeks as u8, start: period, ..id };
                expected.entry(whole).or_default().add(&sums);
            }
        }
        self.compare(db, expected, &[Level::FourWeeks], period..period + PERIOD)
    }

    /// The cells that the rows of a day amount to; where rows were dropped, the
    /// cells that there are.
    fn day(&mut self, db: &Connection, names: &mut Names, day: i64) -> rusqlite::Result<Cells> {
        if day < self.horizon {
            let mut found = Cells::new();
            for level in OF_ROWS {
                stored(db, level, day..day + DAY, &mut |id, sums| {
                    self.report.unprovable += 1;
                    if level == Level::Day {
                        match sums {
                            Ok(sums) => _ = found.insert(id, sums),
                            Err(e) => self.problem(format!("rollup {id:?} cannot be read: {e}")),
                        }
                    }
                    Ok(())
                })?;
            }
            return Ok(found);
        }
        let mut deltas = Deltas::default();
        let mut read = db.prepare_cached(&format!("SELECT {COLUMNS} FROM requests WHERE ts >= ?1 AND ts < ?2"))?;
        let mut rows = read.query([day, day + DAY])?;
        while let Some(row) = rows.next()? {
            deltas.change(db, names, None, Some(&Stored::read(row)?))?;
            self.report.rows += 1;
        }
        let mut expected = deltas.into_cells(db, names)?;
        expected.retain(|id, _| OF_ROWS.iter().any(|level| *level as u8 == id.level));
        let days = expected.iter().filter(|(id, _)| id.level == Level::Day as u8);
        let days: Cells = days.map(|(id, sums)| (*id, sums.clone())).collect();
        self.compare(db, expected, &OF_ROWS, day..day + DAY)?;
        Ok(days)
    }

    /// Sessions with ids from `first` until `end`.
    fn sessions(&mut self, db: &Connection, first: i64, end: i64) -> rusqlite::Result<()> {
        let mut expected = Cells::new();
        let mut read = db.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM requests WHERE session >= ?1 AND session < ?2 AND counted = 1"
        ))?;
        let mut rows = read.query([first, end])?;
        while let Some(row) = rows.next()? {
            let row = Stored::read(row)?;
            let (name, simulated) = (row.session.unwrap_or(0), row.simulated);
            let id = CellId { level: EVER, dimension: SESSION, start: 0, name, simulated };
            expected.entry(id).or_default().add(&row.sums());
        }
        let mut read = db.prepare_cached(&format!(
            "SELECT name, simulated, {SUMS} FROM rollups \
             WHERE level = ?1 AND dimension = ?2 AND start = 0 AND name >= ?3 AND name < ?4"
        ))?;
        let mut rows = read.query((EVER, SESSION, first, end))?;
        let mut wrong = Vec::new();
        while let Some(row) = rows.next()? {
            let (name, simulated) = (row.get(0)?, row.get(1)?);
            let id = CellId { level: EVER, dimension: SESSION, start: 0, name, simulated };
            self.judge(id, read_sums(row, 2), &mut expected, &mut wrong);
        }
        self.missing(expected, &mut wrong);
        self.replace(db, wrong)
    }

    /// Compares stored cells with those that there should be.
    fn compare(
        &mut self,
        db: &Connection,
        mut expected: Cells,
        levels: &[Level],
        range: std::ops::Range<i64>,
    ) -> rusqlite::Result<()> {
        let mut wrong = Vec::new();
        for &level in levels {
            stored(db, level, range.clone(), &mut |id, sums| {
                self.judge(id, sums, &mut expected, &mut wrong);
                Ok(())
            })?;
        }
        self.missing(expected, &mut wrong);
        self.replace(db, wrong)
    }

    /// A damaged cell is a finding, not the end of the search.
    fn judge(
        &mut self,
        id: CellId,
        stored: rusqlite::Result<Sums>,
        expected: &mut Cells,
        wrong: &mut Vec<(CellId, Option<Sums>)>,
    ) {
        if !id.is_provable(self.horizon) && !id.is_made_of_days() {
            self.report.unprovable += 1;
            expected.remove(&id);
            return;
        }
        self.report.cells += 1;
        let sums = expected.remove(&id);
        match (stored, &sums) {
            (Ok(stored), Some(sums)) if stored == *sums => return,
            (Ok(_), Some(_)) => self.problem(format!("rollup {id:?} differs from its rows")),
            (Ok(_), None) => self.problem(format!("rollup {id:?} has no rows")),
            (Err(e), _) => self.problem(format!("rollup {id:?} cannot be read: {e}")),
        }
        wrong.push((id, sums));
    }

    fn missing(&mut self, expected: Cells, wrong: &mut Vec<(CellId, Option<Sums>)>) {
        for (id, sums) in expected {
            if id.is_provable(self.horizon) || id.is_made_of_days() {
                self.problem(format!("rollup {id:?} is missing"));
                wrong.push((id, Some(sums)));
            }
        }
    }

    fn replace(&mut self, db: &Connection, wrong: Vec<(CellId, Option<Sums>)>) -> rusqlite::Result<()> {
        if !self.repair || wrong.is_empty() {
            return Ok(());
        }
        for (id, sums) in wrong {
            match sums {
                Some(sums) => write_cell(db, id, &sums)?,
                None => delete_cell(db, id)?,
            }
        }
        self.report.repaired = true;
        super::generations::changed_beside_days(db)
    }

    /// Cells of no level or dimension that there is.
    fn others(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut after = (i64::MIN, i64::MIN);
        let next = "SELECT level, dimension FROM rollups WHERE (level, dimension) > (?1, ?2) \
                    ORDER BY level, dimension LIMIT 1";
        while let Some((level, dimension)) = db
            .prepare_cached(next)?
            .query_row([after.0, after.1], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .optional()?
        {
            after = (level, dimension);
            let known = Level::ALL.iter().any(|known| *known as i64 == level)
                && Dimension::ALL.iter().any(|known| *known as i64 == dimension);
            if known || after == (i64::from(EVER), i64::from(SESSION)) {
                continue;
            }
            self.problem(format!("rollups of level {level} and dimension {dimension} mean nothing"));
            if self.repair {
                db.execute("DELETE FROM rollups WHERE level = ?1 AND dimension = ?2", [level, dimension])?;
                self.report.repaired = true;
            }
        }
        Ok(())
    }
}

/// The stored cells of a level in a range.
fn stored(
    db: &Connection,
    level: Level,
    range: std::ops::Range<i64>,
    each: &mut dyn FnMut(CellId, rusqlite::Result<Sums>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    for dimension in Dimension::ALL {
        let mut read = db.prepare_cached(&format!(
            "SELECT start, name, simulated, {SUMS} FROM rollups \
             WHERE level = ?1 AND dimension = ?2 AND start >= ?3 AND start < ?4"
        ))?;
        let mut rows = read.query((level as u8, dimension as u8, range.start, range.end))?;
        while let Some(row) = rows.next()? {
            let (start, name, simulated) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let id = CellId { level: level as u8, dimension: dimension as u8, start, name, simulated };
            each(id, read_sums(row, 3))?;
        }
    }
    Ok(())
}

/// Writes all rollups anew, from the rows.
pub(crate) fn rebuild(db: &Connection, names: &mut Names) -> rusqlite::Result<()> {
    db.execute("DELETE FROM rollups", [])?;
    let mut from = Some(i64::MIN);
    while let Some(since) = from {
        let Some(day) = next_day(db, since)? else { break };
        let mut deltas = Deltas::default();
        let mut read = db.prepare_cached(&format!("SELECT {COLUMNS} FROM requests WHERE ts >= ?1 AND ts < ?2"))?;
        let mut rows = read.query([day, day + DAY])?;
        while let Some(row) = rows.next()? {
            deltas.change(db, names, None, Some(&Stored::read(row)?))?;
        }
        deltas.write(db, names)?;
        from = day.checked_add(DAY);
    }
    Ok(())
}

/// Writes the cells of six hours and of four weeks, from those they are made of.
pub(crate) fn rebuild_longer(db: &Connection) -> rusqlite::Result<()> {
    for (parts, whole) in [(Level::Hour, Level::SixHours), (Level::Day, Level::FourWeeks)] {
        let mut from = Some(i64::MIN);
        while let Some(since) = from
            && let Some(day) = next_day(db, since)?
        {
            let period = Level::FourWeeks.start_of(day);
            let mut cells = Cells::new();
            stored(db, parts, period..period + PERIOD, &mut |id, sums| {
                let whole = CellId { level: whole as u8, start: whole.start_of(id.start), ..id };
                cells.entry(whole).or_default().add(&sums?);
                Ok(())
            })?;
            for (id, sums) in cells {
                write_cell(db, id, &sums)?;
            }
            from = period.checked_add(PERIOD);
        }
    }
    Ok(())
}
