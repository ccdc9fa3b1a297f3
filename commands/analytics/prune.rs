//! `claude-cli analytics prune`: fewer rows, the same totals.

use std::process::ExitCode;

use anyhow::Context as _;
use claude_cli::{
    Error,
    analytics::{TimeRange, iso},
    store::{Ledger, Pruned, SqliteLedger, size_on_disk},
};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    context::Context,
    import,
    output::{Column, Report, Value, thousands},
};

/// The `schema` of what was dropped.
const SCHEMA: &str = "claude-cli/prune@1";

/// Drop the rows of old days; what they add up to stays counted.
///
/// Summaries by one thing, time series and sessions say the same afterwards.
/// What needs single rows, such as two filters at once, an export or a price
/// change, no longer reaches the days that were pruned. Nothing that was
/// dropped is ever counted again, whatever transcripts or ledgers are imported.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Drop rows of UTC days before this time: 2026-08-01, 90d, 52w
    #[arg(long, value_name = "TIME")]
    before: String,
    /// Only say how many rows would be dropped
    #[arg(long)]
    dry_run: bool,
    /// Write the file anew, so that it shrinks; waits for whoever uses the ledger
    #[arg(long, conflicts_with = "dry_run")]
    vacuum: bool,
}

/// What was, or would be, dropped.
struct Outcome {
    pruned: Pruned,
    dry_run: bool,
    vacuumed: bool,
    size_before: u64,
    size_after: u64,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let now = Timestamp::now();
    let before = TimeRange::parse(Some(&args.before), None, now, context.tz.clone())?.since;
    let before = before.context("--before needs a time")?;
    if before > now.as_millisecond() {
        return Err(Error::Invalid(format!("--before {} lies in the future", args.before)).into());
    }
    if context.imports() {
        // What a later line would say of a request is lost once its row is gone.
        import::before_report(context)?;
    }
    let path = context.ledger_path()?;
    let Some(reader) = SqliteLedger::open_read_only(&path)? else {
        context.note(&format!("no ledger yet at {}", path.display()));
        return Ok(ExitCode::SUCCESS);
    };
    let size_before = size_on_disk(&path);
    let pruned = if args.dry_run {
        reader.would_prune(before)?
    } else {
        drop(reader);
        let mut ledger = SqliteLedger::open(&path)?;
        let pruned = ledger.prune(before)?;
        if args.vacuum {
            ledger.vacuum()?;
        }
        pruned
    };
    let outcome = Outcome {
        pruned,
        dry_run: args.dry_run,
        vacuumed: args.vacuum,
        size_before,
        size_after: size_on_disk(&path),
    };
    report(&outcome).write(context.format(), context.width())?;
    tell(&outcome, context);
    Ok(ExitCode::SUCCESS)
}

fn tell(outcome: &Outcome, context: &Context) {
    if outcome.dry_run {
        context.note("nothing was dropped: this was a dry run");
    } else if !outcome.vacuumed && outcome.pruned.freed > 0 {
        context.note(&format!(
            "{} bytes within the file are free for new rows; --vacuum makes the file smaller",
            thousands(i64::try_from(outcome.pruned.freed).unwrap_or(i64::MAX))
        ));
    }
}

fn report(outcome: &Outcome) -> Report {
    let Pruned { before, rows, freed, .. } = outcome.pruned;
    let column = |name, title, right| Column { name, title, right, optional: false };
    let row = |name: &str, value: Value| vec![Value::text(name), value];
    let count = |n: u64| Value::count(i64::try_from(n).unwrap_or(i64::MAX));
    let json = json!({
        "schema": SCHEMA,
        "dry_run": outcome.dry_run,
        "before": iso(before),
        "rows": rows,
        // Known once it is done.
        "freed_bytes": (!outcome.dry_run).then_some(freed),
        "vacuumed": outcome.vacuumed,
        "file_bytes_before": outcome.size_before,
        "file_bytes_after": outcome.size_after,
    });
    let mut lines = vec![
        row("days before", Value::text(iso(before))),
        row(if outcome.dry_run { "rows that would be dropped" } else { "rows dropped" }, count(rows)),
    ];
    if !outcome.dry_run {
        lines.push(row("bytes freed", count(freed)));
        lines.push(row("size of the ledger before", count(outcome.size_before)));
        lines.push(row("size of the ledger now", count(outcome.size_after)));
    }
    Report {
        columns: vec![column("what", "Prune", false), column("value", "", true)],
        rows: lines,
        totals: None,
        lines: vec![json.clone()],
        json,
    }
}
