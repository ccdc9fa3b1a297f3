//! `claude-cli config prices`: the price table in force.

use claude_cli::pricing::format_usd;
use serde_json::json;

use crate::{
    context::Context,
    output::{Column, Report, Value},
};

/// Show the price table in force, in USD per million tokens.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only models whose name contains this
    model: Option<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let prices = context.prices();
    let wanted = |name: &str| args.model.as_deref().is_none_or(|part| name.contains(part));
    let million = |nanos: Option<i64>| Value {
        shown: nanos.map_or_else(|| "–".to_owned(), |nanos| format_usd(nanos, 2, true)),
        raw: nanos.map_or_else(String::new, |nanos| format_usd(nanos, 0, true)),
    };
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for (name, price) in prices.models().filter(|(name, _)| wanted(name)) {
        let rates = price.per_million();
        rows.push(
            std::iter::once(Value::text(name)).chain(rates.iter().map(|(_, nanos)| million(*nanos))).collect(),
        );
        let mut line = serde_json::Map::new();
        line.insert("model".to_owned(), json!(name));
        for (rate, nanos) in rates {
            line.insert(rate.to_owned(), json!(nanos.map(|nanos| nanos as f64 / 1e9)));
        }
        lines.push(line.into());
    }
    // A narrow terminal shows what most tokens cost.
    let column =
        |name: &'static str, title, right| Column { name, title, right, optional: name.starts_with("cache") };
    let report = Report {
        columns: vec![
            column("model", "Model", false),
            column("input", "Input", true),
            column("output", "Output", true),
            column("cache_read", "Cache read", true),
            column("cache_write_5m", "5 min write", true),
            column("cache_write_1h", "1 h write", true),
        ],
        rows,
        totals: None,
        json: json!({
            "schema": "claude-cli/prices@1", "as_of": prices.as_of(), "unit": "USD per million tokens", "models": lines,
        }),
        lines,
    };
    report.write(context.format(), context.width())
}
