//! Answers from the ledger: what was spent, where, how fast, how reliably.
//!
//! Everything is read through [`LedgerReader`](crate::store::LedgerReader) and
//! comes from rollups wherever they can say it, so that an answer takes as long
//! for ten million requests as for ten.

mod blocks;
mod budgets;
mod calendar;
mod export;
mod fold;
mod group;
mod range;
mod report;
mod sessions;
mod statusline;
mod summary;
mod timeseries;

pub use blocks::{BLOCK_MILLIS, Block, BlocksQuery, BurnRate, Projection, blocks};
pub use budgets::{BudgetState, BudgetStatus, PROJECTION_METHOD, budget_status};
#[cfg(feature = "parquet")]
pub use export::ParquetExport;
pub use export::{
    CsvExport, EXPORT_SCHEMA, ExportHeader, ExportOutput, ExportWriter, Exported, NdjsonExport, WholeFile,
};
pub use group::{GroupBy, GroupOrder};
pub use range::{TimeRange, parse_zone};
pub use report::{SUMMARY_SCHEMA, TIMESERIES_SCHEMA, dollars, figures, iso};
pub use sessions::{SessionsQuery, sessions};
pub use statusline::{Glance, StatusInput};
pub use summary::{Group, Summary, SummaryQuery, summary};
pub use timeseries::{Bucket, Metric, Series, TimeSeries, TimeSeriesQuery, timeseries};
