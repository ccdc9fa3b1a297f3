//! The ledger: what was witnessed of every API request, counted once.
//!
//! A request has many witnesses: our own run, a transcript, telemetry. Each
//! [`Witness`] is appended as it comes, in any order and any number of times;
//! the counted row is a pure function of all of them (see `identity.rs` for
//! which sights are of the same request, `state.rs` for the merge, `settle.rs`
//! for what a run's totals say beyond its requests). Rollups change in the same
//! transaction as their rows.
//!
//! Everything outside this module speaks [`LedgerReader`] and [`Ledger`]; only
//! this module speaks SQL.

mod budget;
pub mod conformance;
pub(crate) mod files;
mod histogram;
mod identity;
mod load_test;
mod pieces;
mod query;
mod record;
mod recorder;
mod run;
mod settle;
mod snapshot;
mod source;
pub mod spool;
mod sqlite;
mod state;
mod sums;
mod witness;
mod writer;

pub use budget::{Alert, Budget, Period};
pub use histogram::Histogram;
pub use load_test::KeptLoadTest;
pub use pieces::sums_of_rows;
pub use query::{
    Dimension, Filter, Level, RequestRow, RollupQuery, RollupRow, RowKind, RowQuery, RunQuery, SessionOrder,
    SessionQuery, SessionRow, Simulated, Span, SumsQuery, SumsRow,
};
pub use record::{Entry, Record};
pub use recorder::{Outcome, Recorder, RunStart};
pub use run::{FoundText, ModelTotal, Run, RunText};
pub use snapshot::Snapshot;
pub use source::Source;
pub use sqlite::{
    SqlAnswer, SqlConsole, SqlValue, SqliteLedger, VIEWS, VerifyReport, View, ViewColumn, size_on_disk,
};
pub use sums::{ByMode, CostMode, Sums};
pub use witness::{Batch, Name, Witness, WitnessKind};
pub use writer::{Closed, Writer};

use std::collections::VecDeque;

use crate::Result;

/// Reading a ledger: all that the analytics know of it.
pub trait LedgerReader {
    /// While this is held, all that is read is of one moment. A ledger that
    /// cannot do that may do without.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn snapshot(&self) -> Result<Snapshot<'_>> {
        Ok(Snapshot::none())
    }

    /// What requests add up to between times, exactly: to each question its
    /// sums, in order of piece and key. What nothing belongs to is absent.
    ///
    /// All questions are answered together, and should cost little more than
    /// one. A ledger that keeps no sums, and never prunes its rows, may leave this
    /// as it is: then single rows are added up.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn sums(&self, queries: &[SumsQuery]) -> Result<Vec<Vec<SumsRow>>> {
        queries.iter().map(|query| sums_of_rows(self, query)).collect()
    }

    /// A number that changes when a commit changes what answers about the UTC
    /// days that a range touches may say, budgets included, and stays as it is
    /// when nothing of it does. Of one ledger, it only grows.
    ///
    /// What a session amounts to may change by requests of days before the
    /// range: who tells of sessions asks with an open start.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn generation_of(&self, since: Option<i64>, until: Option<i64>) -> Result<i64>;

    /// The cells of one level and dimension in a range, in order of start and
    /// key. Cells without requests are absent.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn rollups(&self, query: &RollupQuery) -> Result<Vec<RollupRow>>;

    /// When the requests of the cells were that [`rollups`](Self::rollups)
    /// would tell, of all keys together, and in order. Much cheaper.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn spans(&self, query: &RollupQuery) -> Result<Vec<Span>>;

    /// Every counted row in a range, in order of time, one at a time.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn requests(&self, query: &RowQuery, each: &mut dyn FnMut(RequestRow)) -> Result<()>;

    /// The latest counted rows in a range that ended in an error, the newest
    /// first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn recent_errors(&self, query: &RowQuery, limit: u32) -> Result<Vec<RequestRow>>;

    /// The latest requests in a range, the newest first.
    ///
    /// A ledger that can only be read forwards may leave this as it is: then all
    /// rows of the range are read.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn recent_requests(&self, query: &RowQuery, limit: u32) -> Result<Vec<RequestRow>> {
        let mut latest = VecDeque::new();
        self.requests(query, &mut |row| {
            if row.kind == RowKind::Request {
                latest.push_back(row);
            }
            if latest.len() > limit as usize {
                latest.pop_front();
            }
        })?;
        Ok(latest.into_iter().rev().collect())
    }

    /// Own runs, the newest first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn runs(&self, query: &RunQuery) -> Result<Vec<Run>>;

    /// Sessions, with all that was ever spent in them.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn sessions(&self, query: &SessionQuery) -> Result<Vec<SessionRow>>;

    /// Everything another ledger needs to count what this one counts: runs,
    /// then rows in order of time, one at a time; `each` may end it with an
    /// error. Of runs there are those that may have to do with the rows asked
    /// for.
    ///
    /// # Errors
    /// If the ledger cannot be read, or what `each` returns.
    fn export(&self, query: &RowQuery, each: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()>;

    /// Rows of days before this time (UTC milliseconds) were dropped; `None` if
    /// none ever were.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn pruned_before(&self) -> Result<Option<i64>>;

    /// How far transcripts have been read.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn sources(&self) -> Result<Vec<Source>>;

    /// The runs whose kept texts hold all of these words, the newest first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn search(&self, words: &str, limit: u32) -> Result<Vec<FoundText>>;

    /// All budgets, by name.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn budgets(&self) -> Result<Vec<Budget>>;

    /// The latest alerts, the newest first; `None` for all of them.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn alerts(&self, limit: Option<u32>) -> Result<Vec<Alert>>;
}

/// What a new price table changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repriced {
    /// Rows looked at.
    pub rows: u64,
    /// Rows whose calculated cost changed.
    pub changed: u64,
    /// Those of them whose cost was unknown until now.
    pub newly_priced: u64,
    /// Their calculated cost before, in nano-dollars; unknown ones left out.
    pub before: i64,
    /// Their calculated cost now.
    pub after: i64,
}

/// What was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// Rows of days before this time (UTC milliseconds) are gone.
    pub before: i64,
    /// Rows dropped.
    pub rows: u64,
    /// Bytes of the file that this left free for new rows; the file itself
    /// shrinks by [`SqliteLedger::vacuum`].
    pub freed: u64,
}

/// Writing a ledger.
pub trait Ledger: LedgerReader {
    /// Appends a batch in one transaction, durable once this returns.
    /// Appending the same batch again changes nothing.
    ///
    /// # Errors
    /// If the ledger cannot be written; nothing of the batch is in it then.
    fn append(&mut self, batch: &Batch) -> Result<()>;

    /// Prices all rows anew by the table in force.
    ///
    /// # Errors
    /// If the ledger cannot be written. What was repriced until then stays so.
    fn reprice(&mut self) -> Result<Repriced>;

    /// Drops the rows of days before `before` (UTC milliseconds, rounded down
    /// to a day). What they add up to stays counted, and their identities are
    /// kept, so that no witness of them is ever counted again.
    ///
    /// # Errors
    /// If the ledger cannot be written. What was dropped until then stays so.
    fn prune(&mut self, before: i64) -> Result<Pruned>;

    /// Sets a budget; one of the same name is replaced.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    fn set_budget(&mut self, budget: &Budget) -> Result<()>;

    /// Removes a budget, and says whether there was one. Its alerts stay.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    fn remove_budget(&mut self, name: &str) -> Result<bool>;

    /// Records crossings, and returns those that were not recorded before: of
    /// a budget's period and threshold there is one, until its limit changes.
    ///
    /// # Errors
    /// If the ledger cannot be written; none is recorded then.
    fn record_alerts(&mut self, crossed: &[Alert]) -> Result<Vec<Alert>>;

    /// A number that changes whenever another connection or process commits.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn generation(&self) -> Result<i64>;
}
