//! The guide's presets for live dashboards.

use std::time::Duration;

use claude_cli::live::{Feed, FeedConfig, FrameKind, View};
use jiff::tz::TimeZone;

#[tokio::test]
async fn the_guides_snippets() {
    let presets = {
        use claude_cli::analytics::{OptimizedDashboardFactory, StreamingOptimizerFactory};

        // High-performance streaming configuration
        let streaming_config = StreamingOptimizerFactory::performance_optimized();
        let dashboard_config = OptimizedDashboardFactory::high_performance();
        let fast = (dashboard_config, streaming_config);

        // Memory-efficient streaming for resource-constrained environments
        let streaming_config = StreamingOptimizerFactory::memory_optimized();
        let dashboard_config = OptimizedDashboardFactory::memory_efficient();
        let small = (dashboard_config, streaming_config);

        // Ultra-low latency for real-time critical applications
        let streaming_config = StreamingOptimizerFactory::low_latency();
        let dashboard_config = OptimizedDashboardFactory::low_latency();
        [fast, small, (dashboard_config, streaming_config)]
    };
    let [fast, small, low] = &presets;
    let usual = FeedConfig::default();
    assert!(fast.0.views > usual.views && fast.0.cache_mb > usual.cache_mb);
    assert!(small.0.points < usual.points && small.0.rows < usual.rows && small.0.cache_mb < usual.cache_mb);
    assert!(low.0.poll_interval < usual.poll_interval && low.0.poll_interval <= Duration::from_millis(50));

    for (dashboard_config, streaming_config) in presets {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let feed = Feed::open(&path, TimeZone::UTC, dashboard_config, streaming_config).unwrap();
        let mut viewer = feed.subscribe(&View::new("today", "UTC").unwrap(), None).unwrap();
        let first = tokio::time::timeout(Duration::from_secs(20), viewer.next()).await.unwrap().unwrap();
        assert_eq!(first.kind(), FrameKind::Snapshot);
    }
}
