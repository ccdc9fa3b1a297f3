//! What Claude Code tells its status line, and what the ledger adds.

use jiff::tz::TimeZone;
use serde_json::Value;

use super::{
    Block, BlocksQuery, TimeRange, blocks, calendar,
    fold::{Scope, total},
};
use crate::{
    Result,
    store::{Filter, LedgerReader, Simulated, Sums},
};

/// A longer name is cut.
const LONGEST_NAME: usize = 40;

/// The fields of the status line's input that are of use; each may be missing,
/// and what is not as expected counts as missing.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StatusInput {
    /// The session.
    pub session: Option<String>,
    /// What to call the model.
    pub model: Option<String>,
    /// What the session has cost, in dollars, as Claude Code reckons.
    pub session_usd: Option<f64>,
    /// How much of the context window is used, in percent.
    pub context_percent: Option<f64>,
}

impl StatusInput {
    /// Reads what it can; nothing of what is no JSON.
    #[must_use]
    pub fn parse(input: &[u8]) -> Self {
        let input: Value = serde_json::from_slice(input).unwrap_or_default();
        let number = |pointer: &str| input.pointer(pointer).and_then(Value::as_f64).filter(|n| *n >= 0.0);
        let text = |pointer: &str| input.pointer(pointer).and_then(Value::as_str).and_then(printable);
        Self {
            session: input.get("session_id").and_then(Value::as_str).map(str::to_owned),
            model: text("/model/display_name").or_else(|| text("/model/id")),
            session_usd: number("/cost/total_cost_usd").filter(|usd| *usd < 1e9),
            context_percent: number("/context_window/used_percentage")
                .or_else(|| {
                    let size = number("/context_window/context_window_size").filter(|n| *n > 0.0)?;
                    let usage = input.pointer("/context_window/current_usage")?.as_object()?;
                    let input = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
                    let used: f64 = input.iter().filter_map(|name| usage.get(*name)?.as_f64()).sum();
                    Some(100.0 * used / size)
                })
                .filter(|percent| *percent <= 1000.0),
        }
    }
}

/// A name that can do nothing to a terminal.
fn printable(name: &str) -> Option<String> {
    let name: String = name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// What the ledger knows of now.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Glance {
    /// Everything since midnight.
    pub today: Sums,
    /// The block in use.
    pub block: Option<Block>,
    /// The session, if it was asked for.
    pub session: Option<Sums>,
}

impl Glance {
    /// Looks at today, the block in use and perhaps a session, at `now` (UTC
    /// milliseconds).
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn read(reader: &dyn LedgerReader, session: Option<&str>, now: i64, tz: &TimeZone) -> Result<Self> {
        let everything = Filter::default();
        let scope = Scope {
            since: Some(calendar::midnight(tz, now, 0)),
            until: Some(calendar::midnight(tz, now, 1)),
            filter: &everything,
            simulated: Simulated::Exclude,
        };
        let today = total(reader, scope)?;
        let range = TimeRange { since: Some(now), until: Some(now + 1), tz: tz.clone() };
        let query = BlocksQuery { range, filter: Filter::default(), simulated: Simulated::Exclude };
        let block = blocks(reader, &query)?.into_iter().rfind(|block| block.is_active(now));
        let session = session
            .map(|id| {
                let only = Filter { session: Some(id.to_owned()), ..Filter::default() };
                total(reader, Scope { since: None, until: None, filter: &only, ..scope })
            })
            .transpose()?
            .filter(|sums| sums.first.is_some());
        Ok(Self { today, block, session })
    }
}
