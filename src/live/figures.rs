//! What a hub did, in figures.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest latency that is told apart, in microseconds: a minute.
const LONGEST: u64 = 60_000_000;

/// What a hub did since it was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HubFigures {
    /// Clients there are now.
    pub subscribers: usize,
    /// States that were published and differed from the one before.
    pub published: u64,
    /// States handed to clients, whole or as changes.
    pub updates: u64,
    /// Of these, changes.
    pub patches: u64,
    /// Alerts handed to clients.
    pub alerts: u64,
    /// States that a client was not sent because a later one took their place.
    pub coalesced: u64,
    /// Clients that lost what they were sent last, and were sent all of it anew.
    pub resyncs: u64,
    /// Clients that were closed because they stayed behind.
    pub closed: u64,
    /// The largest share of its buffer that alerts ever took up which waited for a
    /// client; more than 1 closed one.
    pub fullest_buffer: f64,
    /// Bytes of JSON handed to clients.
    pub bytes_sent: u64,
    /// What they would be if each state had been sent whole.
    pub bytes_full: u64,
    /// From when a state or alert was published to when it was handed to a
    /// client's socket.
    pub latency: LatencyFigures,
}

/// Latencies in milliseconds; `None` before there is any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LatencyFigures {
    /// The median.
    pub p50: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Figures {
    pub(super) published: AtomicU64,
    pub(super) updates: AtomicU64,
    pub(super) patches: AtomicU64,
    pub(super) alerts: AtomicU64,
    pub(super) coalesced: AtomicU64,
    pub(super) resyncs: AtomicU64,
    pub(super) closed: AtomicU64,
    /// Bytes of alerts that ever waited for a client at most.
    waiting: AtomicU64,
    pub(super) bytes_sent: AtomicU64,
    pub(super) bytes_full: AtomicU64,
    latency: Mutex<Option<Histogram<u64>>>,
}

pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

impl Figures {
    pub(super) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            published: zero(),
            updates: zero(),
            patches: zero(),
            alerts: zero(),
            coalesced: zero(),
            resyncs: zero(),
            closed: zero(),
            waiting: zero(),
            bytes_sent: zero(),
            bytes_full: zero(),
            // Three significant digits; these bounds are valid.
            latency: Mutex::new(Histogram::new_with_bounds(1, LONGEST, 3).ok()),
        }
    }

    pub(super) fn waiting(&self, bytes: usize) {
        self.waiting.fetch_max(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn handed(&self, after: Duration) {
        let micros = u64::try_from(after.as_micros()).unwrap_or(LONGEST);
        let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(latency) = &mut *latency {
            latency.saturating_record(micros.max(1));
        }
    }

    pub(super) fn read(&self, subscribers: usize, buffer: usize) -> HubFigures {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HubFigures {
            subscribers,
            published: get(&self.published),
            updates: get(&self.updates),
            patches: get(&self.patches),
            alerts: get(&self.alerts),
            coalesced: get(&self.coalesced),
            resyncs: get(&self.resyncs),
            closed: get(&self.closed),
            fullest_buffer: get(&self.waiting) as f64 / buffer.max(1) as f64,
            bytes_sent: get(&self.bytes_sent),
            bytes_full: get(&self.bytes_full),
            latency: self.latency(),
        }
    }

    fn latency(&self) -> LatencyFigures {
        let latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(latency) = latency.as_ref().filter(|latency| !latency.is_empty()) else {
            return LatencyFigures::default();
        };
        let at = |quantile| Some(latency.value_at_quantile(quantile) as f64 / 1e3);
        LatencyFigures { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: Some(latency.max() as f64 / 1e3) }
    }
}
