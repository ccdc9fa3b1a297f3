//! `claude-cli analytics summary`: what was spent, in all and by one thing.

use std::process::ExitCode;

use claude_cli::{
    ExitClass,
    analytics::{GroupBy, GroupOrder, Summary, SummaryQuery, figures},
    pricing::{format_usd, parse_usd_nanos},
    store::{CostMode, Sums},
};
use jiff::Timestamp;

use crate::{
    context::Context,
    output::{Column, Format, Report, Value, millis},
    report::{FilterArgs, ReportArgs, cost, number},
};

/// Show what was spent, in all and by day, model, project, …
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to group by
    #[arg(long, value_name = "WHAT", default_value = "day", value_parser = by())]
    by: GroupBy,
    /// What to sort the groups by [default: times by key, everything else by cost]
    #[arg(long, value_enum, value_name = "WHAT")]
    sort: Option<Sort>,
    /// At most so many groups; the totals are of all
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    report: ReportArgs,
    /// Exit with 3 if more than this was spent, if a cost is unknown, or if there is no data
    #[arg(long, value_name = "USD", value_parser = usd)]
    fail_over: Option<i64>,
    /// With --fail-over: let requests of unknown cost pass
    #[arg(long, requires = "fail_over")]
    allow_unpriced: bool,
    #[command(flatten)]
    filter: FilterArgs,
}

/// What groups are sorted by.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Sort {
    /// Their time or name; a limit leaves the latest times
    Key,
    /// Their known cost, the largest first
    Cost,
    /// Their tokens, the most first
    Tokens,
    /// Their requests, the most first
    Requests,
    /// Their errors, the most first
    Errors,
    /// Their last request, the latest first
    Last,
}

impl Sort {
    const fn order(self) -> GroupOrder {
        match self {
            Self::Key => GroupOrder::Key,
            Self::Cost => GroupOrder::Cost,
            Self::Tokens => GroupOrder::Tokens,
            Self::Requests => GroupOrder::Requests,
            Self::Errors => GroupOrder::Errors,
            Self::Last => GroupOrder::Last,
        }
    }
}

fn by() -> impl clap::builder::TypedValueParser<Value = GroupBy> {
    use clap::builder::TypedValueParser;
    clap::builder::PossibleValuesParser::new(GroupBy::ALL.map(|(_, name)| name))
        .try_map(|name| name.parse::<GroupBy>())
}

pub(crate) fn usd(text: &str) -> Result<i64, String> {
    parse_usd_nanos(text).filter(|n| *n >= 0).ok_or_else(|| "an amount in dollars, such as 2.50".to_owned())
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let query = SummaryQuery {
        filter: args.filter.filter(),
        cost: args.report.cost(),
        simulated: args.report.simulated(),
        order: args.sort.map(Sort::order),
        limit: args.limit,
        ..SummaryQuery::new(args.report.range(Timestamp::now(), context)?, args.by)
    };
    let answer = context.ask(&query)?;
    report(&answer, context.format()).write(context.format(), context.width())?;
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

fn report(answer: &Summary, format: Format) -> Report {
    let mode = answer.query.cost;
    let by = answer.query.by.name();
    let columns = vec![
        Column { name: by, title: title(answer.query.by), right: false, optional: false },
        number("requests", "Requests", false),
        number("errors", "Errors", true),
        number("input_tokens", "Input", true),
        number("output_tokens", "Output", true),
        number("cache_read_tokens", "Cache read", true),
        number("cache_write_tokens", "Cache write", true),
        number("total_tokens", "Tokens", false),
        number("duration_p50_ms", "Median time", true),
        number("cost_usd", "Cost", false),
    ];
    // Only what is written is worked out: a year of days is many figures.
    let groups = || answer.groups.iter();
    let rows = match format {
        Format::Json | Format::Ndjson => Vec::new(),
        _ => groups().map(|group| row(&group.key, &group.sums, mode)).collect(),
    };
    let json = if format == Format::Json { answer.to_json() } else { serde_json::Value::Null };
    let lines = groups()
        .filter(|_| format == Format::Ndjson)
        .map(|group| {
            let mut line = serde_json::Map::new();
            line.insert("key".to_owned(), group.key.clone().into());
            line.extend(figures(&group.sums, mode));
            line.into()
        })
        .collect();
    Report { columns, rows, totals: Some(row("total", &answer.totals, mode)), json, lines }
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
        GroupBy::Branch => "Branch",
        GroupBy::Block => "Block from",
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
