//! How many statements a question takes: as many for a long history as for a
//! short one, and as many for a long range as for a day.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use claude_cli::{
    analytics::{
        BlocksQuery, Bucket, DashboardQuery, Engine, GroupBy, Metric, SummaryQuery, TimeRange, TimeSeriesQuery,
        parse_zone,
    },
    simulate::Requests,
    store::{Budget, Filter, Ledger, Simulated, SqliteLedger},
};
use jiff::Timestamp;

struct Counted {
    _folder: tempfile::TempDir,
    engine: Engine,
    counter: Arc<AtomicU64>,
}

fn now() -> Timestamp {
    "2026-08-15T00:00:00Z".parse().unwrap()
}

impl Counted {
    fn over(count: u64, days: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut ledger = SqliteLedger::open(&path).unwrap();
        ledger.fill(Requests::before(now().as_millisecond(), count, days).witnesses()).unwrap();
        for n in 0..5 {
            let mut budget = Budget::default();
            budget.name = format!("budget {n}");
            budget.limit = 1_000_000_000;
            budget.filter.project = Some(format!("/home/me/project-{n}")).filter(|_| n > 0);
            ledger.set_budget(&budget).unwrap();
        }
        let counter = Arc::new(AtomicU64::new(0));
        let counting = Arc::clone(&counter);
        let engine = Engine::new(move || {
            let ledger = SqliteLedger::open_read_only(&path)?.unwrap();
            Ok(Box::new(ledger.counting_statements(Arc::clone(&counting))?))
        });
        Self { _folder: folder, engine, counter }
    }

    /// The statements that a question takes the first time and again; the first
    /// time, names are looked up, too.
    fn statements(&self, ask: impl Fn(&Engine)) -> (u64, u64) {
        // Opening is not counted.
        self.engine.read(|reader| reader.budgets()).unwrap();
        let count = || {
            let before = self.counter.load(Ordering::Relaxed);
            ask(&self.engine);
            self.counter.load(Ordering::Relaxed) - before
        };
        (count(), count())
    }
}

#[test]
fn a_dashboard_takes_a_fixed_number_of_statements() {
    let mut seen = Vec::new();
    for (count, days) in [(50, 1), (3_000, 60), (3_000, 400)] {
        let counted = Counted::over(count, days);
        for zone in ["UTC", "Asia/Kolkata"] {
            let tz = parse_zone(zone).unwrap();
            let all = DashboardQuery::of(TimeRange::all(tz.clone()), now().as_millisecond());
            for query in [DashboardQuery::new(now(), tz), all] {
                let (first, again) = counted.statements(|engine| {
                    engine.dashboard(&query).unwrap();
                });
                // Names of filters, groups, sessions and errors.
                assert!(first <= again + 4, "{first} the first time, {again} the second");
                seen.push(again);
            }
        }
    }
    // A snapshot (2), the ends of the range, budgets, sums, sessions, alerts and
    // errors; where the range is limited, when the last session ended; and where a
    // budget is for a project that no request is of, that name.
    assert!(seen.iter().all(|&n| (8..=10).contains(&n)), "{seen:?}");
}

#[test]
fn questions_take_a_fixed_number_of_statements() {
    let counted = [Counted::over(60, 2), Counted::over(3_000, 90)];
    let metrics: Vec<Metric> = Metric::ALL.iter().map(|metric| metric.0).collect();
    for zone in ["UTC", "Asia/Kathmandu"] {
        let tz = parse_zone(zone).unwrap();
        for (_, name) in GroupBy::ALL {
            let by: GroupBy = name.parse().unwrap();
            let counts = counted.each_ref().map(|counted| {
                let query = SummaryQuery::new(TimeRange::all(tz.clone()), by);
                counted.statements(|engine| _ = engine.summary(query.clone()).unwrap()).1
            });
            assert!(counts.iter().all(|&n| n <= 6), "by {name}: {counts:?}");
        }
        let until = now().as_millisecond();
        let counts = counted.each_ref().map(|counted| {
            let range = (until - 60 * 86_400_000, until);
            let mut query = TimeSeriesQuery::new(range, tz.clone(), Bucket::HOUR, metrics.clone());
            query.compare = true;
            counted.statements(|engine| _ = engine.timeseries(query.clone()).unwrap()).1
        });
        assert_eq!(counts, [3, 3], "a snapshot, and one statement for all series and both periods");
        let counts = counted.each_ref().map(|counted| {
            let range = TimeRange::all(tz.clone());
            let query = BlocksQuery { range, filter: Filter::default(), simulated: Simulated::Exclude };
            counted.statements(|engine| _ = engine.blocks(&query).unwrap()).1
        });
        assert_eq!(counts, [4, 4], "a snapshot, where blocks start, and what they amount to");
    }
}
