//! Where local hours, days, weeks and months begin.

use jiff::{
    Span, Timestamp, ZonedDateTime,
    civil::{Date, Weekday},
    tz::TimeZone,
};

/// A moment (UTC milliseconds) in a zone. What lies beyond the calendar is its end.
pub(super) fn local(tz: &TimeZone, ts: i64) -> ZonedDateTime {
    let end = if ts < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(ts).unwrap_or(end).to_zoned_datetime(tz.clone())
}

/// Where a day starts: midnight, or the first moment after it where the clocks
/// jump over midnight.
fn start_of(date: Date, tz: &TimeZone, otherwise: i64) -> i64 {
    date.to_zoned_datetime(tz.clone()).map_or(otherwise, |start| start.timestamp().as_millisecond())
}

/// The start of the local day of `ts`, or of the day so many days later.
pub(crate) fn midnight(tz: &TimeZone, ts: i64, days: i64) -> i64 {
    let date = local(tz, ts).date();
    let end = if days < 0 { i64::MIN } else { i64::MAX };
    match days {
        0 => start_of(date, tz, ts),
        _ => date.checked_add(Span::new().days(days)).map_or(end, |date| start_of(date, tz, end)),
    }
}

/// The start of the local week of `ts`; weeks start on Monday.
pub(crate) fn monday(tz: &TimeZone, ts: i64) -> i64 {
    let back = local(tz, ts).date().weekday().since(Weekday::Monday);
    midnight(tz, ts, -i64::from(back))
}

/// How many days the local day of `ts` is after a Monday, the same for all.
pub(super) fn days_since_a_monday(tz: &TimeZone, ts: i64) -> i64 {
    let monday = Date::constant(1970, 1, 5);
    i64::from((local(tz, ts).date() - monday).get_days())
}

/// The start of the local month of `ts`.
pub(crate) fn month(tz: &TimeZone, ts: i64) -> i64 {
    start_of(local(tz, ts).date().first_of_month(), tz, ts)
}

/// The start of the local hour of `ts`: where the clocks change within an hour,
/// its later part starts at the change.
pub(super) fn hour(tz: &TimeZone, ts: i64) -> i64 {
    let at = local(tz, ts);
    let start =
        ts - (i64::from(at.minute()) * 60_000 + i64::from(at.second()) * 1000 + i64::from(at.millisecond()));
    if local(tz, start).offset() == at.offset() {
        return start;
    }
    let after = at.timestamp().checked_add(Span::new().milliseconds(1)).unwrap_or(Timestamp::MAX);
    tz.preceding(after).next().map_or(start, |change| change.timestamp().as_millisecond())
}

/// The start of the local hour after the one that starts at `start`.
pub(super) fn next_hour(tz: &TimeZone, start: i64) -> i64 {
    const HOUR: i64 = 3_600_000;
    let at = local(tz, start);
    let into = i64::from(at.minute()) * 60_000 + i64::from(at.second()) * 1000 + i64::from(at.millisecond());
    let next = start.saturating_add(HOUR - into);
    let change = tz.following(at.timestamp()).next().map(|change| change.timestamp().as_millisecond());
    change.filter(|&change| start < change && change < next).unwrap_or(next)
}
