//! A load test as one HTML page that asks for nothing else: no script, no font,
//! no picture from elsewhere.

mod chart;

use std::fmt::Write;

use jiff::Timestamp;

use self::chart::{Chart, Line, escaped, number};
use super::{
    metric::Metric,
    result::{LoadTestResult, RunResult, Trend},
};

const STYLE: &str = include_str!("page.css");

/// Percentiles that the curve's axis names, and how they are written.
const NAMED: [(f64, &str); 6] =
    [(0.0, "0"), (50.0, "50"), (90.0, "90"), (99.0, "99"), (99.9, "99.9"), (99.99, "99.99")];

/// The page.
#[must_use]
pub fn html(result: &LoadTestResult) -> String {
    let mut out = String::with_capacity(64 << 10);
    let title = result.name.as_deref().unwrap_or("Load test");
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{0}</title><style>{STYLE}</style></head><body>\
         <h1>{0}</h1>",
        escaped(title)
    );
    let started = Timestamp::from_millisecond(result.started_at).map(|at| at.to_string()).unwrap_or_default();
    let simulated = if result.simulated { " (simulated)" } else { "" };
    let model = result.model.as_deref().map(|model| format!(" · {model}")).unwrap_or_default();
    let _ = write!(
        out,
        "<p class=\"dim\">{}{simulated} · {}{} · {} · claude-cli {} · {}</p>",
        escaped(&result.target),
        escaped(&result.scenario),
        escaped(&model),
        escaped(&started),
        escaped(&result.version),
        escaped(&result.id)
    );
    if let Some(slo) = &result.slo {
        let _ = write!(out, "<p>Service level: <b>{}</b></p>", escaped(slo));
    }
    if let Some(max) = &result.max {
        let found = max.value.map_or_else(|| "none that was tried".to_owned(), number);
        let _ = write!(
            out,
            "<p>The highest {} that keeps it for {} % of the requests: <b>{found}</b></p>",
            escaped(&max.of),
            number(max.attain * 100.0)
        );
    }
    if result.runs.len() > 1 {
        overview(result, &mut out);
    }
    for run in &result.runs {
        one(run, &mut out);
    }
    out.push_str("</body></html>\n");
    out
}

/// What a run of a sweep is told by on an axis: its rate or its users.
fn load_of(run: &RunResult) -> f64 {
    run.users.map_or_else(|| run.intended_rate.unwrap_or(run.rate), |users| users as f64)
}

fn overview(result: &LoadTestResult, out: &mut String) {
    let mut runs: Vec<&RunResult> = result.runs.iter().collect();
    runs.sort_by(|a, b| load_of(a).total_cmp(&load_of(b)));
    let line = |name, class, of: &dyn Fn(&RunResult) -> Option<f64>| Line {
        name,
        class,
        points: runs.iter().map(|run| (load_of(run), of(run))).collect(),
    };
    let x_title =
        if runs.iter().all(|run| run.users.is_some()) { "users" } else { "requests a second that were due" };
    let times = |metric: Metric, of: fn(&Trend) -> f64| move |run: &RunResult| run.metric(metric).map(of);
    out.push_str("<h2>All runs</h2><div class=\"charts\">");
    for (title, metric) in [("End to end by load", Metric::E2e), ("First token by load", Metric::Ttft)] {
        let lines = vec![
            line("p50", "a", &times(metric, |t| t.p50)),
            line("p95", "b", &times(metric, |t| t.p95)),
            line("p99", "c", &times(metric, |t| t.p99)),
        ];
        Chart { title, x_title, unit: "ms", lines, x_marks: Vec::new() }.draw(out);
    }
    let lines = vec![
        line("answered", "a", &|run| Some(run.rate)),
        line("within the service level", "d", &|run| run.goodput.map(|g| g.rate)),
    ];
    Chart { title: "Throughput by load", x_title, unit: "1/s", lines, x_marks: Vec::new() }.draw(out);
    out.push_str("</div>");
}

fn one(run: &RunResult, out: &mut String) {
    let kind = if run.loop_kind == "closed" { "closed loop" } else { "open loop" };
    let _ = write!(out, "<h2>{} <span class=\"dim\">{kind}</span></h2>", escaped(&run.arrivals));
    if run.loop_kind == "closed" {
        out.push_str(
            "<p class=\"dim\">Users wait for their answers here: a server that stands still is asked nothing \
             meanwhile, and its pauses hardly show in these times.</p>",
        );
    }
    for reason in &run.generator.reasons {
        let _ = write!(out, "<p class=\"notice\"><b>Not valid:</b> {}.</p>", escaped(reason));
    }
    if let Some(why) = &run.ended_by {
        let _ = write!(out, "<p class=\"notice\">Ended early: {}.</p>", escaped(why));
    }
    cards(run, out);
    charts(run, out);
    out.push_str("<div class=\"wide\">");
    times(run, out);
    failures(run, out);
    gates(run, out);
    out.push_str("</div>");
}

fn cards(run: &RunResult, out: &mut String) {
    let mut cards = vec![
        (format!("{}/s", number(run.rate)), "answered"),
        (run.counts.ok.to_string(), "answers"),
        (run.failed().to_string(), "failed"),
        (run.counts.late.to_string(), "sent late"),
        (run.counts.dropped.to_string(), "dropped"),
    ];
    if run.tokens.output > 0 {
        cards.push((format!("{}/s", number(run.tokens.output_per_second)), "output tokens"));
    }
    if let Some(goodput) = run.goodput {
        cards.push((format!("{:.1} %", goodput.share * 100.0), "within the service level"));
    }
    if run.cost.usd > 0.0 {
        cards.push((format!("${:.4}", run.cost.usd), "cost"));
    }
    let lag = run.metric(Metric::Lag).map_or_else(|| "–".to_owned(), |lag| format!("{} ms", number(lag.p99)));
    cards.push((lag, "generator lag, p99"));
    cards.push((format!("{:.0} %", run.generator.cpu * 100.0), "generator CPU"));
    out.push_str("<div class=\"cards\">");
    for (value, name) in cards {
        let _ = write!(out, "<div class=\"card\"><b>{}</b><span>{name}</span></div>", escaped(&value));
    }
    out.push_str("</div>");
}

fn charts(run: &RunResult, out: &mut String) {
    let line = |name, class, of: fn(&super::Point) -> Option<f64>| Line {
        name,
        class,
        points: run.series.iter().map(|point| (point.at, of(point))).collect(),
    };
    let x_title = "seconds";
    out.push_str("<div class=\"charts\">");
    let lines = vec![line("p50", "a", |p| p.e2e_p50), line("p99", "c", |p| p.e2e_p99)];
    Chart { title: "End to end", x_title, unit: "ms", lines, x_marks: Vec::new() }.draw(out);
    let lines = vec![line("p50", "a", |p| p.ttft_p50), line("p99", "c", |p| p.ttft_p99)];
    Chart { title: "First token", x_title, unit: "ms", lines, x_marks: Vec::new() }.draw(out);
    let lines = vec![line("answered", "a", |p| Some(p.ok_rate)), line("failed", "c", |p| Some(p.failed_rate))];
    Chart { title: "Requests", x_title, unit: "1/s", lines, x_marks: Vec::new() }.draw(out);
    let lines = vec![line("under way", "b", |p| Some(p.in_flight as f64))];
    Chart { title: "Requests under way", x_title, unit: "", lines, x_marks: Vec::new() }.draw(out);
    curve(run, out);
    out.push_str("</div>");
}

/// Times by percentile, with the last per mille as wide as the first half.
fn curve(run: &RunResult, out: &mut String) {
    let at = |percent: f64| -(1.0 - (percent / 100.0).min(0.9999)).log10();
    let line = |name, class, metric| Line {
        name,
        class,
        points: run.metric(metric).map_or_else(Vec::new, |trend| {
            trend.curve.iter().map(|(percent, time)| (at(*percent), Some(*time))).collect()
        }),
    };
    let lines = vec![
        line("end to end", "a", Metric::E2e),
        line("service, from the send", "d", Metric::Service),
        line("first token", "b", Metric::Ttft),
    ];
    let lines: Vec<_> = lines.into_iter().filter(|line| !line.points.is_empty()).collect();
    let x_marks = NAMED.map(|(percent, name)| (at(percent), name.to_owned())).to_vec();
    Chart { title: "Times by percentile", x_title: "percentile", unit: "ms", lines, x_marks }.draw(out);
}

fn times(run: &RunResult, out: &mut String) {
    out.push_str(
        "<table><tr><th>Times in ms</th><th>count</th><th>min</th><th>mean</th><th>p50</th><th>p90</th><th>p95</th>\
         <th>p99</th><th>p99.9</th><th>max</th></tr>",
    );
    for metric in Metric::ALL {
        let Some(trend) = run.metric(metric) else { continue };
        let _ = write!(out, "<tr><td>{}</td><td>{}</td>", metric.title(), trend.count);
        for value in [trend.min, trend.mean, trend.p50, trend.p90, trend.p95, trend.p99, trend.p999, trend.max] {
            let _ = write!(out, "<td>{}</td>", number(value));
        }
        out.push_str("</tr>");
    }
    out.push_str("</table>");
}

fn failures(run: &RunResult, out: &mut String) {
    if run.counts.failed.is_empty() {
        return;
    }
    out.push_str("<table><tr><th>Failed</th><th>requests</th></tr>");
    for (kind, count) in &run.counts.failed {
        let _ = write!(out, "<tr><td>{}</td><td>{count}</td></tr>", escaped(&kind.replace('_', " ")));
    }
    out.push_str("</table>");
}

fn gates(run: &RunResult, out: &mut String) {
    if run.thresholds.is_empty() {
        return;
    }
    out.push_str("<table><tr><th>Threshold</th><th>value</th><th>holds</th></tr>");
    for verdict in &run.thresholds {
        let (class, word) = if verdict.ok { ("good", "yes") } else { ("bad", "no") };
        let value = verdict.value.map_or_else(|| "no data".to_owned(), number);
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{value}</td><td class=\"{class}\">{word}</td></tr>",
            escaped(&verdict.threshold)
        );
    }
    out.push_str("</table>");
}
