//! How far a batch is, for whoever watches.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{context::Context, output::money};

/// A progress bar on stderr, where that is a terminal; and what came of it all.
pub(super) struct Progress {
    bar: ProgressBar,
    pub(super) answered: u64,
    pub(super) cached: u64,
    pub(super) failed: u64,
    pub(super) bad: u64,
    pub(super) not_run: u64,
    pub(super) left_out: u64,
    /// Nano-dollars; those of unknown cost left out.
    pub(super) cost: i64,
    pub(super) unpriced: u64,
}

impl Progress {
    pub(super) fn over(lines: Option<u64>, context: &Context) -> Self {
        let bar = lines.map_or_else(ProgressBar::no_length, ProgressBar::new);
        if !stderr().is_terminal() || context.quiet() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let template = match lines {
            Some(_) => "{bar:30} {pos}/{len} {msg} {eta} left",
            None => "{spinner} {pos} {msg} {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, answered: 0, cached: 0, failed: 0, bad: 0, not_run: 0, left_out: 0, cost: 0, unpriced: 0 }
    }

    /// A line is done; `spent` is what the batch has cost so far.
    pub(super) fn show(&self, spent: i64) {
        self.bar.inc(1);
        let failed = self.failed + self.bad;
        let failed = if failed > 0 { format!(" {failed} failed") } else { String::new() };
        self.bar.set_message(format!("{}{failed}", money(spent)));
    }

    /// A word that the bar does not write over.
    pub(super) fn say(&self, context: &Context, text: &str) {
        self.bar.suspend(|| context.note(text));
    }

    /// `97 answered (4 from the cache), 2 failed, 1 bad line · $0.0123`
    pub(super) fn summary(&self) -> String {
        let mut parts = vec![format!("{} answered", self.answered)];
        if self.cached > 0 {
            parts[0] += &format!(" ({} from the cache)", self.cached);
        }
        for (count, what) in [
            (self.left_out, "left out"),
            (self.failed, "failed"),
            (self.bad, if self.bad == 1 { "bad line" } else { "bad lines" }),
            (self.not_run, "not run"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        let unknown =
            if self.unpriced > 0 { format!(" and {} of unknown cost", self.unpriced) } else { String::new() };
        format!("{} · {}{unknown}", parts.join(", "), money(self.cost))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
