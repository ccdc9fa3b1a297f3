//! Measuring the analytics on the real path.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::{Timestamp, tz::TimeZone};

use super::{AnswerCounts, CacheConfig, DashboardCache, DashboardQuery, Engine};
use crate::{
    Error, Result,
    measure::{forget_peak_memory, peak_memory},
    simulate::Requests,
    store::{Batch, Ledger, SqliteLedger, Witness, WitnessKind},
};

/// Over so many days the made-up requests spread.
pub(super) const DAYS: u32 = 30;
/// Uncached dashboards of which the median is told.
const UNCACHED: usize = 20;
/// Times that a dashboard is asked for through the cache, and after how many of
/// them a request is written that makes it stale.
const ASKED: usize = 20;
const WRITTEN_AFTER: usize = 10;

/// Measures how the analytics do on this machine: made-up ledgers, everything
/// else as it is.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PerformanceProfiler {}

/// How dashboards did.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct DashboardProfile {
    /// Requests in the ledger.
    pub entries: u64,
    /// To open the ledger and draw up the first dashboard, in milliseconds.
    pub total_duration_ms: f64,
    /// One more of them, uncached: the median in milliseconds.
    pub uncached_ms: f64,
    /// From the cache: the median in milliseconds.
    pub cached_ms: f64,
    /// The most memory that the process took meanwhile, in megabytes (10⁶
    /// bytes), what it took before included; not a number where the system does
    /// not tell.
    pub peak_memory_mb: f64,
    /// What the cache counted: the dashboard was asked for 20 times, and a
    /// request of its range was written in between.
    pub cache_stats: CacheStats,
}

/// How often a cache was of use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Answers that were kept.
    pub hits: u64,
    /// Answers that were not there.
    pub misses: u64,
    /// Answers that were kept, and no longer what the ledger says.
    pub stale: u64,
    /// The share of hits.
    pub hit_ratio: f64,
}

impl From<AnswerCounts> for CacheStats {
    fn from(counts: AnswerCounts) -> Self {
        Self {
            hits: counts.hits + counts.disk_hits,
            misses: counts.misses,
            stale: counts.stale,
            hit_ratio: counts.hit_ratio().unwrap_or_default(),
        }
    }
}

impl PerformanceProfiler {
    /// A profiler.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }

    /// Measures dashboards of the last seven days over a ledger of so many
    /// made-up requests in a temporary folder, which is deleted afterwards.
    ///
    /// # Errors
    /// If the ledger cannot be written or read.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn profile_dashboard_generation(&self, entries: u64) -> Result<DashboardProfile> {
        tokio::task::spawn_blocking(move || profile(entries))
            .await
            .map_err(|e| Error::Invalid(format!("the profile was not finished: {e}")))?
    }
}

fn profile(entries: u64) -> Result<DashboardProfile> {
    let folder = Folder::new()?;
    let path = folder.0.join("ledger.db");
    let now = Timestamp::now();
    let mut ledger = SqliteLedger::open(&path)?;
    ledger.fill(Requests::before(now.as_millisecond(), entries, DAYS).witnesses())?;
    // What it took to make the requests up is not what it takes to read them.
    forget_peak_memory();

    let query = DashboardQuery::new(now, TimeZone::UTC);
    let started = Instant::now();
    let engine = Engine::open(&path)?;
    engine.dashboard(&query)?;
    let total = started.elapsed();
    let uncached = median((0..UNCACHED).map(|_| timed(|| engine.dashboard(&query))))?;

    let cache = DashboardCache::new(CacheConfig::default());
    let engine = engine.with_cache(&cache);
    let mut cached = Vec::new();
    for n in 0..ASKED {
        if n == WRITTEN_AFTER {
            ledger.append(&one_more(now))?;
        }
        let hits = cache.stats().total().hits;
        let took = timed(|| engine.ask(&query))?;
        if cache.stats().total().hits > hits {
            cached.push(Ok(took));
        }
    }
    Ok(DashboardProfile {
        entries,
        total_duration_ms: millis(total),
        uncached_ms: millis(uncached),
        cached_ms: millis(median(cached.into_iter())?),
        peak_memory_mb: peak_memory().map_or(f64::NAN, |bytes| bytes as f64 / 1e6),
        cache_stats: cache.stats().total().into(),
    })
}

fn one_more(now: Timestamp) -> Batch {
    let mut witness = Witness {
        by: WitnessKind::Telemetry,
        message_id: Some("msg_one_more".to_owned()),
        ts: now.as_millisecond() - 1,
        model: Some("claude-haiku-4-5".into()),
        ..Witness::default()
    };
    witness.usage.output_tokens = 1;
    Batch { witnesses: vec![witness], ..Batch::default() }
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<Duration> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed())
}

fn median(times: impl Iterator<Item = Result<Duration>>) -> Result<Duration> {
    let mut times = times.collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A folder of one's own, until it is dropped.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("claude-cli-profile-{}", uuid::Uuid::new_v4()));
        create(&path).map_err(|e| Error::io(format!("cannot create the folder {}", path.display()), e))?;
        Ok(Self(path))
    }
}

fn create(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(path)
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
