//! A profile on the terminal: a waterfall.

use std::{
    io::{Write, stdout},
    time::Duration,
};

use claude_cli::measure::{Phase, Profile, Trace};
use serde_json::{Map, Value as Json, json};

use crate::{
    context::Context,
    output::{Column, Format, Report, Value, thousands},
};

/// The bars are no narrower, nor wider.
const BARS: (usize, usize) = (12, 80);

pub(super) fn show(profile: &Profile, typical: Option<&Trace>, context: &Context) -> anyhow::Result<()> {
    let stream = typical.and_then(figures_of_stream);
    let mut report = report(profile);
    report.json["stream"] = json!(stream);
    report.lines = vec![report.json.clone()];
    let format = context.format();
    if matches!(format, Format::Table | Format::Markdown) {
        let room = if format == Format::Table { report.room_within(context.width()) } else { BARS.1 };
        add_bars(&mut report, profile, room.saturating_sub(3).clamp(BARS.0, BARS.1));
    }
    report.write(format, context.width())?;
    if format == Format::Table {
        writeln!(stdout(), "{}", words(profile, stream.as_ref()))?;
    }
    Ok(())
}

fn add_bars(report: &mut Report, profile: &Profile, width: usize) {
    let whole = profile.phases.first().and_then(|phase| phase.spans.first()).map_or(Duration::ZERO, |span| span.1);
    report.columns.push(Column { name: "waterfall", title: "", right: false, optional: false });
    for (row, phase) in report.rows.iter_mut().zip(&profile.phases) {
        row.push(Value::text(bar(phase, whole, width)));
    }
    if let Some(totals) = &mut report.totals {
        totals.push(Value::default());
    }
}

fn report(profile: &Profile) -> Report {
    let column = |name, title, right, optional| Column { name, title, right, optional };
    let mut columns = vec![
        column("phase", "Phase", false, false),
        column("ms", "Time", true, false),
        column("share", "Share", true, false),
    ];
    let many = profile.runs > 1;
    if many {
        columns.extend([column("min_ms", "Least", true, true), column("max_ms", "Most", true, true)]);
    }
    let counted = profile.phases.iter().any(|phase| phase.allocated.is_some());
    if counted {
        columns.push(column("allocations", "Allocations", true, true));
    }
    let whole = profile.wall.median;
    let rows = profile.phases.iter().map(|phase| {
        let mut row = vec![name(phase), time(phase.time.median), share(phase.time.median, whole)];
        if many {
            row.extend([time(phase.time.least), time(phase.time.most)]);
        }
        if counted {
            row.push(phase.allocated.map_or_else(Value::default, |(count, _)| count_of(count)));
        }
        row
    });
    let rows = rows.collect();
    let mut totals =
        vec![Value::text("in no phase"), time(profile.no_phase.median), share(profile.no_phase.median, whole)];
    if many {
        totals.extend([time(profile.no_phase.least), time(profile.no_phase.most)]);
    }
    if counted {
        totals.push(Value::default());
    }
    Report { columns, rows, totals: Some(totals), json: profile.to_json(), lines: Vec::new() }
}

/// Its name, below what it is a part of.
fn name(phase: &Phase) -> Value {
    let depth = phase.path.len() - 1;
    // A space that no table takes for one to be cut off.
    let mut shown = "\u{a0}\u{a0}".repeat(depth);
    shown.push_str(phase.name());
    if phase.beside && depth == 0 {
        shown.push_str(" (beside)");
    }
    let beside = if phase.beside { "beside/" } else { "" };
    Value { shown, raw: format!("{beside}{}", phase.path.join("/")) }
}

fn time(time: Duration) -> Value {
    let ms = time.as_secs_f64() * 1e3;
    let shown = match ms {
        ms if ms >= 10_000.0 => format!("{:.2} s", ms / 1e3),
        ms if ms >= 100.0 => format!("{ms:.0} ms"),
        ms if ms >= 1.0 => format!("{ms:.1} ms"),
        ms => format!("{:.0} µs", ms * 1e3),
    };
    Value { shown, raw: ms.to_string() }
}

fn share(part: Duration, whole: Duration) -> Value {
    if whole.is_zero() {
        return Value::default();
    }
    let share = part.as_secs_f64() / whole.as_secs_f64();
    Value { shown: format!("{:.1}%", share * 100.0), raw: share.to_string() }
}

fn count_of(n: u64) -> Value {
    Value { shown: thousands(i64::try_from(n).unwrap_or(i64::MAX)), raw: n.to_string() }
}

/// When a phase ran, over the whole time: a column is full if it ran in any of it.
fn bar(phase: &Phase, whole: Duration, width: usize) -> String {
    let mut columns = vec!['·'; width];
    if whole.is_zero() || phase.spans.is_empty() {
        // Only its sum is known.
        return String::new();
    }
    let at = |time: Duration| (time.as_secs_f64() / whole.as_secs_f64() * width as f64).clamp(0.0, width as f64);
    for (start, end) in &phase.spans {
        let first = (at(*start) as usize).min(width - 1);
        let last = (at(*end).ceil() as usize).clamp(first + 1, width);
        columns[first..last].fill('█');
    }
    columns.into_iter().collect()
}

/// What the reading of a stream was like, as its end told.
fn figures_of_stream(trace: &Trace) -> Option<Map<String, Json>> {
    let moment = trace.moment_with("most_behind")?;
    let figure = |name: &str| moment.fields.iter().find(|(field, _)| *field == name)?.1.as_float();
    let names = ["messages", "most_behind", "buffer", "waits_for_reader", "read_per_second"];
    Some(names.into_iter().map(|name| (name.to_owned(), json!(figure(name)))).collect())
}

fn words(profile: &Profile, stream: Option<&Map<String, Json>>) -> String {
    let mut words = Vec::new();
    let memory = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    if profile.runs > 1 {
        words.push(format!("medians of {} runs", profile.runs));
    }
    words.extend(profile.own_peak.map(|bytes| format!("peak memory {}", memory(bytes))));
    words.extend(profile.child_peak.map(|bytes| format!("of the program {}", memory(bytes))));
    if let Some(stream) = stream {
        let figure = |name: &str| stream.get(name).and_then(Json::as_f64).unwrap_or_default();
        words.push(format!(
            "{:.0} messages, at most {:.0} of {:.0} waiting to be read, {:.0} waits for their reader",
            figure("messages"),
            figure("most_behind"),
            figure("buffer"),
            figure("waits_for_reader"),
        ));
    }
    words.join(" · ")
}
