//! `claude-cli analytics runs`: what this program ran.

use std::process::ExitCode;

use claude_cli::{
    analytics::{LISTED, RUNS_SCHEMA, iso, run_line, runs_json},
    store::{FoundText, Run, RunQuery},
};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    context::Context,
    output::{Column, Report, Value, millis, money},
    report::ReportArgs,
};

/// List what this program ran, the newest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// At most so many
    #[arg(long, short = 'n', value_name = "N", default_value_t = LISTED)]
    limit: u32,
    /// Only runs whose kept prompt or answer holds these words (see `query --log-text`)
    #[arg(long, value_name = "WORDS", conflicts_with_all = ["since", "until"])]
    search: Option<String>,
    #[command(flatten)]
    report: ReportArgs,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    if let Some(words) = &args.search {
        let found = context.ledger_reader()?.search(words, args.limit)?;
        return search_report(&found, context);
    }
    let range = args.report.range(Timestamp::now(), context)?;
    let mut query = RunQuery::default();
    query.since = range.since;
    query.until = range.until;
    query.simulated = args.report.simulated();
    query.limit = Some(args.limit);
    let runs = context.ledger_reader()?.runs(&query)?;
    report(&runs, context).write(context.format(), context.width())?;
    Ok(ExitCode::SUCCESS)
}

fn search_report(found: &[FoundText], context: &Context) -> anyhow::Result<ExitCode> {
    let runs: Vec<Run> = found.iter().map(|found| found.run.clone()).collect();
    let mut report = report(&runs, context);
    let column = |name, title| Column { name, title, right: false, optional: false };
    report.columns.extend([column("prompt", "Prompt"), column("answer", "Answer")]);
    for ((row, line), found) in report.rows.iter_mut().zip(&mut report.lines).zip(found) {
        for (name, text) in [("prompt", &found.prompt), ("answer", &found.answer)] {
            row.push(Value { shown: opening(text), raw: text.clone() });
            line[name] = json!(text);
        }
    }
    report.json = json!({ "schema": RUNS_SCHEMA, "runs": report.lines });
    // What was searched for is what has to be seen.
    for column in &mut report.columns {
        column.optional |= !matches!(column.name, "started" | "prompt" | "answer");
    }
    report.write(context.format(), context.width())?;
    Ok(ExitCode::SUCCESS)
}

/// The opening words of a text, on one line.
fn opening(text: &str) -> String {
    const LONGEST: usize = 60;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn report(runs: &[Run], context: &Context) -> Report {
    let column = |name, title, right, optional| Column { name, title, right, optional };
    let columns = vec![
        column("started", "Started", false, false),
        column("command", "Command", false, true),
        column("backend", "Backend", false, true),
        column("model", "Model", false, false),
        column("exit", "Exit", false, false),
        column("attempts", "Attempts", true, true),
        column("ttft_ms", "First token", true, true),
        column("duration_ms", "Duration", true, true),
        column("cost_usd", "Cost", true, false),
        column("session", "Session", false, true),
    ];
    Report {
        columns,
        rows: runs.iter().map(|run| row(run, context)).collect(),
        totals: None,
        json: runs_json(runs),
        lines: runs.iter().map(run_line).collect(),
    }
}

fn row(run: &Run, context: &Context) -> Vec<Value> {
    let started = Timestamp::from_millisecond(run.started_at).map_or_else(
        |_| run.started_at.to_string(),
        |at| at.to_zoned_datetime(context.tz.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    );
    let time = |ms: Option<i64>| Value {
        shown: ms.map_or_else(|| "–".to_owned(), |ms| millis(ms as f64)),
        raw: ms.map_or_else(String::new, |ms| ms.to_string()),
    };
    vec![
        Value { shown: started, raw: iso(run.started_at) },
        Value::text(&run.command),
        Value::text(&run.backend),
        Value::text(run.model.clone().unwrap_or_default()),
        // A run that never told its end was killed, or runs still.
        Value::text(run.exit.clone().unwrap_or_else(|| "unfinished".to_owned())),
        Value::count(i64::from(run.attempts)),
        time(run.ttft_ms),
        time(run.duration_ms),
        Value {
            shown: run.cost.map_or_else(|| "unknown".to_owned(), money),
            raw: run.cost.map_or_else(String::new, |nanos| claude_cli::pricing::format_usd(nanos, 0, true)),
        },
        Value::text(run.session.clone().unwrap_or_default()),
    ]
}
