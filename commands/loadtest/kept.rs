//! Load tests that were kept in the ledger's database.

use std::process::ExitCode;

use claude_cli::{
    Error,
    load::{LoadTestResult, Metric, RunResult, html},
    store::{KeptLoadTest, SqliteLedger},
};
use jiff::Timestamp;
use serde_json::json;

use super::show;
use crate::{
    context::Context,
    output::{Column, Report, Value},
};

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// Its id, the begin of it, its name, or `last`
    #[arg(value_name = "ID")]
    id: String,
    /// Write its report with charts, too
    #[arg(long, value_name = "FILE")]
    report: Option<std::path::PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompareArgs {
    /// The one before
    #[arg(value_name = "ID")]
    before: String,
    /// The one after
    #[arg(value_name = "ID", default_value = "last")]
    after: String,
}

/// Keeps a result.
pub(super) fn keep(result: &LoadTestResult, context: &Context) -> anyhow::Result<()> {
    let mut ledger = SqliteLedger::open(&context.ledger_path()?)?;
    ledger.keep_load_test(&KeptLoadTest {
        id: result.id.clone(),
        started_at: result.started_at,
        name: result.name.clone(),
        record: serde_json::to_string(result)?,
    })?;
    Ok(())
}

/// All of them, the newest first.
fn all(context: &Context) -> anyhow::Result<Vec<LoadTestResult>> {
    let path = context.ledger_path()?;
    let Some(ledger) = SqliteLedger::open_read_only(&path)? else { return Ok(Vec::new()) };
    let mut results = Vec::new();
    for kept in ledger.load_tests()? {
        match serde_json::from_str(&kept.record) {
            Ok(result) => results.push(result),
            Err(e) => context.note(&format!("warning: the load test {} cannot be read: {e}", kept.id)),
        }
    }
    Ok(results)
}

/// One of them.
fn find(id: &str, context: &Context) -> anyhow::Result<LoadTestResult> {
    let all = all(context)?;
    if id == "last" {
        let none = || Error::Invalid("no load test is kept".to_owned());
        return Ok(all.into_iter().next().ok_or_else(none)?);
    }
    let mut named: Vec<_> = all.iter().filter(|result| result.id == id).collect();
    if named.is_empty() {
        // Of those with the same name, the latest.
        named = all.iter().filter(|result| result.name.as_deref() == Some(id)).take(1).collect();
    }
    if named.is_empty() {
        named = all.iter().filter(|result| result.id.starts_with(id)).collect();
    }
    match named[..] {
        [one] => Ok(one.clone()),
        [] => Err(Error::Invalid(format!("no load test `{id}` is kept; see claude-cli loadtest list")).into()),
        _ => Err(Error::Invalid(format!("several load tests begin with `{id}`: give more of the id")).into()),
    }
}

fn column(name: &'static str, title: &'static str, right: bool, optional: bool) -> Column {
    Column { name, title, right, optional }
}

fn p99(run: &RunResult, metric: Metric) -> Value {
    run.metric(metric).map_or_else(Value::default, |trend| show::number(trend.p99))
}

pub(super) fn list(context: &Context) -> anyhow::Result<ExitCode> {
    let results = all(context)?;
    let columns = vec![
        column("id", "Id", false, false),
        column("started_at", "Started", false, false),
        column("name", "Name", false, true),
        column("target", "Target", false, true),
        column("load", "Load", false, false),
        column("answered_per_second", "Answered/s", true, false),
        column("ttft_p99_ms", "First token p99", true, true),
        column("e2e_p99_ms", "End to end p99", true, false),
        column("ok", "Gates", false, false),
    ];
    let rows = results.iter().map(|result| {
        let best = result.runs.last();
        let of = |value: fn(&RunResult) -> Value| best.map_or_else(Value::default, value);
        let started = Timestamp::from_millisecond(result.started_at).unwrap_or_default();
        let shown = started.to_zoned_datetime(context.tz.clone()).strftime("%F %T").to_string();
        let load = match result.runs.len() {
            1 => best.map(|run| run.arrivals.clone()).unwrap_or_default(),
            n => format!("{n} runs"),
        };
        vec![
            Value { shown: result.id.chars().take(13).collect(), raw: result.id.clone() },
            Value { shown, raw: started.to_string() },
            Value::text(result.name.clone().unwrap_or_default()),
            Value::text(result.target.clone()),
            Value::text(load),
            of(|run| Value { shown: format!("{:.1}", run.rate), raw: run.rate.to_string() }),
            of(|run| p99(run, Metric::Ttft)),
            of(|run| p99(run, Metric::E2e)),
            Value { shown: if result.ok { "hold" } else { "TRIPPED" }.to_owned(), raw: result.ok.to_string() },
        ]
    });
    let rows = rows.collect();
    let lines = results.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>()?;
    let json = json!({ "schema": "claude-cli/loadtests@1", "tests": lines });
    Report { columns, rows, totals: None, json, lines }.write(context.format(), context.width())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn show(args: &ShowArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let result = find(&args.id, context)?;
    if let Some(path) = &args.report {
        std::fs::write(path, html(&result)).map_err(|e| Error::Io {
            context: format!("cannot write the report {}", path.display()),
            source: e,
        })?;
    }
    show::result(&result, context)?;
    Ok(ExitCode::SUCCESS)
}

/// A figure of both, and how it changed.
struct Row {
    name: String,
    before: Option<f64>,
    after: Option<f64>,
}

impl Row {
    fn change(&self) -> Option<f64> {
        let (before, after) = (self.before?, self.after?);
        (before != 0.0).then(|| after / before - 1.0)
    }
}

/// Figures of two runs, side by side.
fn rows(before: &RunResult, after: &RunResult) -> Vec<Row> {
    let row = |name: &str, of: &dyn Fn(&RunResult) -> Option<f64>| Row {
        name: name.to_owned(),
        before: of(before),
        after: of(after),
    };
    let mut rows = vec![
        row("answered_per_second", &|run| Some(run.rate)),
        row("failed", &|run| Some(run.failed() as f64)),
        row("output_tokens_per_second", &|run| (run.tokens.output > 0).then_some(run.tokens.output_per_second)),
        row("goodput_share", &|run| run.goodput.map(|goodput| goodput.share)),
    ];
    for metric in Metric::ALL {
        for (percentile, of) in [("p50", 0_usize), ("p95", 1), ("p99", 2)] {
            rows.push(row(&format!("{}_{percentile}_ms", metric.name()), &|run| {
                run.metric(metric).map(|trend| [trend.p50, trend.p95, trend.p99][of])
            }));
        }
    }
    rows.retain(|row| row.before.is_some() || row.after.is_some());
    rows
}

pub(super) fn compare(args: &CompareArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let (before, after) = (find(&args.before, context)?, find(&args.after, context)?);
    let (Some(a), Some(b)) = (before.runs.last(), after.runs.last()) else {
        return Err(Error::Invalid("one of the load tests has no run".to_owned()).into());
    };
    let rows = rows(a, b);
    if a.arrivals != b.arrivals || before.target != after.target {
        context.note(&format!(
            "the two are of different loads or targets: {} on {}, and {} on {}",
            a.arrivals, before.target, b.arrivals, after.target
        ));
    }
    let lines: Vec<_> = rows
        .iter()
        .map(|row| json!({ "figure": row.name, "before": row.before, "after": row.after, "change": row.change() }))
        .collect();
    let number = |value: Option<f64>| value.map_or_else(Value::default, show::number);
    let report = Report {
        columns: vec![
            column("figure", "Figure", false, false),
            column("before", "Before", true, false),
            column("after", "After", true, false),
            column("change", "Change", true, false),
        ],
        rows: rows
            .iter()
            .map(|row| {
                let change = row.change().map_or_else(Value::default, |change| Value {
                    shown: format!("{:+.1} %", change * 100.0),
                    raw: change.to_string(),
                });
                vec![Value::text(row.name.clone()), number(row.before), number(row.after), change]
            })
            .collect(),
        totals: None,
        json: json!({
            "schema": "claude-cli/loadtest-comparison@1", "before": before.id, "after": after.id, "figures": lines,
        }),
        lines,
    };
    report.write(context.format(), context.width())?;
    Ok(ExitCode::SUCCESS)
}
