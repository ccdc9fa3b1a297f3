//! Series as lines, one below the other over the same axis of time.

use claude_cli::analytics::{Series, TimeSeries, range_name, value_marks, value_name};
use jiff::{Timestamp, tz::TimeZone};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Style},
    symbols::Marker,
    text::Line,
    widgets::{Axis, Chart, Dataset, GraphType, Widget},
};

use super::color;

/// Lines of text a series takes, its title and the axis of time included.
const HEIGHT: u16 = 12;
/// A mark on the axis of time, and a space on either side.
const MARK: u16 = 14;

/// Draws all series to a width.
pub(crate) fn lines(answer: &TimeSeries, width: u16) -> Buffer {
    let count = u16::try_from(answer.series.len()).unwrap_or(u16::MAX);
    let mut screen = Buffer::empty(Rect::new(0, 0, width, (HEIGHT + 1).saturating_mul(count).saturating_sub(1)));
    for (n, series) in answer.series.iter().enumerate() {
        let top = n as u16 * (HEIGHT + 1);
        let query = &answer.query;
        let range = range_name(&query.tz, query.since, query.until);
        let title = format!("{} ({}), {range}", series.metric.title(), series.metric.unit());
        Line::styled(title, color(series.metric)).render(Rect::new(0, top, width, 1), &mut screen);
        let place = Rect::new(0, top + 1, width, HEIGHT - 1);
        draw(series, (query.since, query.until), &query.tz, place, &mut screen);
    }
    screen
}

fn draw(series: &Series, (since, until): (i64, i64), tz: &TimeZone, place: Rect, screen: &mut Buffer) {
    let x = |ts: i64| (ts - since) as f64;
    let parts: Vec<Vec<(f64, f64)>> = series
        .points
        .split(|point| point.1.is_none())
        .map(|part| part.iter().filter_map(|&(start, value)| Some((x(start.max(since)), value?))).collect())
        .filter(|part: &Vec<_>| !part.is_empty())
        .collect();
    // A line is broken where nothing is known; what stands alone is a dot.
    let datasets = parts.iter().map(|part| {
        let kind = if part.len() == 1 { GraphType::Scatter } else { GraphType::Line };
        Dataset::default().marker(Marker::Braille).graph_type(kind).style(color(series.metric)).data(part)
    });
    let largest = series.points.iter().filter_map(|point| point.1).fold(0.0, f64::max);
    let values = value_marks(series.metric, largest, 2);
    let most = values.last().copied().unwrap_or(1.0);
    let marks = usize::from((place.width / MARK).clamp(2, 9));
    let moments =
        (0..marks).map(|n| moment(tz, since + (until - since) / (marks as i64 - 1) * n as i64, until - since));
    let faint = Style::new().fg(Color::Reset).dim();
    Chart::new(datasets.collect())
        .x_axis(Axis::default().style(faint).bounds([0.0, x(until)]).labels(moments))
        .y_axis(
            Axis::default()
                .style(faint)
                .bounds([0.0, most])
                .labels(values.iter().map(|&value| value_name(series.metric, value))),
        )
        .legend_position(None)
        .render(place, screen);
}

/// A moment on the axis: by the clock within two days, else by the date.
fn moment(tz: &TimeZone, ts: i64, length: i64) -> String {
    const TWO_DAYS: i64 = 2 * 86_400_000;
    const TWO_YEARS: i64 = 730 * 86_400_000;
    let format = match length {
        n if n <= TWO_DAYS => "%H:%M",
        n if n <= TWO_YEARS => "%b %-d",
        _ => "%b %Y",
    };
    Timestamp::from_millisecond(ts)
        .map_or_else(|_| ts.to_string(), |at| at.to_zoned_datetime(tz.clone()).strftime(format).to_string())
}
