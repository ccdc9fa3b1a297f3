//! The analytics snippets of the performance guide, with the crate's path changed.

use crate::dashboard::ledger;

#[tokio::test]
async fn series_are_generated_together() -> claude_cli::Result<()> {
    let (_folder, path) = ledger();
    let analytics_engine = claude_cli::analytics::Engine::open(&path)?;
    let (start_time, end_time) =
        ("2026-08-14T13:00:00Z".parse().unwrap(), "2026-08-15T13:00:00Z".parse().unwrap());

    use claude_cli::analytics::{TimeSeriesOptimizer, TimeSeriesType};

    let optimizer = TimeSeriesOptimizer::new(analytics_engine);
    let types = vec![
        TimeSeriesType::Cost,
        TimeSeriesType::Commands,
        TimeSeriesType::SuccessRate,
        TimeSeriesType::ResponseTime,
    ];

    // Single batch query + in-memory aggregation
    let optimized_data = optimizer.generate_optimized_time_series(start_time, end_time, types).await?;

    assert_eq!(optimized_data.series.len(), 4);
    for series in &optimized_data.series {
        assert_eq!(series.points.len(), 24, "{}", series.metric);
        assert!(series.points.iter().all(|point| point.1.is_some()), "{}", series.metric);
    }
    let backwards = optimizer.generate_optimized_time_series(end_time, start_time, Vec::new()).await;
    assert!(backwards.unwrap_err().to_string().contains("the range is empty"));
    Ok(())
}

#[tokio::test]
async fn dashboards_are_profiled() -> claude_cli::Result<()> {
    use claude_cli::analytics::PerformanceProfiler;

    // Profile dashboard generation
    let profiler = PerformanceProfiler::new();
    let profile = profiler.profile_dashboard_generation(1000).await?;

    println!("Performance Profile:");
    println!("  Total time: {}ms", profile.total_duration_ms);
    println!("  Peak memory: {:.1}MB", profile.peak_memory_mb);
    println!("  Cache hit ratio: {:.1}%", profile.cache_stats.hit_ratio * 100.0);

    let stats = profile.cache_stats;
    assert_eq!((stats.hits, stats.misses, stats.stale), (18, 1, 1), "a write in between makes it stale");
    assert!((stats.hit_ratio - 0.9).abs() < 1e-9);
    assert!(profile.total_duration_ms > 0.0 && profile.uncached_ms > 0.0 && profile.cached_ms > 0.0);
    if cfg!(target_os = "linux") {
        assert!(profile.peak_memory_mb > 1.0, "{profile:?}");
    }
    Ok(())
}
