//! The guide's profiler and load test, with the path of the crate changed.

use claude_cli::analytics::{LoadTestConfig, LoadTestScenario};

#[tokio::test]
async fn performance_testing() -> Result<(), claude_cli::Error> {
    use claude_cli::analytics::PerformanceProfiler;

    // Profile dashboard generation
    let profiler = PerformanceProfiler::new();
    let profile = profiler.profile_dashboard_generation(1000).await?;

    println!("Performance Profile:");
    println!("  Total time: {}ms", profile.total_duration_ms);
    println!("  Peak memory: {:.1}MB", profile.peak_memory_mb);
    println!("  Cache hit ratio: {:.1}%", profile.cache_stats.hit_ratio * 100.0);

    // Run load tests
    let load_config = LoadTestConfig {
        concurrent_users: 10,
        duration_seconds: 30,
        requests_per_second: 2.0,
        scenarios: vec![LoadTestScenario::DashboardGeneration],
        ..Default::default()
    };

    let results = profiler.run_load_test(load_config).await?;
    println!("Load test: {:.1} req/s, {:.1}ms avg", results.requests_per_second, results.avg_response_time_ms);

    // What the guide does not look at.
    assert_eq!((results.total_requests, results.successful_requests), (60, 60));
    assert!((1.9..=2.1).contains(&results.requests_per_second), "{}", results.requests_per_second);
    assert!(results.avg_response_time_ms > 0.0 && results.avg_response_time_ms.is_finite());
    assert!(results.run.seconds >= 29.0, "two a second for thirty seconds: {}", results.run.seconds);
    Ok(())
}

#[tokio::test]
async fn other_scenarios_and_what_cannot_be() {
    use claude_cli::analytics::PerformanceProfiler;

    let profiler = PerformanceProfiler::new();
    let config = |scenarios| LoadTestConfig {
        duration_seconds: 1,
        requests_per_second: 20.0,
        scenarios,
        ..LoadTestConfig::default()
    };
    let both = vec![LoadTestScenario::TimeSeriesGeneration, LoadTestScenario::SummaryGeneration];
    let results = profiler.run_load_test(config(both)).await.unwrap();
    assert_eq!((results.successful_requests, results.failed_requests), (20, 0));
    for (scenarios, says) in
        [(vec![], "needs scenarios"), (vec![LoadTestScenario::LiveUpdates], "need a `target`")]
    {
        let refused = profiler.run_load_test(config(scenarios)).await.unwrap_err();
        assert!(refused.to_string().contains(says), "{refused}");
    }
}
