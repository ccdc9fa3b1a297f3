//! One writer for all senders: what waits goes into one commit.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use tokio::sync::oneshot;

use super::{body::Room, figures::Figures};
use crate::{
    Error, Result,
    pricing::PriceTable,
    store::{Batch, Ledger, SqliteLedger, Witness},
};

/// What a sender waits for.
#[derive(Debug)]
struct Job {
    witnesses: Vec<Witness>,
    /// Given back when it is answered.
    room: Room,
    answer: oneshot::Sender<Result<(), Arc<str>>>,
}

/// The queue before the ledger. Its thread ends when this is dropped and all
/// that waits is committed.
#[derive(Debug)]
pub(super) struct Commits {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    figures: Arc<Figures>,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closing: bool,
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic elsewhere leaves the jobs as valid as they were.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Commits {
    /// Opens the ledger and starts the thread. A commit takes up to `most`
    /// witnesses, or one sender's if these are more.
    pub(super) fn start(
        ledger: &Path,
        prices: Arc<PriceTable>,
        most: usize,
        figures: Arc<Figures>,
    ) -> Result<Self> {
        let mut ledger = SqliteLedger::open(ledger)?.with_prices(prices);
        ledger.prepare_for_senders()?;
        let shared = Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new(), figures });
        let of_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name("otlp".into())
            .spawn(move || run(&of_thread, &mut ledger, most))
            .map_err(|e| Error::io("cannot start the receiver's thread", e))?;
        Ok(Self { shared })
    }

    /// Waits until what a sender told is committed; the error is why it is not.
    pub(super) async fn commit(&self, witnesses: Vec<Witness>, room: Room) -> Result<(), Arc<str>> {
        let (answer, committed) = oneshot::channel();
        {
            let mut queue = self.shared.lock();
            if queue.closing {
                return Err("the receiver is shutting down".into());
            }
            queue.jobs.push_back(Job { witnesses, room, answer });
        }
        self.shared.changed.notify_all();
        committed.await.unwrap_or_else(|_| Err("the receiver's thread ended".into()))
    }

    /// Takes nothing more, and waits until all that waits is committed.
    pub(super) fn close(&self) {
        let mut queue = self.shared.lock();
        queue.closing = true;
        self.shared.changed.notify_all();
        while !queue.ended {
            queue = self.shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Commits {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
    }
}

/// Says that the thread ended, even if it panics.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        (queue.closing, queue.ended) = (true, true);
        // Their senders learn that nobody answers.
        queue.jobs.clear();
        drop(queue);
        self.0.changed.notify_all();
    }
}

fn run(shared: &Shared, ledger: &mut SqliteLedger, most: usize) {
    let _ending = Ending(shared);
    // After a commit that failed, each of its senders gets one of its own: if what
    // one of them tells cannot be written, the others are not held up by it.
    let mut alone = 0_usize;
    while let Some(mut jobs) = take(shared, if alone > 0 { 0 } else { most }) {
        let mut batch = Batch::default();
        for job in &mut jobs {
            batch.witnesses.append(&mut job.witnesses);
        }
        let count = batch.witnesses.len();
        let started = Instant::now();
        let outcome = ledger.append(&batch).map_err(|e| Arc::<str>::from(e.to_string()));
        let took = started.elapsed();
        alone = match &outcome {
            Ok(()) => alone.saturating_sub(1),
            Err(_) if jobs.len() > 1 => jobs.len(),
            Err(_) => alone.saturating_sub(1),
        };
        match &outcome {
            Ok(()) => {
                shared.figures.committed(count, took);
                tracing::debug!(events = count, senders = jobs.len(), ?took, "committed telemetry");
            }
            Err(problem) => {
                shared.figures.failed();
                tracing::warn!(events = count, senders = jobs.len(), "cannot write telemetry: {problem}");
            }
        }
        for Job { room, answer, .. } in jobs {
            drop(room);
            // A sender that has gone sends it again, which changes nothing.
            let _ = answer.send(outcome.clone());
        }
    }
}

/// The next jobs for a commit, at least one; `None` at the end.
fn take(shared: &Shared, most: usize) -> Option<Vec<Job>> {
    let mut queue = shared.lock();
    while queue.jobs.is_empty() {
        if queue.closing {
            return None;
        }
        queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
    let mut count = 0;
    let mut jobs = Vec::new();
    while let Some(job) = queue.jobs.front() {
        count += job.witnesses.len();
        if count > most && !jobs.is_empty() {
            break;
        }
        jobs.extend(queue.jobs.pop_front());
    }
    Some(jobs)
}
