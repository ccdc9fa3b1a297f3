//! A load test in every format.

use claude_cli::load::{LoadTestResult, Metric, RunResult, Trend};

use crate::{
    context::Context,
    output::{Column, Format, Report, Value, thousands},
};

/// The columns behind the first one: name, title, and whether it may be left out.
const COLUMNS: [(&str, &str, bool); 9] = [
    ("count", "Count", false),
    ("min_ms", "Min", true),
    ("mean_ms", "Mean", true),
    ("p50_ms", "p50", false),
    ("p90_ms", "p90", true),
    ("p95_ms", "p95", false),
    ("p99_ms", "p99", false),
    ("p999_ms", "p99.9", true),
    ("max_ms", "Max", false),
];

fn column(name: &'static str, title: &'static str, right: bool, optional: bool) -> Column {
    Column { name, title, right, optional }
}

/// Milliseconds, as exactly as is of use.
pub(super) fn number(ms: f64) -> Value {
    let shown = match ms.abs() {
        size if size >= 100.0 => format!("{ms:.0}"),
        size if size >= 10.0 => format!("{ms:.1}"),
        size if size >= 1.0 => format!("{ms:.2}"),
        _ => format!("{ms:.3}"),
    };
    Value { shown, raw: format!("{ms:.6}") }
}

fn trend(trend: &Trend) -> Vec<Value> {
    let times = [trend.min, trend.mean, trend.p50, trend.p90, trend.p95, trend.p99, trend.p999, trend.max];
    std::iter::once(Value::count(trend.count as i64)).chain(times.map(number)).collect()
}

/// The table of a result: a line for every time that was measured.
fn report(result: &LoadTestResult) -> anyhow::Result<Report> {
    let many = result.runs.len() > 1;
    let mut columns = vec![column("metric", "Times in ms", false, false)];
    if many {
        columns.insert(0, column("run", "Run", false, false));
    }
    columns.extend(COLUMNS.map(|(name, title, optional)| column(name, title, true, optional)));
    let mut rows = Vec::new();
    for run in &result.runs {
        for metric in Metric::ALL {
            let Some(found) = run.metric(metric) else { continue };
            let mut row = vec![Value { shown: metric.title().to_owned(), raw: metric.name().to_owned() }];
            if many {
                row.insert(0, Value::text(run.arrivals.clone()));
            }
            row.extend(trend(found));
            rows.push(row);
        }
    }
    let lines = result.runs.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    Ok(Report { columns, rows, totals: None, json: serde_json::to_value(result)?, lines })
}

/// `90 of 100 answered (9.0/s), 10 failed (8 overloaded, 2 cut) · …`
pub(super) fn summary(run: &RunResult) -> String {
    let counts = &run.counts;
    let mut answered = format!(
        "{}: {} of {} answered ({:.1}/s)",
        run.arrivals,
        thousands(counts.ok as i64),
        thousands((counts.requests + counts.dropped) as i64),
        run.rate
    );
    if run.failed() > 0 {
        let kinds: Vec<_> =
            counts.failed.iter().map(|(kind, n)| format!("{n} {}", kind.replace('_', " "))).collect();
        answered += &format!(", {} failed ({})", thousands(run.failed() as i64), kinds.join(", "));
    }
    let mut parts = vec![answered];
    for (count, what) in
        [(counts.ok_after_retry, "after a retry"), (counts.late, "sent late"), (counts.dropped, "dropped")]
    {
        if count > 0 {
            parts.push(format!("{} {what}", thousands(count as i64)));
        }
    }
    if run.tokens.output > 0 {
        parts.push(format!("{:.0} output tokens/s", run.tokens.output_per_second));
    }
    if let Some(goodput) = run.goodput {
        parts.push(format!("{:.1} % within the service level ({:.1}/s)", goodput.share * 100.0, goodput.rate));
    }
    if run.cost.usd > 0.0 {
        parts.push(format!("${:.4}", run.cost.usd));
    }
    parts.push(format!("generator at {:.0} % CPU", run.generator.cpu * 100.0));
    parts.join(" · ")
}

/// Prints a result.
pub(super) fn result(result: &LoadTestResult, context: &Context) -> anyhow::Result<()> {
    let format = context.format();
    report(result)?.write(format, context.width())?;
    if matches!(format, Format::Table | Format::Markdown) {
        for run in &result.runs {
            println!("{}", summary(run));
            if run.loop_kind == "closed" {
                println!("closed loop: users wait, so a server's pauses hardly show in these times");
            }
        }
        if let Some(max) = &result.max {
            match max.value {
                Some(value) => println!("highest {} that keeps it: {value:.1}", max.of),
                None => println!("no {} that was tried keeps it", max.of),
            }
        }
    }
    Ok(())
}
