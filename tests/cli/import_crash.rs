//! Imports that are killed, interrupted, or not alone.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use claude_cli::{
    simulate::History,
    store::{
        Dimension, LedgerReader, Level, RollupQuery, RowQuery, SessionQuery, Simulated, SqliteLedger, size_on_disk,
    },
};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    harness::{BINARY, FAKE_CLAUDE, Home, done, ends, signal, wait_until},
    import::{PROJECT, counted, import, line},
    pty::Terminal,
};

/// Everything that a ledger says of requests.
fn content(path: &Path) -> Vec<String> {
    let ledger = SqliteLedger::open(path).unwrap();
    let mut said = Vec::new();
    let mut rows = RowQuery::default();
    rows.simulated = Simulated::Include;
    ledger.requests(&rows, &mut |row| said.push(format!("{row:?}"))).unwrap();
    for level in Level::ALL {
        for dimension in Dimension::ALL {
            let simulated = Simulated::Include;
            let query = RollupQuery { level, dimension, since: i64::MIN, until: i64::MAX, key: None, simulated };
            said.extend(
                ledger.rollups(&query).unwrap().iter().map(|row| format!("{level:?} {dimension:?} {row:?}")),
            );
        }
    }
    let mut sessions = SessionQuery::default();
    sessions.simulated = Simulated::Include;
    said.extend(ledger.sessions(&sessions).unwrap().iter().map(|s| format!("{:?} {:?}", s.session, s.sums)));
    said.sort();
    said
}

/// A home with a history that takes a while to import.
fn with_history(files: usize, bytes: u64) -> (Home, claude_cli::simulate::Expected) {
    let home = Home::new();
    let history = History { files, bytes, ..History::default() };
    let expected = history.write(&home.path(".claude")).unwrap();
    (home, expected)
}

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A home with a history, and beside it so many requests with no words between
/// them, whose import takes several commits.
fn with_many_requests(requests: usize) -> (Home, u64) {
    const OF_A_FILE: usize = 1000;
    let (home, expected) = with_history(10, 4 << 20);
    for file in 0..requests / OF_A_FILE {
        let text: String = (0..OF_A_FILE).map(|n| line(&format!("{file}-{n}"), 1)).collect();
        home.write(&format!("{PROJECT}/{file}.jsonl"), text);
    }
    (home, expected.totals.requests + requests as u64)
}

#[test]
fn an_import_that_is_killed_again_and_again_ends_as_if_it_never_was() {
    let (home, requests) = with_many_requests(40_000);
    let with_ledger = |args: &[&str], path: &Path| {
        let mut command = home.cli(args.iter().copied());
        command.arg("--db").arg(path);
        command
    };
    let sound = |mut command: Command| {
        let done = done(&mut command);
        assert_eq!(done.code, Some(0), "{done:?}");
        done.out
    };
    let whole = home.path("whole/ledger.db");
    let started = Instant::now();
    sound(with_ledger(&["import"], &whole));
    let took = started.elapsed();
    let size = size_on_disk(&whole);
    let wanted = content(&whole);
    assert!(wanted.len() as u64 > requests);
    let same = |path: &Path| {
        let found = content(path);
        assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_eq!(found, wanted);
        }
        sound(with_ledger(&["analytics", "verify"], path));
    };

    let (mut ledgers, mut deaths, mut grown, mut committed) = (0, 0, 0, 0);
    let mut killed = home.path("killed-0/ledger.db");
    while deaths < 20 {
        let before = size_on_disk(&killed);
        let mut child = start(&mut with_ledger(&["import"], &killed));
        // Some die when they have written so much, some at any moment.
        let by_size = fastrand::u8(..4) > 0;
        let size = before + fastrand::u64(1..size / 2);
        let until = Instant::now() + took.mul_f64(fastrand::f64() / 2.0);
        let mut ended = false;
        while !ended && if by_size { size_on_disk(&killed) < size } else { Instant::now() < until } {
            thread::sleep(Duration::from_micros(200));
            ended = child.try_wait().unwrap().is_some();
        }
        if ended {
            // It was not to be stopped: all is there, and another begins.
            assert_eq!(child.wait().unwrap().code(), Some(0));
            same(&killed);
            ledgers += 1;
            committed = 0;
            killed = home.path(&format!("killed-{ledgers}/ledger.db"));
            continue;
        }
        signal(&child, Signal::KILL);
        child.wait().unwrap();
        deaths += 1;
        grown += u32::from(size_on_disk(&killed) > before);
        if killed.exists() {
            sound(with_ledger(&["analytics", "verify"], &killed));
            let summary = sound(with_ledger(&["analytics", "summary", "--no-import"], &killed));
            let summary: Value = serde_json::from_str(&summary).unwrap();
            let now = summary["totals"]["requests"].as_u64().unwrap();
            assert!(now >= committed, "what was committed stays");
            committed = now;
        }
    }
    eprintln!("killed 20 times on the way to {} ledgers, {grown} times after it had written", ledgers + 1);
    assert!(grown >= 5, "{grown}");
    sound(with_ledger(&["import"], &killed));
    same(&killed);
}

#[test]
fn imports_and_queries_at_once_do_not_hurt_each_other() {
    let (home, requests) = with_many_requests(10_000);
    let query = |n: usize| {
        let mut command = home.isolated(BINARY);
        command
            .args(["query", "--tag", &format!("n={n}"), "hi"])
            .env("CLAUDE_CLI_CLAUDE", FAKE_CLAUDE)
            .env("FAKE", "tell")
            .env("FAKE_DIR", home.folder.path());
        command
    };
    // All of them find no ledger.
    let mut children: Vec<_> = (0..2).map(|_| start(&mut home.cli(["import"]))).collect();
    children.extend((0..16).map(|n| start(&mut query(n))));
    for child in children {
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), told.as_str()), (Some(0), ""));
    }
    assert_eq!(home.runs().len(), 16);
    let seen = home.rows().iter().filter(|row| row.source.contains("transcript")).count() as u64;
    assert!(seen >= requests, "{seen} of {requests}");
    let alone = home.path("alone/ledger.db");
    assert_eq!(done(home.cli(["import"]).arg("--db").arg(&alone)).code, Some(0));
    // Take the queries away, and it is what one import alone makes.
    let sessions = |path: &Path| {
        let done =
            done(home.cli(["analytics", "sessions", "--limit", "100000", "--no-import"]).arg("--db").arg(path));
        let report: Value = serde_json::from_str(&done.out).unwrap();
        report["sessions"].as_array().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let (ours, theirs) = (sessions(&home.ledger_path()), sessions(&alone));
    assert!(theirs.len() >= 10, "{}", theirs.len());
    for session in &theirs {
        assert!(ours.contains(session), "{session}");
    }
    assert_eq!(import(&home)["files"], 0, "nothing is new");
    home.verify();
}

#[test]
fn ctrl_c_keeps_what_was_read_and_the_next_import_goes_on() {
    let (home, requests) = with_many_requests(80_000);
    // In a report as in an import.
    for args in [&["import"][..], &["analytics", "summary"]] {
        let before = if home.ledger_path().exists() { counted(&home).0 } else { 0 };
        let size = size_on_disk(&home.ledger_path());
        let mut child = start(&mut home.cli(args.iter().copied()));
        wait_until("something to be committed", || size_on_disk(&home.ledger_path()) > size + (1 << 18));
        signal(&child, Signal::INT);
        assert_eq!(ends(&mut child), Some(130), "{args:?}");
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!told.contains("warning"), "{told}");
        let after = counted(&home).0;
        assert!(after > before && after < requests, "{before}, then {after}");
        home.verify();
    }
    let report = import(&home);
    assert_eq!(report["interrupted"], false);
    assert!(report["unchanged"].as_u64().unwrap() > 0, "what was done is not done again: {report}");
    assert_eq!(counted(&home).0, requests);
    home.verify();
}

#[test]
fn ctrl_c_ends_what_follows_an_import() {
    let home = Home::new();
    home.write(&format!("{PROJECT}/s.jsonl"), line("a", 1));
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let mut child = start(&mut home.cli(["analytics", "sql", endless]));
    wait_until("the import", || home.ledger_path().exists() && counted(&home).0 == 1);
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
}

#[test]
fn a_terminal_shows_how_far_a_long_import_is() {
    let home = Home::new();
    // It takes a while to read, and no room on disk.
    let path = home.write(&format!("{PROJECT}/long.jsonl"), line("a", 1));
    fs::File::options().write(true).open(path).unwrap().set_len(2 << 30).unwrap();
    let import = |db: &str, more: &[&str]| {
        let mut command = home.cli(["import", "--db"]);
        command.arg(home.path(db)).args(more).env("TERM", "xterm-256color");
        command
    };
    let (code, shown) = Terminal::new(120).run(&mut import("a/ledger.db", &[]));
    assert_eq!(code, Some(0), "{shown}");
    let bars = shown.split(['\r', '\n']).filter(|line| line.contains("reading transcripts")).collect::<Vec<_>>();
    assert!(
        bars.iter().any(|bar| bar.contains("/2.00 GiB ") && bar.contains("iB/s ") && bar.contains("s left")),
        "{shown}"
    );
    assert!(shown.contains("transcripts read"), "the report follows: {shown}");
    let (_, quiet) = Terminal::new(120).run(&mut import("b/ledger.db", &["--quiet"]));
    assert!(!quiet.contains("reading transcripts") && quiet.contains("transcripts read"), "{quiet}");
    assert_eq!(done(&mut import("c/ledger.db", &[])).err, "", "nobody watches");
    // Too short for a bar to be read.
    home.write(&format!("{PROJECT}/long.jsonl"), line("a", 1));
    let (_, short) = Terminal::new(120).run(&mut import("d/ledger.db", &[]));
    assert!(!short.contains("reading transcripts"), "{short}");
}

/// The largest memory that a process ever had, in bytes.
#[cfg(target_os = "linux")]
fn memory_peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? << 10)
}

/// Imports a transcript with a line of so many bytes; the import's peak of
/// memory and how long it took.
#[cfg(target_os = "linux")]
fn import_giant(length: u64) -> (u64, Duration) {
    let home = Home::new();
    let history = History { files: 1, bytes: 1 << 20, giant_lines: vec![length], ..History::default() };
    let expected = history.write(&home.path(".claude")).unwrap();
    assert!(expected.bytes > length);
    let started = Instant::now();
    let mut child = start(&mut home.cli(["import"]));
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(memory_peak(&child).unwrap_or(0));
        thread::sleep(Duration::from_millis(1));
    }
    let took = started.elapsed();
    let mut out = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut out).unwrap();
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["bytes"], &report["problem_count"]), (&expected.bytes.into(), &0.into()));
    assert_eq!(counted(&home), (expected.totals.requests, expected.totals.output_tokens));
    (peak, took)
}

#[cfg(target_os = "linux")]
#[test]
fn a_giant_line_takes_no_more_memory_than_others() {
    let (small, _) = import_giant(1000);
    let (giant, _) = import_giant(40 << 20);
    assert!(small > 1 << 20, "{small} bytes");
    assert!(giant < small + (12 << 20), "{giant} bytes of memory, {small} without the line");
}

/// `make soak` runs this one.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "writes a line of 700 MB"]
fn a_line_of_700_megabytes_is_imported() {
    let (peak, took) = import_giant(700_000_000);
    eprintln!("a line of 700 MB: {} MiB of memory at most, {took:?}", peak >> 20);
    assert!(peak < 300 << 20, "{peak} bytes of memory");
}
