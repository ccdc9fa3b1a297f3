//! Load on the analytics: answers drawn up from a ledger in this process, or by a
//! server that shows one.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    Engine, PerformanceProfiler,
    profiler::{DAYS, Folder},
};
use crate::{
    Error, Result,
    load::{self, Arrivals, Dashboards, Drawn, Get, Load, Metric, Plan, RunResult, Subscription, Work},
    simulate::Requests,
    store::SqliteLedger,
};

/// How long a live stream is held open.
const HOLD: Duration = Duration::from_secs(5);

/// What is asked for under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadTestScenario {
    /// Dashboards of the last seven days.
    DashboardGeneration,
    /// Cost and requests by the hour, of the last seven days.
    TimeSeriesGeneration,
    /// Summaries by model, of the last thirty days.
    SummaryGeneration,
    /// The live stream of a server, held open; by itself, and with a `target`.
    LiveUpdates,
}

/// A load test of the analytics. Requests come evenly, whether or not the ones
/// before were answered.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadTestConfig {
    /// Requests under way at once; more wait, and their waiting counts. Default: 10.
    pub concurrent_users: usize,
    /// For how long requests come. Default: 30.
    pub duration_seconds: u64,
    /// Requests a second, of all users together. Default: 2.
    pub requests_per_second: f64,
    /// What is asked for, in turn. Default: dashboards.
    pub scenarios: Vec<LoadTestScenario>,
    /// The base URL of a running `claude-cli serve`. Default: none, answers are
    /// drawn up in this process.
    pub target: Option<String>,
    /// Made-up requests in the ledger of which answers are drawn up in this
    /// process. Default: 1,000.
    pub entries: u64,
}

impl Default for LoadTestConfig {
    fn default() -> Self {
        Self {
            concurrent_users: 10,
            duration_seconds: 30,
            requests_per_second: 2.0,
            scenarios: vec![LoadTestScenario::DashboardGeneration],
            target: None,
            entries: 1_000,
        }
    }
}

/// What came of it. Times are from when a request was due.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LoadTestResults {
    /// Requests that were due.
    pub total_requests: u64,
    /// Those that were answered.
    pub successful_requests: u64,
    /// Those that failed.
    pub failed_requests: u64,
    /// Answered requests a second.
    pub requests_per_second: f64,
    /// The mean in milliseconds; not a number if nothing was answered, as are the
    /// percentiles.
    pub avg_response_time_ms: f64,
    /// The median in milliseconds.
    pub median_response_time_ms: f64,
    /// The 95th percentile in milliseconds.
    pub p95_response_time_ms: f64,
    /// The 99th percentile in milliseconds.
    pub p99_response_time_ms: f64,
    /// Everything that was measured.
    pub run: RunResult,
}

impl LoadTestResults {
    fn of(run: RunResult) -> Self {
        // A stream has no end that is the server's doing: its first event counts.
        let trend = run.metric(Metric::E2e).or_else(|| run.metric(Metric::Ttft));
        let time = |of: fn(&load::Trend) -> f64| trend.map_or(f64::NAN, of);
        Self {
            total_requests: run.counts.requests + run.counts.dropped,
            successful_requests: run.counts.ok,
            failed_requests: run.failed(),
            requests_per_second: run.rate,
            avg_response_time_ms: time(|t| t.mean),
            median_response_time_ms: time(|t| t.p50),
            p95_response_time_ms: time(|t| t.p95),
            p99_response_time_ms: time(|t| t.p99),
            run,
        }
    }
}

impl PerformanceProfiler {
    /// Puts load on the analytics: in this process over a made-up ledger in a
    /// temporary folder, which is deleted afterwards, or on a server.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a test that has no requests, and if the ledger or
    /// the server cannot be reached.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn run_load_test(&self, config: LoadTestConfig) -> Result<LoadTestResults> {
        let rate = config.requests_per_second;
        if !(rate > 0.0 && rate.is_finite()) || config.duration_seconds == 0 || config.scenarios.is_empty() {
            return Err(Error::Invalid(
                "the load test has no requests: it needs scenarios, a duration and a rate above 0".to_owned(),
            ));
        }
        let work = match &config.target {
            Some(target) => Some(served(target, &config.scenarios).await?),
            None => None,
        };
        tokio::task::spawn_blocking(move || run(&config, work))
            .await
            .map_err(|e| Error::Invalid(format!("the load test was not finished: {e}")))?
    }
}

/// What is asked of a server.
async fn served(target: &str, scenarios: &[LoadTestScenario]) -> Result<Work> {
    let path = |scenario: &LoadTestScenario| match scenario {
        LoadTestScenario::DashboardGeneration => Some("/api/dashboard"),
        LoadTestScenario::TimeSeriesGeneration => Some("/api/timeseries"),
        LoadTestScenario::SummaryGeneration => Some("/api/summary"),
        LoadTestScenario::LiveUpdates => None,
    };
    let paths: Vec<_> = scenarios.iter().filter_map(path).collect();
    match paths.len() {
        0 => Ok(Work::Subscribe(Subscription::new(target, "/api/live", HOLD, None, None).await?)),
        n if n == scenarios.len() => Ok(Work::Get(Get::new(target, &paths, None, None).await?)),
        _ => Err(Error::Invalid("live updates are held open and tested by themselves".to_owned())),
    }
}

/// What is drawn up in this process.
fn drawn(scenarios: &[LoadTestScenario]) -> Result<Vec<Drawn>> {
    let each = scenarios.iter().map(|scenario| match scenario {
        LoadTestScenario::DashboardGeneration => Ok(Drawn::Dashboard),
        LoadTestScenario::TimeSeriesGeneration => Ok(Drawn::TimeSeries),
        LoadTestScenario::SummaryGeneration => Ok(Drawn::Summary),
        LoadTestScenario::LiveUpdates => Err(Error::Invalid("live updates need a `target`".to_owned())),
    });
    each.collect()
}

fn run(config: &LoadTestConfig, work: Option<Work>) -> Result<LoadTestResults> {
    let folder = Folder::new()?;
    let work = match work {
        Some(work) => work,
        None => {
            let path = folder.0.join("ledger.db");
            let now = Timestamp::now().as_millisecond();
            SqliteLedger::open(&path)?.fill(Requests::before(now, config.entries, DAYS).witnesses())?;
            Work::Dashboards(Dashboards::new(Engine::open(&path)?, drawn(&config.scenarios)?))
        }
    };
    let arrivals = Arrivals::Constant { rate: config.requests_per_second };
    let mut plan = Plan::new(Arc::new(work), Load::Open(arrivals));
    plan.duration = Duration::from_secs(config.duration_seconds);
    plan.max_in_flight = config.concurrent_users.max(1);
    load::run(&plan, |_| ControlFlow::Continue(())).map(LoadTestResults::of)
}
