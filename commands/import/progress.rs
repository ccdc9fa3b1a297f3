//! How far a long import is, for whoever watches; and their Ctrl-C.

use std::sync::{
    Arc, OnceLock,
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

/// Whether the user wants an end of it, for one after the other who asks.
pub(crate) struct Interrupt {
    flags: &'static Flags,
}

/// What the signal handlers set and read.
#[derive(Default)]
struct Flags {
    came: Arc<AtomicBool>,
    /// Nobody asks, or it came before.
    ends_at_once: Arc<AtomicBool>,
}

impl Interrupt {
    /// Catches SIGINT and SIGTERM until this is dropped. A second one ends the
    /// process at once: the ledger is sound at any instant.
    pub(crate) fn catch() -> anyhow::Result<Self> {
        // Handlers cannot be taken back, so there is one set of them.
        static FLAGS: OnceLock<Flags> = OnceLock::new();
        let flags = match FLAGS.get() {
            Some(flags) => flags,
            None => {
                let flags = Flags::register()?;
                FLAGS.get_or_init(|| flags)
            }
        };
        flags.came.store(false, Ordering::Relaxed);
        flags.ends_at_once.store(false, Ordering::Relaxed);
        Ok(Self { flags })
    }

    pub(crate) fn came(&self) -> bool {
        self.flags.came.load(Ordering::Relaxed)
    }
}

impl Flags {
    fn register() -> anyhow::Result<Self> {
        let flags = Self::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flags.ends_at_once))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flags.came)))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flags.ends_at_once)))
                .context("cannot catch signals")?;
        }
        Ok(flags)
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.flags.ends_at_once.store(true, Ordering::Relaxed);
    }
}
