//! Ledgers of earlier versions are brought up to date as they are opened.

use claude_cli::{
    analytics::{DashboardQuery, Engine},
    store::{Dimension, LedgerReader, Level, RollupQuery, Simulated, SqliteLedger},
};

fn cells(ledger: &SqliteLedger, level: Level) -> Vec<String> {
    let of = |dimension| RollupQuery {
        level,
        dimension,
        since: i64::MIN,
        until: i64::MAX,
        key: None,
        simulated: Simulated::Include,
    };
    let cells = Dimension::ALL.map(|dimension| ledger.rollups(&of(dimension)).unwrap());
    cells.iter().flatten().map(|cell| format!("{cell:?}")).collect()
}

#[test]
fn a_ledger_without_cells_of_six_hours_and_four_weeks_gets_them() {
    let (_folder, path) = crate::dashboard::ledger();
    let before = SqliteLedger::open(&path).unwrap();
    let longer = [Level::SixHours, Level::FourWeeks].map(|level| (level, cells(&before, level)));
    let expected = |level| longer.iter().find(|(known, _)| *known == level).unwrap().1.clone();
    assert!(longer.iter().all(|(_, cells)| !cells.is_empty()));
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(
        "DELETE FROM rollups WHERE level IN (4, 5); DROP TABLE generations; DROP INDEX requests_errors;
         DROP INDEX rollups_sessions_day;
         DROP TABLE unkeyed;
         DROP TABLE load_tests;
         PRAGMA user_version = 3",
    )
    .unwrap();
    drop(db);
    // A reader has it done, too.
    let mut ledger = SqliteLedger::open_read_only(&path).unwrap().unwrap();
    for level in [Level::SixHours, Level::FourWeeks] {
        assert_eq!(cells(&ledger, level), expected(level));
    }
    assert_eq!(ledger.verify(false).unwrap().problems, Vec::<String>::new());
    drop(before);
    let now = "2026-08-15T13:20:00Z".parse().unwrap();
    let board =
        Engine::open(&path).unwrap().dashboard(&DashboardQuery::new(now, jiff::tz::TimeZone::UTC)).unwrap();
    assert_eq!(board.totals.figures.requests, 158);
}
