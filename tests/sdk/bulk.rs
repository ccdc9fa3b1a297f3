//! Long rows of commits, whose keys are written at the end: whatever comes in
//! between, each request is counted once.

use std::path::{Path, PathBuf};

use claude_cli::store::{Batch, Ledger, SqliteLedger, Witness, WitnessKind};
use rusqlite::Connection;
use tempfile::TempDir;

/// Enough for keys to be held back.
const MANY: usize = 3_000;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    (folder, path)
}

fn seen(n: usize) -> Witness {
    let mut w = Witness::default();
    w.by = WitnessKind::Transcript;
    w.ts = 1_767_225_600_000 + 40_000 * n as i64;
    w.message_id = Some(format!("msg_{n}"));
    w.request_id = Some(format!("req_{n}"));
    w.uuid = Some(format!("line-{n}"));
    w.session = Some(format!("session-{}", n / 50).into());
    w.model = Some("claude-haiku-4-5".into());
    w.usage.output_tokens = n as u64;
    w
}

/// The same request, as telemetry tells it.
fn told(n: usize) -> Witness {
    let mut w = seen(n);
    w.by = WitnessKind::Telemetry;
    (w.message_id, w.uuid) = (None, None);
    w.duration_ms = Some(100);
    w
}

/// Neither by a message id nor by a request id.
fn by_line(n: usize) -> Witness {
    let mut w = seen(n);
    (w.message_id, w.request_id) = (None, None);
    w
}

fn batch(witnesses: impl Iterator<Item = Witness>) -> Batch {
    Batch { witnesses: witnesses.collect(), ..Batch::default() }
}

/// Everything that counts, from one commit.
fn expected(facts: &[&Batch]) -> Vec<String> {
    let (_folder, path) = folder();
    let mut ledger = SqliteLedger::open(&path).unwrap();
    for batch in facts {
        ledger.append(batch).unwrap();
    }
    drop(ledger);
    everything(&path)
}

/// The rows, the rollups and the keys, by what they mean.
fn everything(path: &Path) -> Vec<String> {
    let mut ledger = SqliteLedger::open(path).unwrap();
    let report = ledger.verify(false).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    drop(ledger);
    let db = Connection::open(path).unwrap();
    let mut all = Vec::new();
    for sql in [
        "SELECT 'row', ts, coalesce(message_id, ''), coalesce(request_id, ''), output, duration_ms, counted FROM requests",
        "SELECT 'cell', level, start, dimension, requests, output, first, last FROM rollups WHERE dimension = 0",
        "SELECT 'key', k.key, r.ts, coalesce(r.message_id, r.uuid) FROM request_keys k JOIN requests r ON r.id = k.group_id",
        "SELECT 'absent', first FROM unkeyed",
    ] {
        let mut statement = db.prepare(sql).unwrap();
        let width = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            all.push((0..width).map(|at| format!("{:?} ", row.get_ref_unwrap(at))).collect());
        }
    }
    all.sort();
    all
}

fn bulk(path: &Path) -> SqliteLedger {
    let mut ledger = SqliteLedger::open(path).unwrap();
    ledger.prepare_for_bulk().unwrap();
    ledger
}

#[test]
fn a_long_row_of_commits_leaves_what_one_would() {
    let first = batch((0..MANY).map(seen));
    let second = batch((MANY - 500..2 * MANY).map(seen).chain((0..40).map(told)));
    let (_folder, path) = folder();
    let mut ledger = bulk(&path);
    ledger.append(&first).unwrap();
    ledger.append(&second).unwrap();
    ledger.finish_bulk().unwrap();
    drop(ledger);
    assert_eq!(everything(&path), expected(&[&first, &second]));
}

#[test]
fn keys_that_were_never_written_are_made_up_for() {
    let first = batch((0..MANY).map(seen).chain((9_000..9_100).map(by_line)));
    let (_folder, path) = folder();
    let mut ledger = bulk(&path);
    ledger.append(&first).unwrap();
    // It ends here, as if it had been killed.
    drop(ledger);
    let absent: i64 =
        Connection::open(&path).unwrap().query_row("SELECT count(*) FROM unkeyed", [], |row| row.get(0)).unwrap();
    assert_eq!(absent, 1, "the keys were held back");
    let again = batch((0..MANY).map(told).chain((9_000..9_100).map(by_line)));
    SqliteLedger::open(&path).unwrap().append(&again).unwrap();
    assert_eq!(everything(&path), expected(&[&first, &again]));
}

#[test]
fn another_writer_in_between_finds_every_key() {
    let first = batch((0..MANY).map(seen));
    let between = batch((10..20).map(told).chain((4_000..4_010).map(seen)));
    let last = batch((0..30).chain(3_990..4_000 + MANY).map(seen));
    let (_folder, path) = folder();
    let mut ledger = bulk(&path);
    ledger.append(&first).unwrap();
    SqliteLedger::open(&path).unwrap().append(&between).unwrap();
    ledger.append(&last).unwrap();
    ledger.finish_bulk().unwrap();
    drop(ledger);
    assert_eq!(everything(&path), expected(&[&first, &between, &last]));
}

#[test]
fn a_ledger_that_holds_a_little_is_filled_as_well() {
    let first = batch((0..100).map(seen));
    let second = batch((50..50 + MANY).map(seen));
    let third = batch((0..40).map(told));
    let (_folder, path) = folder();
    SqliteLedger::open(&path).unwrap().append(&first).unwrap();
    let mut ledger = bulk(&path);
    ledger.append(&second).unwrap();
    ledger.append(&third).unwrap();
    ledger.finish_bulk().unwrap();
    drop(ledger);
    assert_eq!(everything(&path), expected(&[&first, &second, &third]));
}
