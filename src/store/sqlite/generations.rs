//! What tells that an answer may be another one now.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::store::Level;

/// Stands for all of time: its generation is the latest of any day.
const ALL_TIME: i64 = i64::MIN;
/// Stands for what belongs to no day, such as budgets.
const NO_DAY: i64 = i64::MIN + 1;

/// Notes that rows of these days changed.
pub(super) fn changed(db: &Connection, days: &BTreeSet<i64>) -> rusqlite::Result<()> {
    if days.is_empty() {
        return Ok(());
    }
    // Later than any, and of this moment: a ledger that was restored or made anew
    // never comes to a generation that another one had.
    let now = jiff::Timestamp::now().as_microsecond();
    let next: i64 = db
        .prepare_cached(
            "INSERT INTO generations (day, generation) VALUES (?1, ?2) \
             ON CONFLICT DO UPDATE SET generation = max(generation + 1, excluded.generation) RETURNING generation",
        )?
        .query_row([ALL_TIME, now], |row| row.get(0))?;
    let mut put = db.prepare_cached("INSERT OR REPLACE INTO generations (day, generation) VALUES (?1, ?2)")?;
    for &day in days {
        put.execute([day, next])?;
    }
    Ok(())
}

/// Notes that something changed that answers about any day may tell.
pub(super) fn changed_beside_days(db: &Connection) -> rusqlite::Result<()> {
    changed(db, &BTreeSet::from([NO_DAY]))
}

/// The latest generation of the days of a range, and of what belongs to no day.
pub(super) fn of(db: &Connection, since: Option<i64>, until: Option<i64>) -> rusqlite::Result<i64> {
    let (since, until) = match (since, until) {
        (None, None) => (ALL_TIME, NO_DAY),
        (since, until) => (
            since.map_or(NO_DAY + 1, |ts| Level::Day.start_of(ts.max(NO_DAY + 1 + Level::Day.millis()))),
            until.unwrap_or(i64::MAX),
        ),
    };
    db.prepare_cached(
        "SELECT coalesce(max(generation), 0) FROM generations WHERE day >= ?1 AND day < ?2 OR day = ?3",
    )?
    .query_row([since, until, NO_DAY], |row| row.get(0))
}
