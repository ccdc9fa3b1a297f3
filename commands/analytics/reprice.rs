//! `claude-cli analytics reprice`: what everything costs by the newest prices.

use std::process::ExitCode;

use claude_cli::store::{Ledger, Repriced, SqliteLedger};
use serde_json::json;

use crate::{
    context::Context,
    output::{Column, Report, Value, money},
};

/// The `schema` of what changed.
const SCHEMA: &str = "claude-cli/reprice@1";

/// Calculate all costs anew, by the price table in force.
///
/// A cost is calculated once, when its request is recorded, and stays as it is
/// whatever prices come later: until this command. Costs that the source
/// reported, and those of pruned rows, do not change.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let path = context.ledger_path()?;
    let prices = context.prices();
    let as_of = prices.as_of().to_owned();
    let found = if !path.exists() {
        context.note(&format!("no ledger yet at {}", path.display()));
        Repriced::default()
    } else if args.dry_run {
        let ledger = SqliteLedger::open_read_only(&path)?;
        ledger.map(|ledger| ledger.with_prices(prices).would_reprice()).transpose()?.unwrap_or_default()
    } else {
        SqliteLedger::open(&path)?.with_prices(prices).reprice()?
    };
    report(&found, &as_of, args.dry_run).write(context.format(), context.width())?;
    if args.dry_run {
        context.note("nothing was changed: this was a dry run");
    }
    Ok(ExitCode::SUCCESS)
}

fn report(found: &Repriced, as_of: &str, dry_run: bool) -> Report {
    let column = |name, title, right| Column { name, title, right, optional: false };
    let row = |name: &str, value: Value| vec![Value::text(name), value];
    let count = |n: u64| Value::count(i64::try_from(n).unwrap_or(i64::MAX));
    let dollars = |nanos| Value { shown: money(nanos), raw: claude_cli::pricing::format_usd(nanos, 0, true) };
    let usd = |nanos: i64| nanos as f64 / 1e9;
    let json = json!({
        "schema": SCHEMA,
        "dry_run": dry_run,
        "as_of": as_of,
        "rows": found.rows,
        "changed": found.changed,
        "newly_priced": found.newly_priced,
        "before_usd": usd(found.before),
        "after_usd": usd(found.after),
        "before_nanos": found.before,
        "after_nanos": found.after,
    });
    Report {
        columns: vec![column("what", "Reprice", false), column("value", "", true)],
        rows: vec![
            row("prices as of", Value::text(as_of)),
            row("rows", count(found.rows)),
            row("rows with another cost", count(found.changed)),
            row("of these unknown until now", count(found.newly_priced)),
            row("their cost before", dollars(found.before)),
            row("their cost now", dollars(found.after)),
        ],
        totals: None,
        lines: vec![json.clone()],
        json,
    }
}
