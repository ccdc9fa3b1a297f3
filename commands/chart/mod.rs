//! Charts in text: bars, sparklines, and lines of dots.

mod lines;
mod screen;
mod spark;

use claude_cli::analytics::Metric;
use ratatui::style::Color;

pub(crate) use self::{lines::lines, screen::write, spark::spark};

/// The colour of a metric: one of those that terminals show well on light and
/// on dark.
pub(crate) const fn color(metric: Metric) -> Color {
    match metric {
        Metric::Cost => Color::Green,
        Metric::Commands => Color::Cyan,
        Metric::SuccessRate => Color::Magenta,
        Metric::ResponseTime => Color::Red,
        _ => Color::Reset,
    }
}

/// A bar of eighths of a column.
pub(crate) fn bar(value: f64, most: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if most <= 0.0 || value <= 0.0 {
        return String::new();
    }
    let eighths = ((value / most) * (width * 8) as f64).round().max(1.0) as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}
