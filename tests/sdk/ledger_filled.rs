//! A ledger that was filled is the one that appending makes.

use claude_cli::{
    analytics::{GroupBy, SummaryQuery, TimeRange, summary},
    simulate::Requests,
    store::{Batch, Dimension, Ledger, LedgerReader, Level, RollupQuery, RowQuery, Simulated, SqliteLedger},
};
use jiff::tz::TimeZone;

const UNTIL: i64 = 1_793_491_200_000;

fn said(ledger: &SqliteLedger) -> Vec<String> {
    let mut said = Vec::new();
    ledger.requests(&RowQuery::default(), &mut |row| said.push(format!("{row:?}"))).unwrap();
    said.sort();
    for level in Level::ALL {
        for dimension in Dimension::ALL {
            let (since, until, simulated) = (i64::MIN, i64::MAX, Simulated::Exclude);
            let query = RollupQuery { level, dimension, since, until, key: None, simulated };
            said.extend(ledger.rollups(&query).unwrap().iter().map(|cell| format!("{level:?} {cell:?}")));
        }
    }
    said
}

#[test]
fn filling_is_appending() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = Requests::before(UNTIL, 1_000, 3);
    history.sessions = 60;
    let mut filled = SqliteLedger::open(&folder.path().join("filled.db")).unwrap();
    assert_eq!(filled.fill(history.witnesses()).unwrap(), 1_000);
    let mut appended = SqliteLedger::open(&folder.path().join("appended.db")).unwrap();
    let batch = Batch { witnesses: history.witnesses().collect(), ..Batch::default() };
    appended.append(&batch).unwrap();
    assert!(said(&filled) == said(&appended));
    assert_eq!(filled.verify(false).unwrap().problems, Vec::<String>::new());
    // Their ids are known: nothing is counted again.
    let before = said(&filled);
    filled.append(&batch).unwrap();
    assert!(said(&filled) == before);
    assert!(filled.fill(history.witnesses()).unwrap_err().to_string().contains("is not empty"));

    let query = |by| SummaryQuery::new(TimeRange::all(TimeZone::UTC), by);
    let days = summary(&filled, query(GroupBy::Day)).unwrap();
    assert_eq!((days.groups.len(), days.totals.requests), (3, 1_000), "not one of the day after");
    assert_eq!(summary(&filled, query(GroupBy::Session)).unwrap().groups.len(), 60);
    assert!(days.totals.errors > 0 && days.totals.durations.count() > 300);
}

#[test]
fn witnesses_of_one_request_cannot_be_filled_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
    let history = Requests::before(UNTIL, 10, 1);
    let twice = history.witnesses().chain(history.witnesses());
    assert!(ledger.fill(twice).unwrap_err().to_string().contains("share an id"));
}
