//! Charts as inline SVG, coloured by the page's style sheet.

use std::fmt::Write;

/// The size of a chart, and its margins, in units of its view box.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = 26.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 40.0;

/// A line of a chart; `None` is a gap in it.
pub(super) struct Line {
    pub(super) name: &'static str,
    /// Which colour of the page.
    pub(super) class: &'static str,
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// A chart.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) x_title: &'a str,
    pub(super) unit: &'a str,
    pub(super) lines: Vec<Line>,
    /// Marks on the x axis and their names; round ones from zero if there are none.
    pub(super) x_marks: Vec<(f64, String)>,
}

/// A number with as many digits as are of use.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size == 0.0 => "0".to_owned(),
        _ if size >= 1e6 => format!("{:.1}M", value / 1e6),
        _ if size >= 1e4 => format!("{:.0}k", value / 1e3),
        _ if size >= 100.0 => format!("{value:.0}"),
        _ if size >= 1.0 => format!("{value:.1}").trim_end_matches(".0").to_owned(),
        _ => format!("{value:.3}").trim_end_matches('0').to_owned(),
    }
}

/// Text within HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(letter),
        }
    }
    out
}

/// Round values from zero to at least this one, four to six of them.
fn marks(most: f64) -> Vec<f64> {
    if most <= 0.0 || !most.is_finite() {
        return vec![0.0, 1.0];
    }
    let raw = most / 4.0;
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= raw).unwrap_or(raw);
    let count = (most / step).ceil() as u32;
    (0..=count).map(|n| f64::from(n) * step).collect()
}

impl Chart<'_> {
    fn range(&self) -> (f64, f64, f64) {
        let xs = || self.lines.iter().flat_map(|line| line.points.iter().map(|point| point.0));
        let ys = self.lines.iter().flat_map(|line| line.points.iter().filter_map(|point| point.1));
        let (low, high) = (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
        // Named marks have an axis of their own; all else begins at zero.
        let low = if self.x_marks.is_empty() { 0.0 } else { low };
        (low, if high > low { high } else { low + 1.0 }, ys.fold(0.0, f64::max))
    }

    /// The chart as a figure; nothing if there is nothing to draw.
    pub(super) fn draw(&self, out: &mut String) {
        if self.lines.iter().all(|line| line.points.iter().all(|point| point.1.is_none())) {
            return;
        }
        let (low, high, most) = self.range();
        let y_marks = marks(most);
        let top = y_marks.last().copied().unwrap_or(1.0);
        let x = |value: f64| LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
        let title = escaped(self.title);
        let unit =
            if self.unit.is_empty() { String::new() } else { format!(" <span>{}</span>", escaped(self.unit)) };
        let _ = write!(
            out,
            "<figure><figcaption>{title}{unit}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-label=\"{title}\">"
        );
        for mark in &y_marks {
            let at = y(*mark);
            let _ = write!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{:.1}\"/><text class=\"mark\" x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                at + 4.0,
                number(*mark)
            );
        }
        let round = || marks(high).into_iter().filter(|at| *at <= high).map(|at| (at, number(at)));
        let x_marks = if self.x_marks.is_empty() { round().collect() } else { self.x_marks.clone() };
        for (at, name) in x_marks {
            let _ = write!(
                out,
                "<text class=\"mark\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                x(at),
                HEIGHT - BOTTOM + 18.0,
                escaped(&name)
            );
        }
        let _ = write!(
            out,
            "<text class=\"title\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            HEIGHT - 4.0,
            escaped(self.x_title)
        );
        for line in &self.lines {
            let _ = write!(out, "<path class=\"line {}\" d=\"{}\"/>", line.class, path(&line.points, x, y));
            if let [(at, Some(value))] = line.points[..] {
                let _ = write!(
                    out,
                    "<circle class=\"dot {}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>",
                    line.class,
                    x(at),
                    y(value)
                );
            }
        }
        out.push_str("</svg><div class=\"legend\">");
        for line in &self.lines {
            let _ = write!(out, "<span><i class=\"{}\"></i>{}</span>", line.class, escaped(line.name));
        }
        out.push_str("</div></figure>");
    }
}

fn path(points: &[(f64, Option<f64>)], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let (mut out, mut drawing) = (String::new(), false);
    for (at, value) in points {
        let Some(value) = value else {
            drawing = false;
            continue;
        };
        let _ = write!(out, "{}{:.1} {:.1}", if drawing { 'L' } else { 'M' }, x(*at), y(*value));
        drawing = true;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_reach_the_most() {
        for most in [0.003, 0.7, 1.0, 3.2, 9.9, 47.0, 100.0, 1234.0, 5e7] {
            let marks = marks(most);
            assert!((3..=7).contains(&marks.len()), "{most}: {marks:?}");
            assert!(*marks.last().unwrap() >= most, "{most}: {marks:?}");
        }
        assert_eq!(marks(100.0), [0.0, 25.0, 50.0, 75.0, 100.0]);
    }

    #[test]
    fn a_gap_ends_a_line() {
        let path = path(&[(0.0, Some(1.0)), (1.0, None), (2.0, Some(2.0)), (3.0, Some(3.0))], |x| x, |y| y);
        assert_eq!(path, "M0.0 1.0M2.0 2.0L3.0 3.0");
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.05, 1.0, 2.5, 99.94, 1234.0, 23_456.0, 2.5e6].map(number);
        assert_eq!(shown, ["0", "0.05", "1", "2.5", "99.9", "1234", "23k", "2.5M"]);
    }
}
