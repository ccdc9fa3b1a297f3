//! Dashboards and series of the engine, against the reports they are made of.

use claude_cli::{
    Usage,
    analytics::{
        Bucket, Dashboard, DashboardQuery, Engine, Figures, GroupBy, Metric, SummaryQuery, TimeRange,
        TimeSeriesQuery, parse_zone,
    },
    store::{Batch, Budget, CostMode, Ledger, SqliteLedger, Witness, WitnessKind},
};
use jiff::{Timestamp, tz::TimeZone};

const HOUR: i64 = 3_600_000;

fn now() -> Timestamp {
    "2026-08-15T13:20:00Z".parse().unwrap()
}

/// A request every hour of the last ten days, each tenth of them failed.
pub(crate) fn ledger() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut ledger = SqliteLedger::open(&path).unwrap();
    let mut batch = Batch::default();
    for n in 0..240_i64 {
        let mut w = Witness::default();
        w.by = WitnessKind::Run;
        w.ts = now().as_millisecond() - n * HOUR;
        w.message_id = Some(format!("msg_{n}"));
        w.session = Some(format!("session-{}", n / 2).into());
        w.model = Some(["claude-opus-4-8", "claude-haiku-4-5"][n as usize % 2].into());
        w.project = Some(format!("/p{}", n % 3).into());
        w.branch = Some("main".into());
        w.usage = Usage::default();
        w.usage.output_tokens = 100 + n as u64;
        w.duration_ms = Some(500 + n);
        w.error = (n % 10 == 3).then(|| "overloaded_error".to_owned());
        batch.witnesses.push(w);
    }
    ledger.append(&batch).unwrap();
    let mut budget = Budget::default();
    budget.name = "all".to_owned();
    budget.limit = 1_000_000;
    budget.warn_percent = 80;
    ledger.set_budget(&budget).unwrap();
    (folder, path)
}

#[test]
fn a_dashboard_is_what_the_reports_say() {
    let (_folder, path) = ledger();
    let engine = Engine::open(&path).unwrap();
    let query = DashboardQuery::new(now(), TimeZone::UTC);
    let board = engine.dashboard(&query).unwrap();
    assert_eq!(board.range.since.as_deref(), Some("2026-08-09T00:00:00Z"), "today and six days");
    assert_eq!(board.bucket, "1h");

    let by = |by| engine.summary(SummaryQuery::new(query.range.clone(), by)).unwrap();
    let models = by(GroupBy::Model);
    assert_eq!(board.totals.figures, Figures::of(&models.totals, CostMode::Auto));
    assert_eq!(board.totals.figures.requests, 158);
    assert!(board.totals.figures.duration_ms.p95.is_some());
    assert_eq!(board.models.len(), 2);
    for (said, group) in board.models.iter().zip(&models.groups) {
        assert_eq!((&said.key, &said.figures), (&group.key, &Figures::of(&group.sums, CostMode::Auto)));
    }
    assert_eq!(board.projects.iter().map(|project| project.figures.requests).sum::<i64>(), 158);

    let tokens = board.series_of(Metric::Tokens).unwrap();
    assert_eq!(tokens.points.len(), 158);
    let sum: f64 = tokens.points.iter().filter_map(|point| point.1).sum();
    assert_eq!(sum as i64, board.totals.figures.total_tokens);

    assert_eq!(board.sessions.len(), 79);
    assert!(board.sessions.is_sorted_by(|a, b| a.figures.cost_usd >= b.figures.cost_usd));
    assert_eq!(board.sessions[0].branch.as_deref(), Some("main"));
    assert_eq!((board.budgets.len(), board.budgets[0].state.as_str()), (1, "over"));
    assert_eq!(board.recent_errors.len(), 16);
    assert!(board.recent_errors.is_sorted_by(|a, b| a.at > b.at), "the newest first");
    assert_eq!(board.recent_errors[0].error, "overloaded_error");
}

#[test]
fn a_dashboard_survives_being_written_and_read() {
    let (_folder, path) = ledger();
    let engine = Engine::open(&path).unwrap();
    let zone = parse_zone("Asia/Kathmandu").unwrap();
    let board = engine.dashboard(&DashboardQuery::of(TimeRange::all(zone), now().as_millisecond())).unwrap();
    assert_eq!(board.bucket, "6h", "ten days are too long for hours");
    assert_eq!(board.range.tz, "Asia/Kathmandu");
    let json = board.to_json();
    assert_eq!(json["schema"], "claude-cli/dashboard@1");
    assert_eq!(json["totals"]["requests"], 240);
    assert_eq!(json["series"][0]["points"][0][0], "2026-08-05T12:15:00Z", "local midnight, noon or so");
    let read: Dashboard = serde_json::from_value(json).unwrap();
    assert_eq!(read, board);
}

#[test]
fn an_empty_ledger_has_an_empty_dashboard() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    assert!(Engine::open(&path).unwrap_err().to_string().contains("there is no ledger"));
    SqliteLedger::open(&path).unwrap();
    let engine = Engine::open(&path).unwrap();
    let board = engine.dashboard(&DashboardQuery::of(TimeRange::all(TimeZone::UTC), 0)).unwrap();
    assert_eq!((board.totals.figures.requests, board.totals.figures.success_rate), (0, None));
    assert!(board.series.is_empty() && board.sessions.is_empty() && board.range.since.is_none());
}

fn series(since: &str, until: &str, zone: &str, bucket: Bucket) -> claude_cli::analytics::Series {
    let (_folder, path) = ledger();
    let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
    let range = (at(since), at(until));
    let mut query = TimeSeriesQuery::new(range, parse_zone(zone).unwrap(), bucket, vec![Metric::Commands]);
    query.compare = true;
    query.moving_average = Some(3);
    query.anomalies = true;
    Engine::open(&path).unwrap().timeseries(query).unwrap().series.remove(0)
}

#[test]
fn a_period_is_compared_with_the_one_before() {
    // Today until now, with yesterday until the same time.
    let today = series("2026-08-15T00:00:00Z", "2026-08-15T13:00:00Z", "UTC", Bucket::HOUR);
    let before = today.previous.as_ref().unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
    assert_eq!((before.since, before.until), (at("2026-08-14T00:00:00Z"), at("2026-08-14T13:00:00Z")));
    assert_eq!((today.total, before.total, today.change()), (Some(13.0), Some(13.0), Some(0.0)));
    assert_eq!(before.points.len(), today.points.len());
    // Whole days.
    let days = series("2026-08-13T00:00:00Z", "2026-08-15T00:00:00Z", "UTC", Bucket::DAY);
    let before = days.previous.as_ref().unwrap();
    assert_eq!((before.since, before.until), (at("2026-08-11T00:00:00Z"), at("2026-08-13T00:00:00Z")));
    // No midnight: as long a time.
    let hours = series("2026-08-15T10:00:00Z", "2026-08-15T13:00:00Z", "Asia/Kolkata", Bucket::HOUR);
    let before = hours.previous.as_ref().unwrap();
    assert_eq!((before.since, before.until), (at("2026-08-15T07:00:00Z"), at("2026-08-15T10:00:00Z")));
}

#[test]
fn what_stands_out_is_marked() {
    let quiet = series("2026-08-14T00:00:00Z", "2026-08-15T13:00:00Z", "UTC", Bucket::HOUR);
    assert_eq!(quiet.anomalies, Some(vec![]));
    assert_eq!(quiet.moving_average.as_ref().unwrap()[..3], [None, None, Some(1.0)]);
    // From before the first request on.
    let gap = series("2026-08-05T00:00:00Z", "2026-08-10T00:00:00Z", "UTC", Bucket::SIX_HOURS);
    assert_eq!(gap.anomalies, Some(vec![0, 1]), "every quarter of a day has requests, but for the first ones");
}
