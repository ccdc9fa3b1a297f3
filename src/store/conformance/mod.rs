//! What every ledger must do, whatever keeps it: a suite for implementations of
//! [`Ledger`].
//!
//! ```no_run
//! use claude_cli::store::{SqliteLedger, conformance};
//!
//! # fn example() -> claude_cli::Result<()> {
//! let folder = std::env::temp_dir().join("conformance");
//! let mut n = 0;
//! let passed = conformance::check(&mut || {
//!     n += 1;
//!     let path = folder.join(format!("{n}.db"));
//!     let writer = SqliteLedger::open(&path)?;
//!     let reader = SqliteLedger::open(&path)?;
//!     Ok(conformance::Pair { writer: Box::new(writer), reader: Box::new(reader) })
//! })?;
//! println!("{} checks passed", passed.len());
//! # Ok(())
//! # }
//! ```

mod reading;
mod writing;

use super::{Batch, Ledger, LedgerReader, RequestRow, RowQuery, Simulated, Witness, WitnessKind};
use crate::{Error, Result, simulate::Requests};

/// Two handles of one ledger, which is empty when a check gets them.
pub struct Pair {
    /// Writes it.
    pub writer: Box<dyn Ledger>,
    /// Reads it, beside the writer.
    pub reader: Box<dyn LedgerReader>,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

/// Makes a new, empty ledger.
pub type Make<'a> = &'a mut dyn FnMut() -> Result<Pair>;

type Check = fn(Make<'_>) -> Result<()>;

const CHECKS: [(&str, Check); 14] = [
    ("a batch that comes again changes nothing", writing::again),
    ("the order of witnesses does not matter", writing::order),
    ("the best snapshot counts", writing::best_snapshot),
    ("a run that ended replaces the one that began", writing::runs),
    ("budgets are set, replaced and removed", writing::budgets),
    ("a crossing is recorded once", writing::alerts),
    ("what is pruned stays counted, and is not counted again", writing::prune),
    ("repricing by the same prices changes nothing", writing::reprice),
    ("what is exported makes the same ledger", writing::export),
    ("generations tell which days changed", writing::generations),
    ("sums are those of the rows", reading::sums),
    ("cells are those of the rows", reading::cells),
    ("sessions are sorted and limited", reading::sessions),
    ("a snapshot is of one moment, and errors are told newest first", reading::moments),
];

/// Runs every check on a ledger of its own; returns their names.
///
/// # Errors
/// [`Error::Invalid`] with the check that failed and why, or what the ledger
/// returned.
pub fn check(make: Make<'_>) -> Result<Vec<&'static str>> {
    for (name, check) in CHECKS {
        check(make).map_err(|e| Error::Invalid(format!("conformance: {name}: {e}")))?;
    }
    Ok(CHECKS.iter().map(|check| check.0).collect())
}

/// Fails a check unless two things are the same.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, said: &T, expected: &T) -> Result<()> {
    if said == expected {
        return Ok(());
    }
    let short = |value: &T| format!("{value:?}").chars().take(400).collect::<String>();
    Err(Error::Invalid(format!("{what}: {} instead of {}", short(said), short(expected))))
}

fn holds(what: &str, condition: bool) -> Result<()> {
    if condition { Ok(()) } else { Err(Error::Invalid(format!("it does not hold that {what}"))) }
}

/// The start of a UTC day, which is that of a cell of every level.
const EPOCH: i64 = 20_720 * 86_400_000;

/// Some hundred requests over five days.
fn history() -> Batch {
    let mut requests = Requests::before(EPOCH + 5 * 86_400_000, 300, 5);
    (requests.sessions, requests.projects, requests.branches) = (24, 3, 4);
    Batch { witnesses: requests.witnesses().collect(), ..Batch::default() }
}

fn seen(message: &str, ts: i64, output: u64) -> Witness {
    let mut witness = Witness {
        by: WitnessKind::Transcript,
        message_id: Some(message.to_owned()),
        request_id: Some(format!("req_of_{message}")),
        session: Some("session".into()),
        model: Some("claude-haiku-4-5".into()),
        ts,
        ..Witness::default()
    };
    witness.usage.output_tokens = output;
    witness
}

fn one(witness: Witness) -> Batch {
    Batch { witnesses: vec![witness], ..Batch::default() }
}

fn rows(reader: &(impl LedgerReader + ?Sized)) -> Result<Vec<RequestRow>> {
    let mut rows = Vec::new();
    let everything = RowQuery { simulated: Simulated::Include, ..RowQuery::default() };
    reader.requests(&everything, &mut |row| rows.push(row))?;
    // Rows of the same time may come in any order.
    rows.sort_by_key(|row| (row.ts, row.message_id.clone(), row.request_id.clone()));
    Ok(rows)
}
