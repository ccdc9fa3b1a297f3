//! Recording beside the work: a thread that commits, and never holds it up.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{Batch, Ledger, SqliteLedger, spool};
use crate::{Error, Result, pricing::PriceTable};

/// Appends batches to a ledger from a thread of its own.
///
/// Batches that arrive while another is being committed go together into the
/// next commit. Opening the ledger, too, happens on the thread.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    ledger: PathBuf,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Submitted and not yet taken by the thread.
    waiting: Batch,
    /// Being committed.
    in_flight: Batch,
    closing: bool,
    /// The thread ended; why, if it did so because it could not write.
    ended: Option<Result<(), String>>,
}

/// What became of the last batches of a [`Writer`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Closed {
    /// All is committed.
    Written,
    /// The ledger could not be written in time; the rest is in this file, and
    /// the next open of the ledger takes it in.
    Spooled {
        /// The spool file.
        file: PathBuf,
        /// Why the ledger could not be written; `None` if it was only slow.
        reason: Option<String>,
    },
    /// Neither the ledger nor its spool could be written.
    Lost(Error),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the batches as valid as they were.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Starts the thread, which opens the ledger at `ledger`.
    #[must_use]
    pub fn start(ledger: &Path, prices: Arc<PriceTable>) -> Self {
        let shared = Arc::new(Shared::default());
        let thread = {
            let (shared, ledger) = (Arc::clone(&shared), ledger.to_owned());
            thread::Builder::new().name("ledger".into()).spawn(move || {
                let outcome = run(&shared, &ledger, prices);
                shared.lock().ended = Some(outcome.map_err(|e| e.to_string()));
                shared.changed.notify_all();
            })
        };
        if let Err(e) = thread {
            shared.lock().ended = Some(Err(format!("cannot start the ledger's thread: {e}")));
        }
        Self { shared, ledger: ledger.to_owned() }
    }

    /// Hands over a batch; returns at once.
    pub fn submit(&self, batch: Batch) {
        if !batch.is_empty() {
            self.shared.lock().waiting.extend(batch);
            self.shared.changed.notify_all();
        }
    }

    /// Waits until all is committed, at most `within`; spools what is not.
    #[must_use]
    pub fn close(self, within: Duration) -> Closed {
        let deadline = Instant::now() + within;
        let mut state = self.shared.lock();
        state.closing = true;
        self.shared.changed.notify_all();
        while state.ended.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .map_or_else(|e| e.into_inner().0, |(state, _)| state);
        }
        // What is in flight may yet be committed: then the spooled copy of it
        // changes nothing when it is taken in.
        let mut rest = std::mem::take(&mut state.in_flight);
        rest.extend(std::mem::take(&mut state.waiting));
        let reason = state.ended.take().and_then(Result::err);
        drop(state);
        if rest.is_empty() {
            return Closed::Written;
        }
        match spool::put(&self.ledger, &rest) {
            Ok(file) => Closed::Spooled { file, reason },
            Err(e) => Closed::Lost(e),
        }
    }
}

fn run(shared: &Shared, path: &Path, prices: Arc<PriceTable>) -> Result<()> {
    let mut ledger =
        tracing::trace_span!("open ledger").in_scope(|| SqliteLedger::open(path))?.with_prices(prices);
    loop {
        let batch = {
            let mut state = shared.lock();
            while state.waiting.is_empty() && !state.closing {
                state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.waiting.is_empty() {
                drop(state);
                tracing::trace_span!("close ledger").in_scope(|| drop(ledger));
                return Ok(());
            }
            state.in_flight = std::mem::take(&mut state.waiting);
            state.in_flight.clone()
        };
        let started = Instant::now();
        tracing::trace_span!("append").in_scope(|| ledger.append(&batch))?;
        tracing::debug!(
            runs = batch.runs.len(),
            requests = batch.witnesses.len(),
            took = ?started.elapsed(),
            "committed to the ledger"
        );
        shared.lock().in_flight = Batch::default();
    }
}
