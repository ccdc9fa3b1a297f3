//! `claude-cli analytics cache`: what is kept of answers.

use std::process::ExitCode;

use claude_cli::cache::{CacheCounts, CacheStats};
use serde_json::json;

use crate::{
    asked::{self, Warmed},
    context::Context,
    output::{Report, Value, millis, thousands},
    report::{number, words},
};

/// The `schema` of what is kept.
const STATS_SCHEMA: &str = "claude-cli/cache-stats@1";
/// The `schema` of what was forgotten.
const CLEAR_SCHEMA: &str = "claude-cli/cache-clear@1";

/// The `schema` of what was asked again.
const WARM_SCHEMA: &str = "claude-cli/cache-warm@1";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show what is kept on disk, and how often it was of use
    Stats,
    /// Forget it, and what was counted
    Clear(ClearArgs),
    /// Ask again what is asked most of this ledger, so that the answers are ready
    Warm(WarmArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct WarmArgs {
    /// At most so many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    top: usize,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ClearArgs {
    /// Only what is of this kind: summary, timeseries, sessions, blocks, …
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        if let Self::Warm(args) = &self {
            warm_report(&asked::warm(context, args.top, None)?).write(context.format(), context.width())?;
            return Ok(ExitCode::SUCCESS);
        }
        let cache = context.disk_cache()?;
        let there = cache.path().exists();
        match self {
            // To look is no reason to make one.
            Self::Stats => {
                let stats = if there { cache.stats() } else { CacheStats::default() };
                stats_report(&stats, cache.path()).write(context.format(), context.width())?;
            }
            Self::Warm(_) => {}
            Self::Clear(args) => {
                let removed = if there { cache.clear(args.kind.as_deref()) } else { 0 };
                clear_report(removed).write(context.format(), context.width())?;
            }
        }
        if let Some(warning) = cache.take_warning() {
            context.note(&warning);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn stats_report(stats: &CacheStats, path: &std::path::Path) -> Report {
    let columns = vec![
        words("kind", "Kind", false),
        number("entries", "Entries", false),
        number("bytes", "Bytes", false),
        number("hits", "Hits", false),
        number("misses", "Misses", false),
        number("stale", "Stale", false),
        number("evictions", "Evicted", true),
        number("hit_ratio", "Hit ratio", true),
        number("saved_ms", "Saved", true),
    ];
    let kinds = || stats.kinds.iter();
    let lines: Vec<_> = kinds().map(|(kind, counts)| json_of(Some(kind), counts)).collect();
    let mut json = json!({ "schema": STATS_SCHEMA });
    if let (Some(json), serde_json::Value::Object(total)) = (json.as_object_mut(), json_of(None, &stats.total())) {
        json.extend(total);
    }
    json["path"] = path.display().to_string().into();
    json["file_bytes"] = stats.file_bytes.into();
    json["max_bytes"] = stats.max_bytes.into();
    json["kinds"] = lines.clone().into();
    Report {
        columns,
        rows: kinds().map(|(kind, counts)| row(kind, counts)).collect(),
        totals: Some(row("total", &stats.total())),
        json,
        lines,
    }
}

/// `None` where nothing was asked.
fn hit_ratio(counts: &CacheCounts) -> Option<f64> {
    let asked = counts.hits + counts.misses + counts.stale;
    (asked > 0).then(|| counts.hits as f64 / asked as f64)
}

fn row(kind: &str, counts: &CacheCounts) -> Vec<Value> {
    let count = |n: u64| Value { shown: thousands(i64::try_from(n).unwrap_or(i64::MAX)), raw: n.to_string() };
    let saved = counts.saved_micros as f64 / 1000.0;
    let mut row = vec![Value::text(kind)];
    row.extend(
        [counts.entries, counts.bytes, counts.hits, counts.misses, counts.stale, counts.evictions].map(count),
    );
    row.push(hit_ratio(counts).map_or_else(
        || Value { shown: "–".to_owned(), raw: String::new() },
        |ratio| Value { shown: format!("{:.1} %", ratio * 100.0), raw: ratio.to_string() },
    ));
    row.push(Value { shown: millis(saved), raw: saved.to_string() });
    row
}

fn json_of(kind: Option<&String>, counts: &CacheCounts) -> serde_json::Value {
    let mut json = json!({
        "entries": counts.entries,
        "bytes": counts.bytes,
        "hits": counts.hits,
        "misses": counts.misses,
        "stale": counts.stale,
        "evictions": counts.evictions,
        "hit_ratio": hit_ratio(counts),
        "saved_ms": counts.saved_micros as f64 / 1000.0,
    });
    if let Some(kind) = kind {
        json["kind"] = kind.as_str().into();
    }
    json
}

fn warm_report(done: &[Warmed]) -> Report {
    let columns = vec![
        words("question", "Question", false),
        number("times", "Asked", false),
        number("took_ms", "Took", false),
        words("answered", "Answered", false),
    ];
    let row = |warmed: &Warmed| {
        let took = warmed.took.as_secs_f64() * 1000.0;
        vec![
            Value::text(warmed.asked.args.join(" ")),
            Value::count(i64::try_from(warmed.asked.times).unwrap_or(i64::MAX)),
            Value { shown: millis(took), raw: took.to_string() },
            Value::text(if warmed.answered { "yes" } else { "no" }),
        ]
    };
    let line = |warmed: &Warmed| {
        json!({
            "args": warmed.asked.args,
            "times": warmed.asked.times,
            "took_ms": warmed.took.as_secs_f64() * 1000.0,
            "answered": warmed.answered,
        })
    };
    let lines: Vec<serde_json::Value> = done.iter().map(line).collect();
    let json = json!({ "schema": WARM_SCHEMA, "questions": lines });
    Report { columns, rows: done.iter().map(row).collect(), totals: None, json, lines }
}

fn clear_report(removed: u64) -> Report {
    let json = json!({ "schema": CLEAR_SCHEMA, "removed": removed });
    Report {
        columns: vec![number("removed", "Forgotten", false)],
        rows: vec![vec![Value::text(removed.to_string())]],
        totals: None,
        lines: vec![json.clone()],
        json,
    }
}
