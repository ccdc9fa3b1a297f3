//! `claude-cli analytics blocks`: Claude's 5-hour billing windows.

use std::process::ExitCode;

use claude_cli::{
    analytics::{Block, BlocksQuery, TimeRange, figures, iso},
    store::CostMode,
};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    context::Context,
    output::{Format, Report, Value, thousands},
    report::{FilterArgs, ReportArgs, cost, moment, number, span, usd, words},
};

/// The `schema` of the list.
const SCHEMA: &str = "claude-cli/blocks@1";
/// Without `--since` and `--until`, blocks of the last week are shown.
const SINCE: &str = "7d";
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

#[derive(Clone, Copy, Debug)]
enum TokenLimit {
    Tokens(i64),
    Most,
}

fn limit(text: &str) -> Result<TokenLimit, String> {
    if text.eq_ignore_ascii_case("max") {
        return Ok(TokenLimit::Most);
    }
    match text.replace(['_', ','], "").parse() {
        Ok(n) if n > 0 => Ok(TokenLimit::Tokens(n)),
        _ => Err("a number of tokens, or max".to_owned()),
    }
}

/// What the report needs beside the blocks.
struct Terms<'a> {
    now: i64,
    mode: CostMode,
    limit: Option<i64>,
    context: &'a Context,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let now = Timestamp::now();
    let query = BlocksQuery {
        range: args.report.range_from(Some(SINCE), now, context)?,
        filter: args.filter.filter(),
        simulated: args.report.simulated(),
    };
    let now = now.as_millisecond();
    let mut found = context.ask(&query)?;
    if args.active {
        found.retain(|block| block.is_active(now));
    }
    if let Some(limit) = args.limit {
        found.drain(..found.len().saturating_sub(limit));
    }
    let limit = match args.token_limit {
        Some(TokenLimit::Tokens(n)) => Some(n),
        None => None,
        Some(TokenLimit::Most) => {
            let ever = BlocksQuery { range: TimeRange::all(context.tz.clone()), ..query.clone() };
            let earlier = context.ask(&ever)?.into_iter().filter(|block| !block.is_active(now));
            let most = earlier.map(|block| block.sums.total_tokens()).max();
            if most.is_none() {
                context.note("--token-limit max: there is no earlier window to compare with");
            }
            most
        }
    };
    let terms = Terms { now, mode: args.report.cost(), limit, context };
    report(&found, &query, &terms, args.gaps).write(context.format(), context.width())?;
    for block in found.iter().filter(|block| block.is_active(now)) {
        warn(block, &terms);
    }
    Ok(ExitCode::SUCCESS)
}

fn share(tokens: i64, limit: Option<i64>) -> Option<f64> {
    limit.map(|limit| tokens as f64 / limit as f64)
}

/// A word on stderr where the window in use comes near its limit.
fn warn(block: &Block, terms: &Terms<'_>) {
    let Some(limit) = terms.limit else { return };
    let (used, limit_shown) = (block.sums.total_tokens(), thousands(limit));
    let percent = share(used, terms.limit).unwrap_or_default() * 100.0;
    let left = span(block.remaining(terms.now));
    let text = match block.projection(terms.mode, terms.now) {
        _ if used > limit => format!("took {percent:.0} % of {limit_shown} tokens, {left} before its end"),
        _ if percent > WARN_AT * 100.0 => format!("took {percent:.0} % of {limit_shown} tokens; {left} left"),
        Some(end) if end.total_tokens > limit => format!(
            "took {percent:.0} % of {limit_shown} tokens, and is on its way to {}; {left} left",
            thousands(end.total_tokens)
        ),
        _ => return,
    };
    terms.context.note(&format!("warning: the window in use {text}"));
}

fn report(found: &[Block], query: &BlocksQuery, terms: &Terms<'_>, gaps: bool) -> Report {
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
    let format = terms.context.format();
    let is_json = matches!(format, Format::Json | Format::Ndjson);
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    let mut previous: Option<&Block> = None;
    for block in found {
        if let Some(previous) = previous.filter(|previous| gaps && block.first - previous.last > 5 * 3_600_000) {
            let mut row = vec![moment(previous.last, terms.context)];
            let shown = format!("{} without requests", span(block.first - previous.last));
            row.push(Value { shown, raw: "gap".to_owned() });
            row.resize_with(columns.len(), Value::default);
            if is_json {
                lines.push(json!({ "gap": true, "start": iso(previous.last), "end": iso(block.first) }));
            } else {
                rows.push(row);
            }
        }
        // Only what is written is worked out: a year has many blocks.
        if is_json {
            lines.push(json(block, terms));
        } else {
            rows.push(row(block, terms));
        }
        previous = Some(block);
    }
    if terms.limit.is_none() {
        columns.remove(4);
        for row in &mut rows {
            row.remove(4);
        }
    }
    let range = &query.range;
    let mut json = json!({
        "schema": SCHEMA,
        "range": { "since": range.since.map(iso), "until": range.until.map(iso) },
        "now": iso(terms.now),
        "token_limit": terms.limit,
        "blocks": null,
    });
    if format == Format::Json {
        json["blocks"] = std::mem::take(&mut lines).into();
    }
    Report { columns, rows, totals: None, json, lines }
}

fn row(block: &Block, terms: &Terms<'_>) -> Vec<Value> {
    let active = block.is_active(terms.now);
    let state = if active { format!("{} left", span(block.remaining(terms.now))) } else { "ended".to_owned() };
    let tokens = block.sums.total_tokens();
    let rate = block.burn_rate(terms.mode);
    let end = block.projection(terms.mode, terms.now).filter(|_| active);
    let share = share(tokens, terms.limit);
    let none = || Value { shown: "–".to_owned(), raw: String::new() };
    vec![
        moment(block.start, terms.context),
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
        cost(&block.sums, terms.mode),
    ]
}

fn json(block: &Block, terms: &Terms<'_>) -> serde_json::Value {
    let active = block.is_active(terms.now);
    let mut line = serde_json::Map::new();
    line.insert("gap".to_owned(), false.into());
    line.insert("start".to_owned(), iso(block.start).into());
    line.insert("end".to_owned(), iso(block.end()).into());
    line.insert("active".to_owned(), active.into());
    line.extend(figures(&block.sums, terms.mode));
    let rate = block
        .burn_rate(terms.mode)
        .map(|rate| json!({ "tokens_per_minute": rate.tokens_per_minute, "usd_per_hour": rate.usd_per_hour }));
    let end = block.projection(terms.mode, terms.now).filter(|_| active);
    let projection = end.map(|end| {
        json!({
            "total_tokens": end.total_tokens,
            "cost_usd": end.cost_usd,
            "limit_share": share(end.total_tokens, terms.limit),
        })
    });
    line.insert("burn_rate".to_owned(), json!(rate));
    line.insert("projection".to_owned(), json!(projection));
    line.insert("remaining_minutes".to_owned(), json!(active.then(|| block.remaining(terms.now) / 60_000)));
    line.insert("limit_share".to_owned(), json!(share(block.sums.total_tokens(), terms.limit)));
    line.into()
}
