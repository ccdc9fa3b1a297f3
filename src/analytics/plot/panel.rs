//! One metric: bars for what adds up over time, a line for what does not.

use plotters::{
    backend::DrawingBackend,
    style::{
        RGBColor,
        text_anchor::{HPos, VPos},
    },
};

use super::{
    canvas::{Canvas, Text},
    draw::{Layout, SMALL},
    theme::Palette,
};
use crate::{
    Result,
    analytics::{Metric, Series, TimeSeriesQuery, value_marks, value_name},
};

/// Where a panel is.
pub(super) struct Panel {
    pub(super) left: i32,
    pub(super) right: i32,
    pub(super) legend: i32,
    pub(super) top: i32,
    pub(super) height: i32,
}

impl Panel {
    const fn bottom(&self) -> i32 {
        self.top + self.height
    }

    /// Where a value is on an axis that ends at `most`.
    fn y(&self, value: f64, most: f64) -> i32 {
        self.bottom() - ((value / most).clamp(0.0, 1.0) * f64::from(self.height)).round() as i32
    }
}

pub(super) fn panel<B: DrawingBackend>(
    canvas: &mut Canvas<B>,
    layout: &Layout,
    place: &Panel,
    series: &Series,
    query: &TimeSeriesQuery,
    palette: &Palette,
) -> Result<()> {
    let metric = series.metric;
    let color = palette.series(metric);
    let largest = series.points.iter().filter_map(|point| point.1).fold(0.0, f64::max);
    let marks = value_marks(metric, largest, (place.height / 45).max(2) as usize);
    let most = marks.last().copied().unwrap_or(1.0);
    let beside = Text { size: SMALL, color: palette.faint, across: HPos::Right, down: VPos::Center };
    for &mark in &marks {
        let y = place.y(mark, most);
        canvas.line(&[(place.left, y), (place.right, y)], 1, palette.grid)?;
        canvas.text(&value_name(metric, mark), (place.left - 8, y), beside)?;
    }
    // A bucket without any request has no success rate, and hides nothing.
    let hides = metric == Metric::Cost && series.points.iter().any(|point| point.1.is_none());
    if hides {
        for &(start, _) in series.points.iter().filter(|point| point.1.is_none()) {
            let end = query.bucket.next(&query.tz, start);
            let to = layout.x(end).max(layout.x(start) + 1);
            canvas.fill((layout.x(start), place.top), (to, place.bottom()), palette.unknown)?;
        }
    }
    if metric.adds_up() {
        bars(canvas, layout, place, series, query, (most, color))?;
    } else {
        line(canvas, layout, place, series, query, (most, color))?;
    }
    canvas.line(&[(place.left, place.bottom()), (place.right, place.bottom())], 1, palette.faint)?;
    legend(canvas, place, series, palette, hides)
}

/// A bar a bucket, from its start to its end; at least as wide as a pixel.
fn bars<B: DrawingBackend>(
    canvas: &mut Canvas<B>,
    layout: &Layout,
    place: &Panel,
    series: &Series,
    query: &TimeSeriesQuery,
    (most, color): (f64, RGBColor),
) -> Result<()> {
    let mut covered: Option<(i32, i32, i32)> = None;
    let mut done = Vec::with_capacity(series.points.len().min(1 << 10));
    for &(start, value) in &series.points {
        let Some(value) = value.filter(|value| *value > 0.0) else { continue };
        let (from, end) = (layout.x(start), layout.x(query.bucket.next(&query.tz, start)));
        let gap = i32::from(end - from >= 4);
        // What is there is seen, however little it is.
        let top = place.y(value, most).min(place.bottom() - 1);
        match &mut covered {
            // Of buckets that share a pixel, the largest is seen.
            Some((left, _, height)) if *left == from => *height = (*height).min(top),
            _ => done.extend(covered.replace((from, (end - gap).max(from + 1), top))),
        }
    }
    done.extend(covered);
    for (from, to, top) in done {
        canvas.fill((from, top), (to, place.bottom()), color)?;
    }
    Ok(())
}

/// A line through the middles of the buckets, broken where nothing is known. A
/// bucket between two of those is a dot.
fn line<B: DrawingBackend>(
    canvas: &mut Canvas<B>,
    layout: &Layout,
    place: &Panel,
    series: &Series,
    query: &TimeSeriesQuery,
    (most, color): (f64, RGBColor),
) -> Result<()> {
    for part in series.points.split(|point| point.1.is_none()) {
        let mut points: Vec<(i32, i32)> = part
            .iter()
            .filter_map(|&(start, value)| {
                let middle = start.midpoint(query.bucket.next(&query.tz, start));
                Some((layout.x(middle), place.y(value?, most)))
            })
            .collect();
        thin_out(&mut points);
        match &points[..] {
            [] => {}
            [one] => canvas.dot(*one, 3, color)?,
            many => canvas.line(many, 2, color)?,
        }
    }
    Ok(())
}

/// Of points above each other, only the first, the last and the outermost are
/// seen.
fn thin_out(points: &mut Vec<(i32, i32)>) {
    let mut kept: Vec<(i32, i32)> = Vec::with_capacity(points.len().min(1 << 12));
    for column in points.chunk_by(|a, b| a.0 == b.0) {
        let heights = || column.iter().map(|point| point.1);
        let (Some(low), Some(high)) = (heights().min(), heights().max()) else { continue };
        let x = column[0].0;
        let ends = [column[0].1, low, high, column[column.len() - 1].1];
        kept.extend(ends.map(|y| (x, y)));
    }
    kept.dedup();
    *points = kept;
}

fn legend<B: DrawingBackend>(
    canvas: &mut Canvas<B>,
    place: &Panel,
    series: &Series,
    palette: &Palette,
    hides: bool,
) -> Result<()> {
    let metric = series.metric;
    let text = Text { size: SMALL, color: palette.text, across: HPos::Left, down: VPos::Center };
    let middle = place.legend + 10;
    let mut x = place.left;
    let mut entry = |canvas: &mut Canvas<B>, color: RGBColor, words: &str| -> Result<()> {
        canvas.fill((x, middle - 5), (x + 10, middle + 5), color)?;
        canvas.text(words, (x + 16, middle), text)?;
        x += 16 + canvas.width(words, text)? + 24;
        Ok(())
    };
    // The values of the others come with their unit, or are counts.
    let name = match metric {
        Metric::Cost => format!("{} ({})", metric.title(), metric.unit()),
        _ => metric.title().to_owned(),
    };
    let said = match series.total {
        None => format!("{name}: no data"),
        Some(total) if metric.adds_up() && total == 0.0 => format!("{name}: none in this range"),
        Some(total) => format!("{name}: {} in all", value_name(metric, total)),
    };
    entry(canvas, palette.series(metric), &said)?;
    if hides {
        entry(canvas, palette.unknown, "cost unknown")?;
    }
    Ok(())
}
