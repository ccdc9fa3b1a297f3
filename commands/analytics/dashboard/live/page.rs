//! What is on the screen, in words.

use std::{cmp::Ordering, collections::BTreeMap};

use claude_cli::{
    analytics::{DashboardBudget, Metric, range_name, value_name},
    live::{LiveAlert, LiveGroup, LivePeriod, LiveRequest, LiveState},
};
use jiff::Timestamp;
use ratatui::style::Color;

use crate::{
    analytics::dashboard::page::{Line, Page, Section, budgets, costliest, counted, name, section},
    chart::color,
    context::Context,
    output::Value,
    report::{number, span, usd, words},
};

pub(super) fn page(state: &LiveState, top: usize, context: &Context) -> Page {
    let statuses: Vec<DashboardBudget> = state.budgets.values().map(|budget| budget.status.clone()).collect();
    let mut tables = vec![
        alerts(&state.alerts, context),
        budgets(&statuses),
        requests(&state.requests, top, context),
        groups("Models", "Model", &state.models, top),
        groups("Projects", "Project", &state.projects, top),
        sessions(state, top, context),
        groups("Users", "User", &state.users, top),
        groups("Hosts", "Host", &state.hosts, top),
    ];
    tables.retain(|table| !table.report.rows.is_empty());
    Page { title: title(state, context), tiles: tiles(state), lines: lines(state), tables }
}

/// An alert on one line.
pub(super) fn alert(alert: &LiveAlert) -> String {
    let money = |usd| value_name(Metric::Cost, usd);
    format!(
        "budget {}: more than {} % of {} a {} spent ({})",
        alert.budget,
        alert.threshold_percent,
        money(alert.limit_usd),
        alert.period,
        money(alert.spent_usd)
    )
}

fn at(time: &str) -> Option<Timestamp> {
    time.parse().ok()
}

fn title(state: &LiveState, context: &Context) -> String {
    if let Some(problem) = &state.problem {
        return problem.clone();
    }
    let since = at(&state.range.since).map(Timestamp::as_millisecond);
    let until = state.range.until.as_ref().map_or_else(|| at(&state.generated), |until| at(until));
    match since.zip(until.map(Timestamp::as_millisecond)) {
        Some((since, until)) => range_name(&context.tz, since, until.max(since)),
        None => state.range.text.clone(),
    }
}

fn tiles(state: &LiveState) -> Vec<(&'static str, String, Color)> {
    let known =
        |metric, value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| value_name(metric, value));
    let spent = |period: &LivePeriod| match period.cost_usd {
        Some(cost) => value_name(Metric::Cost, cost),
        None => "unknown".to_owned(),
    };
    let (day, week, month) = (&state.spend.day, &state.spend.week, &state.spend.month);
    let mut tiles = vec![
        ("Today", spent(day), color_of("day", state)),
        ("This week", spent(week), color_of("week", state)),
        ("This month", spent(month), color_of("month", state)),
    ];
    if let Some(block) = &state.block {
        let rate = block
            .usd_per_hour
            .map_or_else(|| "–".to_owned(), |usd| format!("{}/h", value_name(Metric::Cost, usd)));
        tiles.push(("5-hour block", known(Metric::Cost, block.cost_usd), Color::Reset));
        tiles.push(("Burn rate", rate, Color::Reset));
        tiles.push(("Block's end at", known(Metric::Cost, block.projected_usd), Color::Reset));
        if let Some((end, now)) = at(&block.end).zip(at(&state.generated)) {
            let left = end.as_millisecond() - now.as_millisecond();
            tiles.push(("Ends in", span(left.max(0)), Color::Reset));
        }
    }
    let totals = &state.totals;
    tiles.extend([
        ("Cost", known(Metric::Cost, totals.cost_usd), color(Metric::Cost)),
        ("Requests", value_name(Metric::Commands, totals.requests as f64), color(Metric::Commands)),
        ("Tokens", value_name(Metric::Tokens, totals.total_tokens as f64), Color::Reset),
        ("Success rate", known(Metric::SuccessRate, totals.success_rate), color(Metric::SuccessRate)),
        ("Median time", known(Metric::ResponseTime, totals.duration_ms.p50), Color::Reset),
        ("95 % within", known(Metric::ResponseTime, totals.duration_ms.p95), Color::Reset),
    ]);
    if totals.unpriced_requests > 0 {
        let unknown = value_name(Metric::Commands, totals.unpriced_requests as f64);
        tiles.push(("Cost unknown of", unknown, Color::Yellow));
    }
    if totals.errors > 0 {
        tiles.push(("Errors", value_name(Metric::Commands, totals.errors as f64), Color::Red));
    }
    tiles
}

/// The colour of a period that everyone's budgets are of.
fn color_of(period: &str, state: &LiveState) -> Color {
    let of_all = state.budgets.values().filter(|budget| budget.of.is_empty() && budget.status.period == period);
    let states: Vec<&str> = of_all.map(|budget| budget.status.state.as_str()).collect();
    match () {
        () if states.contains(&"over") => Color::Red,
        () if states.contains(&"warning") => Color::Yellow,
        () => color(Metric::Cost),
    }
}

fn lines(state: &LiveState) -> Vec<Line> {
    let series = &state.series;
    let all = [
        (Metric::Cost, &series.cost),
        (Metric::Tokens, &series.tokens),
        (Metric::Commands, &series.requests),
        (Metric::SuccessRate, &series.success_rate),
        (Metric::ResponseTime, &series.p50_ms),
        (Metric::ResponseTimeP95, &series.p95_ms),
    ];
    let line = |(metric, values): (Metric, &Vec<Option<f64>>)| {
        let most = values.iter().flatten().copied().reduce(f64::max)?;
        let most = format!("≤ {} per {}", value_name(metric, most), series.bucket);
        Some(Line { name: metric.title(), color: color(metric), values: values.clone(), most })
    };
    all.into_iter().filter_map(line).collect()
}

fn by_cost<T>(rows: &BTreeMap<String, T>, figures: impl Fn(&T) -> &LiveGroup) -> Vec<(&String, &T)> {
    let mut rows: Vec<(&String, &T)> = rows.iter().collect();
    let cost = |row: &T| figures(row).cost_usd.unwrap_or(0.0);
    rows.sort_by(|a, b| cost(b.1).partial_cmp(&cost(a.1)).unwrap_or(Ordering::Equal));
    rows
}

fn tokens(count: i64) -> Value {
    Value::text(value_name(Metric::Tokens, count as f64))
}

fn groups(title: &'static str, key: &'static str, all: &BTreeMap<String, LiveGroup>, top: usize) -> Section {
    let columns = vec![
        words("key", key, false),
        number("requests", "Requests", true),
        number("tokens", "Tokens", false),
        number("cost", "Cost", false),
    ];
    let sorted = by_cost(all, |group| group);
    let rows: Vec<_> = sorted
        .into_iter()
        .take(top)
        .map(|(key, group)| {
            vec![name(key), Value::count(group.requests), tokens(group.total_tokens), usd(group.cost_usd)]
        })
        .collect();
    section(counted(title, rows.len(), all.len()), columns, rows, true)
}

/// A time of today or another day, to the minute or the second.
fn moment(time: &str, pattern: &str, context: &Context) -> Value {
    let shown = at(time).map(|at| at.to_zoned_datetime(context.tz.clone()).strftime(pattern).to_string());
    Value::text(shown.unwrap_or_default())
}

fn sessions(state: &LiveState, top: usize, context: &Context) -> Section {
    let sorted = by_cost(&state.sessions, |session| &session.figures);
    let rows: Vec<_> = sorted
        .into_iter()
        .take(top)
        .map(|(id, session)| {
            vec![
                name(session.project.as_deref().unwrap_or_default()),
                moment(session.last.as_deref().unwrap_or_default(), "%Y-%m-%d %H:%M", context),
                Value::count(session.figures.requests),
                Value::text(id),
                tokens(session.figures.total_tokens),
                usd(session.figures.cost_usd),
            ]
        })
        .collect();
    costliest(rows, state.sessions.len())
}

fn requests(all: &BTreeMap<String, LiveRequest>, top: usize, context: &Context) -> Section {
    let columns = vec![
        words("project", "Project", false),
        words("at", "When", false),
        words("model", "Model", true),
        words("user", "User", true),
        number("tokens", "Tokens", true),
        number("time", "Time", true),
        number("cost", "Cost", false),
        words("error", "Error", true),
    ];
    let mut sorted: Vec<&LiveRequest> = all.values().collect();
    sorted.sort_by_key(|request| std::cmp::Reverse(at(&request.at)));
    sorted.truncate(top);
    let row = |request: &&LiveRequest| {
        let text = |text: &Option<String>| Value::text(text.as_deref().unwrap_or("–"));
        let time = request.duration_ms.map(|ms| value_name(Metric::ResponseTime, ms as f64));
        vec![
            name(request.project.as_deref().unwrap_or_default()),
            moment(&request.at, "%H:%M:%S", context),
            text(&request.model),
            text(&request.user),
            tokens(request.total_tokens),
            text(&time),
            usd(request.cost_usd),
            Value::text(request.error.as_deref().unwrap_or_default()),
        ]
    };
    let mut section = section("Latest requests".to_owned(), columns, sorted.iter().map(row).collect(), false);
    section.colors =
        sorted.iter().map(|request| if request.error.is_some() { Color::Red } else { Color::Reset }).collect();
    // A column that says nothing is no use.
    for name in ["error", "user"] {
        let Some(at) = section.report.columns.iter().position(|column| column.name == name) else { continue };
        if section.report.rows.iter().all(|row| matches!(row[at].shown.as_str(), "" | "–")) {
            section.report.columns.remove(at);
            section.report.rows.iter_mut().for_each(|row| _ = row.remove(at));
        }
    }
    section
}

fn alerts(all: &BTreeMap<String, LiveAlert>, context: &Context) -> Section {
    let columns = vec![
        words("budget", "Budget", false),
        words("at", "Noticed", true),
        number("threshold", "Above", false),
        number("spent", "Spent", false),
        number("limit", "Of", false),
    ];
    let mut sorted: Vec<&LiveAlert> = all.values().collect();
    // Of each budget, the highest threshold that it crossed.
    sorted.retain(|alert| {
        !all.values()
            .any(|other| other.budget == alert.budget && other.threshold_percent > alert.threshold_percent)
    });
    sorted.sort_by_key(|alert| std::cmp::Reverse(at(&alert.at)));
    let row = |alert: &&LiveAlert| {
        vec![
            Value::text(&alert.budget),
            moment(&alert.at, "%Y-%m-%d %H:%M", context),
            Value::text(format!("{} %", alert.threshold_percent)),
            usd(Some(alert.spent_usd)),
            usd(Some(alert.limit_usd)),
        ]
    };
    let mut section = section("Alerts".to_owned(), columns, sorted.iter().map(row).collect(), true);
    section.colors = sorted
        .iter()
        .map(|alert| if alert.threshold_percent >= 100 { Color::Red } else { Color::Yellow })
        .collect();
    section
}
