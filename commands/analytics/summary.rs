//! `claude-cli analytics summary`: what was spent, in all and by one thing.

use std::process::ExitCode;

use claude_cli::{
    ExitClass,
    analytics::{GroupBy, Summary, SummaryQuery, dollars, figures, summary},
    pricing::{format_usd, parse_usd_nanos},
    store::{CostMode, Sums},
};
use jiff::Timestamp;

use crate::{
    context::Context,
    output::{Column, Report, Value, millis, money, thousands},
    report::ReportArgs,
};

/// Show what was spent, in all and by day, model, project, …
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Group by day, week, month, hour, model, project, session, source, tag, agent, user or host
    #[arg(long, value_name = "WHAT", default_value = "day", value_parser = by)]
    by: GroupBy,
    #[command(flatten)]
    report: ReportArgs,
    /// Exit with 3 if more than this was spent, if a cost is unknown, or if there is no data
    #[arg(long, value_name = "USD", value_parser = usd)]
    fail_over: Option<i64>,
    /// With --fail-over: let requests of unknown cost pass
    #[arg(long, requires = "fail_over")]
    allow_unpriced: bool,
}

fn by(text: &str) -> Result<GroupBy, String> {
    text.parse().map_err(|e: claude_cli::Error| e.to_string())
}

fn usd(text: &str) -> Result<i64, String> {
    parse_usd_nanos(text).filter(|n| *n >= 0).ok_or_else(|| "an amount in dollars, such as 2.50".to_owned())
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let query = SummaryQuery {
        range: args.report.range(Timestamp::now(), context)?,
        by: args.by,
        cost: args.report.cost(),
        simulated: args.report.simulated(),
    };
    let answer = summary(&*context.ledger_reader()?, query)?;
    report(&answer).write(context.format(), context.width())?;
    if let Some(reason) = gate(args, &answer) {
        eprintln!("claude-cli: gate: {reason}");
        return Ok(ExitClass::Gate.code().into());
    }
    Ok(ExitCode::SUCCESS)
}

/// Why the gate trips, if it does. It trips where it cannot tell.
fn gate(args: &Args, answer: &Summary) -> Option<String> {
    let limit = args.fail_over?;
    let mode = answer.query.cost;
    let spent = answer.totals.cost.get(mode);
    if answer.totals.requests == 0 && answer.totals.total_tokens() == 0 {
        return Some("there is no data in this range".to_owned());
    }
    if spent > limit {
        let exact = |nanos| format_usd(nanos, 2, true);
        return Some(format!("spent ${}, limit ${}", exact(spent), exact(limit)));
    }
    let unpriced = answer.totals.unpriced.get(mode);
    (unpriced > 0 && !args.allow_unpriced).then(|| {
        let models = answer.unpriced_models.join(", ");
        format!("the cost of {unpriced} requests is unknown ({models}); --allow-unpriced lets them pass")
    })
}

fn column(name: &'static str, title: &'static str, optional: bool) -> Column {
    Column { name, title, right: true, optional }
}

fn report(answer: &Summary) -> Report {
    let mode = answer.query.cost;
    let by = answer.query.by.name();
    let columns = vec![
        Column { name: by, title: title(answer.query.by), right: false, optional: false },
        column("requests", "Requests", false),
        column("errors", "Errors", true),
        column("input_tokens", "Input", true),
        column("output_tokens", "Output", true),
        column("cache_read_tokens", "Cache read", true),
        column("cache_write_tokens", "Cache write", true),
        column("total_tokens", "Tokens", false),
        column("duration_p50_ms", "Median time", true),
        column("cost_usd", "Cost", false),
    ];
    let rows = answer.groups.iter().map(|group| row(&group.key, &group.sums, mode)).collect();
    let lines = answer
        .groups
        .iter()
        .map(|group| {
            let mut line = serde_json::Map::new();
            line.insert("key".to_owned(), group.key.clone().into());
            line.extend(figures(&group.sums, mode));
            line.into()
        })
        .collect();
    Report { columns, rows, totals: Some(row("total", &answer.totals, mode)), json: answer.to_json(), lines }
}

const fn title(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Day => "Day",
        GroupBy::Week => "Week of",
        GroupBy::Month => "Month",
        GroupBy::Hour => "Hour",
        GroupBy::Model => "Model",
        GroupBy::Project => "Project",
        GroupBy::Session => "Session",
        GroupBy::Source => "Source",
        GroupBy::Tag => "Tag",
        GroupBy::Agent => "Agent",
        GroupBy::User => "User",
        GroupBy::Host => "Host",
        _ => "",
    }
}

fn row(key: &str, sums: &Sums, mode: CostMode) -> Vec<Value> {
    let median = sums.durations.quantile(0.5);
    let shown = if key.is_empty() { "(unknown)" } else { key };
    vec![
        Value { shown: shown.to_owned(), raw: key.to_owned() },
        Value::count(sums.requests),
        Value::count(sums.errors),
        Value::count(sums.input_tokens),
        Value::count(sums.output_tokens),
        Value::count(sums.cache_read_tokens),
        Value::count(sums.cache_write_5m_tokens + sums.cache_write_1h_tokens),
        Value::count(sums.total_tokens()),
        Value {
            shown: median.map_or_else(|| "–".to_owned(), millis),
            raw: median.map_or_else(String::new, |ms| format!("{ms:.1}")),
        },
        cost(sums, mode),
    ]
}

/// The known cost, and how many requests it leaves out.
fn cost(sums: &Sums, mode: CostMode) -> Value {
    let unpriced = sums.unpriced.get(mode);
    let nanos = sums.cost.get(mode);
    if dollars(sums, mode).is_none() {
        return Value { shown: "unknown".to_owned(), raw: String::new() };
    }
    let mut shown = money(nanos);
    if unpriced > 0 {
        shown.push_str(&format!(" + {} unknown", thousands(unpriced)));
    }
    Value { shown, raw: format_usd(nanos, 0, true) }
}
