//! `claude-cli analytics alerts`: which budgets were crossed, and when.

use std::process::ExitCode;

use claude_cli::{
    analytics::{LISTED, alert_line, alerts_json},
    pricing::format_usd,
    store::Alert,
};

use crate::{
    context::Context,
    output::{Report, Value, money},
    report::{moment, number, words},
};

/// List the crossings that `budget check` recorded, the newest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// At most so many
    #[arg(long, short = 'n', value_name = "N", default_value_t = LISTED)]
    limit: u32,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let alerts = context.ledger_reader()?.alerts(Some(args.limit))?;
    let report = Report {
        columns: vec![
            words("at", "Noticed", false),
            words("budget", "Budget", false),
            words("period", "Period", true),
            words("since", "From", true),
            number("threshold_percent", "Crossed", false),
            number("spent_usd", "Spent", false),
            number("limit_usd", "Limit", false),
        ],
        rows: alerts.iter().map(|alert| row(alert, context)).collect(),
        totals: None,
        json: alerts_json(&alerts),
        lines: alerts.iter().map(alert_line).collect(),
    };
    report.write(context.format(), context.width())?;
    Ok(ExitCode::SUCCESS)
}

fn row(alert: &Alert, context: &Context) -> Vec<Value> {
    let amount = |nanos| Value { shown: money(nanos), raw: format_usd(nanos, 0, true) };
    vec![
        moment(alert.at, context),
        Value::text(&alert.budget),
        Value::text(alert.period.name()),
        moment(alert.since, context),
        Value { shown: format!("{} %", alert.threshold), raw: alert.threshold.to_string() },
        amount(alert.spent),
        amount(alert.limit),
    ]
}
