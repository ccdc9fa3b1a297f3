//! How clients are treated.

use std::time::Duration;

/// How a [`Hub`](super::Hub) treats its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubConfig {
    /// The least time between two states that a client is sent. 100 ms by
    /// default.
    pub update_interval: Duration,
    /// The most time between them, for clients that take in states slowly. 2 s
    /// by default.
    pub slowest_interval: Duration,
    /// Bytes of alerts that may wait for a client; one that has more is closed.
    /// 64 KiB by default.
    pub alert_buffer: usize,
    /// Bytes of earlier states, and of alerts, that are kept for clients that
    /// come back. 1 MiB by default.
    pub history: usize,
    /// A client that took nothing in for so long is sent the whole state next.
    /// 5 s by default.
    pub resync_after: Duration,
    /// A client that took nothing in for so long is closed. 30 s by default.
    pub close_after: Duration,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            update_interval: Duration::from_millis(100),
            slowest_interval: Duration::from_secs(2),
            alert_buffer: 64 << 10,
            history: 1 << 20,
            resync_after: Duration::from_secs(5),
            close_after: Duration::from_secs(30),
        }
    }
}

/// Presets of [`HubConfig`].
///
/// ```
/// use claude_cli::live::StreamingOptimizerFactory;
///
/// let streaming_config = StreamingOptimizerFactory::low_latency();
/// assert!(streaming_config.update_interval.as_millis() <= 20);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StreamingOptimizerFactory;

impl StreamingOptimizerFactory {
    /// The most updates a second: up to 20 for each client, and a long history
    /// for those that come back.
    #[must_use]
    pub fn performance_optimized() -> HubConfig {
        HubConfig {
            update_interval: Duration::from_millis(50),
            alert_buffer: 256 << 10,
            history: 8 << 20,
            ..HubConfig::default()
        }
    }

    /// The least memory: short buffers, and slow clients are let go early.
    #[must_use]
    pub fn memory_optimized() -> HubConfig {
        HubConfig {
            update_interval: Duration::from_millis(500),
            alert_buffer: 16 << 10,
            history: 128 << 10,
            resync_after: Duration::from_secs(2),
            close_after: Duration::from_secs(10),
            ..HubConfig::default()
        }
    }

    /// The least time from a change to its viewers: up to 500 updates a second.
    #[must_use]
    pub fn low_latency() -> HubConfig {
        HubConfig {
            update_interval: Duration::from_millis(2),
            slowest_interval: Duration::from_secs(1),
            resync_after: Duration::from_secs(2),
            close_after: Duration::from_secs(15),
            ..HubConfig::default()
        }
    }
}
