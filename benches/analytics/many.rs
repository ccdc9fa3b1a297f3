//! Many users of one engine, and a writer beside them.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    thread,
    time::{Duration, Instant},
};

use claude_cli::{
    analytics::{DashboardQuery, Engine},
    store::{Batch, Ledger, SqliteLedger, Witness, WitnessKind},
};
use jiff::tz::TimeZone;

use super::timing::Timing;

/// Users, and the guide's average and 95th percentile.
const GUIDE: [(usize, &str, &str); 5] = [
    (1, "45 ms", "65 ms"),
    (5, "52 ms", "85 ms"),
    (10, "68 ms", "120 ms"),
    (25, "95 ms", "180 ms"),
    (50, "140 ms", "280 ms"),
];
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) fn run(path: &Path, quick: bool) {
    println!("{}\n", path.display());
    println!("| users | guide, average | guide, p95 | median | p95 | dashboards/s | commits |");
    println!("|--:|--:|--:|--:|--:|--:|--:|");
    // The writer's requests are not to stay in the ledger of the other figures.
    let copy = path.with_extension("copy.db");
    std::fs::copy(path, &copy).expect("a copy of the ledger");
    let time = Duration::from_millis(if quick { 100 } else { 3_000 });
    for (users, average, p95) in GUIDE {
        let (times, commits) = ask(&copy, users, time);
        let count = times.len();
        let timing = Timing::from(times);
        println!(
            "| {users} | {average} | {p95} | {:.2} ms | {:.2} ms | {:.0} | {commits} |",
            timing.median,
            timing.p95,
            count as f64 / time.as_secs_f64()
        );
    }
    for suffix in ["copy.db", "copy.db-wal", "copy.db-shm"] {
        let _ = std::fs::remove_file(path.with_extension(suffix));
    }
}

/// The milliseconds of each dashboard, and the writer's commits.
fn ask(path: &Path, users: usize, time: Duration) -> (Vec<f64>, u64) {
    let engine = Engine::open(path).expect("the ledger opens");
    let query = DashboardQuery::new(crate::now(), TimeZone::UTC);
    // Requests of the range that are certainly committed.
    let known = AtomicI64::new(engine.dashboard(&query).expect("a dashboard").totals.figures.requests);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut ledger = SqliteLedger::open(path).expect("the ledger opens");
            let mut commits = 0;
            while !stop.load(Ordering::Relaxed) {
                let witnesses = (0..10).map(|n| request(users, commits, n)).collect();
                ledger.append(&Batch { witnesses, ..Batch::default() }).expect("it is written");
                known.fetch_add(10, Ordering::SeqCst);
                commits += 1;
                thread::sleep(PAUSE);
            }
            commits
        });
        let askers: Vec<_> = (0..users)
            .map(|_| {
                scope.spawn(|| {
                    let mut times = Vec::new();
                    let end = Instant::now() + time;
                    while Instant::now() < end {
                        let least = known.load(Ordering::SeqCst);
                        let started = Instant::now();
                        let board = engine.dashboard(&query).expect("a dashboard");
                        times.push(started.elapsed().as_secs_f64() * 1e3);
                        assert!(board.totals.figures.requests >= least, "a stale answer");
                    }
                    times
                })
            })
            .collect();
        let times = askers.into_iter().flat_map(|asker| asker.join().expect("no panic")).collect();
        stop.store(true, Ordering::Relaxed);
        (times, writer.join().expect("no panic"))
    })
}

fn request(users: usize, commit: u64, n: u64) -> Witness {
    let mut w = Witness::default();
    w.by = WitnessKind::Run;
    w.ts = crate::now().as_millisecond() - 60_000;
    w.message_id = Some(format!("msg_{users}_{commit}_{n}"));
    w.session = Some("writer".into());
    w.model = Some("claude-haiku-4-5".into());
    w.project = Some("/home/me/project-1".into());
    w.usage.output_tokens = 10 + n;
    w.duration_ms = Some(900);
    w
}
