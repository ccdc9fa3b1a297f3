//! Scanning does not depend on how bytes come, what stands between the lines,
//! or whether snapshots are joined.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use claude_cli::{
    simulate::{Expected, History, Totals},
    store::{
        Batch, Dimension, Ledger, LedgerReader, Level, RollupQuery, RowKind, RowQuery, Simulated, SqliteLedger,
        Witness,
    },
    transcript::{Origin, ScanEvent, Scanner, find, scan_all},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    ledger_properties::{content, same},
    transcript::{line, scan, text},
};

/// A reader that gives no more than so many bytes at a time.
struct Chopped<'a> {
    text: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl Read for Chopped<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.sizes.next().unwrap().min(&self.text.len()).min(&buffer.len()).to_owned();
        buffer[..n].copy_from_slice(&self.text[..n]);
        self.text = &self.text[n..];
        Ok(n)
    }
}

/// Few ids and values, so that lines are snapshots of each other or nearly so.
fn usage_line() -> impl Strategy<Value = Value> {
    let ids = (0..4_u8, prop::option::of(0..3_u8), 0..4_u64, 0..6_u8);
    let same = (prop::bool::weighted(0.2), 0..2_u8, 0..2_u8, prop::bool::weighted(0.1));
    let odd = (0..40_u8, 0..3_u8);
    (ids, same, odd).prop_map(
        |((message, request, output, at), (sidechain, session, branch, cost), (odd, model))| {
            let mut line = line(&message.to_string(), output);
            line["requestId"] = request.map_or(Value::Null, |n| json!(format!("req_{n}")));
            line["timestamp"] = json!(format!("2026-03-29T23:59:5{at}.000Z"));
            line["uuid"] = json!(format!("line-{}", u64::from(at) * 7 + output));
            line["isSidechain"] = sidechain.into();
            line["sessionId"] = json!(format!("session-{session}"));
            line["gitBranch"] = json!(["main", "fix"][usize::from(branch)]);
            line["message"]["model"] =
                json!(["claude-opus-4-8", "claude-haiku-4-5", "<synthetic>"][usize::from(model)]);
            if cost {
                line["costUSD"] = json!(f64::from(at) / 8.0);
            }
            match odd {
                0 => line["message"]["id"] = Value::Null,
                1 => line["agentId"] = "a1".into(),
                2 => line["isApiErrorMessage"] = true.into(),
                3 => {
                    line["message"]["usage"]["iterations"] =
                        json!([{"type": "advisor_message", "model": "claude-haiku-4-5", "output_tokens": at}]);
                }
                4 => line["message"]["usage"]["output_tokens"] = "many".into(),
                _ => {}
            }
            line
        },
    )
}

/// Bytes without a line end.
fn junk() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        Just(br#"{"type":"user","message":{"content":"\"usage\":{\"output_tokens\":5}"}}"#.to_vec()),
        Just(br#"{"toolUseResult":{"usage":{"output_tokens":5}}}"#.to_vec()),
        Just(br#"{"message":{"usage":{"output_tokens":5}}"#.to_vec()),
        Just(br#""usage""#.to_vec()),
        prop::collection::vec(any::<u8>().prop_filter("no line end", |b| *b != b'\n'), 0..60),
    ]
}

fn ledger_of(witnesses: &[Witness], split: usize) -> (tempfile::TempDir, SqliteLedger) {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
    for chunk in witnesses.chunks(split) {
        let mut batch = Batch::default();
        batch.witnesses = chunk.to_vec();
        ledger.append(&batch).unwrap();
    }
    (folder, ledger)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// A joined witness says to a ledger what all its snapshots say.
    #[test]
    fn joining_snapshots_changes_nothing(
        lines in prop::collection::vec(usage_line(), 1..14),
        split in 1..20_usize,
    ) {
        let (joined, scanned) = scan(&text(&lines));
        prop_assert_eq!(scanned.usage_lines, lines.len() as u64);
        let alone: Vec<Witness> =
            lines.iter().flat_map(|line| scan(&text(std::slice::from_ref(line))).0).collect();
        prop_assert_eq!(alone.len(), lines.len());
        prop_assert!(joined.len() <= alone.len());
        let (_a, ledger_a) = ledger_of(&joined, split);
        let (_b, ledger_b) = ledger_of(&alone, split);
        same(&content(&ledger_a), &content(&ledger_b))?;
    }
}

proptest! {
    /// However a file is read, and whatever stands between its lines.
    #[test]
    fn how_bytes_come_does_not_matter(
        lines in prop::collection::vec((usage_line(), junk()), 1..10),
        sizes in prop::collection::vec(1..700_usize, 1..20),
        resumed_at in any::<prop::sample::Index>(),
    ) {
        let plain: Vec<Value> = lines.iter().map(|(line, _)| line.clone()).collect();
        let (expected, _) = scan(&text(&plain));
        let mut bytes = Vec::new();
        let mut starts = Vec::new();
        for (line, junk) in &lines {
            starts.push(bytes.len());
            bytes.extend_from_slice(junk);
            bytes.extend(format!("\n{line}\n").into_bytes());
        }
        let mut witnesses = Vec::new();
        let mut reader = Chopped { text: &bytes, sizes: sizes.iter().cycle() };
        let origin = Origin::of(Path::new("/x/projects/p/file-session.jsonl"));
        let mut scanner = Scanner::new();
        let whole = scanner.scan_reader(&mut reader, &origin, 0, &mut |w| witnesses.push(w)).unwrap();
        prop_assert_eq!(whole.end, bytes.len() as u64);
        prop_assert_eq!(&witnesses, &expected);

        // In two parts, at a line start.
        let at = starts[resumed_at.index(starts.len())];
        let (mut first, mut second) = (&bytes[..at], &bytes[at..]);
        let a = scanner.scan_reader(&mut first, &origin, 0, &mut |_| {}).unwrap();
        let b = scanner.scan_reader(&mut second, &origin, a.end, &mut |_| {}).unwrap();
        prop_assert_eq!((a.end as usize, b.end as usize), (at, bytes.len()));
        prop_assert_eq!(a.usage_lines + b.usage_lines, whole.usage_lines);
        prop_assert_eq!(a.skipped + b.skipped, whole.skipped);
        let offsets: Vec<_> = a.problems.iter().chain(&b.problems).map(|p| p.offset).collect();
        prop_assert_eq!(offsets, whole.problems.iter().map(|p| p.offset).collect::<Vec<_>>());
    }

    /// Any prefix of a file ends before the line that is cut.
    #[test]
    fn a_cut_file_goes_on_where_it_was_cut(
        lines in prop::collection::vec(usage_line(), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = text(&lines);
        let cut = cut.index(bytes.len() + 1);
        let mut scanner = Scanner::new();
        let origin = Origin::default();
        let mut count = 0;
        let first = scanner.scan_reader(&mut &bytes[..cut], &origin, 0, &mut |_| {}).unwrap();
        count += first.usage_lines;
        prop_assert!(first.end <= cut as u64);
        prop_assert_eq!(first.problem_count, lines_with_problems(&bytes[..first.end as usize]));
        let rest = &bytes[first.end as usize..];
        count += scanner.scan_reader(&mut &*rest, &origin, first.end, &mut |_| {}).unwrap().usage_lines;
        prop_assert_eq!(count, lines.len() as u64);
    }
}

fn lines_with_problems(bytes: &[u8]) -> u64 {
    bytes.split(|&b| b == b'\n').filter(|line| line.windows(6).any(|w| w == b"\"many\"")).count() as u64
}

/// What a ledger holds of a history.
fn found(ledger: &SqliteLedger) -> Expected {
    let mut found = Expected::default();
    ledger
        .requests(&RowQuery::default(), &mut |row| {
            let is_error = row.error.is_some();
            let mut totals = Totals::default();
            totals.requests = u64::from(row.kind == RowKind::Request);
            totals.errors = u64::from(is_error);
            totals.input_tokens = row.input_tokens as u64;
            totals.output_tokens = row.output_tokens as u64;
            totals.cache_read_tokens = row.cache_read_tokens as u64;
            totals.cache_write_5m_tokens = row.cache_write_5m_tokens as u64;
            totals.cache_write_1h_tokens = row.cache_write_1h_tokens as u64;
            totals.web_searches = row.web_searches as u64;
            found.totals += &totals;
            if let Some(model) = row.model {
                *found.models.entry(model).or_default() += &totals;
            }
        })
        .unwrap();
    found
}

#[test]
fn a_ledger_finds_in_a_history_what_was_put_there() {
    let mut requests = 0;
    for seed in 1..4 {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::default();
        history.seed = seed;
        history.files = 30;
        history.bytes = 6 << 20;
        history.giant_lines = vec![3 << 20];
        let expected = history.write(folder.path()).unwrap();
        let (files, problems) = find(&[folder.path().to_owned()]);
        assert_eq!((files.len() as u64, problems.len()), (expected.files, 0));
        assert_eq!(files.iter().map(|file| file.size).sum::<u64>(), expected.bytes);
        let wanted = history.bytes + (3 << 20);
        assert!(expected.bytes.abs_diff(wanted) < wanted / 5, "{} bytes", expected.bytes);

        let data = tempfile::tempdir().unwrap();
        let mut ledger = SqliteLedger::open(&data.path().join("ledger.db")).unwrap();
        let mut usage_lines = 0;
        for event in scan_all(files.into_iter().map(|file| (file, 0)).collect(), 2) {
            match event {
                ScanEvent::Witnesses { witnesses, .. } => {
                    let mut batch = Batch::default();
                    batch.witnesses = witnesses;
                    ledger.append(&batch).unwrap();
                }
                ScanEvent::Done { scanned, .. } => {
                    let scanned = scanned.unwrap();
                    usage_lines += scanned.usage_lines;
                    assert_eq!(scanned.problems, []);
                }
            }
        }
        let found = found(&ledger);
        assert_eq!(usage_lines, expected.usage_lines);
        assert_eq!(found.totals, expected.totals);
        assert_eq!(found.models, expected.models);
        requests += found.totals.requests;

        let query = RollupQuery {
            level: Level::Day,
            dimension: Dimension::All,
            since: i64::MIN,
            until: i64::MAX,
            key: None,
            simulated: Simulated::Exclude,
        };
        let days = ledger.rollups(&query).unwrap();
        assert!(days.len() > 10, "{} days", days.len());
        assert_eq!(days.iter().map(|day| day.sums.requests as u64).sum::<u64>(), expected.totals.requests);
    }
    assert!(requests > 1000, "{requests} requests");
}

#[test]
fn a_history_is_the_same_every_time() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut history = History::default();
    (history.files, history.bytes) = (5, 1 << 20);
    let expected = history.write(a.path()).unwrap();
    assert_eq!(history.write(b.path()).unwrap(), expected);
    let (ours, theirs) = (find(&[a.path().to_owned()]).0, find(&[b.path().to_owned()]).0);
    assert_eq!(ours.len(), theirs.len());
    for (our, their) in ours.iter().zip(&theirs) {
        assert_eq!(our.path.strip_prefix(a.path()), their.path.strip_prefix(b.path()));
        let text = fs::read(&our.path).unwrap();
        assert!(text == fs::read(&their.path).unwrap());
        for line in text.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
            serde_json::from_slice::<serde::de::IgnoredAny>(line).unwrap();
        }
    }
    history.seed = 2;
    let other = tempfile::tempdir().unwrap();
    assert_ne!(history.write(other.path()).unwrap(), expected);
}
