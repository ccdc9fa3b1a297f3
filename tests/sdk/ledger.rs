//! The ledger's rules, one by one, and what it does when things go wrong.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

use claude_cli::{
    Usage,
    pricing::PriceTable,
    store::{
        Batch, Closed, CostMode, Dimension, Ledger, LedgerReader, Level, ModelTotal, RequestRow, RollupQuery,
        RowKind, RowQuery, Run, RunQuery, Simulated, SqliteLedger, Sums, Witness, WitnessKind, Writer, spool,
    },
};
use tempfile::TempDir;

const T: i64 = 1_780_271_100_000;

struct Book {
    folder: TempDir,
    ledger: SqliteLedger,
}

impl Book {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
        Self { folder, ledger }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("ledger.db")
    }

    fn add(&mut self, witnesses: impl IntoIterator<Item = Witness>) -> &mut Self {
        self.ledger.append(&Batch { witnesses: witnesses.into_iter().collect(), ..Batch::default() }).unwrap();
        self
    }

    fn run(&mut self, run: Run) -> &mut Self {
        self.ledger.append(&Batch { runs: vec![run], ..Batch::default() }).unwrap();
        self
    }

    fn rows(&self) -> Vec<RequestRow> {
        rows(&self.ledger)
    }

    /// Everything, from the rollups; which agree with the rows.
    fn totals(&mut self) -> Sums {
        let report = self.ledger.verify(false).unwrap();
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        totals(&self.ledger)
    }
}

fn rows(ledger: &SqliteLedger) -> Vec<RequestRow> {
    let mut rows = Vec::new();
    ledger.requests(&RowQuery::default(), &mut |row| rows.push(row)).unwrap();
    rows
}

fn totals(ledger: &SqliteLedger) -> Sums {
    let query = RollupQuery {
        level: Level::Day,
        dimension: Dimension::All,
        since: i64::MIN,
        until: i64::MAX,
        key: None,
        simulated: Simulated::Exclude,
    };
    let mut sums = Sums::default();
    for row in ledger.rollups(&query).unwrap() {
        sums.add(&row.sums);
    }
    sums
}

fn usage(input: u64, output: u64) -> Usage {
    let mut usage = Usage::default();
    usage.input_tokens = input;
    usage.output_tokens = output;
    usage
}

fn seen(by: WitnessKind, message: &str, request: &str, after: i64, output: u64) -> Witness {
    let some = |id: &str| (!id.is_empty()).then(|| id.to_owned());
    let mut w = Witness::default();
    w.by = by;
    w.message_id = some(message);
    w.request_id = some(request);
    w.ts = T + after;
    w.session = Some("s".into());
    w.model = Some("claude-opus-4-8".into());
    w.usage = usage(100, output);
    w
}

use WitnessKind::{Run as OwnRun, Telemetry, Transcript};

#[test]
fn the_largest_snapshot_counts_and_dates_the_request() {
    let mut book = Book::new();
    book.add([
        seen(Transcript, "m", "r", 0, 1),
        seen(Transcript, "m", "r", 500, 90),
        seen(Transcript, "m", "r", 900, 30),
    ]);
    let rows = book.rows();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].output_tokens, rows[0].ts), (90, T + 500));
    assert_eq!(book.totals().requests, 1);
}

#[test]
fn a_replay_never_outweighs_the_request_itself() {
    let mut book = Book::new();
    let mut replay = seen(Transcript, "m", "r2", 50, 500);
    replay.sidechain = true;
    replay.session = Some("other".into());
    book.add([replay, seen(Transcript, "m", "r1", 100, 20), seen(Transcript, "m", "", 200, 5)]);
    let rows = book.rows();
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!((rows[0].output_tokens, rows[0].request_id.as_deref()), (20, Some("r1")));
    assert_eq!(rows[0].session.as_deref(), Some("other"), "it counts for the session that saw it first");
}

#[test]
fn one_message_with_two_requests_is_two_requests() {
    let mut book = Book::new();
    book.add([
        seen(Transcript, "m", "r2", 0, 10),
        seen(Transcript, "m", "r1", 1, 20),
        seen(OwnRun, "m", "", 2, 30),
    ]);
    let rows = book.rows();
    let found: Vec<_> = rows.iter().map(|r| (r.request_id.as_deref().unwrap(), r.output_tokens)).collect();
    assert_eq!(found, [("r2", 10), ("r1", 30)], "what lacks a request id belongs to the smallest");
}

#[test]
fn telemetry_joins_by_request_id_and_knows_the_final_count_and_the_cost() {
    let mut book = Book::new();
    let mut w = seen(Telemetry, "", "r", 700, 77);
    w.cost = Some(1_234_567);
    w.duration_ms = Some(650);
    book.add([w, seen(Transcript, "m", "r", 0, 3)]);
    let rows = book.rows();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].output_tokens, rows[0].ts, rows[0].source.as_str()), (77, T, "transcript+telemetry"));
    assert_eq!((rows[0].cost(CostMode::Auto), rows[0].duration_ms), (Some(1_234_567), Some(650)));
    assert_eq!(rows[0].cost(CostMode::Calculate), Some(100 * 5_000 + 77 * 25_000));
}

#[test]
fn what_has_no_id_at_all_is_known_by_its_line() {
    let mut book = Book::new();
    let line = |uuid: &str| {
        let mut w = seen(Transcript, "", "", 0, 5);
        w.uuid = Some(uuid.to_owned());
        w
    };
    book.add([line("a"), line("b"), line("a"), seen(Transcript, "", "", 0, 9), seen(Transcript, "", "", 0, 9)]);
    assert_eq!(book.totals().requests, 3);
}

#[test]
fn an_unknown_model_counts_and_has_no_price() {
    let mut book = Book::new();
    let mut w = seen(OwnRun, "m", "r", 0, 5);
    w.model = Some("no-such-model".into());
    book.add([w]);
    assert_eq!(book.rows()[0].cost(CostMode::Auto), None);
    let totals = book.totals();
    assert_eq!((totals.cost.auto, totals.unpriced.auto, totals.total_tokens()), (0, 1, 105));
}

#[test]
fn failures_are_counted_as_one_kind_of_witness_tells_them() {
    let mut book = Book::new();
    let failure = |by, id: &str| {
        let mut w = seen(by, "", "", 0, 0);
        w.usage = Usage::default();
        w.model = None;
        w.uuid = Some(id.to_owned());
        w.error = Some("overloaded_error".to_owned());
        w
    };
    book.add([failure(Transcript, "t1"), failure(Transcript, "t2"), failure(Transcript, "t3")]);
    assert_eq!(book.totals().errors, 3);
    book.add([failure(Telemetry, "o1"), failure(Telemetry, "o2")]);
    assert_eq!(book.totals().errors, 2, "telemetry is believed before the transcript");
    book.add([failure(OwnRun, "a1")]);
    let totals = book.totals();
    assert_eq!((totals.requests, totals.errors), (1, 1), "and our own run before both");
    assert_eq!(totals.success_rate(), Some(0.0));
}

fn ended(id: &str, cost: Option<i64>, totals: Usage) -> Run {
    let mut run = Run::default();
    run.id = id.to_owned();
    run.started_at = T - 1000;
    run.ended_at = Some(T + 5000);
    run.session = Some("s".into());
    run.totals = vec![ModelTotal { model: "claude-opus-4-8".to_owned(), usage: totals, cost }];
    run
}

#[test]
fn a_runs_totals_beyond_its_requests_are_a_remainder_that_later_witnesses_shrink() {
    let mut book = Book::new();
    let mut first = seen(OwnRun, "m1", "r1", 0, 10);
    first.run = Some("run".to_owned());
    book.add([first]).run(ended("run", Some(9_999_999), usage(350, 60)));
    let rest = book.rows().into_iter().find(|row| row.kind == RowKind::Remainder).unwrap();
    assert_eq!((rest.input_tokens, rest.output_tokens), (250, 50));
    let totals = book.totals();
    assert_eq!((totals.requests, totals.input_tokens, totals.output_tokens), (1, 350, 60));
    assert_eq!(totals.cost.auto, 9_999_999, "the reported cost is dealt out to the nano-dollar");

    // The transcript knows of the background request.
    book.add([seen(Transcript, "m2", "r2", 800, 50)]);
    let rest = book.rows().into_iter().find(|row| row.kind == RowKind::Remainder).unwrap();
    assert_eq!((rest.input_tokens, rest.output_tokens), (150, 0));
    let totals = book.totals();
    assert_eq!((totals.requests, totals.input_tokens, totals.output_tokens), (2, 350, 60));
    assert_eq!(totals.cost.auto, 9_999_999);

    let mut last = seen(Transcript, "m3", "r3", 900, 0);
    last.usage = usage(150, 0);
    book.add([last]);
    assert!(book.rows().iter().all(|row| row.kind == RowKind::Request), "nothing is left over");
    let totals = book.totals();
    assert_eq!((totals.requests, totals.input_tokens, totals.cost.auto), (3, 350, 9_999_999));
}

#[test]
fn a_cost_that_a_request_reports_itself_is_not_dealt_out_again() {
    let mut book = Book::new();
    let mut run = seen(OwnRun, "m1", "r1", 0, 10);
    run.run = Some("run".to_owned());
    let mut told = seen(Telemetry, "", "r1", 1, 10);
    told.cost = Some(700_000);
    book.add([run, told]).run(ended("run", Some(1_000_000), usage(100, 10)));
    let totals = book.totals();
    assert_eq!((totals.cost.auto, totals.cost.display), (1_000_000, 1_000_000));
    let rest = book.rows().into_iter().find(|row| row.kind == RowKind::Remainder).unwrap();
    assert_eq!((rest.cost_reported, rest.input_tokens), (Some(300_000), 0));
}

#[test]
fn a_result_that_two_runs_read_counts_once() {
    let mut book = Book::new();
    for id in ["run-b", "run-a"] {
        let mut w = seen(OwnRun, "m1", "r1", 0, 10);
        w.run = Some(id.to_owned());
        let mut run = ended(id, Some(1_000_000), usage(130, 10));
        run.result_id = Some("result".to_owned());
        book.add([w]).run(run);
        let totals = book.totals();
        assert_eq!((totals.requests, totals.input_tokens, totals.cost.auto), (1, 130, 1_000_000), "after {id}");
    }
}

#[test]
fn simulated_requests_stay_out_unless_asked_for() {
    let mut book = Book::new();
    let mut made_up = seen(OwnRun, "m1", "r1", 0, 10);
    made_up.simulated = true;
    book.add([made_up, seen(OwnRun, "m2", "r2", 0, 10)]);
    assert_eq!(book.totals().requests, 1);
    assert_eq!(book.rows().len(), 1);
    let mut query = RowQuery::default();
    query.simulated = Simulated::Include;
    let mut all = 0;
    book.ledger.requests(&query, &mut |_| all += 1).unwrap();
    assert_eq!(all, 2);
}

#[test]
fn runs_are_told_newest_first_and_the_ended_record_wins() {
    let mut book = Book::new();
    let mut started = ended("b", None, usage(0, 0));
    started.ended_at = None;
    started.totals.clear();
    let mut older = ended("a", None, usage(0, 0));
    older.started_at -= 10;
    book.run(ended("b", None, usage(0, 0))).run(started).run(older);
    let mut query = RunQuery::default();
    let runs = book.ledger.runs(&query).unwrap();
    assert_eq!(runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert!(runs[0].ended_at.is_some());
    query.limit = Some(1);
    assert_eq!(book.ledger.runs(&query).unwrap().len(), 1);
}

#[test]
fn a_ledger_and_its_folder_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/ledger.db");
    drop(SqliteLedger::open(&path).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!((mode(path.parent().unwrap()), mode(&folder.path().join("a"))), (0o700, 0o700));
    let file = spool::put(&path, &Batch::default()).unwrap();
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
}

#[test]
fn a_newer_ledger_is_refused_and_left_alone() {
    let book = Book::new();
    let path = book.path();
    drop(book.ledger);
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 999).unwrap();
    drop(db);
    for error in [SqliteLedger::open(&path).unwrap_err(), SqliteLedger::open_read_only(&path).unwrap_err()] {
        let text = error.to_string();
        assert!(text.contains("written by a newer claude-cli (its version is 999"), "{text}");
        assert!(text.contains("upgrade claude-cli") && text.contains(&path.display().to_string()), "{text}");
    }
}

#[test]
fn a_file_that_is_no_ledger_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let content = "dear diary, ".repeat(400);
    fs::write(&path, &content).unwrap();
    let error = SqliteLedger::open(&path).unwrap_err();
    assert!(error.to_string().contains("not a database"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), content);
    assert!(SqliteLedger::open(folder.path()).is_err());
    assert!(SqliteLedger::open_read_only(&folder.path().join("none.db")).unwrap().is_none());
}

#[test]
fn damaged_rollups_are_found_and_repaired() {
    let mut book = Book::new();
    book.add((0..20).map(|n| seen(OwnRun, &format!("m{n}"), &format!("r{n}"), n * 400_000, 10)));
    let before = book.totals();
    let db = rusqlite::Connection::open(book.path()).unwrap();
    db.execute("UPDATE rollups SET output = output + 7 WHERE level = 1 AND dimension = 0", []).unwrap();
    db.execute("DELETE FROM rollups WHERE level = 2 AND dimension = 1", []).unwrap();
    drop(db);
    let found = book.ledger.verify(false).unwrap();
    assert!(found.problems.len() >= 2 && !found.repaired, "{found:?}");
    let again = book.ledger.verify(true).unwrap();
    assert!(again.repaired);
    assert_eq!(book.totals(), before);
}

#[test]
fn what_was_spooled_is_taken_in_by_the_next_open_and_counted_once() {
    let mut book = Book::new();
    let path = book.path();
    let batch = Batch { witnesses: vec![seen(OwnRun, "m", "r", 0, 10)], ..Batch::default() };
    book.ledger.append(&batch).unwrap();
    spool::put(&path, &batch).unwrap();
    spool::put(&path, &Batch { witnesses: vec![seen(OwnRun, "m2", "r2", 0, 10)], ..Batch::default() }).unwrap();
    fs::write(spool::folder(&path).join("0.json"), "{ half a batch").unwrap();
    drop(book.ledger);
    let reader = SqliteLedger::open_read_only(&path).unwrap().unwrap();
    assert_eq!(rows(&reader).len(), 2);
    assert!(!spool::is_waiting(&path));
    assert!(spool::folder(&path).join("0.damaged").exists(), "what cannot be read is set aside, not lost");
}

#[test]
fn a_writer_that_cannot_write_in_time_spools() {
    let book = Book::new();
    let path = book.path();
    let lock = rusqlite::Connection::open(&path).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writer = Writer::start(&path, Arc::new(PriceTable::embedded().clone()));
    writer.submit(Batch { witnesses: vec![seen(OwnRun, "m", "r", 0, 10)], ..Batch::default() });
    let started = std::time::Instant::now();
    let closed = writer.close(Duration::from_millis(250));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(matches!(closed, Closed::Spooled { reason: None, .. }), "{closed:?}");
    drop(lock);
    assert_eq!(rows(&SqliteLedger::open(&path).unwrap()).len(), 1);
}

#[test]
fn a_writer_on_what_is_no_ledger_spools_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    fs::write(&path, "x".repeat(5000)).unwrap();
    let writer = Writer::start(&path, Arc::new(PriceTable::embedded().clone()));
    writer.submit(Batch { witnesses: vec![seen(OwnRun, "m", "r", 0, 10)], ..Batch::default() });
    let Closed::Spooled { reason: Some(reason), file } = writer.close(Duration::from_secs(20)) else { panic!() };
    assert!(reason.contains("not a database"), "{reason}");
    assert!(file.exists());
}

#[test]
fn many_writers_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/ledger.db");
    let threads: Vec<_> = (0..8)
        .map(|t| {
            let path = path.clone();
            std::thread::spawn(move || {
                let mut ledger = SqliteLedger::open(&path).unwrap();
                for n in 0..25 {
                    let w = seen(OwnRun, &format!("m{t}-{n}"), &format!("r{t}-{n}"), i64::from(n), 1);
                    ledger.append(&Batch { witnesses: vec![w], ..Batch::default() }).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let mut ledger = SqliteLedger::open(&path).unwrap();
    assert!(ledger.verify(false).unwrap().problems.is_empty());
    assert_eq!(totals(&ledger).requests, 200);
}

#[test]
fn another_processs_commit_is_noticed() {
    let book = Book::new();
    let before = book.ledger.generation().unwrap();
    assert_eq!(book.ledger.generation().unwrap(), before);
    let mut other = SqliteLedger::open(&book.path()).unwrap();
    other.append(&Batch { witnesses: vec![seen(OwnRun, "m", "r", 0, 1)], ..Batch::default() }).unwrap();
    assert_ne!(book.ledger.generation().unwrap(), before);
}

#[test]
fn a_request_is_priced_once_by_the_table_of_its_day() {
    let mut book = Book::new();
    book.add([seen(OwnRun, "m", "r", 0, 10)]);
    let dearer = r#"{"schema":1,"as_of":"2099-01-01","models":{"claude-opus-4-8":{"input":500,"output":2500,
        "cache_read":50,"cache_write_5m":625,"cache_write_1h":1000}}}"#;
    let path = book.path();
    let table = match PriceTable::from_json(dearer) {
        Ok(table) => table,
        Err(e) => panic!("{e}"),
    };
    let mut ledger = SqliteLedger::open(&path).unwrap().with_prices(Arc::new(table));
    let mut again = seen(OwnRun, "m", "r", 0, 10);
    again.duration_ms = Some(5);
    ledger.append(&Batch { witnesses: vec![again, seen(OwnRun, "m2", "r2", 1, 10)], ..Batch::default() }).unwrap();
    let costs: Vec<_> = rows(&ledger).iter().map(|row| row.cost(CostMode::Calculate)).collect();
    let old = 100 * 5_000 + 10 * 25_000;
    assert_eq!(costs, [Some(old), Some(old * 100)], "a newer table does not change what was counted");
}

/// A request of a session, as far as a kind of witness tells of it.
fn told(by: WitnessKind, ts: i64, output: u64) -> Witness {
    let mut w = Witness::default();
    w.by = by;
    w.ts = ts;
    w.session = Some("s".into());
    w.model = Some("claude-haiku-4-5".into());
    w.usage.input_tokens = 7;
    w.usage.output_tokens = output;
    w
}

#[test]
fn sights_without_a_shared_id_join_one_to_one_in_the_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
    let mut witnesses = Vec::new();
    for n in 0..3 {
        let mut transcript = told(WitnessKind::Transcript, 1_000 * n, 20);
        transcript.message_id = Some(format!("m{n}"));
        witnesses.push(transcript);
    }
    // Two events without an id of the same counts, and one of others.
    for (ts, output, cost) in [(1_100, 20, 5), (100, 20, 4), (3_000, 21, 6)] {
        let mut event = told(WitnessKind::Telemetry, ts, output);
        event.cost = Some(cost);
        event.duration_ms = Some(ts);
        witnesses.push(event);
    }
    // Whatever comes first, and however often.
    for order in [[0, 1, 2, 3, 4, 5], [5, 3, 4, 1, 0, 2], [3, 0, 4, 1, 5, 2]] {
        for at in order {
            ledger.append(&Batch { witnesses: vec![witnesses[at].clone()], ..Batch::default() }).unwrap();
        }
        let mut rows = Vec::new();
        ledger
            .requests(&RowQuery::default(), &mut |row| {
                rows.push((row.message_id, row.output_tokens, row.cost_reported, row.source));
            })
            .unwrap();
        let row = |id: Option<&str>, output, cost, source: &str| {
            (id.map(str::to_owned), output, cost, source.to_owned())
        };
        assert_eq!(
            rows,
            [
                row(Some("m0"), 20, Some(4), "transcript+telemetry"),
                row(Some("m1"), 20, Some(5), "transcript+telemetry"),
                row(Some("m2"), 20, None, "transcript"),
                row(None, 21, Some(6), "telemetry"),
            ]
        );
        assert!(ledger.verify(false).unwrap().problems.is_empty());
    }
    // A witness that knows more takes its request out of the game.
    let mut event = told(WitnessKind::Telemetry, 50, 20);
    event.message_id = Some("m0".to_owned());
    event.cost = Some(9);
    ledger.append(&Batch { witnesses: vec![event], ..Batch::default() }).unwrap();
    let mut costs = Vec::new();
    ledger.requests(&RowQuery::default(), &mut |row| costs.push((row.message_id, row.cost_reported))).unwrap();
    let cost = |id: Option<&str>, cost| (id.map(str::to_owned), cost);
    assert_eq!(
        costs,
        [cost(Some("m0"), Some(9)), cost(Some("m1"), Some(4)), cost(Some("m2"), Some(5)), cost(None, Some(6))]
    );
    assert!(ledger.verify(false).unwrap().problems.is_empty());
}

#[test]
fn two_sights_without_any_id_join_in_any_order() {
    let mut transcript = told(WitnessKind::Transcript, 9_000, 10);
    transcript.uuid = Some("line".to_owned());
    let run = told(WitnessKind::Run, 1_000, 10);
    for witnesses in [[&transcript, &run], [&run, &transcript]] {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
        for witness in witnesses {
            ledger.append(&Batch { witnesses: vec![witness.clone()], ..Batch::default() }).unwrap();
        }
        let mut sources = Vec::new();
        ledger.requests(&RowQuery::default(), &mut |row| sources.push(row.source)).unwrap();
        assert_eq!(sources, ["run+transcript"]);
    }
}
