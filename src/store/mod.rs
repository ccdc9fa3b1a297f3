//! The ledger: what was witnessed of every API request, counted once.

mod histogram;
mod query;
mod run;
mod sums;

pub use histogram::Histogram;
pub use query::{Dimension, Level, RequestRow, RollupQuery, RollupRow, RowKind, RowQuery, RunQuery, Simulated};
pub use run::{ModelTotal, Run};
pub use sums::{ByMode, CostMode, Sums};

use crate::Result;

/// Reading a ledger: all that the analytics know of it.
pub trait LedgerReader {
    /// The cells of one level and dimension in a range, in order of start and
    /// key. Cells without requests are absent.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn rollups(&self, query: &RollupQuery) -> Result<Vec<RollupRow>>;

    /// Every counted row in a range, in order of time, one at a time.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn requests(&self, query: &RowQuery, each: &mut dyn FnMut(RequestRow)) -> Result<()>;

    /// Own runs, the newest first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn runs(&self, query: &RunQuery) -> Result<Vec<Run>>;
}
