//! Following the transcripts beside serving.

use std::{collections::HashSet, ops::ControlFlow, thread::JoinHandle};

use anyhow::Context as _;
use claude_cli::{
    store::SqliteLedger,
    transcript::{config_folders, watch},
};
use tokio_util::sync::CancellationToken;

use crate::{context::Context, import};

/// A thread that follows the transcripts.
pub(super) struct Watching {
    thread: JoinHandle<()>,
}

/// Follows the transcripts until `stop` is cancelled.
pub(super) fn start(stop: &CancellationToken, context: &Context) -> anyhow::Result<Watching> {
    let mut ledger = SqliteLedger::open(&context.ledger_path()?)?.with_prices(context.prices());
    let (stop, options, quiet) = (stop.clone(), import::options(), context.quiet());
    let follow = move || {
        let mut told = HashSet::new();
        let tell = |text: String| {
            if !quiet {
                eprintln!("claude-cli: warning: {text}");
            }
        };
        let followed = watch(&mut ledger, &config_folders(), &options, &mut |report| {
            // What cannot be read at all is met again with every search.
            for problem in report.iter().flat_map(|report| &report.problems) {
                if problem.offset.is_some() || told.insert(problem.to_string()) {
                    tell(problem.to_string());
                }
            }
            if stop.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if let Err(e) = followed {
            tell(format!("the transcripts are not followed any more: {e}"));
        }
    };
    let thread = std::thread::Builder::new().name("transcripts".to_owned()).spawn(follow);
    Ok(Watching { thread: thread.context("cannot start a thread")? })
}

impl Watching {
    /// Waits until what is being read is in the ledger.
    pub(super) fn end(self) {
        // A panic was told already.
        let _ = self.thread.join();
    }
}
