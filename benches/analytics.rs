//! Dashboards, summaries, series and blocks over made-up ledgers of 100 to ten
//! million requests: within a process, as a whole process, by many users at
//! once, and against one query an hour and metric over the same ledger.
//!
//! `cargo bench --bench analytics` takes a minute; `-- --large` adds a million
//! and ten million requests (8 GB of disk, some minutes to make them up).
//! Ledgers stay in `--folder DIR` (else in `target/`) for the next time. The
//! program measured is `CLAUDE_CLI`, else the release build.

mod analytics {
    pub(crate) mod many;
    pub(crate) mod naive;
    pub(crate) mod processes;
    pub(crate) mod timing;
}

use std::{
    env,
    path::{Path, PathBuf},
    time::Instant,
};

use analytics::{many, naive, processes, timing::Timing};
use claude_cli::{
    analytics::{
        BlocksQuery, Bucket, CacheConfig, DashboardCache, DashboardQuery, Engine, GroupBy, Metric, Question,
        SummaryQuery, TimeRange, TimeSeriesQuery, parse_zone,
    },
    simulate::Requests,
    store::{Filter, Simulated, SqliteLedger, size_on_disk},
};
use jiff::{Timestamp, tz::TimeZone};

const ZONES: [&str; 2] = ["UTC", "Asia/Kolkata"];
/// The guide's table: entries, and its milliseconds before and after.
const GUIDE: [(u64, &str, &str); 5] = [
    (100, "150 ms", "45 ms"),
    (500, "450 ms", "80 ms"),
    (1_000, "850 ms", "120 ms"),
    (2_000, "1,600 ms", "180 ms"),
    (5_000, "3,800 ms", "280 ms"),
];

/// When the made-up ledgers end: what is asked looks back from here.
pub(crate) fn now() -> Timestamp {
    "2026-11-01T00:00:00Z".parse().expect("a time")
}

struct Setup {
    folder: PathBuf,
    rounds: usize,
}

impl Setup {
    /// A ledger of so many requests, made up unless it is there.
    fn ledger(&self, count: u64) -> PathBuf {
        let path = self.folder.join(format!("requests-{count}.db"));
        let done = self.folder.join(format!("requests-{count}.done"));
        if done.exists() {
            return path;
        }
        for file in [path.clone(), path.with_extension("db-wal"), path.with_extension("db-shm")] {
            let _ = std::fs::remove_file(file);
        }
        let days = if count > 100_000 { 365 } else { 30 };
        let started = Instant::now();
        let mut ledger = SqliteLedger::open(&path).expect("a new ledger");
        ledger.fill(Requests::before(now().as_millisecond(), count, days).witnesses()).expect("it is filled");
        drop(ledger);
        let took = started.elapsed().as_secs_f64();
        if count > 100_000 {
            println!("made up {count} requests in {took:.0} s: {} MB", size_on_disk(&path) / 1_000_000);
        }
        std::fs::write(done, "").expect("a mark");
        path
    }
}

fn main() {
    let args: Vec<String> = env::args().collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let asked = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    // `cargo test --benches` only wants to see that it runs.
    let quick = has("--test");
    let folder =
        asked("--folder").map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("ledgers"), PathBuf::from);
    std::fs::create_dir_all(&folder).expect("a folder for the ledgers");
    let setup = Setup { folder, rounds: if quick { 1 } else { 200 } };

    println!("\n## Dashboards, within a process, from disk and uncached\n");
    println!(
        "| requests | guide, before | guide, after | first, with opening | median | p95 |\n|--:|--:|--:|--:|--:|--:|"
    );
    for (count, before, after) in GUIDE {
        dashboards(&setup, count, before, after);
    }
    let large: &[u64] = if has("--large") { &[1_000_000, 10_000_000] } else { &[] };
    for &count in large {
        dashboards(&setup, count, "", "");
    }
    let biggest = setup.ledger(large.last().copied().unwrap_or(if quick { 100 } else { 5_000 }));

    println!("\n## Within a process, warm and uncached: {}\n", biggest.display());
    within(&setup, &biggest);
    println!("\n## From the cache in memory, and not\n");
    cached(&setup, &biggest);
    println!("\n## Whole processes, nothing cached\n");
    processes::run(&biggest, if quick { 0 } else { 21 });
    println!("\n## Series of four metrics by the hour, and one query an hour and metric\n");
    naive::run(&biggest, if quick { 1 } else { 11 });
    println!("\n## Users at once, each asking for one dashboard after the other, a writer beside them\n");
    many::run(&setup.ledger(if quick { 100 } else { 5_000 }), quick);
    for &count in large {
        many::run(&setup.ledger(count), quick);
    }
}

fn dashboards(setup: &Setup, count: u64, before: &str, after: &str) {
    let path = setup.ledger(count);
    let query = DashboardQuery::new(now(), TimeZone::UTC);
    let started = Instant::now();
    let engine = Engine::open(&path).expect("the ledger opens");
    engine.dashboard(&query).expect("a dashboard");
    let first = started.elapsed();
    let timing = Timing::of(setup.rounds, || _ = engine.dashboard(&query).expect("a dashboard"));
    println!(
        "| {count} | {before} | {after} | {:.2} ms | {:.3} ms | {:.3} ms |",
        first.as_secs_f64() * 1e3,
        timing.median,
        timing.p95
    );
}

fn within(setup: &Setup, path: &Path) {
    let engine = Engine::open(path).expect("the ledger opens");
    let now_ms = now().as_millisecond();
    println!("| question | UTC | half-hour zone |\n|---|--:|--:|");
    let row = |name: &str, ask: &dyn Fn(TimeZone)| {
        let medians = ZONES.map(|zone| {
            let tz = parse_zone(zone).expect("a zone");
            Timing::of(setup.rounds.min(51), || ask(tz.clone())).median
        });
        println!("| {name} | {:.2} ms | {:.2} ms |", medians[0], medians[1]);
    };
    row("dashboard, 7 days", &|tz| _ = engine.dashboard(&DashboardQuery::new(now(), tz)).expect("a dashboard"));
    for days in [30, 365] {
        row(&format!("dashboard, {days} days"), &|tz| {
            let range = TimeRange { since: Some(now_ms - days * 86_400_000), until: None, tz };
            engine.dashboard(&DashboardQuery::of(range, now_ms)).expect("a dashboard");
        });
    }
    row("dashboard, all of time", &|tz| {
        engine.dashboard(&DashboardQuery::of(TimeRange::all(tz), now_ms)).expect("a dashboard");
    });
    for by in [GroupBy::Day, GroupBy::Model, GroupBy::Project, GroupBy::Branch, GroupBy::Block] {
        row(&format!("summary by {}", by.name()), &|tz| {
            engine.summary(SummaryQuery::new(TimeRange::all(tz), by)).expect("a summary");
        });
    }
    row("blocks", &|tz| {
        let query =
            BlocksQuery { range: TimeRange::all(tz), filter: Filter::default(), simulated: Simulated::Exclude };
        engine.blocks(&query).expect("blocks");
    });
    for (name, days) in [("24 hours", 1), ("7 days", 7), ("30 days", 30)] {
        row(&format!("hourly series of {name}"), &|tz| {
            let metrics = vec![Metric::Cost, Metric::Commands, Metric::SuccessRate, Metric::ResponseTime];
            let range = (now_ms - days * 86_400_000, now_ms);
            engine.timeseries(TimeSeriesQuery::new(range, tz, Bucket::HOUR, metrics)).expect("series");
        });
    }
}

/// The guide's four kinds of answers, and its milliseconds of a hit and a miss.
fn cached(setup: &Setup, path: &Path) {
    let rounds = setup.rounds.min(51);
    println!("| answer | guide, hit | guide, miss | hit | miss |\n|---|--:|--:|--:|--:|");
    let now_ms = now().as_millisecond();
    let metrics = vec![Metric::Cost, Metric::Commands, Metric::SuccessRate, Metric::ResponseTime];
    let week = DashboardQuery::new(now(), TimeZone::UTC);
    let live =
        DashboardQuery::of(TimeRange { since: Some(now_ms - 3_600_000), until: None, tz: TimeZone::UTC }, now_ms);
    let summary = SummaryQuery::new(TimeRange::all(TimeZone::UTC), GroupBy::Project);
    let series = TimeSeriesQuery::new((now_ms - 30 * 86_400_000, now_ms), TimeZone::UTC, Bucket::HOUR, metrics);
    hit_and_miss(path, rounds, "dashboard | 8 ms | 85 ms", &week);
    hit_and_miss(path, rounds, "live dashboard (the last hour) | 5 ms | 45 ms", &live);
    hit_and_miss(path, rounds, "summary by project | 12 ms | 320 ms", &summary);
    hit_and_miss(path, rounds, "time series (30 days by the hour) | 15 ms | 180 ms", &series);
}

fn hit_and_miss<Q: Question>(path: &Path, rounds: usize, name: &str, question: &Q) {
    let cache = DashboardCache::new(CacheConfig::default());
    let engine = Engine::open(path).expect("the ledger opens").with_cache(&cache);
    let hit = Timing::of(rounds, || _ = engine.ask(question).expect("an answer"));
    let miss = Timing::of(rounds, || {
        cache.clear();
        engine.ask(question).expect("an answer");
    });
    println!("| {name} | {:.4} ms | {:.3} ms |", hit.median, miss.median);
}
