//! Scanning a big history of transcripts, against `cat … | wc -l` and `wc -l …`
//! over the same bytes, in turn.
//!
//! `cargo bench --bench import -- --mib 1024 --rounds 11`
//!
//! The history is made up once (in `target/`) and stays for the next time. With
//! `--giant-mib 700` it has a line of that length as well; memory is right from
//! the second time on.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use claude_cli::{
    simulate::History,
    transcript::{ScanEvent, TranscriptFile, find, scan_all},
};

/// About so many bytes make a session: a gigabyte is 300 of them, and some 100
/// subagents.
const SESSION: u64 = 3_500_000;

/// Writes the history unless it is there, and gives its usage lines.
fn history(folder: &Path, bytes: u64, giant_lines: Vec<u64>) -> u64 {
    let note = folder.join("usage-lines");
    if let Some(known) = fs::read_to_string(&note).ok().and_then(|text| text.parse().ok()) {
        return known;
    }
    let _ = fs::remove_dir_all(folder);
    let started = Instant::now();
    let files = (bytes / SESSION).max(4) as usize;
    let history = History { files, bytes, giant_lines, ..History::default() };
    let expected = history.write(folder).expect("the history can be written");
    let took = started.elapsed().as_secs_f64();
    println!(
        "made up {} MB in {} files, {} usage lines of {} requests: {took:.1} s, {:.0} MB/s",
        expected.bytes / 1_000_000,
        expected.files,
        expected.usage_lines,
        expected.totals.requests,
        expected.bytes as f64 / 1e6 / took
    );
    fs::write(note, expected.usage_lines.to_string()).expect("the history can be written");
    expected.usage_lines
}

/// Finds and scans everything; the witnesses are counted and dropped.
fn scan(folder: &Path, threads: usize) -> (u64, u64) {
    let (files, _) = find(&[folder.to_owned()]);
    let files: Vec<(TranscriptFile, u64)> = files.into_iter().map(|file| (file, 0)).collect();
    let (mut lines, mut witnesses) = (0, 0);
    for event in scan_all(files, threads) {
        match event {
            ScanEvent::Witnesses { witnesses: some, .. } => witnesses += some.len() as u64,
            ScanEvent::Done { scanned, .. } => lines += scanned.expect("every file can be read").usage_lines,
        }
    }
    (lines, witnesses)
}

fn count_lines(folder: &Path, how: &str) {
    let status = Command::new("sh")
        .args(["-c", &format!("find \"$1\" -name '*.jsonl' -print0 | xargs -0 {how}"), "sh"])
        .arg(folder)
        .stdout(Stdio::null())
        .status()
        .expect("sh starts");
    assert!(status.success());
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn report(name: &str, times: &mut [Duration], bytes: u64) -> f64 {
    times.sort_unstable();
    let (low, middle, high) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    let seconds = middle.as_secs_f64();
    println!(
        "{name:<24} {:>7.1} ms   ({:.1} to {:.1})   {:>5.2} GB/s",
        seconds * 1e3,
        low.as_secs_f64() * 1e3,
        high.as_secs_f64() * 1e3,
        bytes as f64 / 1e9 / seconds
    );
    seconds
}

/// The most memory this process has had, in MB.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1000)
}

fn main() {
    let args: Vec<String> = env::args().collect();
    let asked = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)?.parse().ok());
    // `cargo test --benches` only wants to see that it runs.
    let quick = args.iter().any(|arg| arg == "--test");
    let mib: u64 = if quick { 4 } else { asked("--mib").unwrap_or(1024) };
    let rounds = if quick { 1 } else { asked("--rounds").unwrap_or(11) };
    let giant: u64 = asked("--giant-mib").unwrap_or(0);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("history-{mib}-{giant}"));
    let expected = history(&folder, mib << 20, Some(giant << 20).filter(|&giant| giant > 0).into_iter().collect());
    let (files, _) = find(std::slice::from_ref(&folder));
    let bytes: u64 = files.iter().map(|file| file.size).sum();

    let mut all: [Vec<Duration>; 5] = Default::default();
    let mut witnesses = 0;
    for round in 0..=rounds {
        let times = [
            timed(|| count_lines(&folder, "cat | wc -l")),
            timed(|| count_lines(&folder, "wc -l")),
            timed(|| witnesses = scan(&folder, 1).1),
            timed(|| assert_eq!(scan(&folder, 2).0, expected)),
            timed(|| assert_eq!(find(std::slice::from_ref(&folder)).0.len(), files.len())),
        ];
        // The first one warms the page cache.
        if round > 0 {
            for (all, time) in all.iter_mut().zip(times) {
                all.push(time);
            }
        }
    }
    println!(
        "{} MB, {} files, {expected} usage lines, {witnesses} witnesses; medians of {rounds} (least to most)",
        bytes / 1_000_000,
        files.len()
    );
    let [piped, direct, one, two, finding] = &mut all;
    finding.sort_unstable();
    println!("find: {:.1} ms", finding[finding.len() / 2].as_secs_f64() * 1e3);
    let baselines = [report("cat … | wc -l", piped, bytes), report("wc -l …", direct, bytes)];
    for (name, times) in [("scan, 1 thread", one), ("scan, 2 threads", two)] {
        let seconds = report(name, times, bytes);
        let [piped, direct] = baselines.map(|baseline| seconds / baseline);
        println!("{:24} {piped:.2} of cat … | wc -l, {direct:.2} of wc -l …", "");
    }
    println!("peak memory: {} MB", peak_memory().map_or("unknown".to_owned(), |mb| mb.to_string()));
}
