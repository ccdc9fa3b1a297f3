//! `claude-cli analytics sessions`: what each session cost.

use std::process::ExitCode;

use claude_cli::{
    analytics::{LISTED, SessionsQuery},
    store::{CostMode, SessionOrder, SessionRow},
};
use jiff::Timestamp;

use crate::{
    context::Context,
    output::{Report, Value},
    report::{FilterArgs, ReportArgs, cost, moment, number, span, words},
};

/// List sessions whose last request is in a range, with all that they cost.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What comes first
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    sort: Sort,
    /// At most so many
    #[arg(long, short = 'n', value_name = "N", default_value_t = LISTED)]
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
    let rows = found.iter().map(|session| row(session, query.cost, context)).collect();
    let lines = found.iter().map(|session| query.line(session)).collect();
    Report { columns, rows, totals: None, json: query.to_json(found), lines }
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
