//! `claude-cli analytics blocks`: Claude's 5-hour billing windows.

use std::process::ExitCode;

use claude_cli::analytics::{BLOCKS_SINCE, Block, BlockTerms, BlocksQuery, TokenLimit};
use jiff::Timestamp;

use crate::{
    context::Context,
    output::{Format, Report, Value, thousands},
    report::{FilterArgs, ReportArgs, cost, moment, number, span, usd, words},
};

/// A larger share of the limit is warned of.
const WARN_AT: f64 = 0.8;

/// Show 5-hour billing windows: what they took, and where the one in use leads.
///
/// Without --since or --until, those of the last 7 days are shown.
/// A window starts at the UTC hour of its first request and lasts 5 hours. The
/// burn rate is its tokens over the time from its first to its last request;
/// the projection is what it takes until its end at that rate.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the window in use
    #[arg(long)]
    active: bool,
    /// Show the times without requests between windows, too
    #[arg(long)]
    gaps: bool,
    /// Show shares of so many tokens, and warn of the window in use; `max` is
    /// the most that an earlier window took
    #[arg(long, value_name = "N|max", value_parser = limit)]
    token_limit: Option<TokenLimit>,
    /// At most so many, the latest
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    filter: FilterArgs,
}

fn limit(text: &str) -> Result<TokenLimit, String> {
    text.parse().map_err(|e: claude_cli::Error| e.to_string())
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let now = Timestamp::now();
    let query = BlocksQuery {
        range: args.report.range_from(Some(BLOCKS_SINCE), now, context)?,
        filter: args.filter.filter(),
        simulated: args.report.simulated(),
    };
    let mut terms =
        BlockTerms { now: now.as_millisecond(), cost: args.report.cost(), token_limit: None, gaps: args.gaps };
    let mut found = context.ask(&query)?;
    terms.narrow(&mut found, args.active, args.limit);
    terms.token_limit = match args.token_limit {
        Some(TokenLimit::Tokens(n)) => Some(n),
        None => None,
        Some(TokenLimit::Most) => {
            let most = terms.most_tokens(&context.ask(&query.ever())?);
            if most.is_none() {
                context.note("--token-limit max: there is no earlier window to compare with");
            }
            most
        }
    };
    report(&found, &query, &terms, context).write(context.format(), context.width())?;
    for block in found.iter().filter(|block| block.is_active(terms.now)) {
        warn(block, &terms, context);
    }
    Ok(ExitCode::SUCCESS)
}

/// A word on stderr where the window in use comes near its limit.
fn warn(block: &Block, terms: &BlockTerms, context: &Context) {
    let Some(limit) = terms.token_limit else { return };
    let (used, limit_shown) = (block.sums.total_tokens(), thousands(limit));
    let percent = terms.share(used).unwrap_or_default() * 100.0;
    let left = span(block.remaining(terms.now));
    let text = match block.projection(terms.cost, terms.now) {
        _ if used > limit => format!("took {percent:.0} % of {limit_shown} tokens, {left} before its end"),
        _ if percent > WARN_AT * 100.0 => format!("took {percent:.0} % of {limit_shown} tokens; {left} left"),
        Some(end) if end.total_tokens > limit => format!(
            "took {percent:.0} % of {limit_shown} tokens, and is on its way to {}; {left} left",
            thousands(end.total_tokens)
        ),
        _ => return,
    };
    context.note(&format!("warning: the window in use {text}"));
}

fn report(found: &[Block], query: &BlocksQuery, terms: &BlockTerms, context: &Context) -> Report {
    let mut columns = vec![
        words("start", "Start", false),
        words("state", "State", false),
        number("requests", "Requests", true),
        number("total_tokens", "Tokens", false),
        number("limit_share", "Share", false),
        number("tokens_per_minute", "Tokens/min", true),
        number("usd_per_hour", "Cost/h", true),
        number("projected_tokens", "Projected tokens", true),
        number("projected_usd", "Projected cost", true),
        number("cost_usd", "Cost", false),
    ];
    // Only what is written is worked out: a year has many blocks.
    let format = context.format();
    let json = if format == Format::Json { terms.to_json(query, found) } else { serde_json::Value::Null };
    let lines = if format == Format::Ndjson { terms.lines(found) } else { Vec::new() };
    let mut rows = Vec::new();
    if !matches!(format, Format::Json | Format::Ndjson) {
        let mut previous: Option<&Block> = None;
        for block in found {
            if let Some(before) = previous.filter(|before| terms.is_gap(before, block)) {
                let mut row = vec![moment(before.last, context)];
                let shown = format!("{} without requests", span(block.first - before.last));
                row.push(Value { shown, raw: "gap".to_owned() });
                row.resize_with(columns.len(), Value::default);
                rows.push(row);
            }
            rows.push(row(block, terms, context));
            previous = Some(block);
        }
    }
    if terms.token_limit.is_none() {
        columns.remove(4);
        for row in &mut rows {
            row.remove(4);
        }
    }
    Report { columns, rows, totals: None, json, lines }
}

fn row(block: &Block, terms: &BlockTerms, context: &Context) -> Vec<Value> {
    let active = block.is_active(terms.now);
    let state = if active { format!("{} left", span(block.remaining(terms.now))) } else { "ended".to_owned() };
    let tokens = block.sums.total_tokens();
    let rate = block.burn_rate(terms.cost);
    let end = block.projection(terms.cost, terms.now).filter(|_| active);
    let share = terms.share(tokens);
    let none = || Value { shown: "–".to_owned(), raw: String::new() };
    vec![
        moment(block.start, context),
        Value { shown: state, raw: if active { "active" } else { "ended" }.to_owned() },
        Value::count(block.sums.requests),
        Value::count(tokens),
        share.map_or_else(none, |share| Value {
            shown: format!("{:.0} %{}", share * 100.0, if share > WARN_AT { " !" } else { "" }),
            raw: share.to_string(),
        }),
        rate.map_or_else(none, |rate| Value {
            shown: thousands(rate.tokens_per_minute.round() as i64),
            raw: rate.tokens_per_minute.to_string(),
        }),
        rate.map_or_else(none, |rate| usd(rate.usd_per_hour)),
        end.map_or_else(none, |end| Value::count(end.total_tokens)),
        end.map_or_else(none, |end| usd(end.cost_usd)),
        cost(&block.sums, terms.cost),
    ]
}
