//! Following the transcripts beside the screen.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use anyhow::Context as _;
use claude_cli::{
    Error,
    store::SqliteLedger,
    transcript::{config_folders, watch},
};

use crate::{context::Context, import};

/// A thread that reads transcripts as they are written. What it has to say
/// waits: the screen is taken.
pub(super) struct Transcripts {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), Error>>,
}

impl Transcripts {
    pub(super) fn follow(context: &Context) -> anyhow::Result<Self> {
        let mut ledger = SqliteLedger::open(&context.ledger_path()?)?.with_prices(context.prices());
        let (stop, options) = (Arc::new(AtomicBool::new(false)), import::options());
        let stopped = Arc::clone(&stop);
        let follow = move || {
            watch(&mut ledger, &config_folders(), &options, &mut |_| {
                if stopped.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
        };
        let thread = std::thread::Builder::new().name("transcripts".to_owned()).spawn(follow);
        Ok(Self { stop, thread: thread.context("cannot start a thread")? })
    }

    /// Waits until what is being read is in the ledger; what went wrong, if
    /// something did.
    pub(super) fn end(self) -> Option<String> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(followed) => followed.err().map(|e| e.to_string()),
            // A panic was told already.
            Err(_) => None,
        }
    }
}
