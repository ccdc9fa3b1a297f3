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
