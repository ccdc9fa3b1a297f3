//! Where everything is on a picture: the title, a panel a metric, the axis of time.

use plotters::{
    backend::DrawingBackend,
    style::text_anchor::{HPos, VPos},
};

use super::{
    canvas::{Canvas, Text},
    panel::{Panel, panel},
    theme::Palette,
};
use crate::{
    Result,
    analytics::{TimeSeries, range_name, time_marks, zone_name},
};

const WIDTH: i32 = 960;
const LEFT: i32 = 76;
const RIGHT: i32 = 20;
const TITLE: i32 = 30;
const SUBTITLE: i32 = 54;
const TOP: i32 = 78;
const LEGEND: i32 = 26;
const GAP: i32 = 14;
const BOTTOM: i32 = 58;
/// So wide is the name of a mark, with room around it.
const MARK: i32 = 80;
pub(super) const SMALL: i32 = 12;

/// The measures of a picture.
pub(super) struct Layout {
    panels: i32,
    height: i32,
    /// The axis of time: the start of the first bucket and the end of the last.
    since: i64,
    until: i64,
}

impl Layout {
    pub(super) fn of(series: &TimeSeries) -> Self {
        let panels = i32::try_from(series.series.len()).unwrap_or(i32::MAX).clamp(1, 16);
        let height = match panels {
            1 => 300,
            2 => 200,
            _ => 140,
        };
        let query = &series.query;
        let starts = series.series.first().map(|series| &series.points[..]).unwrap_or_default();
        let since = starts.first().map_or(query.since, |point| point.0);
        let until = starts.last().map_or(query.until, |point| query.bucket.next(&query.tz, point.0));
        Self { panels, height, since, until: until.max(since + 1) }
    }

    pub(super) fn size(&self) -> (u32, u32) {
        let height = TOP + self.panels * (LEGEND + self.height) + (self.panels - 1) * GAP + BOTTOM;
        (WIDTH as u32, height as u32)
    }

    /// Where a time is.
    pub(super) fn x(&self, ts: i64) -> i32 {
        let share = (ts - self.since) as f64 / (self.until - self.since) as f64;
        LEFT + (share * f64::from(WIDTH - LEFT - RIGHT)).round() as i32
    }
}

pub(super) fn draw<B: DrawingBackend>(
    canvas: &mut Canvas<B>,
    layout: &Layout,
    series: &TimeSeries,
    title: &str,
    palette: &Palette,
) -> Result<()> {
    let (width, height) = layout.size();
    canvas.fill((0, 0), (width as i32, height as i32), palette.background)?;
    let text = |size, color, across, down| Text { size, color, across, down };
    let head = text(18, palette.text, HPos::Left, VPos::Bottom);
    canvas.text(&fitting(canvas, title, head, WIDTH - 2 * RIGHT)?, (RIGHT, TITLE), head)?;
    let query = &series.query;
    let range = range_name(&query.tz, query.since, query.until);
    canvas.text(&range, (RIGHT, SUBTITLE), text(SMALL, palette.faint, HPos::Left, VPos::Bottom))?;

    let marks = time_marks(&query.tz, layout.since, layout.until, ((WIDTH - LEFT - RIGHT) / MARK) as usize);
    let mut top = TOP;
    let mut bottom = top;
    for one in &series.series {
        let place =
            Panel { left: LEFT, right: WIDTH - RIGHT, legend: top, top: top + LEGEND, height: layout.height };
        bottom = place.top + layout.height;
        for (at, _) in &marks {
            let x = layout.x(*at);
            canvas.line(&[(x, place.top), (x, bottom)], 1, palette.grid)?;
        }
        panel(canvas, layout, &place, one, query, palette)?;
        top = bottom + GAP;
    }
    let below = text(SMALL, palette.faint, HPos::Center, VPos::Top);
    for (at, name) in &marks {
        let x = layout.x(*at);
        canvas.line(&[(x, bottom), (x, bottom + 4)], 1, palette.faint)?;
        canvas.text(name, (x, bottom + 9), below)?;
    }
    let zone = format!("Time ({})", zone_name(&query.tz));
    canvas.text(&zone, ((LEFT + WIDTH - RIGHT) / 2, bottom + 32), below)?;
    canvas.finish()
}

/// As much of a text as there is room for.
fn fitting<B: DrawingBackend>(canvas: &Canvas<B>, words: &str, text: Text, room: i32) -> Result<String> {
    let mut shown = words.to_owned();
    while !shown.is_empty() && canvas.width(&shown, text)? > room {
        shown.pop();
        if shown.ends_with('…') {
            shown.pop();
        }
        shown.push('…');
    }
    Ok(shown)
}
