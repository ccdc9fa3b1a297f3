//! The sending side.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, atomic::Ordering::SeqCst},
    task::{Context, Poll, Waker},
    time::Instant,
};

use super::{Closed, Shared, State, register};
use crate::stream::BackpressureMonitor;

/// Sends messages into a [`channel`](super::channel()). The channel ends when all
/// senders are gone.
#[derive(Debug)]
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    pub(super) const fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Sends one message, once there is room for it.
    ///
    /// # Errors
    /// [`Closed`] if the receiver is gone.
    pub async fn send(&self, message: T) -> Result<(), Closed> {
        let mut message = Some(message);
        poll_fn(|context| {
            self.poll_send(context, |queue, _| {
                queue.extend(message.take());
                1
            })
        })
        .await
    }

    /// Sends all of `messages`, in order, and leaves the queue empty. What there is
    /// room for goes at once; what is not sent when the wait is given up stays.
    ///
    /// # Errors
    /// [`Closed`] if the receiver is gone.
    pub async fn send_all(&self, messages: &mut VecDeque<T>) -> Result<(), Closed> {
        poll_fn(|context| {
            while !messages.is_empty() {
                let sent = self.poll_send(context, |queue, room| {
                    let count = room.min(messages.len());
                    queue.extend(messages.drain(..count));
                    count
                });
                std::task::ready!(sent)?;
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Waits until the receiver is gone.
    pub async fn closed(&self) {
        poll_fn(|context| {
            let mut state = self.shared.lock();
            if state.reader_gone {
                return Poll::Ready(());
            }
            register(&mut state.closing, context.waker());
            Poll::Pending
        })
        .await;
    }

    /// Whether the reader sleeps until a message comes.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.shared.reader_waits.load(SeqCst)
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

    /// Lets `put` fill what room there is; it says how many messages it took.
    fn poll_send(
        &self,
        context: &Context<'_>,
        put: impl FnOnce(&mut VecDeque<T>, usize) -> usize,
    ) -> Poll<Result<(), Closed>> {
        let shared = &*self.shared;
        let mut state = shared.lock();
        if state.reader_gone {
            return Poll::Ready(Err(Closed));
        }
        if shared.room(&state) == 0 && !self.has_room_after_all(&mut state, context) {
            return Poll::Pending;
        }
        if state.sizing.is_waiting() {
            self.resume(&mut state);
        }
        let room = shared.room(&state);
        let count = put(&mut state.queue, room);
        shared.monitor.record_sends(count as u64);
        let reader = state.reader.take();
        if reader.is_some() {
            shared.reader_waits.store(false, SeqCst);
        }
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }

    #[cold]
    fn has_room_after_all(&self, state: &mut State<T>, context: &Context<'_>) -> bool {
        let shared = &*self.shared;
        register(&mut state.writers, context.waker());
        shared.writers_wait.store(true, SeqCst);
        if shared.room(state) > 0 {
            // Read in this moment, and perhaps before it was known that we wait.
            shared.writers_wait.store(state.writers.len() > 1, SeqCst);
            state.writers.retain(|waker| !waker.will_wake(context.waker()));
            return true;
        }
        if state.sizing.stop(Instant::now(), shared.monitor.consumed()) {
            shared.monitor.record_wait();
        }
        false
    }

    #[cold]
    fn resume(&self, state: &mut State<T>) {
        if state.sizing.resume(Instant::now()) {
            let capacity = state.sizing.capacity();
            self.shared.capacity.store(capacity, SeqCst);
            self.shared.low.store(capacity / 2, SeqCst);
            tracing::trace!(capacity, "the channel has another size");
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.lock().senders += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.senders -= 1;
        if state.senders == 0 {
            let reader = state.reader.take();
            drop(state);
            reader.into_iter().for_each(Waker::wake);
        }
    }
}
