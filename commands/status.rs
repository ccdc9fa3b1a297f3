//! The line of figures at the end, and the same as JSON.

use claude_cli::{
    Error, ExitClass,
    store::{Outcome, Run},
};
use serde_json::{Value, json};

use crate::output::{millis, money, thousands};

/// The `schema` of a run.
const RUN_SCHEMA: &str = "claude-cli/run@1";

/// `claude-opus-5-5 · 25 in, 15 out · $0.0005 · first token 172 ms · 85 tokens/s`
pub(crate) fn line(outcome: &Outcome) -> String {
    let run = &outcome.run;
    let usage = &outcome.usage;
    let mut parts = Vec::new();
    parts.push(run.model.clone().unwrap_or_else(|| "unknown model".to_owned()));
    let cached = usage.prompt_tokens() - usage.input_tokens;
    let cached = if cached > 0 { format!(" (+{} cached)", thousands(cached as i64)) } else { String::new() };
    parts.push(format!(
        "{} in{cached}, {} out",
        thousands(usage.input_tokens as i64),
        thousands(usage.output_tokens as i64)
    ));
    parts.push(run.cost.map_or_else(|| "cost unknown".to_owned(), money));
    if let Some(ttft) = run.ttft_ms {
        parts.push(format!("first token {}", millis(ttft as f64)));
    }
    if let Some(speed) = outcome.tokens_per_second() {
        parts.push(format!("{speed:.0} tokens/s"));
    }
    if run.cached {
        parts.push("from the cache".to_owned());
    }
    if run.simulated {
        parts.push("simulated".to_owned());
    }
    parts.join(" · ")
}

/// A run as scripts see it.
pub(crate) fn json(outcome: &Outcome, answer: Option<&str>, error: Option<&Error>) -> Value {
    let Run { id, session, model, cost, ttft_ms, duration_ms, attempts, cached, .. } = &outcome.run;
    let usage = &outcome.usage;
    json!({
        "schema": RUN_SCHEMA,
        "id": id,
        "result": answer,
        "session_id": session,
        "model": model,
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_5m_tokens": usage.cache_write_5m_tokens,
            "cache_write_1h_tokens": usage.cache_write_1h_tokens,
            "web_searches": usage.web_searches,
        },
        "cost_usd": cost.map(|nanos| nanos as f64 / 1e9),
        "ttft_ms": ttft_ms,
        "duration_ms": duration_ms,
        "attempts": attempts,
        "cached": cached,
        "exit": error.map_or(ExitClass::Ok, Error::exit_class).code(),
        "error": error.map(ToString::to_string),
    })
}
