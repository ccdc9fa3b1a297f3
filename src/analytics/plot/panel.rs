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
    let before = series.previous.as_ref().map(|before| &before.points[..]).unwrap_or_default();
    let largest = series.points.iter().chain(before).filter_map(|point| point.1).fold(0.0, f64::max);
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
    overlays(canvas, layout, place, series, query, (most, palette))?;
    canvas.line(&[(place.left, place.bottom()), (place.right, place.bottom())], 1, palette.faint)?;
    legend(canvas, place, series, query, palette, hides)
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
    let places =
        series.points.iter().map(|&(start, value)| Some((middle(layout, query, start), place.y(value?, most))));
    broken(canvas, &places.collect::<Vec<_>>(), 2, color)
}

fn middle(layout: &Layout, query: &TimeSeriesQuery, start: i64) -> i32 {
    layout.x(start.midpoint(query.bucket.next(&query.tz, start)))
}

/// A line that is broken where there is no point.
fn broken<B: DrawingBackend>(
    canvas: &mut Canvas<B>,
    places: &[Option<(i32, i32)>],
    width: u32,
    color: RGBColor,
) -> Result<()> {
    for part in places.split(Option::is_none) {
        let mut points: Vec<(i32, i32)> = part.iter().copied().flatten().collect();
        thin_out(&mut points);
        match &points[..] {
            [] => {}
            [one] => canvas.dot(*one, width + 1, color)?,
            many => canvas.line(many, width, color)?,
        }
    }
    Ok(())
}

/// What was asked for beside the values: the period before, a moving average,
/// and marks on what stands out.
fn overlays<B: DrawingBackend>(
    canvas: &mut Canvas<B>,
    layout: &Layout,
    place: &Panel,
    series: &Series,
    query: &TimeSeriesQuery,
    (most, palette): (f64, &Palette),
) -> Result<()> {
    let at = |n: usize, value: Option<f64>| {
        let (start, _) = series.points.get(n)?;
        Some((middle(layout, query, *start), place.y(value?, most)))
    };
    if let Some(before) = &series.previous {
        let places: Vec<_> = before.points.iter().enumerate().map(|(n, point)| at(n, point.1)).collect();
        broken(canvas, &places, 1, palette.faint)?;
    }
    if let Some(average) = &series.moving_average {
        let places: Vec<_> = average.iter().enumerate().map(|(n, &value)| at(n, value)).collect();
        broken(canvas, &places, 1, palette.text)?;
    }
    for &n in series.anomalies.iter().flatten() {
        if let Some(point) = series.points.get(n).and_then(|point| at(n, point.1)) {
            canvas.dot(point, 5, palette.text)?;
            canvas.dot(point, 3, palette.background)?;
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
    query: &TimeSeriesQuery,
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
    if let Some(before) = &series.previous {
        let total = before.total.map_or_else(|| "no data".to_owned(), |total| value_name(metric, total));
        entry(canvas, palette.faint, &format!("period before: {total}"))?;
    }
    if let Some(width) = query.moving_average.filter(|_| series.moving_average.is_some()) {
        entry(canvas, palette.text, &format!("mean of {width} buckets"))?;
    }
    if let Some(anomalies) = series.anomalies.as_ref().filter(|found| !found.is_empty()) {
        entry(canvas, palette.text, &format!("{} stand out (circles)", anomalies.len()))?;
    }
    Ok(())
}
