//! Claude's 5-hour billing windows.
//!
//! Requests in time order: a block starts at the UTC hour of its first request,
//! and the first request 5 hours after that start or later begins another one.
//! So the edge of a block always falls between two hour cells, and blocks come
//! from those, which know the exact times of their first and last request.

use serde::{Deserialize, Serialize};

use super::{
    TimeRange,
    fold::{Scope, one, spans},
};
use crate::{
    Result,
    store::{CostMode, Filter, LedgerReader, Level, Simulated, Span, Sums},
};

/// How long a block lasts, in milliseconds.
pub const BLOCK_MILLIS: i64 = 5 * 3_600_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Asks for blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct BlocksQuery {
    /// Blocks that overlap this range are told, each whole.
    pub range: TimeRange,
    /// The requests that blocks are formed of.
    pub filter: Filter,
    /// Whether simulated requests count.
    pub simulated: Simulated,
}

/// A billing window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Block {
    /// Its start, at a UTC hour, UTC milliseconds.
    pub start: i64,
    /// The time of its first request, UTC milliseconds.
    pub first: i64,
    /// The time of its last request, UTC milliseconds.
    pub last: i64,
    /// What it amounts to.
    pub sums: Sums,
}

/// How fast a block is used up, on average between its first and last request.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BurnRate {
    /// Tokens of all kinds a minute.
    pub tokens_per_minute: f64,
    /// Dollars an hour; `None` if no cost is known.
    pub usd_per_hour: Option<f64>,
}

/// What a block comes to if it goes on as it did.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Projection {
    /// Tokens of all kinds at its end.
    pub total_tokens: i64,
    /// Dollars at its end; `None` if no cost is known.
    pub cost_usd: Option<f64>,
}

impl Block {
    /// Its end, exclusive, UTC milliseconds.
    #[must_use]
    pub const fn end(&self) -> i64 {
        self.start + BLOCK_MILLIS
    }

    /// Whether it is in use at `now` (UTC milliseconds): its last request is
    /// less than 5 hours ago, and its end is to come.
    #[must_use]
    pub const fn is_active(&self, now: i64) -> bool {
        self.start <= now && now < self.end() && now - self.last < BLOCK_MILLIS
    }

    /// Tokens and dollars over the time from the first to the last request;
    /// `None` if that is no time at all.
    #[must_use]
    pub fn burn_rate(&self, mode: CostMode) -> Option<BurnRate> {
        let minutes = (self.last - self.first) as f64 / 60_000.0;
        (minutes > 0.0).then(|| BurnRate {
            tokens_per_minute: self.sums.total_tokens() as f64 / minutes,
            usd_per_hour: super::dollars(&self.sums, mode).map(|usd| usd / (minutes / 60.0)),
        })
    }

    /// What it comes to at its end: what was used, and the burn rate for the
    /// time that is left at `now` (UTC milliseconds).
    #[must_use]
    pub fn projection(&self, mode: CostMode, now: i64) -> Option<Projection> {
        let rate = self.burn_rate(mode)?;
        let minutes = self.remaining(now) as f64 / 60_000.0;
        Some(Projection {
            total_tokens: self.sums.total_tokens() + (rate.tokens_per_minute * minutes).round() as i64,
            cost_usd: super::dollars(&self.sums, mode)
                .zip(rate.usd_per_hour)
                .map(|(spent, rate)| spent + rate * minutes / 60.0),
        })
    }

    /// Milliseconds until its end.
    #[must_use]
    pub const fn remaining(&self, now: i64) -> i64 {
        let left = self.end() - now;
        if left < 0 { 0 } else { left }
    }
}

/// The blocks that overlap a range, in order of time.
///
/// # Errors
/// If the ledger cannot be read.
pub fn blocks(reader: &dyn LedgerReader, query: &BlocksQuery) -> Result<Vec<Block>> {
    let mut blocks = overlapping(reader, Scope::of(&query.range, &query.filter, query.simulated))?;
    blocks.retain(|block| {
        query.range.since.is_none_or(|since| block.end() > since)
            && query.range.until.is_none_or(|until| block.start < until)
    });
    Ok(blocks)
}

/// The starts of the blocks that the requests of a scope are in.
pub(super) fn starts(reader: &dyn LedgerReader, scope: Scope<'_>) -> Result<Vec<i64>> {
    starts_within(reader, scope_of_blocks(reader, scope)?)
}

fn starts_within(reader: &dyn LedgerReader, scope: Scope<'_>) -> Result<Vec<i64>> {
    let mut starts: Vec<i64> = Vec::new();
    for span in spans(reader, scope)? {
        if starts.last().is_none_or(|start| span.start >= start + BLOCK_MILLIS) {
            starts.push(span.start);
        }
    }
    Ok(starts)
}

fn overlapping(reader: &dyn LedgerReader, scope: Scope<'_>) -> Result<Vec<Block>> {
    let scope = scope_of_blocks(reader, scope)?;
    let starts = starts_within(reader, scope)?;
    // An hour in which the range ends counts whole.
    let end = scope.until.map_or(i64::MAX, |until| Level::Hour.start_of(until.saturating_add(HOUR - 1)));
    let cuts = starts.iter().copied().chain([end]).collect();
    let blocks = one(reader, scope.pieces(cuts))?.into_iter().filter_map(|row| {
        let (first, last) = row.sums.first.zip(row.sums.last)?;
        Some(Block { start: starts[row.piece], first, last, sums: row.sums })
    });
    Ok(blocks.collect())
}

/// A scope that begins where a block does, and ends where none of its blocks
/// goes on.
fn scope_of_blocks<'a>(reader: &dyn LedgerReader, scope: Scope<'a>) -> Result<Scope<'a>> {
    let until = scope.until.map(|until| until.saturating_add(BLOCK_MILLIS));
    let since = match scope.since {
        Some(since) => {
            let since = Level::Hour.start_of(since);
            Some(running_at(reader, scope, since)?.unwrap_or(since))
        }
        None => None,
    };
    Ok(Scope { since, until, ..scope })
}

/// The start of the block that runs at a UTC hour, if one began before it.
///
/// Blocks follow from the first of those that have less than 5 hours between
/// their requests. How far back that is nobody knows, so each look goes four
/// times as far as the one before, and the last one to the beginning.
fn running_at(reader: &dyn LedgerReader, scope: Scope<'_>, at: i64) -> Result<Option<i64>> {
    let mut found: Vec<Span> = Vec::new();
    let mut until = at;
    for reach in [Some(DAY), Some(4 * DAY), Some(16 * DAY), Some(64 * DAY), Some(256 * DAY), None] {
        let since = reach.map(|reach| at.saturating_sub(reach));
        let mut earlier = spans(reader, Scope { since, until: Some(until), ..scope })?;
        earlier.append(&mut found);
        found = earlier;
        // Where the request before is 5 hours or more away, a block starts.
        let mut previous = since;
        let mut certain = None;
        for (n, span) in found.iter().enumerate() {
            if previous.is_none_or(|previous| span.first - previous >= BLOCK_MILLIS) {
                certain = Some(n);
            }
            previous = Some(span.last);
        }
        if let Some(certain) = certain {
            let mut start = found[certain].start;
            for span in &found[certain..] {
                if span.start >= start + BLOCK_MILLIS {
                    start = span.start;
                }
            }
            return Ok(Some(start).filter(|start| start + BLOCK_MILLIS > at));
        }
        if found.is_empty() {
            return Ok(None);
        }
        until = since.unwrap_or(until);
    }
    Ok(None)
}
