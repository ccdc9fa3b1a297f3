//! Lists as JSON that scripts may rely on: sessions, blocks, runs, budgets and
//! alerts.

use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::{
    Block, BlocksQuery, BudgetStatus, PROJECTION_METHOD, SessionsQuery, TimeRange, dollars, figures, iso,
};
use crate::{
    Error, Result,
    store::{Alert, Budget, CostMode, Run, SessionOrder, SessionRow},
};

/// The `schema` of a list of sessions.
pub const SESSIONS_SCHEMA: &str = "claude-cli/sessions@1";
/// The `schema` of a list of blocks.
pub const BLOCKS_SCHEMA: &str = "claude-cli/blocks@1";
/// The `schema` of a list of runs.
pub const RUNS_SCHEMA: &str = "claude-cli/runs@1";
/// The `schema` of a list of budgets, and of how they stand.
pub const BUDGETS_SCHEMA: &str = "claude-cli/budgets@1";
/// The `schema` of a list of alerts.
pub const ALERTS_SCHEMA: &str = "claude-cli/alerts@1";

/// Blocks of so long are listed unless a range is asked for.
pub const BLOCKS_SINCE: &str = "7d";
/// At most so many sessions, runs or alerts are listed unless told otherwise.
pub const LISTED: u32 = 20;

impl SessionsQuery {
    /// Its answer in its published form.
    #[must_use]
    pub fn to_json(&self, found: &[SessionRow]) -> Value {
        let lines: Vec<Value> = found.iter().map(|session| self.line(session)).collect();
        json!({
            "schema": SESSIONS_SCHEMA,
            "range": ends(&self.range),
            "sort": match self.order { SessionOrder::Last => "last", SessionOrder::Cost => "cost" },
            "sessions": lines,
        })
    }

    /// One session of it.
    #[must_use]
    pub fn line(&self, session: &SessionRow) -> Value {
        let mut line = Map::new();
        line.insert("session_id".to_owned(), json!(session.session));
        line.insert("project".to_owned(), json!(session.project));
        line.insert("branch".to_owned(), json!(session.branch));
        line.insert("model".to_owned(), json!(session.model));
        line.extend(figures(&session.sums, self.cost));
        line.into()
    }
}

fn ends(range: &TimeRange) -> Value {
    json!({ "since": range.since.map(iso), "until": range.until.map(iso) })
}

/// How many tokens a block may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenLimit {
    /// So many.
    Tokens(i64),
    /// As many as an earlier block took at most.
    Most,
}

impl FromStr for TokenLimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.eq_ignore_ascii_case("max") {
            return Ok(Self::Most);
        }
        match text.replace(['_', ','], "").parse() {
            Ok(n) if n > 0 => Ok(Self::Tokens(n)),
            _ => Err(Error::Invalid("a number of tokens, or max".to_owned())),
        }
    }
}

/// What a list of blocks is drawn up with, beside the blocks.
#[derive(Clone, Copy, Debug)]
pub struct BlockTerms {
    /// The time it is, UTC milliseconds.
    pub now: i64,
    /// Which cost of a request counts.
    pub cost: CostMode,
    /// How many tokens a block may take, if that is known.
    pub token_limit: Option<i64>,
    /// Whether the times without requests between blocks are told.
    pub gaps: bool,
}

impl BlocksQuery {
    /// The same blocks of all times.
    #[must_use]
    pub fn ever(&self) -> Self {
        Self { range: TimeRange::all(self.range.tz.clone()), ..self.clone() }
    }
}

impl BlockTerms {
    /// Keeps the block in use, if only that is asked for, and of the others the
    /// latest.
    pub fn narrow(&self, found: &mut Vec<Block>, active: bool, limit: Option<usize>) {
        found.retain(|block| !active || block.is_active(self.now));
        if let Some(limit) = limit {
            found.drain(..found.len().saturating_sub(limit));
        }
    }

    /// The most tokens that one of these blocks took and that is over; `None` if
    /// there is none.
    #[must_use]
    pub fn most_tokens(&self, ever: &[Block]) -> Option<i64> {
        let earlier = ever.iter().filter(|block| !block.is_active(self.now));
        earlier.map(|block| block.sums.total_tokens()).max()
    }

    /// The share of the limit that so many tokens are.
    #[must_use]
    pub fn share(&self, tokens: i64) -> Option<f64> {
        self.token_limit.map(|limit| tokens as f64 / limit as f64)
    }

    /// Whether a gap is to be told between two blocks.
    #[must_use]
    pub const fn is_gap(&self, before: &Block, after: &Block) -> bool {
        self.gaps && after.first - before.last > super::BLOCK_MILLIS
    }

    /// The blocks, one by one, in their published form.
    #[must_use]
    pub fn lines(&self, found: &[Block]) -> Vec<Value> {
        let mut lines = Vec::with_capacity(found.len());
        let mut previous: Option<&Block> = None;
        for block in found {
            if let Some(before) = previous.filter(|before| self.is_gap(before, block)) {
                lines.push(json!({ "gap": true, "start": iso(before.last), "end": iso(block.first) }));
            }
            lines.push(self.line(block));
            previous = Some(block);
        }
        lines
    }

    /// The answer to a question in its published form.
    #[must_use]
    pub fn to_json(&self, query: &BlocksQuery, found: &[Block]) -> Value {
        json!({
            "schema": BLOCKS_SCHEMA,
            "range": ends(&query.range),
            "now": iso(self.now),
            "token_limit": self.token_limit,
            "blocks": self.lines(found),
        })
    }

    fn line(&self, block: &Block) -> Value {
        let active = block.is_active(self.now);
        let mut line = Map::new();
        line.insert("gap".to_owned(), false.into());
        line.insert("start".to_owned(), iso(block.start).into());
        line.insert("end".to_owned(), iso(block.end()).into());
        line.insert("active".to_owned(), active.into());
        line.extend(figures(&block.sums, self.cost));
        let rate = block
            .burn_rate(self.cost)
            .map(|rate| json!({ "tokens_per_minute": rate.tokens_per_minute, "usd_per_hour": rate.usd_per_hour }));
        let end = block.projection(self.cost, self.now).filter(|_| active);
        let projection = end.map(|end| {
            json!({
                "total_tokens": end.total_tokens,
                "cost_usd": end.cost_usd,
                "limit_share": self.share(end.total_tokens),
            })
        });
        line.insert("burn_rate".to_owned(), json!(rate));
        line.insert("projection".to_owned(), json!(projection));
        let remaining = active.then(|| block.remaining(self.now) / 60_000);
        line.insert("remaining_minutes".to_owned(), json!(remaining));
        line.insert("limit_share".to_owned(), json!(self.share(block.sums.total_tokens())));
        line.into()
    }
}

/// Runs in their published form.
#[must_use]
pub fn runs_json(runs: &[Run]) -> Value {
    json!({ "schema": RUNS_SCHEMA, "runs": runs.iter().map(run_line).collect::<Vec<_>>() })
}

/// One run of a list.
#[must_use]
pub fn run_line(run: &Run) -> Value {
    json!({
        "id": run.id,
        "started": iso(run.started_at),
        "ended": run.ended_at.map(iso),
        "command": run.command,
        "backend": run.backend,
        "model": run.model,
        "session_id": run.session,
        "project": run.project,
        "user": run.user,
        "host": run.host,
        "exit": run.exit,
        "error": run.error,
        "attempts": run.attempts,
        "ttft_ms": run.ttft_ms,
        "duration_ms": run.duration_ms,
        "cost_usd": run.cost.map(|nanos| nanos as f64 / 1e9),
        "cached": run.cached,
        "simulated": run.simulated,
        "tags": run.tags,
    })
}

/// Alerts in their published form.
#[must_use]
pub fn alerts_json(alerts: &[Alert]) -> Value {
    json!({ "schema": ALERTS_SCHEMA, "alerts": alerts.iter().map(alert_line).collect::<Vec<_>>() })
}

/// One alert of a list.
#[must_use]
pub fn alert_line(alert: &Alert) -> Value {
    json!({
        "at": iso(alert.at),
        "budget": alert.budget,
        "period": alert.period.name(),
        "since": iso(alert.since),
        "threshold_percent": alert.threshold,
        "limit_usd": alert.limit as f64 / 1e9,
        "spent_usd": alert.spent as f64 / 1e9,
    })
}

/// How budgets stand, in its published form.
#[must_use]
pub fn budgets_json(found: &[BudgetStatus]) -> Value {
    let lines: Vec<Value> = found.iter().map(BudgetStatus::to_json).collect();
    json!({ "schema": BUDGETS_SCHEMA, "projection": PROJECTION_METHOD, "budgets": lines })
}

/// What a budget says, as a list of budgets tells it.
#[must_use]
pub fn budget_fields(budget: &Budget) -> Map<String, Value> {
    let fields = json!({
        "name": budget.name,
        "limit_usd": budget.limit as f64 / 1e9,
        "period": budget.period.name(),
        "warn_percent": budget.warn_percent,
        "filter": budget.filter,
    });
    match fields {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl BudgetStatus {
    /// How it stands, in its published form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut line = budget_fields(&self.budget);
        let more = json!({
            "since": iso(self.since),
            "until": iso(self.until),
            "now": iso(self.now),
            "requests": self.sums.requests,
            "spent_usd": dollars(&self.sums, self.cost),
            "unpriced_requests": self.sums.unpriced.get(self.cost),
            "unpriced_models": self.unpriced_models,
            "share": self.share(),
            "projected_usd": self.projected().map(|nanos| nanos as f64 / 1e9),
            "state": self.state().name(),
        });
        if let Value::Object(more) = more {
            line.extend(more);
        }
        line.into()
    }
}
