//! `claude-cli timeseries`: how cost, requests and latency went.

use std::process::ExitCode;

use claude_cli::analytics::{Bucket, Metric, TimeSeries, TimeSeriesQuery, iso, timeseries};
use jiff::Timestamp;

use crate::{
    context::Context,
    output::{Column, Format, Report, Value, millis, money, thousands},
    report::{FilterArgs, ReportArgs},
};

/// Show how cost, requests and latency went over time.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to show: cost, commands, success_rate, response_time, tokens, errors,
    /// response_time_p95, response_time_p99
    #[arg(long, short, value_name = "METRIC,…", value_delimiter = ',', default_value = "cost,commands", value_parser = metric)]
    metric: Vec<Metric>,
    /// The length of a bucket: a multiple of 15m up to 1d, or 1w
    #[arg(long, short, value_name = "TIME", default_value = "1h", value_parser = bucket)]
    bucket: Bucket,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    filter: FilterArgs,
}

fn metric(text: &str) -> Result<Metric, String> {
    text.parse().map_err(|e: claude_cli::Error| e.to_string())
}

fn bucket(text: &str) -> Result<Bucket, String> {
    text.parse().map_err(|e: claude_cli::Error| e.to_string())
}

/// Without `--since`, this many buckets are shown.
const DEFAULT_BUCKETS: i64 = 24;

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let now = Timestamp::now();
    let range = args.report.range(now, context)?;
    let until = range.until.unwrap_or_else(|| now.as_millisecond() + 1);
    let since = range.since.unwrap_or(until - DEFAULT_BUCKETS * args.bucket.millis());
    let mut query = TimeSeriesQuery::new((since, until), range.tz, args.bucket, args.metric.clone());
    query.filter = args.filter.filter();
    query.cost = args.report.cost();
    query.simulated = args.report.simulated();
    let answer = timeseries(&*context.ledger_reader()?, query)?;
    let format = context.format();
    let bars = format == Format::Table;
    report(&answer, if bars { context.width() } else { 0 }).write(format, context.width())?;
    Ok(ExitCode::SUCCESS)
}

fn report(answer: &TimeSeries, bar_width: usize) -> Report {
    let tz = &answer.query.tz;
    let mut columns = vec![Column { name: "start", title: "Start", right: false, optional: false }];
    columns.extend(answer.series.iter().enumerate().map(|(i, series)| Column {
        name: series.metric.name(),
        title: title(series.metric),
        right: true,
        optional: i > 0,
    }));
    if bar_width > 0 {
        columns.push(Column { name: "bar", title: "", right: false, optional: true });
    }
    let first = answer.series.first();
    let most = first.map_or(0.0, |s| s.points.iter().filter_map(|p| p.1).fold(0.0, f64::max));
    // What start and numbers leave of the line.
    let room = bar_width.saturating_sub(24 + 14 * answer.series.len()).clamp(8, 60);
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for i in 0..first.map_or(0, |s| s.points.len()) {
        let start = answer.series[0].points[i].0;
        let shown = Timestamp::from_millisecond(start).map_or_else(
            |_| start.to_string(),
            |at| at.to_zoned_datetime(tz.clone()).strftime("%Y-%m-%d %H:%M").to_string(),
        );
        let mut row = vec![Value { shown, raw: iso(start) }];
        let mut line = serde_json::Map::new();
        line.insert("start".to_owned(), iso(start).into());
        for series in &answer.series {
            let value = series.points[i].1;
            row.push(show(series.metric, value));
            line.insert(series.metric.name().to_owned(), value.into());
        }
        if bar_width > 0 {
            row.push(Value::text(bar(answer.series[0].points[i].1.unwrap_or(0.0), most, room)));
        }
        rows.push(row);
        lines.push(line.into());
    }
    Report { columns, rows, totals: None, json: answer.to_json(), lines }
}

const fn title(metric: Metric) -> &'static str {
    match metric {
        Metric::Cost => "Cost",
        Metric::Commands => "Requests",
        Metric::SuccessRate => "Success",
        Metric::ResponseTime => "Median time",
        Metric::Tokens => "Tokens",
        Metric::Errors => "Errors",
        Metric::ResponseTimeP95 => "95 % within",
        Metric::ResponseTimeP99 => "99 % within",
        _ => "",
    }
}

fn show(metric: Metric, value: Option<f64>) -> Value {
    let Some(value) = value else { return Value { shown: "–".to_owned(), raw: String::new() } };
    let shown = match metric {
        Metric::Cost => money((value * 1e9).round() as i64),
        Metric::SuccessRate => format!("{:.1} %", value * 100.0),
        Metric::ResponseTime | Metric::ResponseTimeP95 | Metric::ResponseTimeP99 => millis(value),
        _ => thousands(value as i64),
    };
    Value { shown, raw: value.to_string() }
}

/// A bar of eighths of a column.
fn bar(value: f64, most: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if most <= 0.0 || value <= 0.0 {
        return String::new();
    }
    let eighths = ((value / most) * (width * 8) as f64).round().max(1.0) as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}
