//! Answers that are kept are what the ledger says, always.

use std::{sync::Arc, time::Duration};

use claude_cli::{
    Result,
    analytics::{
        Bucket, DashboardCache, DashboardQuery, Engine, GroupBy, Metric, Question, SessionsQuery, SummaryQuery,
        TimeRange, TimeSeriesQuery, parse_zone,
    },
    cache::{DEFAULT_CACHE_BYTES, DiskCache},
    store::{Batch, Budget, CostMode, Filter, Ledger, Period, SessionOrder, Simulated, SqliteLedger, Witness},
};
use jiff::tz::TimeZone;
use proptest::prelude::*;

/// 2026-08-01, and a day.
const START: i64 = 1_785_542_400_000;
const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

fn witness(id: u16, hour: i64, tokens: u64) -> Witness {
    let mut w = Witness::default();
    w.message_id = Some(format!("m{id}"));
    w.ts = START + hour * HOUR + i64::from(id);
    w.model = Some(["claude-opus-4-8", "claude-haiku-4-5", "brand-new"][usize::from(id % 3)].into());
    w.project = Some(format!("/p{}", id % 4).into());
    w.session = Some(format!("s{}", id % 5).into());
    w.usage.output_tokens = tokens;
    w.duration_ms = id.is_multiple_of(2).then_some(i64::from(id) * 7);
    w.error = id.is_multiple_of(11).then(|| "overloaded_error".to_owned());
    w
}

fn batch(witnesses: Vec<Witness>) -> Batch {
    Batch { witnesses, ..Batch::default() }
}

fn budget(limit: i64) -> Budget {
    let mut budget = Budget::default();
    (budget.name, budget.period, budget.limit) = ("daily".to_owned(), Period::Day, limit);
    budget
}

fn range(since: Option<i64>, until: Option<i64>, tz: &str) -> TimeRange {
    TimeRange { since, until, tz: parse_zone(tz).unwrap() }
}

fn days(from: i64, to: i64) -> TimeRange {
    range(Some(START + from * DAY), Some(START + to * DAY), "UTC")
}

fn dashboard_query(hour: i64) -> DashboardQuery {
    DashboardQuery::of(range(None, None, "UTC"), START + hour * HOUR)
}

fn ledger() -> (tempfile::TempDir, SqliteLedger) {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
    ledger.append(&batch((0..200).map(|n| witness(n, i64::from(n), 1000)).collect())).unwrap();
    (folder, ledger)
}

#[test]
fn the_guides_snippet() {
    use claude_cli::analytics::{CacheConfig, DashboardCache};

    let cache_config = CacheConfig {
        default_ttl_seconds: 300, // 5 minutes
        max_memory_mb: 200,       // 200MB limit
        enable_smart_invalidation: true,
        enable_cache_warming: true,
        ..Default::default()
    };

    let cache = DashboardCache::new(cache_config);

    let (folder, _) = ledger();
    let engine = Engine::open(&folder.path().join("ledger.db")).unwrap().with_cache(&cache);
    let query = dashboard_query(200);
    let first = engine.dashboard(&query).unwrap();
    assert_eq!(engine.dashboard(&query).unwrap(), first);
    let stats = cache.stats();
    assert_eq!((stats.total().hits, stats.total().misses, stats.entries), (1, 1, 1));
    assert_eq!(stats.total().hit_ratio(), Some(0.5));
    assert!(stats.bytes > 1000 && stats.max_bytes == 200 << 20, "{stats:?}");
    assert!(stats.total().saved > Duration::ZERO, "a hit takes less than a miss: {stats:?}");
}

#[test]
fn a_write_makes_stale_what_it_touches_and_closed_days_stay() {
    let (_folder, mut ledger) = ledger();
    let cache = DashboardCache::new(Default::default());
    let first_day = SummaryQuery::new(days(0, 1), GroupBy::Model);
    let third_day = SummaryQuery::new(days(2, 3), GroupBy::Model);
    let counted = |ledger: &SqliteLedger, question: &SummaryQuery| {
        let before = cache.stats().total();
        let answer = cache.ask(ledger, question).unwrap();
        assert_eq!(*answer, question.answer(ledger).unwrap());
        let after = cache.stats().total();
        [after.hits - before.hits, after.misses - before.misses, after.stale - before.stale]
    };
    let (hit, miss, stale) = ([1, 0, 0], [0, 1, 0], [0, 0, 1]);
    assert_eq!((counted(&ledger, &first_day), counted(&ledger, &third_day)), (miss, miss));
    ledger.append(&batch(vec![witness(900, 60, 5)])).unwrap();
    assert_eq!((counted(&ledger, &first_day), counted(&ledger, &third_day)), (hit, stale));
    // The same again, and what is known better already, changes nothing.
    ledger.append(&batch(vec![witness(900, 60, 5), witness(900, 60, 1)])).unwrap();
    assert_eq!((counted(&ledger, &first_day), counted(&ledger, &third_day)), (hit, hit));
    // A better sight of an old request does, on its day.
    ledger.append(&batch(vec![witness(3, 3, 2000)])).unwrap();
    assert_eq!((counted(&ledger, &first_day), counted(&ledger, &third_day)), (stale, hit));
    ledger.prune(START + DAY).unwrap();
    assert_eq!((counted(&ledger, &first_day), counted(&ledger, &third_day)), (stale, stale));
}

#[test]
fn another_ledger_in_the_same_place_is_another_one() {
    let cache = DashboardCache::new(Default::default());
    let question = SummaryQuery::new(days(0, 9), GroupBy::Day);
    let (_one, first) = ledger();
    let (_two, mut second) = ledger();
    second.append(&batch(vec![witness(900, 1, 77)])).unwrap();
    let (a, b) = (cache.ask(&first, &question).unwrap(), cache.ask(&second, &question).unwrap());
    assert_ne!(a, b);
    assert_eq!((cache.ask(&first, &question).unwrap(), cache.ask(&second, &question).unwrap()), (a, b));
    assert_eq!(
        (cache.stats().total().hits, cache.stats().total().stale),
        (0, 3),
        "neither is taken for the other"
    );
}

#[test]
fn what_has_no_name_is_not_kept() {
    let (_folder, ledger) = ledger();
    let cache = DashboardCache::new(Default::default());
    let tz = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap();
    let question = SummaryQuery::new(TimeRange { since: None, until: None, tz }, GroupBy::Day);
    for _ in 0..2 {
        assert_eq!(*cache.ask(&ledger, &question).unwrap(), question.answer(&ledger).unwrap());
    }
    assert_eq!((cache.stats().total().bypassed, cache.stats().entries), (2, 0));
}

#[test]
fn time_ends_answers_and_without_invalidation_only_time_does() {
    let (_folder, mut ledger) = ledger();
    let question = SummaryQuery::new(days(0, 9), GroupBy::Day);
    let short =
        DashboardCache::new(claude_cli::analytics::CacheConfig { default_ttl_seconds: 0, ..Default::default() });
    let lazy = claude_cli::analytics::CacheConfig { enable_smart_invalidation: false, ..Default::default() };
    let lazy = DashboardCache::new(lazy);
    let before = lazy.ask(&ledger, &question).unwrap();
    short.ask(&ledger, &question).unwrap();
    ledger.append(&batch(vec![witness(900, 1, 77)])).unwrap();
    assert_eq!(lazy.ask(&ledger, &question).unwrap(), before, "as it was asked for");
    short.ask(&ledger, &question).unwrap();
    assert_eq!((short.stats().total().hits, short.stats().total().stale), (0, 1));
}

#[test]
fn a_full_cache_under_many_threads_and_a_writer_answers_on() {
    let (folder, mut ledger) = ledger();
    let path = folder.path().join("ledger.db");
    // A cache of 1 MB holds a few of these at a time.
    let config = claude_cli::analytics::CacheConfig { max_memory_mb: 1, disk_from_ms: 0, ..Default::default() };
    let disk = Arc::new(DiskCache::open(&folder.path().join("cache.db"), 1 << 20));
    let cache = DashboardCache::new(config).with_disk(disk);
    let engine = Engine::open(&path).unwrap().with_cache(&cache);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (engine, cache) = (&engine, &cache);
            scope.spawn(move || {
                for n in 0..40 {
                    let from = (thread * 7 + n) % 30;
                    let query = TimeSeriesQuery::new(
                        (START - from * DAY, START + 9 * DAY),
                        TimeZone::UTC,
                        "15m".parse().unwrap(),
                        vec![Metric::Cost, Metric::Tokens],
                    );
                    engine.timeseries(query).unwrap();
                    assert!(cache_is_bounded(cache));
                }
            });
        }
        scope.spawn(|| {
            for n in 0..40u16 {
                ledger.append(&batch(vec![witness(1000 + n, i64::from(n), 9)])).unwrap();
            }
        });
    });
    let stats = cache.stats();
    assert!(stats.evictions > 0 && stats.bytes <= 1 << 20, "{stats:?}");
    let total = stats.total();
    assert_eq!(total.hits + total.disk_hits + total.misses + total.stale + total.bypassed, 8 * 40, "{total:?}");
    let query = SummaryQuery::new(range(None, None, "UTC"), GroupBy::Day);
    assert_eq!(engine.summary(query.clone()).unwrap(), Engine::open(&path).unwrap().summary(query).unwrap());
}

fn cache_is_bounded(cache: &DashboardCache) -> bool {
    cache.stats().bytes <= cache.stats().max_bytes
}

#[derive(Clone, Debug)]
enum Step {
    Write(u16, i64, u64),
    Budget(i64),
    Prune(i64),
    Ask(u8, i64, i64, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u16..60, 0i64..200, 1u64..5000).prop_map(|(id, hour, tokens)| Step::Write(id, hour, tokens)),
        1 => (1i64..100).prop_map(Step::Budget),
        1 => (0i64..4).prop_map(Step::Prune),
        12 => (0u8..9, 0i64..8, 1i64..4, any::<bool>()).prop_map(|(q, from, n, zone)| Step::Ask(q, from, n, zone)),
    ]
}

/// Asks a cache in memory, one over a disk that was never asked before in this
/// process, and none.
fn ask<Q: Question>(
    memory: &DashboardCache,
    disk: &DashboardCache,
    ledger: &SqliteLedger,
    question: &Q,
) -> Result<()>
where
    Q::Answer: PartialEq + std::fmt::Debug,
{
    let plain = question.answer(ledger)?;
    assert_eq!(*memory.ask(ledger, question)?, plain, "{question:?}");
    assert_eq!(*disk.ask(ledger, question)?, plain, "{question:?}");
    Ok(())
}

fn question(
    memory: &DashboardCache,
    disk: &DashboardCache,
    ledger: &SqliteLedger,
    (which, from, days, zone): (u8, i64, i64, bool),
) -> Result<()> {
    let tz = if zone { "Asia/Kolkata" } else { "UTC" };
    let edge = if zone { DAY / 2 + 1 } else { 0 };
    let asked = range(Some(START + from * DAY + edge), Some(START + (from + days) * DAY), tz);
    if asked.since >= asked.until {
        return Ok(());
    }
    let mut filter = Filter::default();
    filter.project = Some("/p1".to_owned());
    let summary = |by| SummaryQuery::new(asked.clone(), by);
    match which {
        0 => ask(memory, disk, ledger, &summary(GroupBy::Day)),
        1 => ask(memory, disk, ledger, &summary(GroupBy::Session)),
        2 => ask(memory, disk, ledger, &summary(GroupBy::Block)),
        3 => ask(memory, disk, ledger, &SummaryQuery { filter, ..summary(GroupBy::Model) }),
        4 => ask(memory, disk, ledger, &SummaryQuery::new(range(None, None, tz), GroupBy::Project)),
        5 => {
            let (since, until) = (asked.since.unwrap(), asked.until.unwrap());
            let metrics = Metric::ALL.map(|metric| metric.0).to_vec();
            let mut query = TimeSeriesQuery::new((since, until), asked.tz, Bucket::SIX_HOURS, metrics);
            (query.compare, query.moving_average, query.anomalies) = (true, Some(3), true);
            ask(memory, disk, ledger, &query)
        }
        6 => ask(
            memory,
            disk,
            ledger,
            &SessionsQuery {
                range: asked,
                filter: Filter::default(),
                order: SessionOrder::Cost,
                cost: CostMode::Auto,
                simulated: Simulated::Exclude,
                limit: Some(3),
            },
        ),
        7 => {
            let (filter, simulated) = (Filter::default(), Simulated::Exclude);
            ask(memory, disk, ledger, &claude_cli::analytics::BlocksQuery { range: asked, filter, simulated })
        }
        _ => ask(memory, disk, ledger, &dashboard_query(from * 24)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn with_a_cache_or_without_the_answers_are_the_same(steps in prop::collection::vec(step(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
        let disk = Arc::new(DiskCache::open(&folder.path().join("cache.db"), DEFAULT_CACHE_BYTES));
        let config = claude_cli::analytics::CacheConfig { disk_from_ms: 0, ..Default::default() };
        let memory = DashboardCache::new(config.clone());
        let (mut asked, mut from_disk) = (0, 0);
        for step in steps {
            match step {
                Step::Write(id, hour, tokens) => ledger.append(&batch(vec![witness(id, hour, tokens)])).unwrap(),
                Step::Budget(limit) => {
                    ledger.set_budget(&budget(limit * 1_000_000)).unwrap();
                }
                Step::Prune(days) => _ = ledger.prune(START + days * DAY).unwrap(),
                Step::Ask(which, from, days, zone) => {
                    let fresh = DashboardCache::new(config.clone()).with_disk(Arc::clone(&disk));
                    question(&memory, &fresh, &ledger, (which, from, days, zone)).unwrap();
                    asked += 1;
                    from_disk += fresh.stats().total().disk_hits;
                }
            }
        }
        let total = memory.stats().total();
        prop_assert!(total.hits + total.misses + total.stale <= asked);
        prop_assert!(from_disk <= total.hits, "memory knows all, and the disk what is costly");
    }
}
