//! The receiving side.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, atomic::Ordering::SeqCst},
    task::{Context, Poll, Waker},
    time::Instant,
};

use super::Shared;
use crate::stream::BackpressureMonitor;

/// So many messages are read in a row before the other tasks of a thread get
/// their turn.
const TURN: u32 = 256;

/// Receives the messages of a [`channel`](super::channel()).
#[derive(Debug)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// What was taken out of the channel and not read yet; it counts as unread.
    taken: VecDeque<T>,
    in_a_row: u32,
}

impl<T> Receiver<T> {
    pub(super) const fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared, taken: VecDeque::new(), in_a_row: 0 }
    }

    /// The next message; `None` when all senders are gone and all is read.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// Polls for the next message.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        if self.in_a_row >= TURN {
            self.in_a_row = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.taken.is_empty() && !self.take(context) {
            self.in_a_row = 0;
            return Poll::Pending;
        }
        self.in_a_row += 1;
        let message = self.taken.pop_front();
        if message.is_some() {
            self.shared.read_one();
        }
        Poll::Ready(message)
    }

    /// How many messages may be unread, now.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity.load(SeqCst)
    }

    /// What is counted of the messages.
    #[must_use]
    pub fn monitor(&self) -> &BackpressureMonitor {
        &self.shared.monitor
    }

    /// Takes all that waits; whether there is something, or never will be.
    fn take(&mut self, context: &Context<'_>) -> bool {
        let stale;
        let mut state = self.shared.lock();
        if !state.queue.is_empty() {
            std::mem::swap(&mut state.queue, &mut self.taken);
            return true;
        }
        if state.senders == 0 {
            return true;
        }
        if state.sizing.is_waiting() {
            state.sizing.run_dry(Instant::now());
        }
        let waker = match state.reader.take() {
            Some(known) if known.will_wake(context.waker()) => {
                stale = None;
                known
            }
            other => {
                stale = other;
                context.waker().clone()
            }
        };
        state.reader = Some(waker);
        self.shared.reader_waits.store(true, SeqCst);
        drop(state);
        // With a waker its task may go, and with that anything.
        drop(stale);
        false
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.reader_gone = true;
        let unread = std::mem::take(&mut state.queue);
        let waiting: Vec<Waker> = state.writers.drain(..).collect();
        let closing: Vec<Waker> = state.closing.drain(..).collect();
        drop(state);
        // Whatever their ends do, they do it without the lock.
        drop(unread);
        waiting.into_iter().chain(closing).for_each(Waker::wake);
    }
}
