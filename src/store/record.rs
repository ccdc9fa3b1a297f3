//! What one ledger tells another.

use serde::{Deserialize, Serialize};

use super::{RequestRow, Run, identity::CellKey, state::State};
use crate::Usage;

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

/// No request has as many tokens, costs as many nano-dollars, or takes as many
/// milliseconds: what says so is damaged, and would spoil every sum.
const MOST: u64 = 1 << 52;
/// The end of the year 9999, in UTC milliseconds.
const LATEST: i64 = 253_402_300_799_999;

impl Record {
    /// Whether what it says can be: it may come from a damaged file.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let state = &self.state;
        let numbers = [&state.cost, &state.duration_ms, &state.ttft_ms];
        is_time(state.snapshot.ts)
            && is_time(state.origin.ts)
            && is_usage(&state.snapshot.usage)
            && state.final_output.is_none_or(|output| output <= MOST)
            && numbers.into_iter().flatten().all(|number| number.value.unsigned_abs() <= MOST)
    }
}

impl Run {
    /// Whether what it says can be: it may come from a damaged file.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let totals = |total: &super::ModelTotal| {
            is_usage(&total.usage) && total.cost.is_none_or(|cost| cost.unsigned_abs() <= MOST)
        };
        !self.id.is_empty()
            && is_time(self.started_at)
            && self.ended_at.is_none_or(is_time)
            && [self.cost, self.ttft_ms, self.duration_ms].into_iter().flatten().all(|n| n.unsigned_abs() <= MOST)
            && self.totals.iter().all(totals)
    }
}

const fn is_time(ts: i64) -> bool {
    ts >= 0 && ts <= LATEST
}

fn is_usage(usage: &Usage) -> bool {
    let counts = [
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_5m_tokens,
        usage.cache_write_1h_tokens,
        usage.web_searches,
    ];
    counts.into_iter().all(|count| count <= MOST) && usage.advisors.iter().all(|advisor| is_usage(&advisor.usage))
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
