//! How a load test goes, for whoever watches.

use std::io::{IsTerminal, stderr};

use claude_cli::load::{Plan, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    context::Context,
    output::{money, thousands},
};

/// A bar on stderr, where that is a terminal.
pub(super) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    pub(super) fn over(plan: &Plan, context: &Context) -> Self {
        let bar = ProgressBar::new(plan.duration.as_millis() as u64);
        if !stderr().is_terminal() || context.quiet() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {elapsed} {msg}") {
            bar.set_style(style);
        }
        Self { bar }
    }

    pub(super) fn show(&self, progress: &Progress) {
        let millis = progress.elapsed.as_millis() as u64;
        self.bar.set_position(millis.min(self.bar.length().unwrap_or(millis)));
        let mut parts = vec![
            format!("{} answered", thousands(progress.ok as i64)),
            format!("{:.0}/s", progress.rate),
            format!("{} under way", progress.in_flight),
        ];
        if let (Some(p50), Some(p99)) = (progress.e2e_p50, progress.e2e_p99) {
            parts.push(format!("p50 {p50:.1} ms, p99 {p99:.1} ms"));
        }
        if progress.failed > 0 {
            parts.push(format!("{} failed", thousands(progress.failed as i64)));
        }
        if progress.cost > 0 {
            parts.push(money(progress.cost));
        }
        self.bar.set_message(parts.join(" · "));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
