//! Results and comparisons, for people and programs.

use claude_cli::measure::{
    bench::{BENCH_SCHEMA, CaseChange, Comparison, Results, Verdict},
    suites,
};
use serde_json::{Value as Json, json};

use crate::{
    context::Context,
    output::{Report, Value},
    report::{number, words},
};

pub(super) fn list(cases: &[String], context: &Context) -> anyhow::Result<()> {
    let about = |name: &str| suites::case(name).map_or("", |case| case.once);
    let rows = cases.iter().map(|name| vec![Value::text(name), Value::text(about(name))]).collect();
    let lines: Vec<Json> = cases.iter().map(|name| json!({ "name": name, "once": about(name) })).collect();
    let json = json!({ "schema": BENCH_SCHEMA, "cases": lines });
    let columns = vec![words("name", "Benchmark", false), words("once", "What is done once", false)];
    Report { columns, rows, totals: None, json, lines }.write(context.format(), context.width())
}

pub(super) fn results(results: &Results, context: &Context) -> anyhow::Result<()> {
    let columns = vec![
        words("name", "Benchmark", false),
        number("ns", "Time", false),
        number("min_ns", "Least", false),
        number("max_ns", "Most", false),
        number("outliers", "Outliers", true),
        words("once", "What is done once", true),
    ];
    let row = |case: &claude_cli::measure::bench::CaseResult| {
        let (least, most) = case.ends();
        let outliers = i64::try_from(case.outliers()).unwrap_or(i64::MAX);
        vec![
            Value::text(&case.name),
            time(case.median()),
            time(least),
            time(most),
            Value::count(outliers),
            Value::text(&case.once),
        ]
    };
    let rows = results.cases.iter().map(row).collect();
    let json = document(results)?;
    let lines = json["cases"].as_array().cloned().unwrap_or_default();
    Report { columns, rows, totals: None, json, lines }.write(context.format(), context.width())
}

/// The results, with what they amount to.
fn document(results: &Results) -> anyhow::Result<Json> {
    let mut json = serde_json::to_value(results)?;
    for (told, case) in json["cases"].as_array_mut().into_iter().flatten().zip(&results.cases) {
        told["median_ns"] = json!(case.median());
        told["outliers"] = json!(case.outliers());
    }
    Ok(json)
}

/// `results` are those that were just measured, if times were.
pub(super) fn comparison(
    results: Option<&Results>,
    comparison: &Comparison,
    context: &Context,
) -> anyhow::Result<()> {
    let columns = vec![
        words("name", "Benchmark", false),
        number("change", "Change", false),
        number("low", "At least", false),
        number("high", "At most", false),
        words("verdict", "", false),
    ];
    let rows = comparison.cases.iter().map(row).collect();
    let mut json = match results {
        Some(results) => document(results)?,
        None => json!({ "schema": BENCH_SCHEMA }),
    };
    json["comparison"] = serde_json::to_value(comparison)?;
    json["comparison"]["passed"] = json!(comparison.regressions().next().is_none());
    let lines = json["comparison"]["cases"].as_array().cloned().unwrap_or_default();
    Report { columns, rows, totals: None, json, lines }.write(context.format(), context.width())?;
    for name in &comparison.without_counterpart {
        context.note(&format!("{name} is in one of them only"));
    }
    Ok(())
}

fn row(case: &CaseChange) -> Vec<Value> {
    let verdict = match case.verdict {
        Verdict::Slower => "slower",
        Verdict::Faster => "faster",
        Verdict::Same => "same",
        _ => "open",
    };
    let share = |share: Option<f64>| {
        share.map_or_else(
            || Value { shown: "unknown".to_owned(), raw: String::new() },
            |share| Value { shown: format!("{:+.1}%", share * 100.0), raw: share.to_string() },
        )
    };
    vec![
        Value::text(&case.name),
        share(Some(case.change)),
        share(case.low),
        share(case.high),
        Value::text(verdict),
    ]
}

/// Nanoseconds for people.
fn time(ns: f64) -> Value {
    let shown = match ns {
        ns if ns < 1e3 => format!("{ns:.1} ns"),
        ns if ns < 1e6 => format!("{:.2} µs", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    };
    Value { shown, raw: ns.to_string() }
}
