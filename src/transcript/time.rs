//! Times as transcripts write them.

/// Reads an RFC 3339 time as UTC milliseconds.
pub(super) fn parse_millis(text: &str) -> Option<i64> {
    written_by_javascript(text.as_bytes())
        .or_else(|| text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond))
}

/// `2026-03-29T07:00:00.000Z`, which nearly all of them are.
fn written_by_javascript(text: &[u8]) -> Option<i64> {
    let text: &[u8; 24] = text.try_into().ok()?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
    if marks.into_iter().any(|(at, mark)| text[at] != mark) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        text[range].iter().try_fold(0_i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second, milli) = (number(11..13)?, number(14..16)?, number(17..19)?, number(20..23)?);
    // What is out of the ordinary is left to the library.
    if !(1..=12).contains(&month) || !(1..=28).contains(&day) && day > days_in(year, month) || day == 0 {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1000 + milli)
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the proleptic Gregorian calendar; for years from 0.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March have their leap day at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    before + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_agrees_with_the_library() {
        for days in (0..3_000_000).step_by(13) {
            let millis = (days - 719_528) * 86_400_000 + (days * 7_919 + 123) % 86_400_000;
            let written = jiff::Timestamp::from_millisecond(millis).unwrap();
            let text = format!("{written:.3}");
            if text.len() == 24 {
                assert_eq!(written_by_javascript(text.as_bytes()), Some(millis), "{text}");
            }
        }
    }

    #[test]
    fn other_ways_to_write_it_and_nonsense() {
        assert_eq!(parse_millis("2026-03-29T09:00:00+02:00"), Some(1_774_767_600_000));
        assert_eq!(parse_millis("2026-03-29T07:00:00Z"), Some(1_774_767_600_000));
        for nonsense in ["2026-02-30T00:00:00.000Z", "2026-13-01T00:00:00.000Z", "yesterday", "", "2026-03-29"] {
            assert_eq!(parse_millis(nonsense), None, "{nonsense}");
        }
    }
}
