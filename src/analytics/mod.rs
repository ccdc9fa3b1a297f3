//! Answers from the ledger: what was spent, where, how fast, how reliably.
//!
//! Everything is read through [`LedgerReader`](crate::store::LedgerReader) and
//! comes from rollups wherever they can say it, so that an answer takes as long
//! for ten million requests as for ten.

mod axis;
mod blocks;
mod bucket;
pub(crate) mod budgets;
mod cache;
pub(crate) mod calendar;
mod dashboard;
mod engine;
mod export;
mod figures;
mod fold;
mod group;
mod lists;
#[cfg(feature = "load")]
mod load_test;
mod memory;
mod metric;
mod optimizer;
#[cfg(feature = "plots")]
mod plot;
mod profiler;
mod range;
mod report;
mod sessions;
mod statistics;
mod statusline;
mod summary;
mod timeseries;

/// Presets of how a state is shown live, under the names that dashboards know them by.
#[cfg(feature = "server")]
pub use crate::live::{FeedConfig, OptimizedDashboardFactory, StreamingOptimizerFactory};
pub use axis::{range_name, time_marks, value_marks, value_name, zone_name};
pub use blocks::{BLOCK_MILLIS, Block, BlocksQuery, BurnRate, Projection, blocks};
pub use bucket::Bucket;
pub use budgets::{BudgetState, BudgetStatus, PROJECTION_METHOD, budget_status, new_crossings};
pub use cache::{AnswerCounts, AnswerStats, CacheConfig, DashboardCache, Question};
pub use dashboard::{
    DASHBOARD_SCHEMA, Dashboard, DashboardAlert, DashboardBudget, DashboardError, DashboardGroup, DashboardQuery,
    DashboardRange, DashboardSeries, DashboardSession, DashboardTotals, Point, dashboard,
};
pub use engine::{Engine, Reader};
#[cfg(feature = "parquet")]
pub use export::ParquetExport;
pub use export::{
    CsvExport, EXPORT_SCHEMA, ExportHeader, ExportOutput, ExportWriter, Exported, NdjsonExport, WholeFile,
};
pub use figures::{Figures, Percentiles};
pub use group::{GroupBy, GroupOrder};
pub use lists::{
    ALERTS_SCHEMA, BLOCKS_SCHEMA, BLOCKS_SINCE, BUDGETS_SCHEMA, BlockTerms, LISTED, RUNS_SCHEMA, SESSIONS_SCHEMA,
    TokenLimit, alert_line, alerts_json, budget_fields, budgets_json, run_line, runs_json,
};
#[cfg(feature = "load")]
pub use load_test::{LoadTestConfig, LoadTestResults, LoadTestScenario};
pub use memory::{
    MemoryConfig, MemoryOptimizer, MemoryPressure, MemoryUsage, PoolStats, PooledBuffer, Relief, Shed, ShedOrder,
};
pub use metric::Metric;
pub use optimizer::{TimeSeriesOptimizer, TimeSeriesType};
#[cfg(feature = "plots")]
pub use plot::{Plot, PlotTheme};
pub use profiler::{CacheStats, DashboardProfile, PerformanceProfiler};
pub use range::{TimeRange, parse_zone};
pub use report::{SUMMARY_SCHEMA, TIMESERIES_SCHEMA, dollars, figures, iso};
pub use sessions::{SessionsQuery, sessions};
pub use statistics::ANOMALY_METHOD;
pub use statusline::{Glance, StatusInput};
pub use summary::{Group, Summary, SummaryQuery, summary};
pub use timeseries::{PreviousPeriod, Series, TimeSeries, TimeSeriesQuery, timeseries};
