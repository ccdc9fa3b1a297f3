//! Answers from the ledger: what was spent, where, how fast, how reliably.
//!
//! Everything is read through [`LedgerReader`](crate::store::LedgerReader) and
//! comes from rollups wherever they can say it, so that an answer takes as long
//! for ten million requests as for ten.

mod calendar;
mod fold;
mod range;
mod report;
mod summary;
mod timeseries;

pub use range::{TimeRange, parse_zone};
pub use report::{SUMMARY_SCHEMA, TIMESERIES_SCHEMA, dollars, figures, iso};
pub use summary::{Group, GroupBy, Summary, SummaryQuery, summary};
pub use timeseries::{Bucket, Metric, Series, TimeSeries, TimeSeriesQuery, timeseries};
