//! Sessions, the newest or the costliest first.

use std::cmp::Reverse;

use super::{
    TimeRange,
    fold::{Scope, total},
};
use crate::{
    Result,
    store::{CostMode, Filter, LedgerReader, SessionOrder, SessionQuery, SessionRow, Simulated},
};

/// With a filter, so many sessions are looked at first for each one asked for.
const CANDIDATES: u32 = 8;

/// Asks for sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionsQuery {
    /// When their last request was; what they amount to is not cut by it.
    pub range: TimeRange,
    /// Which of their requests count; a session without any is left out.
    pub filter: Filter,
    /// What they are sorted by, the greatest first.
    pub order: SessionOrder,
    /// Which cost of a request counts.
    pub cost: CostMode,
    /// Whether simulated requests count.
    pub simulated: Simulated,
    /// At most so many; `None` for all.
    pub limit: Option<u32>,
}

/// Lists sessions.
///
/// # Errors
/// If the ledger cannot be read.
pub fn sessions(reader: &dyn LedgerReader, query: &SessionsQuery) -> Result<Vec<SessionRow>> {
    // The index of costs is one of CostMode::Auto.
    let by_index = query.order == SessionOrder::Last || query.cost == CostMode::Auto;
    if by_index && query.filter.is_empty() {
        return read(reader, query, query.limit);
    }
    let mut found;
    let mut look_at = query.limit.filter(|_| query.order == SessionOrder::Last);
    loop {
        look_at = look_at.map(|n| n.saturating_mul(CANDIDATES));
        let candidates = read(reader, query, look_at)?;
        let all = look_at.is_none_or(|n| candidates.len() < n as usize);
        found = matching(reader, query, candidates)?;
        if all || query.limit.is_some_and(|limit| found.len() >= limit as usize) {
            break;
        }
    }
    if query.order == SessionOrder::Cost {
        found.sort_by_key(|session| Reverse(session.sums.cost.get(query.cost)));
    }
    if let Some(limit) = query.limit {
        found.truncate(limit as usize);
    }
    Ok(found)
}

fn read(reader: &dyn LedgerReader, query: &SessionsQuery, limit: Option<u32>) -> Result<Vec<SessionRow>> {
    reader.sessions(&SessionQuery {
        since: query.range.since,
        until: query.range.until,
        order: query.order,
        simulated: query.simulated,
        limit,
    })
}

/// The sessions with requests that the filter lets through, and what these
/// amount to.
fn matching(
    reader: &dyn LedgerReader,
    query: &SessionsQuery,
    candidates: Vec<SessionRow>,
) -> Result<Vec<SessionRow>> {
    if query.filter.is_empty() {
        return Ok(candidates);
    }
    let mut found = Vec::new();
    for mut session in candidates {
        if query.filter.session.as_ref().is_some_and(|only| *only != session.session) {
            continue;
        }
        let filter = Filter { session: Some(session.session.clone()), ..query.filter.clone() };
        let scope = Scope { since: None, until: None, filter: &filter, simulated: query.simulated };
        let sums = total(reader, scope)?;
        if sums.first.is_some() {
            session.sums = sums;
            found.push(session);
        }
    }
    Ok(found)
}
