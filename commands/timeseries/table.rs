//! Series as tables: a row a bucket, or a row a metric.

use claude_cli::analytics::{Metric, Series, TimeSeries, iso, value_name};
use jiff::Timestamp;

use crate::{
    chart::{bar, spark},
    output::{Column, Report, Value, millis, money, thousands},
};

fn largest(series: &Series) -> f64 {
    series.points.iter().filter_map(|point| point.1).fold(0.0, f64::max)
}

/// A line a metric.
pub(super) fn sparklines(answer: &TimeSeries, width: usize) -> Report {
    let column = |name, title, right, optional| Column { name, title, right, optional };
    let mut columns = vec![
        column("metric", "Metric", false, false),
        column("total", "In all", true, true),
        column("most", "Most", true, true),
        column("last", "Last", true, true),
    ];
    if answer.query.compare {
        columns.push(column("before", "Before", true, true));
        columns.push(column("change", "Change", true, true));
    }
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for series in &answer.series {
        let metric = series.metric;
        let known = || series.points.iter().filter_map(|point| point.1);
        let value = |value: Option<f64>| {
            Value::text(value.map_or_else(|| "–".to_owned(), |value| value_name(metric, value)))
        };
        rows.push(vec![
            Value::text(metric.title()),
            value(series.total),
            value(known().reduce(f64::max)),
            value(series.points.last().and_then(|point| point.1)),
        ]);
        if let (Some(before), Some(row)) = (&series.previous, rows.last_mut()) {
            let change =
                series.change().map_or_else(|| "–".to_owned(), |change| format!("{:+.1} %", change * 100.0));
            row.extend([value(before.total), Value::text(change)]);
        }
    }
    let mut report = Report { columns: Vec::new(), rows, totals: None, json: answer.to_json(), lines: Vec::new() };
    report.columns.append(&mut columns);
    let room = report.room_within(width).max(LEAST_BAR);
    report.columns.insert(1, column("spark", "", false, false));
    for (row, series) in report.rows.iter_mut().zip(&answer.series) {
        let values: Vec<Option<f64>> = series.points.iter().map(|point| point.1).collect();
        row.insert(1, Value::text(spark(&values, room)));
    }
    report
}

/// Shorter bars say nothing.
const LEAST_BAR: usize = 8;

/// A row a bucket; within a width, with a bar of the first metric.
pub(super) fn bars(answer: &TimeSeries, width: Option<usize>) -> Report {
    let tz = &answer.query.tz;
    let mut columns = vec![Column { name: "start", title: "Start", right: false, optional: false }];
    columns.extend(answer.series.iter().enumerate().map(|(i, series)| Column {
        name: series.metric.name(),
        title: title(series.metric),
        right: true,
        optional: i > 0,
    }));
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for i in 0..answer.series.first().map_or(0, |s| s.points.len()) {
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
            let mut value_shown = show(series.metric, value);
            if series.anomalies.as_ref().is_some_and(|found| found.contains(&i)) {
                value_shown.shown.push_str(" !");
            }
            row.push(value_shown);
            line.insert(series.metric.name().to_owned(), value.into());
        }
        rows.push(row);
        lines.push(line.into());
    }
    let mut report = Report { columns, rows, totals: None, json: answer.to_json(), lines };
    if let Some((width, first)) = width.zip(answer.series.first()) {
        let (most, room) = (largest(first), report.room_within(width).max(LEAST_BAR));
        report.columns.push(Column { name: "bar", title: "", right: false, optional: true });
        for (row, point) in report.rows.iter_mut().zip(&first.points) {
            row.push(Value::text(bar(point.1.unwrap_or(0.0), most, room)));
        }
    }
    report
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
