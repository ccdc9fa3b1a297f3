//! The feed: what is committed to a ledger is shown to those who watch.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use claude_cli::{
    Usage,
    analytics::{BudgetState, budget_status},
    live::{
        Feed, FeedConfig, FeedError, FrameKind, HubConfig, LIVE_SCHEMA, LiveState, OptimizedDashboardFactory,
        View, Viewer,
    },
    store::{
        Batch, Budget, CostMode, Ledger, LedgerReader, Period, Simulated, SqliteLedger, Witness, WitnessKind,
    },
};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;
use tokio::time::timeout;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

/// A request of a second, with a cost of some thousandths of a dollar.
fn request(id: &str, ts: i64, millidollars: i64) -> Witness {
    let mut w = Witness::default();
    w.by = WitnessKind::Telemetry;
    w.ts = ts;
    w.message_id = Some(format!("msg_{id}"));
    w.session = Some("session-1".into());
    w.model = Some("claude-opus-4-8".into());
    w.project = Some("/p".into());
    w.usage = Usage::default();
    w.usage.output_tokens = 1_000;
    w.cost = Some(millidollars * 1_000_000);
    w.duration_ms = Some(1_000);
    w
}

fn commit(path: &Path, witnesses: impl IntoIterator<Item = Witness>) {
    let mut batch = Batch::default();
    batch.witnesses.extend(witnesses);
    SqliteLedger::open(path).unwrap().append(&batch).unwrap();
}

fn budget(path: &Path, name: &str, millidollars: i64) {
    let mut budget = Budget::default();
    name.clone_into(&mut budget.name);
    budget.limit = millidollars * 1_000_000;
    budget.period = Period::Day;
    budget.warn_percent = 80;
    SqliteLedger::open(path).unwrap().set_budget(&budget).unwrap();
}

/// A ledger, and a clock that the test turns.
struct World {
    _folder: tempfile::TempDir,
    path: PathBuf,
    now: Arc<AtomicI64>,
}

impl World {
    fn new(now: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        SqliteLedger::open(&path).unwrap();
        Self { path, now: Arc::new(AtomicI64::new(at(now))), _folder: folder }
    }

    fn feed_with(&self, config: FeedConfig) -> Feed {
        let now = Arc::clone(&self.now);
        let clock = move || now.load(Ordering::Relaxed);
        Feed::with_clock(&self.path, TimeZone::UTC, config, HubConfig::default(), clock).unwrap()
    }

    fn feed(&self) -> Feed {
        self.feed_with(OptimizedDashboardFactory::low_latency())
    }

    fn passes(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::Relaxed);
    }
}

/// What one viewer sees.
struct Screen {
    viewer: Viewer,
    state: Value,
    alerts: Vec<Value>,
    kinds: Vec<FrameKind>,
}

impl Screen {
    fn of(feed: &Feed, range: &str) -> Self {
        let viewer = feed.subscribe(&View::new(range, "UTC").unwrap(), None).unwrap();
        Self { viewer, state: Value::Null, alerts: Vec::new(), kinds: Vec::new() }
    }

    async fn see(&mut self) -> LiveState {
        let frame = timeout(Duration::from_secs(20), self.viewer.next()).await.expect("in time").expect("open");
        let data: Value = serde_json::from_slice(frame.data()).unwrap();
        self.kinds.push(frame.kind());
        match frame.kind() {
            FrameKind::Snapshot => self.state = data,
            FrameKind::Patch => {
                json_patch::patch(&mut self.state, &serde_json::from_value::<json_patch::Patch>(data).unwrap())
                    .unwrap();
            }
            FrameKind::Alert => self.alerts.push(data),
            FrameKind::Closed => panic!("closed: {data}"),
        }
        serde_json::from_value(self.state.clone()).unwrap_or_default()
    }

    /// Looks until something is so.
    async fn until(&mut self, is_so: impl Fn(&LiveState) -> bool) -> LiveState {
        loop {
            let state = self.see().await;
            if is_so(&state) {
                return state;
            }
        }
    }

    async fn sees_nothing(&mut self) -> bool {
        timeout(Duration::from_millis(400), self.viewer.next()).await.is_err()
    }
}

#[tokio::test]
async fn what_another_connection_commits_is_shown() {
    let world = World::new("2026-08-15T13:20:30Z");
    let feed = world.feed();
    let mut screen = Screen::of(&feed, "24h");
    let empty = screen.see().await;
    assert_eq!((empty.schema.as_str(), empty.generated.as_str()), (LIVE_SCHEMA, "2026-08-15T13:20:00Z"));
    assert_eq!((empty.totals.requests, empty.totals.success_rate, empty.spend.day.cost_usd), (0, None, Some(0.0)));
    assert!(empty.block.is_none() && empty.requests.is_empty() && empty.users.is_empty());
    assert_eq!((empty.range.since.as_str(), empty.series.bucket.as_str()), ("2026-08-14T13:15:00Z", "15m"));
    assert!(empty.series.p50_ms.iter().all(Option::is_none), "what is unknown is not 0");

    commit(
        &world.path,
        [request("1", at("2026-08-15T13:20:10Z"), 250), request("2", at("2026-08-15T12:50:10Z"), 500)],
    );
    let state = screen.until(|state| state.totals.requests == 2).await;
    let spend = [&state.spend.day, &state.spend.week, &state.spend.month].map(|period| period.cost_usd);
    assert_eq!(spend, [Some(0.75); 3]);
    assert_eq!(state.spend.week.since, "2026-08-10T00:00:00Z", "Monday");
    assert_eq!(state.requests["msg_1"].cost_usd, Some(0.25));
    assert_eq!(state.models["claude-opus-4-8"].total_tokens, 2_000);
    assert_eq!(state.sessions["session-1"].project.as_deref(), Some("/p"));
    assert!(state.totals.duration_ms.p95.is_some_and(|p95| (970.0..1_030.0).contains(&p95)));
    let block = state.block.unwrap();
    assert_eq!((block.start.as_str(), block.end.as_str()), ("2026-08-15T12:00:00Z", "2026-08-15T17:00:00Z"));
    assert_eq!((block.cost_usd, block.usd_per_hour), (Some(0.75), Some(1.5)));
    assert!(block.projected_usd > Some(6.0), "{block:?}");
    let buckets = &state.series;
    assert_eq!((buckets.starts_ms.len(), buckets.cost.len(), buckets.p95_ms.len()), (97, 97, 97));
    assert_eq!((buckets.cost[94], buckets.cost[96]), (Some(0.5), Some(0.25)));

    commit(&world.path, [request("3", at("2026-08-15T13:20:20Z"), 250)]);
    let state = screen.until(|state| state.totals.requests == 3).await;
    assert_eq!(screen.kinds.last(), Some(&FrameKind::Patch), "a request more is a small change");
    assert_eq!(state.requests.len(), 3);
}

#[tokio::test]
async fn an_alert_is_recorded_and_comes_before_the_state_that_tells_of_it() {
    let world = World::new("2026-08-15T13:20:30Z");
    budget(&world.path, "all", 1_000);
    let feed = world.feed();
    let mut screen = Screen::of(&feed, "today");
    assert_eq!(screen.see().await.budgets["all"].status.state, "ok");

    commit(&world.path, [request("1", at("2026-08-15T13:20:10Z"), 900)]);
    let state = screen.until(|state| state.totals.requests == 1).await;
    assert_eq!(screen.kinds, [FrameKind::Snapshot, FrameKind::Alert, FrameKind::Snapshot]);
    let alert = &screen.alerts[0];
    assert_eq!(
        (&alert["budget"], &alert["threshold_percent"], &alert["spent_usd"]),
        (&"all".into(), &80.into(), &0.9.into())
    );
    assert_eq!(state.alerts.len(), 1);
    assert_eq!(state.budgets["all"].status.state, "warning");
    let ledger = SqliteLedger::open(&world.path).unwrap();
    let recorded = ledger.alerts(None).unwrap();
    assert_eq!((recorded.len(), recorded[0].threshold), (1, 80));

    // Told once, and never again.
    commit(&world.path, [request("2", at("2026-08-15T13:20:11Z"), 50)]);
    screen.until(|state| state.totals.requests == 2).await;
    assert_eq!(screen.alerts.len(), 1);
    commit(&world.path, [request("3", at("2026-08-15T13:20:12Z"), 100)]);
    screen.until(|state| state.totals.requests == 3).await;
    assert_eq!(screen.alerts.len(), 2);
    assert_eq!(screen.alerts[1]["threshold_percent"], 100);
    // The next day it is over.
    world.passes(24 * HOUR);
    assert!(screen.until(|state| state.spend.day.requests == 0).await.alerts.is_empty());
}

#[tokio::test]
async fn what_another_process_records_is_told_too_and_what_was_there_is_no_news() {
    let world = World::new("2026-08-15T13:20:30Z");
    budget(&world.path, "all", 1_000);
    commit(&world.path, [request("1", at("2026-08-15T13:00:10Z"), 900)]);
    let status = |name: &str| {
        let ledger = SqliteLedger::open(&world.path).unwrap();
        let budget = ledger.budgets().unwrap().into_iter().find(|budget| budget.name == name).unwrap();
        let at = (at("2026-08-15T13:20:30Z"), &TimeZone::UTC);
        budget_status(&ledger, budget, at, CostMode::Auto, Simulated::Exclude).unwrap()
    };
    SqliteLedger::open(&world.path).unwrap().record_alerts(&status("all").crossed()).unwrap();
    let feed = world.feed();
    let mut screen = Screen::of(&feed, "today");
    assert_eq!(screen.see().await.alerts.len(), 1);
    assert_eq!(screen.kinds, [FrameKind::Snapshot]);

    budget(&world.path, "other", 850);
    assert_eq!(status("other").state(), BudgetState::Over);
    screen.until(|state| state.alerts.len() == 3).await;
    let told: Vec<_> = screen.alerts.iter().map(|alert| alert["threshold_percent"].as_u64()).collect();
    assert_eq!(told, [Some(80), Some(100)], "the lower one first");
}

#[tokio::test]
async fn time_passes_without_commits() {
    let world = World::new("2026-08-15T23:58:30Z");
    commit(&world.path, [request("1", at("2026-08-15T19:10:00Z"), 250)]);
    let feed = world.feed();
    let mut screen = Screen::of(&feed, "24h");
    let state = screen.see().await;
    assert_eq!(state.spend.day.requests, 1);
    assert_eq!(state.block.unwrap().end, "2026-08-16T00:00:00Z");
    assert!(screen.sees_nothing().await, "nothing changes within a minute");
    let computed = feed.computed();
    world.passes(MINUTE);
    assert!(screen.sees_nothing().await, "nor does what is shown in the next one");
    assert_eq!(feed.computed(), computed + 1, "though it is looked at");
    world.passes(MINUTE);
    let state = screen.see().await;
    assert_eq!((state.spend.day.requests, state.spend.week.requests), (0, 1), "it is Sunday");
    assert!(state.block.is_none(), "and the block is over");
    assert_eq!(state.generated, "2026-08-16T00:00:00Z");
    world.passes(24 * HOUR);
    let state = screen.until(|state| state.totals.requests == 0).await;
    assert_eq!((state.spend.week.requests, state.spend.month.requests), (0, 1));
}

#[tokio::test]
async fn views_are_separate_and_bounded() {
    let world = World::new("2026-08-15T13:20:30Z");
    commit(
        &world.path,
        [request("1", at("2026-08-14T13:20:10Z"), 250), request("2", at("2026-08-15T13:20:10Z"), 500)],
    );
    let config =
        FeedConfig { views: 2, keep_idle: Duration::from_secs(3600), ..OptimizedDashboardFactory::low_latency() };
    let feed = world.feed_with(config);
    let (mut today, mut yesterday) = (Screen::of(&feed, "today"), Screen::of(&feed, "2026-08-14..2026-08-14"));
    assert_eq!(today.see().await.totals.cost_usd, Some(0.5));
    let state = yesterday.see().await;
    assert_eq!((state.totals.cost_usd, state.spend.day.cost_usd), (Some(0.25), Some(0.5)));
    assert_eq!(state.range.until.as_deref(), Some("2026-08-15T00:00:00Z"));
    let mut again = Screen::of(&feed, "today");
    again.see().await;
    assert_eq!(again.state, today.state, "one hub of one view");
    let tokyo = View::new("today", "Asia/Tokyo").unwrap();
    let error = feed.subscribe(&tokyo, None).unwrap_err();
    assert!(matches!(error, FeedError::TooManyViews { most: 2 }), "{error}");
    assert_eq!(feed.figures().iter().map(|(_, figures)| figures.subscribers).collect::<Vec<_>>(), [1, 2]);
    // One that nobody looks at makes room.
    drop(yesterday);
    let mut tokyo = feed.subscribe(&tokyo, None).unwrap();
    assert_eq!(timeout(Duration::from_secs(20), tokyo.next()).await.unwrap().unwrap().kind(), FrameKind::Snapshot);
    feed.close();
    assert!(matches!(feed.subscribe(&View::new("all", "UTC").unwrap(), None), Err(FeedError::Closed)));
}

#[tokio::test]
async fn who_comes_back_to_a_view_goes_on_and_sees_what_came_meanwhile() {
    let world = World::new("2026-08-15T13:20:30Z");
    budget(&world.path, "all", 1_000);
    commit(&world.path, (0..30).map(|n| request(&n.to_string(), at("2026-08-15T01:00:00Z") + n * MINUTE, 1)));
    let feed = world.feed();
    let mut other = Screen::of(&feed, "7d");
    other.see().await;
    let view = View::new("today", "UTC").unwrap();
    let mut viewer = feed.subscribe(&view, None).unwrap();
    let last = viewer.next().await.unwrap().id();
    drop(viewer);
    commit(&world.path, [request("x", at("2026-08-15T13:20:10Z"), 900)]);
    // The other view is up to date before anyone comes back to this one.
    other.until(|state| state.totals.requests == 31).await;
    let mut viewer = feed.subscribe(&view, Some(last)).unwrap();
    let mut kinds = Vec::new();
    for _ in 0..2 {
        kinds.push(timeout(Duration::from_secs(20), viewer.next()).await.unwrap().unwrap().kind());
    }
    assert_eq!(kinds, [FrameKind::Alert, FrameKind::Patch]);
}

#[tokio::test]
async fn nothing_is_computed_while_nobody_looks() {
    let world = World::new("2026-08-15T13:20:30Z");
    let config = FeedConfig { keep_idle: Duration::from_millis(50), ..OptimizedDashboardFactory::low_latency() };
    let feed = world.feed_with(config);
    let mut screen = Screen::of(&feed, "today");
    screen.see().await;
    drop(screen);
    let computed = feed.computed();
    commit(&world.path, [request("1", at("2026-08-15T13:20:10Z"), 900)]);
    world.passes(HOUR);
    while !feed.figures().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(feed.computed(), computed, "and the view is let go");
    assert_eq!(Screen::of(&feed, "today").see().await.totals.requests, 1);
}

#[tokio::test]
async fn a_state_is_of_moderate_size() {
    let world = World::new("2026-08-15T13:20:30Z");
    let now = at("2026-08-15T13:20:00Z");
    commit(
        &world.path,
        (0..2_000_i64).map(|n| {
            let mut w = request(&format!("01J{n:021}"), now - n * 5 * MINUTE, 123);
            w.session = Some(format!("6f1c2b1e-0000-4000-8000-{:012}", n / 8).into());
            w.project = Some(format!("/home/someone/src/company/service-{}", n % 40).into());
            w.user = Some(format!("person-{}@company.example", n % 25).into());
            w.host = Some(format!("runner-{}", n % 12).into());
            w.duration_ms = Some(900 + n);
            w.cost = Some(123_456_789 + n);
            w
        }),
    );
    let feed = world.feed_with(FeedConfig::default());
    let mut screen = Screen::of(&feed, "7d");
    let state = screen.see().await;
    let size = screen.state.to_string().len();
    assert!(size < 24 << 10, "{size}");
    assert_eq!(
        (state.requests.len(), state.users.len(), state.hosts.len(), state.projects.len()),
        (20, 10, 10, 10)
    );
    let small = Screen::of(&world.feed_with(OptimizedDashboardFactory::memory_efficient()), "7d").see().await;
    assert_eq!((small.requests.len(), small.users.len(), small.series.bucket.as_str()), (10, 5, "6h"));
    assert!(serde_json::to_string(&small).unwrap().len() < size / 2);
    assert_eq!(small.totals, state.totals);

    commit(&world.path, [request("next", now + 1_000, 1)]);
    screen.until(|state| state.totals.requests == 2_001).await;
    let figures = feed.figures().remove(0).1;
    let change = figures.bytes_sent - size as u64;
    assert!(change < size as u64 / 8, "a request more is a small change: {change} of {size}");
}

#[test]
fn ranges_and_zones_that_are_none_are_refused() {
    for (range, zone) in [("soon", "UTC"), ("2026-08-02..2026-08-01", "UTC"), ("7d", "Mars/Olympus"), ("d", "UTC")]
    {
        let error = View::new(range, zone).unwrap_err().to_string();
        assert!(error.contains('`') || error.contains("empty"), "{range} {zone}: {error}");
    }
    assert_eq!(View::new(" ", "UTC").unwrap().range(), View::DEFAULT_RANGE);
    for range in
        ["today", "yesterday", "week", "month", "all", "90m", "2w", "2026-08-01", "..2026-08-02", "7d..1d"]
    {
        assert_eq!(View::new(range, "Europe/Berlin").unwrap().range(), range);
    }
}

#[tokio::test]
async fn a_range_too_long_to_be_shown_is_refused() {
    let world = World::new("2026-08-15T13:20:30Z");
    let feed = world.feed_with(OptimizedDashboardFactory::memory_efficient());
    let error = feed.subscribe(&View::new("1700-01-01..", "UTC").unwrap(), None).unwrap_err();
    assert!(matches!(error, FeedError::View(_)) && error.to_string().contains("too long"), "{error}");
    let mut screen = Screen::of(&feed, "all");
    assert_eq!(screen.see().await.totals.requests, 0);
    commit(&world.path, [request("1", at("2023-08-15T13:20:10Z"), 900)]);
    let state = screen.until(|state| state.totals.requests == 1).await;
    assert_eq!((state.range.since.as_str(), state.series.bucket.as_str()), ("2023-08-15T13:20:10Z", "4w"));
}
