//! What a ledger counts, for other programs and other ledgers.
//!
//! NDJSON holds everything that another ledger needs to count the same, and
//! figures for everybody else; CSV and Parquet hold the figures. Entries are
//! written as they come, so that an export takes as little memory for ten
//! million rows as for ten.

mod csv;
mod ndjson;
mod output;
#[cfg(feature = "parquet")]
mod parquet;
mod row;

#[cfg(feature = "parquet")]
pub use self::parquet::ParquetExport;
pub use self::{
    csv::CsvExport,
    ndjson::{EXPORT_SCHEMA, ExportHeader, NdjsonExport},
    output::{ExportOutput, WholeFile},
};
use crate::{Result, store::Entry};

/// How much was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// Runs.
    pub runs: u64,
    /// Rows that count: requests, advisor calls, remainders.
    pub requests: u64,
    /// Records, for other ledgers.
    pub records: u64,
    /// Files.
    pub files: u64,
}

/// Writes the entries of an export.
pub trait ExportWriter {
    /// Writes one entry; entries come in order of time.
    ///
    /// # Errors
    /// If it cannot be written.
    fn entry(&mut self, entry: &Entry) -> Result<()>;

    /// Writes the end. Without it the files of the export are not there.
    ///
    /// # Errors
    /// If it cannot be written.
    fn finish(self: Box<Self>) -> Result<Exported>;
}
