//! Where the axes of a chart are marked, and how the marks read.

use jiff::{Span, civil::Date, tz::TimeZone};

use super::{Metric, calendar};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How far marks on an axis of time are apart.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Minutes(i64),
    Days(i64),
    Months(i64),
}

const STEPS: [Step; 19] = [
    Step::Minutes(15),
    Step::Minutes(30),
    Step::Minutes(60),
    Step::Minutes(120),
    Step::Minutes(180),
    Step::Minutes(360),
    Step::Minutes(720),
    Step::Days(1),
    Step::Days(2),
    Step::Days(7),
    Step::Days(14),
    Step::Months(1),
    Step::Months(2),
    Step::Months(3),
    Step::Months(6),
    Step::Months(12),
    Step::Months(24),
    Step::Months(60),
    Step::Months(120),
];

impl Step {
    /// About how long it is.
    const fn millis(self) -> i64 {
        match self {
            Self::Minutes(n) => n * MINUTE,
            Self::Days(n) => n * DAY,
            Self::Months(n) => n * 30 * DAY,
        }
    }
}

/// At most about `most` marks on an axis from `since` to `until` (UTC
/// milliseconds): local midnights, hours, Mondays or first days of months, and
/// what each is called there.
#[must_use]
pub fn time_marks(tz: &TimeZone, since: i64, until: i64, most: usize) -> Vec<(i64, String)> {
    let length = until.saturating_sub(since);
    let most = i64::try_from(most.max(1)).unwrap_or(i64::MAX);
    let Some(step) = STEPS.into_iter().find(|step| length / step.millis() <= most).or(STEPS.last().copied())
    else {
        return Vec::new();
    };
    let mut marks = Vec::new();
    let mut day = first_day(tz, since, step);
    while let Some(start) = start_of(tz, day).filter(|&start| start < until) {
        let next = match step {
            Step::Minutes(_) => day.tomorrow().ok(),
            Step::Days(n) => day.checked_add(Span::new().days(n)).ok(),
            Step::Months(n) => day.checked_add(Span::new().months(n)).ok(),
        };
        match step {
            Step::Minutes(minutes) => within_day(tz, day, minutes, &mut marks),
            _ => marks.push((start, name(tz, start, step))),
        }
        let Some(next) = next else { break };
        day = next;
    }
    marks.retain(|(at, _)| (since..until).contains(at));
    marks
}

/// A day, not after `since`, that a mark is on.
fn first_day(tz: &TimeZone, since: i64, step: Step) -> Date {
    let date = calendar::local(tz, since).date();
    match step {
        Step::Days(n) if n >= 7 => calendar::local(tz, calendar::monday(tz, since)).date(),
        Step::Months(n) => {
            let first = date.first_of_month();
            let back = if n >= 12 {
                i64::from(first.month()) - 1 + 12 * (i64::from(first.year()).rem_euclid(n / 12))
            } else {
                (i64::from(first.month()) - 1) % n
            };
            first.checked_sub(Span::new().months(back)).unwrap_or(first)
        }
        _ => date,
    }
}

fn start_of(tz: &TimeZone, day: Date) -> Option<i64> {
    day.to_zoned_datetime(tz.clone()).ok().map(|start| start.timestamp().as_millisecond())
}

/// The marks of a day, by its clock: a time that it does not have is left out,
/// and one that it has twice is marked the first time.
fn within_day(tz: &TimeZone, day: Date, minutes: i64, marks: &mut Vec<(i64, String)>) {
    for minute in (0..24 * 60).step_by(usize::try_from(minutes).unwrap_or(60).max(15)) {
        let (hour, minute) = ((minute / 60) as i8, (minute % 60) as i8);
        let at = day.at(hour, minute, 0, 0);
        let Ok(zoned) = at.to_zoned_datetime(tz.clone()) else { continue };
        if zoned.hour() == hour && zoned.minute() == minute {
            let ts = zoned.timestamp().as_millisecond();
            marks.push((ts, name(tz, ts, Step::Minutes(minutes))));
        }
    }
}

fn name(tz: &TimeZone, ts: i64, step: Step) -> String {
    let at = calendar::local(tz, ts);
    let format = match step {
        Step::Minutes(_) if at.hour() == 0 && at.minute() == 0 => "%b %-d",
        Step::Minutes(_) => "%H:%M",
        Step::Days(_) => "%b %-d",
        Step::Months(n) if n >= 12 => "%Y",
        Step::Months(_) => "%b %Y",
    };
    at.strftime(format).to_string()
}

/// A range for people, in a zone, both ends named.
#[must_use]
pub fn range_name(tz: &TimeZone, since: i64, until: i64) -> String {
    let at = |ts| calendar::local(tz, ts).strftime("%Y-%m-%d %H:%M").to_string();
    format!("{} – {} {}", at(since), at(until), zone_name(tz))
}

/// What a zone is called.
#[must_use]
pub fn zone_name(tz: &TimeZone) -> String {
    if let Some(name) = tz.iana_name() {
        return name.to_owned();
    }
    tz.to_fixed_offset().map_or_else(|_| "local".to_owned(), |offset| offset.to_string())
}

/// Marks on an axis from 0 to at least `most`: round numbers, the last of them
/// at the axis' end. A share ends at 1.
#[must_use]
pub fn value_marks(metric: Metric, most: f64, about: usize) -> Vec<f64> {
    if metric == Metric::SuccessRate {
        let parts = if about >= 4 { 4 } else { 2 };
        return (0..=parts).map(|n| f64::from(n) / f64::from(parts)).collect();
    }
    let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
    let rough = most / about.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|n| n * power >= rough * 0.999).unwrap_or(10.0) * power;
    // Requests and tokens do not come in parts, and milliseconds are not shown in any.
    let whole = metric != Metric::Cost;
    let step = if whole { step.ceil().max(1.0) } else { step };
    let count = ((most / step) - 1e-9).ceil().max(1.0) as usize;
    (0..=count).map(|n| n as f64 * step).collect()
}

/// A value in the unit of its metric, short enough for an axis.
#[must_use]
pub fn value_name(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Cost if value != 0.0 && value < 0.01 => format!("${}", trimmed(value, 6)),
        Metric::Cost if value >= 10_000.0 => format!("${}", scaled(value)),
        Metric::Cost if value >= 100.0 => format!("${value:.0}"),
        Metric::Cost => format!("${value:.2}"),
        Metric::SuccessRate => format!("{} %", trimmed(value * 100.0, 1)),
        Metric::ResponseTime | Metric::ResponseTimeP95 | Metric::ResponseTimeP99 => {
            if value >= 1000.0 {
                format!("{} s", trimmed(value / 1000.0, 2))
            } else {
                format!("{} ms", trimmed(value, 0))
            }
        }
        _ => scaled(value),
    }
}

/// With a letter for thousands, millions and billions.
fn scaled(value: f64) -> String {
    for (size, letter) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if value >= size {
            return format!("{}{letter}", trimmed(value / size, if value / size < 100.0 { 1 } else { 0 }));
        }
    }
    trimmed(value, 1)
}

fn trimmed(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().map_or(0, Timestamp::as_millisecond)
    }

    #[test]
    fn marks_follow_the_clock_of_the_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        // The clocks go from 02:00 to 03:00: the day has 23 hours, and no 02:00.
        let marks = time_marks(&berlin, at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z"), 24);
        let names: Vec<&str> = marks.iter().map(|mark| mark.1.as_str()).collect();
        assert_eq!(&names[..4], ["Mar 29", "01:00", "03:00", "04:00"]);
        assert_eq!(names.len(), 23);
        // They go back from 03:00 to 02:00: the first 02:00 is marked.
        let marks = time_marks(&berlin, at("2026-10-24T22:00:00Z"), at("2026-10-25T23:00:00Z"), 25);
        assert_eq!(
            (marks[2].clone(), marks[3].0),
            ((at("2026-10-25T00:00:00Z"), "02:00".into()), at("2026-10-25T02:00:00Z"))
        );
        let kolkata = TimeZone::get("Asia/Kolkata").unwrap();
        let marks = time_marks(&kolkata, at("2026-08-01T00:00:00Z"), at("2026-08-31T00:00:00Z"), 5);
        assert_eq!(marks[0], (at("2026-08-02T18:30:00Z"), "Aug 3".into()), "Mondays");
    }

    #[test]
    fn there_are_never_many_more_marks_than_asked_for() {
        for days in [1, 3, 20, 100, 1000, 10_000] {
            let marks = time_marks(&TimeZone::UTC, 0, days * DAY, 8);
            assert!((1..=10).contains(&marks.len()), "{days}: {marks:?}");
        }
        assert_eq!(time_marks(&TimeZone::UTC, 0, 0, 8), []);
    }

    #[test]
    fn marks_of_values_are_round_and_reach_the_largest() {
        assert_eq!(value_marks(Metric::Cost, 0.9, 4), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(value_marks(Metric::Commands, 1.0, 4), [0.0, 1.0]);
        assert_eq!(value_marks(Metric::SuccessRate, 0.97, 2), [0.0, 0.5, 1.0]);
        for most in [1e-7, 0.3, 1.0, 7.0, 99.9, 12_345.0, 9e15] {
            let marks = value_marks(Metric::Cost, most, 4);
            assert!(*marks.last().unwrap() >= most && (2..=7).contains(&marks.len()), "{most}: {marks:?}");
        }
    }

    #[test]
    fn values_read_as_their_unit() {
        let named: Vec<String> = [
            (Metric::Cost, 0.0),
            (Metric::Cost, 0.00025),
            (Metric::Cost, 12.5),
            (Metric::Tokens, 1_500_000.0),
            (Metric::Commands, 12.0),
            (Metric::SuccessRate, 0.975),
            (Metric::ResponseTime, 1500.0),
        ]
        .map(|(metric, value)| value_name(metric, value))
        .into();
        assert_eq!(named, ["$0.00", "$0.00025", "$12.50", "1.5M", "12", "97.5 %", "1.5 s"]);
    }
}
