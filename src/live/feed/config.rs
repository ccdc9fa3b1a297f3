//! How live states are computed.

use std::time::Duration;

/// How a [`Feed`](super::Feed) computes its states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedConfig {
    /// The ledger is asked so often whether anyone committed, while there are
    /// viewers. 100 ms by default. A feed computes half of the time at most, so
    /// states that take longer than this are computed less often.
    pub poll_interval: Duration,
    /// The most megabytes (2²⁰ bytes) of answers that are kept for the next
    /// state and for other views. 16 by default.
    pub cache_mb: u64,
    /// At most so many models, projects, sessions, users and hosts of each. 10
    /// by default.
    pub rows: usize,
    /// At most so many points of each series; it decides the length of their
    /// buckets. 200 by default.
    pub points: usize,
    /// At most so many of the latest requests. 20 by default.
    pub requests: u32,
    /// At most so many views at a time; more are refused. 64 by default.
    pub views: usize,
    /// A view that nobody looks at is kept so long for those who come back. A
    /// minute by default.
    pub keep_idle: Duration,
}

impl Default for FeedConfig {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_millis(100),
            cache_mb: 16,
            rows: 10,
            points: 200,
            requests: 20,
            views: 64,
            keep_idle: Duration::from_secs(60),
        }
    }
}

/// Presets of [`FeedConfig`].
///
/// ```
/// use claude_cli::analytics::{OptimizedDashboardFactory, StreamingOptimizerFactory};
///
/// let streaming_config = StreamingOptimizerFactory::performance_optimized();
/// let dashboard_config = OptimizedDashboardFactory::high_performance();
/// assert!(dashboard_config.cache_mb > OptimizedDashboardFactory::memory_efficient().cache_mb);
/// # let _ = streaming_config;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OptimizedDashboardFactory;

impl OptimizedDashboardFactory {
    /// Many views at a time: most of what they share is computed once, and
    /// kept.
    #[must_use]
    pub fn high_performance() -> FeedConfig {
        FeedConfig { cache_mb: 64, views: 256, ..FeedConfig::default() }
    }

    /// The least memory: short lists and series, few views, little that is kept.
    #[must_use]
    pub fn memory_efficient() -> FeedConfig {
        FeedConfig {
            poll_interval: Duration::from_millis(500),
            cache_mb: 2,
            rows: 5,
            points: 60,
            requests: 10,
            views: 16,
            keep_idle: Duration::from_secs(10),
        }
    }

    /// The least time from a commit to its viewers: the ledger is asked 50 times
    /// a second, and states are short enough to be computed and sent in little
    /// time.
    #[must_use]
    pub fn low_latency() -> FeedConfig {
        FeedConfig { poll_interval: Duration::from_millis(20), cache_mb: 32, points: 100, ..FeedConfig::default() }
    }
}
