//! What one ledger tells another.

use serde::{Deserialize, Serialize};

use super::{RequestRow, Run, identity::CellKey, state::State};

/// All that a ledger knows of the sights that share their ids: their merge, in
/// the form in which other ledgers take it in.
///
/// Opaque, but serializable: what is in it follows the ledger's needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    #[serde(flatten)]
    pub(crate) key: CellKey,
    pub(crate) state: State,
}

/// One entry of an export.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Entry {
    /// A run of this program.
    Run(Box<Run>),
    /// A row that counts, with the records that another ledger needs to count
    /// it. Rows that follow from others (advisor calls, remainders) have none,
    /// and of the requests that share their ids the first has those of all.
    Request(Box<RequestRow>, Vec<Record>),
    /// The records of a sight that does not count here: a failed attempt, where
    /// another kind of witness tells of its session's, or what joined a request.
    Uncounted(Vec<Record>),
}
