//! Reading the ledger without keeping others waiting.

use std::sync::Arc;

use tokio::sync::Semaphore;

use tracing::{Span, trace_span};

use super::Refusal;
use crate::{
    Result,
    analytics::{Engine, Question},
    store::LedgerReader,
};

/// So many questions wait for an answer at most; more would be answered too
/// late to be of use.
const WAITING: usize = 256;

/// Reads on threads of their own, on as many at a time as there are readers.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    engine: Engine,
    /// Those that read, and those that wait for it.
    all: Arc<Semaphore>,
    /// Those that read.
    now: Arc<Semaphore>,
}

impl Reading {
    pub(super) fn new(engine: Engine) -> Self {
        let at_a_time = std::thread::available_parallelism().map_or(2, usize::from).max(2);
        Self {
            engine,
            all: Arc::new(Semaphore::new(at_a_time + WAITING)),
            now: Arc::new(Semaphore::new(at_a_time)),
        }
    }

    /// Runs what blocks.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> Result<T> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (answer, wait) = (Span::current(), trace_span!("wait for reader"));
        let all = Arc::clone(&self.all).try_acquire_owned();
        let waiting = all.map_err(|_| Refusal::busy("too many questions wait for the ledger: ask again later"))?;
        let reading = Arc::clone(&self.now).acquire_owned().await;
        let engine = self.engine.clone();
        let done = tokio::task::spawn_blocking(move || {
            // Also whoever is not waited for any more reads to the end.
            let _held = (waiting, reading);
            drop(wait);
            let _span = answer.enter();
            let result = work(&engine);
            // Ends where the answer goes on.
            (result, trace_span!("hand back"))
        });
        match done.await {
            Ok((result, _back)) => result.map_err(Refusal::from),
            Err(_) => Err(Refusal::new(500, "internal", "the question could not be answered")),
        }
    }

    /// Answers a question.
    pub(super) async fn ask<Q>(&self, question: Q) -> Result<Arc<Q::Answer>, Refusal>
    where
        Q: Question + Send + 'static,
    {
        self.run(move |engine| engine.ask(&question)).await
    }

    /// Reads the ledger in another way.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn LedgerReader) -> Result<T> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.run(move |engine| engine.read(read)).await
    }
}
