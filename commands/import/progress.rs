//! How far a long import is, for whoever watches; and their Ctrl-C.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Context as _;
use claude_cli::transcript::{Plan, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Below so many bytes an import is over before a bar could be read.
const WORTH_IT: u64 = 32 << 20;

/// A progress bar on stderr: bytes, rate and time left.
pub(super) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    pub(super) fn over(plan: &Plan) -> Self {
        let bar = ProgressBar::new(plan.bytes());
        if plan.bytes() < WORTH_IT {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let template = "reading transcripts {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {msg} {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar }
    }

    pub(super) fn show(&self, progress: Progress) {
        self.bar.set_position(progress.bytes);
        self.bar.set_message(format!("{} requests", crate::output::thousands(progress.requests as i64)));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Whether the user wants an end of it.
pub(crate) struct Interrupt {
    came: Arc<AtomicBool>,
}

impl Interrupt {
    /// Catches SIGINT and SIGTERM from here on.
    pub(crate) fn catch() -> anyhow::Result<Self> {
        let came = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // A second one ends the process at once: the ledger is sound at any instant.
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&came))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&came)))
                .context("cannot catch signals")?;
        }
        Ok(Self { came })
    }

    pub(crate) fn came(&self) -> bool {
        self.came.load(Ordering::Relaxed)
    }
}
