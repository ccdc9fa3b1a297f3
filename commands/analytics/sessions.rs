//! `claude-cli analytics sessions`: what each session cost.

use std::process::ExitCode;

use claude_cli::{
    analytics::{SessionsQuery, figures, iso},
    store::{CostMode, SessionOrder, SessionRow},
};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    context::Context,
    output::{Report, Value},
    report::{FilterArgs, ReportArgs, cost, moment, number, span, words},
};

/// The `schema` of the list.
const SCHEMA: &str = "claude-cli/sessions@1";

/// List sessions whose last request is in a range, with all that they cost.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What comes first
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    sort: Sort,
    /// At most so many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: u32,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Sort {
    /// The newest
    #[default]
    Last,
    /// The costliest
    Cost,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let range = args.report.range(Timestamp::now(), context)?;
    let query = SessionsQuery {
        filter: args.filter.filter(),
        order: match args.sort {
            Sort::Last => SessionOrder::Last,
            Sort::Cost => SessionOrder::Cost,
        },
        cost: args.report.cost(),
        simulated: args.report.simulated(),
        limit: Some(args.limit),
        range,
    };
    let found = context.ask(&query)?;
    report(&found, &query, context).write(context.format(), context.width())?;
    Ok(ExitCode::SUCCESS)
}

fn report(found: &[SessionRow], query: &SessionsQuery, context: &Context) -> Report {
    let columns = vec![
        words("last", "Last request", false),
        words("session", "Session", false),
        words("project", "Project", true),
        words("branch", "Branch", true),
        words("model", "Model", true),
        number("requests", "Requests", true),
        number("total_tokens", "Tokens", false),
        number("duration_ms", "Took", true),
        number("cost_usd", "Cost", false),
    ];
    let lines: Vec<serde_json::Value> = found.iter().map(|session| json(session, query.cost)).collect();
    let json = json!({
        "schema": SCHEMA,
        "range": { "since": query.range.since.map(iso), "until": query.range.until.map(iso) },
        "sort": match query.order { SessionOrder::Last => "last", SessionOrder::Cost => "cost" },
        "sessions": lines,
    });
    let rows = found.iter().map(|session| row(session, query.cost, context)).collect();
    Report { columns, rows, totals: None, json, lines }
}

fn row(session: &SessionRow, mode: CostMode, context: &Context) -> Vec<Value> {
    let sums = &session.sums;
    let text = |value: &Option<String>| Value::text(value.clone().unwrap_or_default());
    let took = sums.last.zip(sums.first).map_or(0, |(last, first)| last - first);
    vec![
        sums.last.map_or_else(Value::default, |last| moment(last, context)),
        Value::text(&session.session),
        text(&session.project),
        text(&session.branch),
        text(&session.model),
        Value::count(sums.requests),
        Value::count(sums.total_tokens()),
        Value { shown: span(took), raw: took.to_string() },
        cost(sums, mode),
    ]
}

fn json(session: &SessionRow, mode: CostMode) -> serde_json::Value {
    let mut line = serde_json::Map::new();
    line.insert("session_id".to_owned(), json!(session.session));
    line.insert("project".to_owned(), json!(session.project));
    line.insert("branch".to_owned(), json!(session.branch));
    line.insert("model".to_owned(), json!(session.model));
    line.extend(figures(&session.sums, mode));
    line.into()
}
