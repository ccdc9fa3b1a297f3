//! What came of a load test, as it is shown, kept and compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    metric::Metric,
    recorder::{Distribution, Recorder},
    sample::Outcome,
    threshold::Verdict,
};

/// The `schema` of a load test.
pub const LOADTEST_SCHEMA: &str = "claude-cli/loadtest@1";
/// That schema itself, as a JSON schema.
pub const LOADTEST_JSON_SCHEMA: &str = include_str!("loadtest.schema.json");

/// Percentiles that a curve is drawn through.
const CURVE: [f64; 21] = [
    0.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 92.5, 95.0, 97.5, 99.0, 99.5,
    99.9, 99.99, 100.0,
];

/// A load test: one run, or several of a sweep or a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadTestResult {
    /// [`LOADTEST_SCHEMA`].
    pub schema: String,
    /// Names it among those that are kept.
    pub id: String,
    /// A name that was given to it.
    pub name: Option<String>,
    /// UTC milliseconds.
    pub started_at: i64,
    /// Of the program.
    pub version: String,
    /// The base URL, without what is secret in it.
    pub target: String,
    /// Whether that is a simulated API.
    pub simulated: bool,
    /// What was asked for.
    pub scenario: String,
    /// The model, where one was asked.
    pub model: Option<String>,
    /// What each request was to keep.
    pub slo: Option<String>,
    /// The runs, in the order in which they were.
    pub runs: Vec<RunResult>,
    /// The most that kept the service level, where that was searched for.
    pub max: Option<MaxFound>,
    /// Whether every gate of every run holds.
    pub ok: bool,
}

/// The most load that kept the service level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MaxFound {
    /// `rate` or `users`.
    pub of: String,
    /// Requests a second, or users; `None` if even the least did not.
    pub value: Option<f64>,
    /// The least that did not; `None` if none was found.
    pub failed_at: Option<f64>,
    /// The share of the requests that have to keep it.
    pub attain: f64,
}

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// How requests came, in a few words.
    pub arrivals: String,
    /// `open` or `closed`.
    pub loop_kind: String,
    /// Users at once, in a closed loop.
    pub users: Option<u64>,
    /// Requests a second that were to come, in an open one.
    pub intended_rate: Option<f64>,
    /// Seconds with figures: from the end of the warm-up to the last answer.
    pub seconds: f64,
    /// Answered requests a second.
    pub rate: f64,
    /// Counts.
    pub counts: RunCounts,
    /// Times in milliseconds, by name. Failed requests are in none of them.
    pub metrics: BTreeMap<String, Trend>,
    /// Tokens.
    pub tokens: Tokens,
    /// What kept the service level, if there is one.
    pub goodput: Option<Goodput>,
    /// Money.
    pub cost: Cost,
    /// How the generator itself did.
    pub generator: Generator,
    /// Gates.
    pub thresholds: Vec<Verdict>,
    /// Why it ended before its time, if it did.
    pub ended_by: Option<String>,
    /// How it went over time.
    pub series: Vec<Point>,
}

/// Requests, by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Sent, and answered or failed.
    pub requests: u64,
    /// Answered at the first attempt or a later one.
    pub ok: u64,
    /// Of these, after more than one attempt.
    pub ok_after_retry: u64,
    /// All that were not answered, by kind.
    pub failed: BTreeMap<String, u64>,
    /// Attempts beyond the first.
    pub retries: u64,
    /// Sent more than 10 ms after they were due.
    pub late: u64,
    /// Due and never sent.
    pub dropped: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// Of all answers, without their heads.
    pub bytes: u64,
}

/// A distribution of times, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// How many.
    pub count: u64,
    /// The least.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// Percentiles.
    pub p50: f64,
    /// 90 % are no longer.
    pub p90: f64,
    /// 95 % are no longer.
    pub p95: f64,
    /// 99 % are no longer.
    pub p99: f64,
    /// 99.9 % are no longer.
    pub p999: f64,
    /// The most.
    pub max: f64,
    /// The whole of it: percentiles and their times.
    pub curve: Vec<(f64, f64)>,
}

/// Tokens of answered requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tokens {
    /// Read, as the server reports them.
    pub input: u64,
    /// Written, as the server reports them.
    pub output: u64,
    /// Pieces in which they came.
    pub pieces: u64,
    /// Output tokens a second, of all requests together.
    pub output_per_second: f64,
}

/// What kept the service level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goodput {
    /// Requests.
    pub requests: u64,
    /// Their share of all that were due.
    pub share: f64,
    /// So many a second.
    pub rate: f64,
}

/// What a run cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Dollars; calculated. Of a simulated API: what it would have cost.
    pub usd: f64,
    /// Requests whose cost is unknown.
    pub unpriced_requests: u64,
    /// Whether the cap ended the run.
    pub cap_reached: bool,
}

/// How the generator itself did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// Whether the figures are the server's, and not its own.
    pub valid: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// Threads.
    pub threads: u64,
    /// The share of the time in which the busiest of them worked.
    pub cpu: f64,
}

/// An interval of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Seconds from the begin of the run to the interval's end.
    pub at: f64,
    /// Answered requests a second.
    pub ok_rate: f64,
    /// Failed ones a second.
    pub failed_rate: f64,
    /// Output tokens a second.
    pub tokens_rate: f64,
    /// Requests under way at its end.
    pub in_flight: u64,
    /// End to end, in milliseconds.
    pub e2e_p50: Option<f64>,
    /// End to end, in milliseconds.
    pub e2e_p99: Option<f64>,
    /// First token, in milliseconds.
    pub ttft_p50: Option<f64>,
    /// First token, in milliseconds.
    pub ttft_p99: Option<f64>,
}

impl Trend {
    pub(super) fn of(times: &Distribution) -> Option<Self> {
        let at = |percent| times.percentile(percent).unwrap_or_default();
        let max = times.max()?;
        let mut curve: Vec<(f64, f64)> = CURVE.iter().map(|percent| (*percent, at(*percent))).collect();
        if let (Some(first), Some(min)) = (curve.first_mut(), times.min()) {
            first.1 = min;
        }
        if let Some(last) = curve.last_mut() {
            last.1 = max;
        }
        Some(Self {
            count: times.count(),
            min: times.min()?,
            mean: times.mean()?,
            p50: at(50.0),
            p90: at(90.0),
            p95: at(95.0),
            p99: at(99.0),
            p999: at(99.9),
            max,
            curve,
        })
    }
}

pub(super) fn counts(recorder: &Recorder) -> RunCounts {
    let counts = &recorder.counts;
    let failed = Outcome::ALL[1..].iter().map(|outcome| (outcome.name().to_owned(), counts.of(*outcome)));
    RunCounts {
        requests: counts.ended(),
        ok: counts.of(Outcome::Ok),
        ok_after_retry: counts.retried,
        failed: failed.filter(|(_, count)| *count > 0).collect(),
        retries: counts.retries,
        late: counts.late,
        dropped: counts.dropped,
        connections: counts.reconnected,
        bytes: counts.bytes,
    }
}

pub(super) fn metrics(recorder: &Recorder) -> BTreeMap<String, Trend> {
    let all = Metric::ALL
        .iter()
        .filter_map(|metric| Some((metric.name().to_owned(), Trend::of(recorder.times(*metric))?)));
    all.collect()
}

impl RunResult {
    /// The times of a metric, if there are any.
    #[must_use]
    pub fn metric(&self, metric: Metric) -> Option<&Trend> {
        self.metrics.get(metric.name())
    }

    /// Requests that were not answered.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.counts.failed.values().sum()
    }

    /// Whether every gate holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.thresholds.iter().all(|verdict| verdict.ok)
    }
}
