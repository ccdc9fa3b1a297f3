//! The views that `analytics sql` offers: their names and columns are a
//! contract, whatever the tables beneath them become.

use std::fmt::Write;

use super::read::highest;
use crate::store::Simulated;

/// A view for SQL. Its name ends with its version: columns may be added to it,
/// everything else would be a new view.
#[derive(Debug)]
pub struct View {
    /// Its name, such as `requests_v1`.
    pub name: &'static str,
    /// What one row of it is.
    pub meaning: &'static str,
    /// Its columns, in their order.
    pub columns: &'static [ViewColumn],
    /// What follows the columns; `{highest}` is the highest value of `simulated`.
    from: &'static str,
}

/// A column of a [`View`].
#[derive(Debug)]
pub struct ViewColumn {
    /// Its name.
    pub name: &'static str,
    /// `TEXT`, `INTEGER` or `REAL`.
    pub kind: &'static str,
    /// What it says, and when it is null.
    pub meaning: &'static str,
    expression: &'static str,
}

const fn column(
    name: &'static str,
    kind: &'static str,
    expression: &'static str,
    meaning: &'static str,
) -> ViewColumn {
    ViewColumn { name, kind, meaning, expression }
}

impl View {
    /// The statement that creates it for one connection.
    pub(crate) fn create(&self, simulated: Simulated) -> String {
        let mut sql = format!("CREATE TEMP VIEW {} AS SELECT", self.name);
        for (n, column) in self.columns.iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            // Writing to a string cannot fail.
            let _ = write!(sql, "{comma} {} AS {}", column.expression, column.name);
        }
        let from = self.from.replace("{highest}", &highest(simulated).to_string());
        let _ = write!(sql, " {from}");
        sql
    }
}

/// All views.
pub static VIEWS: [View; 4] = [
    View {
        name: "requests_v1",
        meaning: "a row that counts: an API request, an advisor call in one, or what a run cost beyond its requests",
        columns: REQUESTS,
        from: "FROM main.requests AS r WHERE r.counted = 1 AND r.simulated <= {highest}",
    },
    View {
        name: "runs_v1",
        meaning: "a run of this program",
        columns: RUNS,
        from: "FROM main.runs AS u WHERE u.simulated <= {highest}",
    },
    View {
        name: "sessions_v1",
        meaning: "a session and all that was ever spent in it, pruned rows included",
        columns: SESSIONS,
        from: "FROM main.rollups AS s WHERE s.dimension = 9 AND s.simulated <= {highest}",
    },
    View {
        name: "days_v1",
        meaning: "a UTC day and all that was spent on it, pruned rows included",
        columns: DAYS,
        from: "FROM main.rollups AS d WHERE d.level = 2 AND d.dimension = 0 AND d.simulated <= {highest} \
               GROUP BY d.start",
    },
];

macro_rules! iso {
    ($ms:literal) => {
        concat!("strftime('%Y-%m-%dT%H:%M:%fZ', ", $ms, " / 1000.0, 'unixepoch')")
    };
}

macro_rules! name {
    ($id:literal) => {
        concat!("(SELECT value FROM main.names WHERE id = ", $id, ")")
    };
}

/// Of the last counted row of a session.
macro_rules! latest {
    ($id:literal) => {
        concat!(
            "(SELECT (SELECT value FROM main.names WHERE id = q.",
            $id,
            ") FROM main.requests AS q WHERE q.session = s.name AND q.counted = 1 ORDER BY q.ts DESC, q.id DESC LIMIT 1)"
        )
    };
}

const REQUESTS: &[ViewColumn] = &[
    column("time", "TEXT", iso!("r.ts"), "when, UTC, RFC 3339 with milliseconds"),
    column("time_ms", "INTEGER", "r.ts", "when, UTC milliseconds since 1970"),
    column("day", "TEXT", "date(r.ts / 1000.0, 'unixepoch')", "its UTC day"),
    column(
        "kind",
        "TEXT",
        "CASE r.kind WHEN 0 THEN 'request' WHEN 1 THEN 'advisor' ELSE 'remainder' END",
        "request, advisor or remainder; only the first counts as a request",
    ),
    column("message_id", "TEXT", "r.message_id", "msg_…; null if unknown"),
    column("request_id", "TEXT", "r.request_id", "req_…; null if unknown"),
    column("session_id", "TEXT", name!("r.session"), "the session; null if unknown"),
    column("run_id", "TEXT", "r.run", "the run of this program that saw it; null if none did"),
    column("model", "TEXT", name!("r.model"), "the model; null for an attempt that failed before one was known"),
    column("project", "TEXT", name!("r.project"), "the working directory; null if unknown"),
    column("branch", "TEXT", name!("r.branch"), "the git branch; null if unknown"),
    column("agent", "TEXT", name!("r.agent"), "main or subagent; null if unknown"),
    column("claude_version", "TEXT", name!("r.version"), "the version of Claude Code; null if unknown"),
    column(
        "source",
        "TEXT",
        "rtrim(iif(r.source & 1, 'run+', '') || iif(r.source & 2, 'transcript+', '') \
         || iif(r.source & 4, 'telemetry+', ''), '+')",
        "who told of it: run, transcript, telemetry, joined by +",
    ),
    column("user", "TEXT", name!("r.user"), "the user; null if unknown"),
    column("host", "TEXT", name!("r.host"), "the host; null if unknown"),
    column("tags", "TEXT", concat!("coalesce(", name!("r.tags"), ", '[]')"), "tags, a JSON array of key=value"),
    column("input_tokens", "INTEGER", "r.input", "uncached input tokens"),
    column("output_tokens", "INTEGER", "r.output", "output tokens"),
    column("cache_read_tokens", "INTEGER", "r.cache_read", "tokens read from the prompt cache"),
    column("cache_write_5m_tokens", "INTEGER", "r.cache_write_5m", "tokens written to the 5-minute cache"),
    column("cache_write_1h_tokens", "INTEGER", "r.cache_write_1h", "tokens written to the 1-hour cache"),
    column(
        "total_tokens",
        "INTEGER",
        "r.input + r.output + r.cache_read + r.cache_write_5m + r.cache_write_1h",
        "all of these",
    ),
    column("web_searches", "INTEGER", "r.web_searches", "web searches"),
    column(
        "cost_usd",
        "REAL",
        "coalesce(r.reported, r.share, r.calculated) / 1e9",
        "US dollars: reported, else calculated; null if unknown",
    ),
    column(
        "cost_nanos",
        "INTEGER",
        "coalesce(r.reported, r.share, r.calculated)",
        "the same, exact, in billionths of a dollar",
    ),
    column(
        "cost_reported_nanos",
        "INTEGER",
        "coalesce(r.reported, r.share)",
        "the cost that the source reported; null if it did not",
    ),
    column(
        "cost_calculated_nanos",
        "INTEGER",
        "r.calculated",
        "the cost by the price table; null if the model has no known price",
    ),
    column("priced_as_of", "TEXT", name!("r.priced_as_of"), "the date of that price table"),
    column("duration_ms", "INTEGER", "r.duration_ms", "milliseconds it took; null if unknown"),
    column("ttft_ms", "INTEGER", "r.ttft_ms", "milliseconds to the first token; null if unknown"),
    column("error", "TEXT", name!("r.error"), "the kind of error it ended in; null if it worked"),
    column("simulated", "INTEGER", "r.simulated", "1 if the simulated backend made it (--include-simulated)"),
];

const RUNS: &[ViewColumn] = &[
    column("run_id", "TEXT", "u.id", "its id"),
    column("started", "TEXT", iso!("u.started_at"), "when it started, UTC"),
    column("started_ms", "INTEGER", "u.started_at", "the same, UTC milliseconds since 1970"),
    column("ended", "TEXT", iso!("u.ended_at"), "when it ended; null if it was killed, or runs still"),
    column("command", "TEXT", "u.record ->> '$.command'", "query or stream"),
    column(
        "backend",
        "TEXT",
        "u.record ->> '$.backend'",
        "claude, api, simulated, or stdin for a recorded stream",
    ),
    column("model", "TEXT", "u.record ->> '$.model'", "the model that answered, or was asked for"),
    column("session_id", "TEXT", "u.record ->> '$.session'", "the session; null if unknown"),
    column("project", "TEXT", "u.record ->> '$.project'", "the working directory; null if unknown"),
    column("user", "TEXT", "u.record ->> '$.user'", "the user; null if unknown"),
    column("host", "TEXT", "u.record ->> '$.host'", "the host; null if unknown"),
    column("tags", "TEXT", "u.record -> '$.tags'", "tags, a JSON array of key=value"),
    column("exit", "TEXT", "u.record ->> '$.exit'", "how it ended: ok, failure, timeout, …; null while running"),
    column("error", "TEXT", "u.record ->> '$.error'", "what went wrong; null if nothing did"),
    column("attempts", "INTEGER", "u.record ->> '$.attempts'", "API attempts, as far as they were seen"),
    column("ttft_ms", "INTEGER", "u.record ->> '$.ttft_ms'", "milliseconds to the first token; null if unknown"),
    column("duration_ms", "INTEGER", "u.record ->> '$.duration_ms'", "milliseconds it took; null if unknown"),
    column("cost_usd", "REAL", "(u.record ->> '$.cost') / 1e9", "US dollars; null if unknown"),
    column("cost_nanos", "INTEGER", "u.record ->> '$.cost'", "the same, exact, in billionths of a dollar"),
    column("cached", "INTEGER", "u.record ->> '$.cached'", "1 if it was answered from the cache"),
    column("simulated", "INTEGER", "u.simulated", "1 if the simulated backend ran it (--include-simulated)"),
];

const SESSIONS: &[ViewColumn] = &[
    column("session_id", "TEXT", name!("s.name"), "its id"),
    column("first", "TEXT", iso!("s.first"), "the time of its first row, UTC"),
    column("last", "TEXT", iso!("s.last"), "the time of its last row, UTC"),
    column(
        "project",
        "TEXT",
        latest!("project"),
        "the working directory of its last row; null if unknown or pruned",
    ),
    column("branch", "TEXT", latest!("branch"), "the git branch of its last row; null if unknown or pruned"),
    column("model", "TEXT", latest!("model"), "the model of its last row; null if unknown or pruned"),
    column("requests", "INTEGER", "s.requests", "requests, failed attempts included"),
    column("errors", "INTEGER", "s.errors", "failed attempts"),
    column("input_tokens", "INTEGER", "s.input", "uncached input tokens"),
    column("output_tokens", "INTEGER", "s.output", "output tokens"),
    column("cache_read_tokens", "INTEGER", "s.cache_read", "tokens read from the prompt cache"),
    column("cache_write_5m_tokens", "INTEGER", "s.cache_write_5m", "tokens written to the 5-minute cache"),
    column("cache_write_1h_tokens", "INTEGER", "s.cache_write_1h", "tokens written to the 1-hour cache"),
    column(
        "total_tokens",
        "INTEGER",
        "s.input + s.output + s.cache_read + s.cache_write_5m + s.cache_write_1h",
        "all of these",
    ),
    column("web_searches", "INTEGER", "s.web_searches", "web searches"),
    column(
        "cost_usd",
        "REAL",
        "iif(s.cost_auto = 0 AND s.unpriced_auto > 0, NULL, s.cost_auto / 1e9)",
        "US dollars that are known; null if none are",
    ),
    column(
        "cost_nanos",
        "INTEGER",
        "iif(s.cost_auto = 0 AND s.unpriced_auto > 0, NULL, s.cost_auto)",
        "the same, exact, in billionths of a dollar",
    ),
    column("unpriced_requests", "INTEGER", "s.unpriced_auto", "rows whose cost is unknown"),
    column("simulated", "INTEGER", "s.simulated", "1 if the simulated backend made it (--include-simulated)"),
];

const DAYS: &[ViewColumn] = &[
    column("day", "TEXT", "date(d.start / 1000.0, 'unixepoch')", "the UTC day"),
    column("requests", "INTEGER", "sum(d.requests)", "requests, failed attempts included"),
    column("errors", "INTEGER", "sum(d.errors)", "failed attempts"),
    column("input_tokens", "INTEGER", "sum(d.input)", "uncached input tokens"),
    column("output_tokens", "INTEGER", "sum(d.output)", "output tokens"),
    column("cache_read_tokens", "INTEGER", "sum(d.cache_read)", "tokens read from the prompt cache"),
    column("cache_write_5m_tokens", "INTEGER", "sum(d.cache_write_5m)", "tokens written to the 5-minute cache"),
    column("cache_write_1h_tokens", "INTEGER", "sum(d.cache_write_1h)", "tokens written to the 1-hour cache"),
    column(
        "total_tokens",
        "INTEGER",
        "sum(d.input + d.output + d.cache_read + d.cache_write_5m + d.cache_write_1h)",
        "all of these",
    ),
    column("web_searches", "INTEGER", "sum(d.web_searches)", "web searches"),
    column(
        "cost_usd",
        "REAL",
        "iif(sum(d.cost_auto) = 0 AND sum(d.unpriced_auto) > 0, NULL, sum(d.cost_auto) / 1e9)",
        "US dollars that are known; null if none are",
    ),
    column(
        "cost_nanos",
        "INTEGER",
        "iif(sum(d.cost_auto) = 0 AND sum(d.unpriced_auto) > 0, NULL, sum(d.cost_auto))",
        "the same, exact, in billionths of a dollar",
    ),
    column("unpriced_requests", "INTEGER", "sum(d.unpriced_auto)", "rows whose cost is unknown"),
];
