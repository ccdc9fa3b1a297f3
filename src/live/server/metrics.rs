//! `/metrics`: figures in Prometheus' text format.

mod process;

use std::fmt::Write as _;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use jiff::tz::TimeZone;

use super::{Refusal, figures::get, routes::App};
use crate::{
    analytics::{GroupBy, Summary, SummaryQuery, TimeRange},
    live::HubFigures,
    store::Sums,
};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows; its name ends in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Quantiles.
    Summary,
}

/// Figures in Prometheus' text format, version 0.0.4.
#[derive(Clone, Debug, Default)]
pub struct MetricsText {
    text: String,
}

impl MetricsText {
    /// Begins a metric: its samples follow.
    pub fn metric(&mut self, name: &str, kind: MetricKind, help: &str) {
        let kind = match kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Summary => "summary",
        };
        // A `String` takes everything.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A sample.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(name);
        for (n, (label, value)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{label}=\"", if n == 0 { '{' } else { ',' });
            for letter in value.chars() {
                match letter {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    _ => self.text.push(letter),
                }
            }
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// A metric of one sample without labels.
    pub fn one(&mut self, name: &str, kind: MetricKind, help: &str, value: f64) {
        self.metric(name, kind, help);
        self.sample(name, &[], value);
    }
}

/// Everything there is: the ledger, the live states, this server, its process,
/// and what was added.
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, Refusal> {
    let range = TimeRange { since: None, until: None, tz: TimeZone::UTC };
    let spent = app.reading().ask(SummaryQuery::new(range, GroupBy::Model)).await?;
    let mut out = MetricsText::default();
    of_ledger(&mut out, &spent);
    of_views(&mut out, &app.views().figures());
    of_server(&mut out, &app);
    process::write(&mut out);
    for write in app.more_figures() {
        write(&mut out);
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out.text).into_response())
}

type Figure = fn(&Sums) -> f64;

fn of_ledger(out: &mut MetricsText, spent: &Summary) {
    let mode = spent.query.cost;
    let counts: [(&str, &str, Figure); 4] = [
        ("claude_requests_total", "Requests in the ledger, failed ones included.", |sums| sums.requests as f64),
        ("claude_errors_total", "Requests in the ledger that failed.", |sums| sums.errors as f64),
        ("claude_web_searches_total", "Web searches in the ledger.", |sums| sums.web_searches as f64),
        ("claude_unpriced_requests_total", "Requests in the ledger whose cost is unknown.", |sums| {
            sums.unpriced.get(crate::store::CostMode::Auto) as f64
        }),
    ];
    for (name, help, value) in counts {
        out.metric(name, MetricKind::Counter, help);
        for group in &spent.groups {
            out.sample(name, &[("model", &group.key)], value(&group.sums));
        }
    }
    let name = "claude_cost_usd_total";
    out.metric(name, MetricKind::Counter, "US dollars spent, as far as their amount is known.");
    for group in &spent.groups {
        out.sample(name, &[("model", &group.key)], group.sums.cost.get(mode) as f64 / 1e9);
    }
    let tokens: [(&str, Figure); 5] = [
        ("input", |sums| sums.input_tokens as f64),
        ("output", |sums| sums.output_tokens as f64),
        ("cache_read", |sums| sums.cache_read_tokens as f64),
        ("cache_write_5m", |sums| sums.cache_write_5m_tokens as f64),
        ("cache_write_1h", |sums| sums.cache_write_1h_tokens as f64),
    ];
    let name = "claude_tokens_total";
    out.metric(name, MetricKind::Counter, "Tokens of the requests in the ledger.");
    for group in &spent.groups {
        for (kind, value) in tokens {
            out.sample(name, &[("model", &group.key), ("type", kind)], value(&group.sums));
        }
    }
}

type HubFigure = fn(&HubFigures) -> u64;

/// What the hub of each view did. A view that nobody looks at any more is gone
/// after a while, and begins anew if someone comes.
fn of_views(out: &mut MetricsText, views: &[(String, HubFigures)]) {
    let name = "claude_cli_live_clients";
    out.metric(name, MetricKind::Gauge, "Clients of live states.");
    for (view, hub) in views {
        out.sample(name, &[("view", view)], hub.subscribers as f64);
    }
    let counts: [(&str, &str, HubFigure); 9] = [
        ("published", "Live states that were published.", |hub| hub.published),
        ("updates", "Live states sent to clients, whole or as changes.", |hub| hub.updates),
        ("patches", "Live states sent to clients as changes.", |hub| hub.patches),
        ("alerts", "Alerts sent to clients.", |hub| hub.alerts),
        ("coalesced", "Live states that a later one replaced before they were sent.", |hub| hub.coalesced),
        ("resyncs", "Times that a client was sent the whole state anew.", |hub| hub.resyncs),
        ("closed", "Clients that were closed because they took nothing in.", |hub| hub.closed),
        ("sent_bytes", "Bytes of live states and alerts sent.", |hub| hub.bytes_sent),
        ("full_bytes", "Bytes they would be if each state were sent whole.", |hub| hub.bytes_full),
    ];
    for (name, help, value) in counts {
        let name = format!("claude_cli_live_{name}_total");
        out.metric(&name, MetricKind::Counter, help);
        for (view, hub) in views {
            out.sample(&name, &[("view", view)], value(hub) as f64);
        }
    }
    let name = "claude_cli_live_latency_seconds";
    out.metric(name, MetricKind::Summary, "From when a state or alert was published to when it was written.");
    for (view, hub) in views {
        for (quantile, ms) in [("0.5", hub.latency.p50), ("0.95", hub.latency.p95), ("0.99", hub.latency.p99)] {
            let seconds = ms.map_or(f64::NAN, |ms| ms / 1e3);
            out.sample(name, &[("view", view), ("quantile", quantile)], seconds);
        }
    }
}

fn of_server(out: &mut MetricsText, app: &App) {
    let figures = app.figures();
    out.one(
        "claude_cli_http_connections",
        MetricKind::Gauge,
        "Connections that are open.",
        get(&figures.open) as f64,
    );
    for (name, help, counter) in [
        ("claude_cli_http_connections_total", "Connections taken in.", &figures.connections),
        ("claude_cli_http_refused_total", "Connections refused because there were too many.", &figures.refused),
        (
            "claude_cli_http_accept_errors_total",
            "Times that a connection could not be taken in.",
            &figures.accept_errors,
        ),
    ] {
        out.one(name, MetricKind::Counter, help, get(counter) as f64);
    }
    let name = "claude_cli_http_answers_total";
    out.metric(name, MetricKind::Counter, "Answers to requests, streams not among them.");
    for (hundreds, counter) in figures.answers.iter().enumerate().skip(2) {
        out.sample(name, &[("status", &format!("{hundreds}xx"))], get(counter) as f64);
    }
}
