//! What is on a dashboard, in words, whatever it is drawn with.

use std::io::Write;

use claude_cli::analytics::{
    Dashboard, DashboardBudget, DashboardGroup, DashboardSeries, Figures, Metric, range_name, value_name,
};
use jiff::Timestamp;
use ratatui::style::Color;

use crate::{
    chart::{color, spark},
    context::Context,
    output::{Column, Format, Report, Value},
    report::{moment, number, usd, words},
};

/// A dashboard, ready to be drawn.
pub(super) struct Page {
    pub(super) title: String,
    /// A label, what it is, and a colour if it calls for attention.
    pub(super) tiles: Vec<(&'static str, String, Color)>,
    pub(super) lines: Vec<Line>,
    pub(super) tables: Vec<Section>,
}

/// A metric over time.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) color: Color,
    pub(super) values: Vec<Option<f64>>,
    /// Its largest value.
    pub(super) most: String,
}

/// A table.
pub(super) struct Section {
    pub(super) title: String,
    pub(super) report: Report,
    /// The colours of its rows.
    pub(super) colors: Vec<Color>,
    /// Whether it may share a line with the next one.
    pub(super) narrow: bool,
}

impl Page {
    pub(super) fn of(dashboard: &Dashboard, top: u32, context: &Context) -> Self {
        let top = top as usize;
        let range = &dashboard.range;
        let time = |text: &Option<String>| text.as_ref()?.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
        let title = match time(&range.since).zip(time(&range.until)) {
            Some((since, until)) => range_name(&context.tz, since, until),
            None => "nothing was recorded yet".to_owned(),
        };
        let mut tables = vec![
            groups("Models", "model", &dashboard.models, top),
            groups("Projects", "project", &dashboard.projects, top),
            sessions(dashboard, top, context),
            budgets(&dashboard.budgets),
            alerts(dashboard, top, context),
            errors(dashboard, top, context),
        ];
        tables.retain(|table| !table.report.rows.is_empty());
        Self {
            title,
            tiles: tiles(&dashboard.totals.figures),
            lines: dashboard.series.iter().filter_map(|series| line(series, &dashboard.bucket)).collect(),
            tables,
        }
    }

    /// As a Markdown document.
    pub(super) fn markdown(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        const SPARK: usize = 40;
        writeln!(out, "## {}\n", self.title)?;
        let mut columns = vec![words("figure", "Figure", false)];
        columns.push(number("value", "Value", false));
        let rows = self.tiles.iter().map(|(label, value, _)| [*label, value].map(Value::text).into()).collect();
        table(columns, rows).render(out, Format::Markdown, None)?;
        if !self.lines.is_empty() {
            writeln!(out)?;
            let columns = vec![
                words("metric", "Metric", false),
                words("line", "Line", false),
                number("most", "Most", false),
            ];
            let row = |line: &Line| {
                vec![Value::text(line.name), Value::text(spark(&line.values, SPARK)), Value::text(&line.most)]
            };
            table(columns, self.lines.iter().map(row).collect()).render(out, Format::Markdown, None)?;
        }
        for section in &self.tables {
            writeln!(out, "\n### {}\n", section.title)?;
            section.report.render(out, Format::Markdown, None)?;
        }
        Ok(())
    }
}

fn table(columns: Vec<Column>, rows: Vec<Vec<Value>>) -> Report {
    Report { columns, rows, totals: None, json: serde_json::Value::Null, lines: Vec::new() }
}

fn tiles(figures: &Figures) -> Vec<(&'static str, String, Color)> {
    let known =
        |metric, value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| value_name(metric, value));
    let cost = figures.cost_usd.map_or_else(|| "unknown".to_owned(), |cost| value_name(Metric::Cost, cost));
    let mut tiles = vec![
        ("Cost", cost, color(Metric::Cost)),
        ("Requests", value_name(Metric::Commands, figures.requests as f64), color(Metric::Commands)),
        ("Tokens", value_name(Metric::Tokens, figures.total_tokens as f64), Color::Reset),
        ("Success rate", known(Metric::SuccessRate, figures.success_rate), color(Metric::SuccessRate)),
        ("Median time", known(Metric::ResponseTime, figures.duration_ms.p50), Color::Reset),
        ("95 % within", known(Metric::ResponseTime, figures.duration_ms.p95), Color::Reset),
        ("99 % within", known(Metric::ResponseTime, figures.duration_ms.p99), Color::Reset),
    ];
    if figures.unpriced_requests > 0 {
        tiles.push((
            "Cost unknown of",
            value_name(Metric::Commands, figures.unpriced_requests as f64),
            Color::Yellow,
        ));
    }
    if figures.errors > 0 {
        tiles.push(("Errors", value_name(Metric::Commands, figures.errors as f64), Color::Red));
    }
    tiles
}

fn line(series: &DashboardSeries, bucket: &str) -> Option<Line> {
    let metric: Metric = series.metric.parse().ok()?;
    let values: Vec<Option<f64>> = series.points.iter().map(|point| point.1).collect();
    let most = values.iter().flatten().copied().reduce(f64::max)?;
    let most = format!("≤ {} per {bucket}", value_name(metric, most));
    Some(Line { name: metric.title(), color: color(metric), values, most })
}

/// The title of a list, and how much of it is shown.
pub(super) fn counted(title: &str, shown: usize, all: usize) -> String {
    if shown < all { format!("{title} ({shown} of {all})") } else { title.to_owned() }
}

pub(super) fn name(text: &str) -> Value {
    Value::text(if text.is_empty() { "(unknown)" } else { text })
}

fn tokens(figures: &Figures) -> Value {
    Value::text(value_name(Metric::Tokens, figures.total_tokens as f64))
}

fn groups(title: &'static str, key: &'static str, groups: &[DashboardGroup], top: usize) -> Section {
    let columns = vec![
        words(key, &title[..title.len() - 1], false),
        number("requests", "Requests", true),
        number("tokens", "Tokens", false),
        number("cost", "Cost", false),
    ];
    let rows: Vec<_> = groups
        .iter()
        .take(top)
        .map(|group| {
            let figures = &group.figures;
            vec![name(&group.key), Value::count(figures.requests), tokens(figures), usd(figures.cost_usd)]
        })
        .collect();
    section(counted(title, rows.len(), groups.len()), columns, rows, true)
}

pub(super) fn section(title: String, columns: Vec<Column>, rows: Vec<Vec<Value>>, narrow: bool) -> Section {
    Section { title, colors: vec![Color::Reset; rows.len()], report: table(columns, rows), narrow }
}

/// Sessions, in the order of these columns: project, last request, requests,
/// session, tokens, cost.
pub(super) fn costliest(rows: Vec<Vec<Value>>, all: usize) -> Section {
    let columns = vec![
        words("project", "Project", false),
        words("last", "Last request", true),
        number("requests", "Requests", true),
        words("session", "Session", true),
        number("tokens", "Tokens", false),
        number("cost", "Cost", false),
    ];
    section(counted("Costliest sessions", rows.len(), all), columns, rows, false)
}

fn sessions(dashboard: &Dashboard, top: usize, context: &Context) -> Section {
    let all = &dashboard.sessions;
    let rows: Vec<_> = all
        .iter()
        .take(top)
        .map(|session| {
            let figures = &session.figures;
            vec![
                name(session.project.as_deref().unwrap_or_default()),
                at(figures.last.as_deref(), context),
                Value::count(figures.requests),
                Value::text(&session.session_id),
                tokens(figures),
                usd(figures.cost_usd),
            ]
        })
        .collect();
    costliest(rows, all.len())
}

fn at(time: Option<&str>, context: &Context) -> Value {
    let time = time.and_then(|time| time.parse::<Timestamp>().ok());
    time.map_or_else(Value::default, |time| moment(time.as_millisecond(), context))
}

pub(super) fn budgets(budgets: &[DashboardBudget]) -> Section {
    let columns = vec![
        words("budget", "Budget", false),
        words("period", "Per", true),
        number("spent", "Spent", false),
        number("limit", "Limit", false),
        number("share", "Share", true),
        words("state", "State", false),
    ];
    let row = |budget: &DashboardBudget| {
        let share = budget.share.map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", share * 100.0));
        vec![
            Value::text(&budget.name),
            Value::text(&budget.period),
            usd(budget.spent_usd),
            usd(Some(budget.limit_usd)),
            Value::text(share),
            Value::text(&budget.state),
        ]
    };
    let mut section = section("Budgets".to_owned(), columns, budgets.iter().map(row).collect(), true);
    section.colors = budgets
        .iter()
        .map(|budget| match budget.state.as_str() {
            "over" => Color::Red,
            "warning" => Color::Yellow,
            _ => Color::Reset,
        })
        .collect();
    section
}

fn alerts(dashboard: &Dashboard, top: usize, context: &Context) -> Section {
    let columns = vec![
        words("budget", "Budget", false),
        words("at", "Crossed", true),
        number("threshold", "At", false),
        number("spent", "Spent", false),
    ];
    let all = &dashboard.alerts;
    let rows: Vec<_> = all
        .iter()
        .take(top)
        .map(|alert| {
            let threshold = format!("{} %", alert.threshold_percent);
            let when = at(Some(&alert.at), context);
            vec![Value::text(&alert.budget), when, Value::text(threshold), usd(Some(alert.spent_usd))]
        })
        .collect();
    section(counted("Alerts", rows.len(), all.len()), columns, rows, true)
}

fn errors(dashboard: &Dashboard, top: usize, context: &Context) -> Section {
    let columns = vec![
        words("error", "Error", false),
        words("at", "When", false),
        words("model", "Model", true),
        words("project", "Project", true),
    ];
    let all = &dashboard.recent_errors;
    let rows: Vec<_> = all
        .iter()
        .take(top)
        .map(|error| {
            let text = |text: &Option<String>| name(text.as_deref().unwrap_or_default());
            vec![Value::text(&error.error), at(Some(&error.at), context), text(&error.model), text(&error.project)]
        })
        .collect();
    section(counted("Recent errors", rows.len(), all.len()), columns, rows, false)
}
