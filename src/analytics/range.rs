//! Ranges of time as people write them.

use jiff::{
    Span, Timestamp, ZonedDateTime,
    civil::{Date, DateTime},
    tz::{Offset, TimeZone},
};

use crate::{Error, Result};

/// A range of time in a zone, `since` inclusive and `until` exclusive.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeRange {
    /// UTC milliseconds; `None` for everything up to `until`.
    pub since: Option<i64>,
    /// UTC milliseconds; `None` for everything from `since` on.
    pub until: Option<i64>,
    /// The zone whose days, weeks and months count.
    pub tz: TimeZone,
}

impl TimeRange {
    /// All of time.
    #[must_use]
    pub const fn all(tz: TimeZone) -> Self {
        Self { since: None, until: None, tz }
    }

    /// Reads the two ends of a range.
    ///
    /// Accepted are dates (`2026-08-01`; as an end, the whole day counts),
    /// times (`2026-08-01T10:00`, with an offset or `Z` if another zone than
    /// `tz` is meant), `now`, `today`, `yesterday`, and spans before `now` in
    /// minutes, hours, days or weeks (`90m`, `24h`, `7d`, `2w`).
    ///
    /// # Errors
    /// [`Error::Invalid`] if a text is none of these, or the range is empty.
    pub fn parse(since: Option<&str>, until: Option<&str>, now: Timestamp, tz: TimeZone) -> Result<Self> {
        let now = now.to_zoned_datetime(tz.clone());
        let since = since.map(|text| edge(text, &now, false)).transpose()?;
        let until = until.map(|text| edge(text, &now, true)).transpose()?;
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            return Err(Error::Invalid("the range is empty: --since is not before --until".to_owned()));
        }
        Ok(Self { since, until, tz })
    }

    /// Whether a time is in it.
    #[must_use]
    pub fn contains(&self, ts: i64) -> bool {
        self.since.is_none_or(|since| ts >= since) && self.until.is_none_or(|until| ts < until)
    }
}

/// Reads a zone: an IANA name, `UTC`, `local`, or an offset such as `+05:30`.
///
/// # Errors
/// [`Error::Invalid`] if there is no such zone.
pub fn parse_zone(name: &str) -> Result<TimeZone> {
    if name.eq_ignore_ascii_case("local") {
        return Ok(TimeZone::system());
    }
    if let Some(offset) = offset(name) {
        return Ok(TimeZone::fixed(offset));
    }
    TimeZone::get(name).map_err(|_| {
        Error::Invalid(format!("`{name}` is no time zone: use a name such as Europe/Berlin, UTC, local or +05:30"))
    })
}

fn offset(text: &str) -> Option<Offset> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text[1..].split_once(':').unwrap_or((&text[1..], "0"));
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    if !(0..60).contains(&minutes) {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// One end of a range. As the end of a range a day counts to its last moment.
fn edge(text: &str, now: &ZonedDateTime, end: bool) -> Result<i64> {
    let text = text.trim();
    let invalid = || {
        Error::Invalid(format!(
            "`{text}` is no time: use a date (2026-08-01), a time (2026-08-01T10:00), a span before now (90m, 24h, \
             7d, 2w), now, today or yesterday"
        ))
    };
    let day = |date: Date| -> Result<i64> {
        let date = if end { date.tomorrow().map_err(|_| invalid())? } else { date };
        let start = date.to_zoned_datetime(now.time_zone().clone()).map_err(|_| invalid())?;
        Ok(start.timestamp().as_millisecond())
    };
    match text {
        "now" => return Ok(now.timestamp().as_millisecond() + i64::from(end)),
        "today" => return day(now.date()),
        "yesterday" => return day(now.date().yesterday().map_err(|_| invalid())?),
        _ => {}
    }
    if let Some(span) = ago(text) {
        return now.checked_sub(span).map(|at| at.timestamp().as_millisecond()).map_err(|_| invalid());
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.as_millisecond());
    }
    if text.len() <= 10 {
        return day(text.parse::<Date>().map_err(|_| invalid())?);
    }
    let at: DateTime = text.parse().map_err(|_| invalid())?;
    let at = at.to_zoned_datetime(now.time_zone().clone()).map_err(|_| invalid())?;
    Ok(at.timestamp().as_millisecond())
}

fn ago(text: &str) -> Option<Span> {
    let unit = text.chars().last()?;
    let count: i64 = text[..text.len() - unit.len_utf8()].parse().ok().filter(|n| (0..1_000_000).contains(n))?;
    match unit {
        'm' => Some(Span::new().minutes(count)),
        'h' => Some(Span::new().hours(count)),
        'd' => Some(Span::new().days(count)),
        'w' => Some(Span::new().weeks(count)),
        _ => None,
    }
}
