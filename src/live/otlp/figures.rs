//! What a receiver did, in figures.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::Logs;
use crate::live::{
    LatencyFigures,
    server::{MetricKind, MetricsText},
};

/// The longest commit that is told apart, in microseconds: a minute.
const LONGEST: u64 = 60_000_000;

/// What a [`Receiver`](super::Receiver) did since it was started.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ReceiverFigures {
    /// Bodies of logs and metrics that came, refused ones included.
    pub bodies: u64,
    /// Bytes of the bodies of logs that were taken in, decompressed.
    pub bytes: u64,
    /// Events of requests that were committed, repeated ones included.
    pub committed: u64,
    /// Events of other kinds, which were left.
    pub others: u64,
    /// Events that could not be read, or lack something.
    pub rejected: u64,
    /// Data points of metrics, which were left.
    pub metric_points: u64,
    /// Bodies of traces, which were left.
    pub traces: u64,
    /// Bodies that nobody could read, or that were too long or too slow.
    pub unreadable: u64,
    /// Bodies that are to come again, because too much waited.
    pub refused_full: u64,
    /// Bodies that are to come again, because the ledger could not be written.
    pub refused_unavailable: u64,
    /// Commits.
    pub commits: u64,
    /// Commits that failed.
    pub failed_commits: u64,
    /// Bytes of bodies that wait to be committed now.
    pub waiting_bytes: usize,
    /// Events of a commit.
    pub batch: BatchFigures,
    /// How long a commit took.
    pub commit: LatencyFigures,
}

/// Events of a commit; `None` before there is any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BatchFigures {
    /// The median.
    pub p50: Option<u64>,
    /// The 99th percentile.
    pub p99: Option<u64>,
    /// The most.
    pub max: Option<u64>,
}

/// Why a body was refused, as far as it is counted apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusals {
    Unreadable,
    Full,
    Unavailable,
}

#[derive(Debug)]
pub(super) struct Figures {
    pub(super) bodies: AtomicU64,
    pub(super) metric_points: AtomicU64,
    pub(super) traces: AtomicU64,
    bytes: AtomicU64,
    committed: AtomicU64,
    others: AtomicU64,
    rejected: AtomicU64,
    refusals: [AtomicU64; 3],
    failed_commits: AtomicU64,
    commits: Mutex<Commits>,
}

#[derive(Debug)]
struct Commits {
    batch: Option<Histogram<u64>>,
    micros: Option<Histogram<u64>>,
}

pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Figures {
    pub(super) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        // Two significant digits; these bounds are valid.
        let histogram = || Histogram::new_with_bounds(1, LONGEST, 2).ok();
        Self {
            bodies: zero(),
            metric_points: zero(),
            traces: zero(),
            bytes: zero(),
            committed: zero(),
            others: zero(),
            rejected: zero(),
            refusals: [zero(), zero(), zero()],
            failed_commits: zero(),
            commits: Mutex::new(Commits { batch: histogram(), micros: histogram() }),
        }
    }

    pub(super) fn taken_in(&self, bytes: usize, committed: u64, logs: &Logs) {
        add(&self.bytes, bytes as u64);
        add(&self.committed, committed);
        add(&self.others, logs.others);
        add(&self.rejected, logs.rejected);
    }

    pub(super) fn refused(&self, why: Refusals) {
        add(&self.refusals[why as usize], 1);
    }

    pub(super) fn committed(&self, events: usize, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(LONGEST).clamp(1, LONGEST);
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let Commits { batch: Some(batch), micros: Some(all) } = &mut *commits else { return };
        batch.saturating_record(events as u64);
        all.saturating_record(micros);
    }

    pub(super) fn failed(&self) {
        add(&self.failed_commits, 1);
    }

    pub(super) fn read(&self, waiting_bytes: usize) -> ReceiverFigures {
        let commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut batch, mut commit) = (BatchFigures::default(), LatencyFigures::default());
        if let Commits { batch: Some(events), micros: Some(micros) } = &*commits
            && !events.is_empty()
        {
            let at = |quantile| Some(events.value_at_quantile(quantile));
            batch = BatchFigures { p50: at(0.5), p99: at(0.99), max: Some(events.max()) };
            let at = |quantile| Some(micros.value_at_quantile(quantile) as f64 / 1e3);
            commit = LatencyFigures {
                p50: at(0.5),
                p95: at(0.95),
                p99: at(0.99),
                max: Some(micros.max() as f64 / 1e3),
            };
        }
        let refused = |why: Refusals| get(&self.refusals[why as usize]);
        ReceiverFigures {
            bodies: get(&self.bodies),
            bytes: get(&self.bytes),
            committed: get(&self.committed),
            others: get(&self.others),
            rejected: get(&self.rejected),
            metric_points: get(&self.metric_points),
            traces: get(&self.traces),
            unreadable: refused(Refusals::Unreadable),
            refused_full: refused(Refusals::Full),
            refused_unavailable: refused(Refusals::Unavailable),
            commits: commits.batch.as_ref().map_or(0, Histogram::len),
            failed_commits: get(&self.failed_commits),
            waiting_bytes,
            batch,
            commit,
        }
    }
}

impl ReceiverFigures {
    /// Writes them for Prometheus.
    pub fn write(&self, out: &mut MetricsText) {
        let (counter, gauge, summary) = (MetricKind::Counter, MetricKind::Gauge, MetricKind::Summary);
        for (name, help, value) in [
            ("claude_cli_otlp_bodies_total", "Bodies of telemetry that came.", self.bodies),
            ("claude_cli_otlp_bytes_total", "Bytes of the logs that were taken in, decompressed.", self.bytes),
            ("claude_cli_otlp_committed_total", "Events of requests that were committed.", self.committed),
            ("claude_cli_otlp_others_total", "Events of other kinds, which were left.", self.others),
            ("claude_cli_otlp_rejected_total", "Events that could not be read.", self.rejected),
            (
                "claude_cli_otlp_metric_points_total",
                "Data points of metrics, which were left.",
                self.metric_points,
            ),
            ("claude_cli_otlp_traces_total", "Bodies of traces, which were left.", self.traces),
            ("claude_cli_otlp_commits_total", "Commits of telemetry.", self.commits),
            ("claude_cli_otlp_failed_commits_total", "Commits of telemetry that failed.", self.failed_commits),
        ] {
            out.one(name, counter, help, value as f64);
        }
        let name = "claude_cli_otlp_refused_total";
        out.metric(name, counter, "Bodies that were refused; but for unreadable ones they are to come again.");
        for (reason, value) in [
            ("unreadable", self.unreadable),
            ("full", self.refused_full),
            ("unavailable", self.refused_unavailable),
        ] {
            out.sample(name, &[("reason", reason)], value as f64);
        }
        let help = "Bytes of bodies that wait to be committed.";
        out.one("claude_cli_otlp_waiting_bytes", gauge, help, self.waiting_bytes as f64);
        let name = "claude_cli_otlp_batch_events";
        out.metric(name, summary, "Events of a commit.");
        for (quantile, events) in [("0.5", self.batch.p50), ("0.99", self.batch.p99)] {
            out.sample(name, &[("quantile", quantile)], events.map_or(f64::NAN, |events| events as f64));
        }
        let name = "claude_cli_otlp_commit_seconds";
        out.metric(name, summary, "How long a commit of telemetry took.");
        for (quantile, ms) in [("0.5", self.commit.p50), ("0.95", self.commit.p95), ("0.99", self.commit.p99)] {
            out.sample(name, &[("quantile", quantile)], ms.map_or(f64::NAN, |ms| ms / 1e3));
        }
    }
}
