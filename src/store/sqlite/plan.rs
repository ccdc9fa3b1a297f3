//! Which cells a piece of time is made of: as few as there can be.

use std::ops::Range;

use crate::store::Level;

/// Stretches of time, in order, and what to read of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Cells of a level.
    pub(super) cells: Vec<(Level, Range<i64>)>,
    /// Single rows, where a quarter-hour is cut in two.
    pub(super) rows: Vec<Range<i64>>,
}

/// The coarsest first.
const LEVELS: [Level; 5] = [Level::FourWeeks, Level::Day, Level::SixHours, Level::Hour, Level::Quarter];

impl Plan {
    /// Covers what lies between times. No cell reaches over one of them.
    pub(super) fn of(cuts: &[i64]) -> Self {
        let mut plan = Self::default();
        for pair in cuts.windows(2) {
            plan.cover(pair[0]..pair[1], &LEVELS);
        }
        plan
    }

    fn cover(&mut self, time: Range<i64>, levels: &[Level]) {
        if time.is_empty() {
            return;
        }
        let Some((&level, finer)) = levels.split_first() else {
            extend(&mut self.rows, time);
            return;
        };
        let inside = first_from(level, time.start)..last_to(level, time.end);
        if inside.is_empty() {
            return self.cover(time, finer);
        }
        self.cover(time.start..inside.start, finer);
        match self.cells.last_mut() {
            Some((last, range)) if *last == level && range.end == inside.start => range.end = inside.end,
            _ => self.cells.push((level, inside.clone())),
        }
        self.cover(inside.end..time.end, finer);
    }
}

fn extend(ranges: &mut Vec<Range<i64>>, time: Range<i64>) {
    match ranges.last_mut() {
        Some(last) if last.end == time.start => last.end = time.end,
        _ => ranges.push(time),
    }
}

/// The start of the first cell from a time on. Before all time there is none to
/// be cut in two.
fn first_from(level: Level, ts: i64) -> i64 {
    match ts {
        i64::MIN => ts,
        _ => ts.checked_add(level.millis() - 1).map_or(i64::MAX, |ts| level.start_of(ts)),
    }
}

/// The end of the last cell up to a time.
fn last_to(level: Level, ts: i64) -> i64 {
    match ts {
        i64::MIN | i64::MAX => ts,
        _ => level.start_of(ts.max(i64::MIN + level.millis())),
    }
}

#[cfg(test)]
mod tests {
    use super::Plan;
    use crate::store::Level;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    #[test]
    fn a_long_range_is_made_of_long_cells() {
        let plan = Plan::of(&[i64::MIN, i64::MAX]);
        assert_eq!(plan.cells, [(Level::FourWeeks, i64::MIN..i64::MAX)]);
        let plan = Plan::of(&[27 * DAY + 17 * HOUR, 60 * DAY + HOUR / 4 + 1]);
        assert_eq!(
            plan.cells,
            [
                (Level::Hour, 27 * DAY + 17 * HOUR..27 * DAY + 18 * HOUR),
                (Level::SixHours, 27 * DAY + 18 * HOUR..28 * DAY),
                (Level::FourWeeks, 28 * DAY..56 * DAY),
                (Level::Day, 56 * DAY..60 * DAY),
                (Level::Quarter, 60 * DAY..60 * DAY + HOUR / 4),
            ]
        );
        assert_eq!(plan.rows[0], 60 * DAY + HOUR / 4..60 * DAY + HOUR / 4 + 1);
    }

    #[test]
    fn pieces_that_follow_each_other_are_read_together() {
        let hours: Vec<i64> = (0..48).map(|n| n * HOUR).collect();
        assert_eq!(Plan::of(&hours).cells, [(Level::Hour, 0..47 * HOUR)]);
        // Days of a half-hour zone: an hour in the middle of two is cut in two.
        let days: Vec<i64> = (0..3).map(|n| n * DAY + HOUR / 2).collect();
        let plan = Plan::of(&days);
        let halves = (Level::Quarter, DAY..DAY + HOUR);
        assert!(plan.cells.contains(&halves), "{plan:?}");
        assert_eq!(plan.cells.iter().filter(|cells| cells.0 == Level::SixHours).count(), 2, "{plan:?}");
        assert!(plan.rows.is_empty());
        assert_eq!(Plan::of(&[1, 5, 900_000]).rows[0], 1..900_000);
        assert_eq!(Plan::of(&[5]), Plan::default());
    }
}
