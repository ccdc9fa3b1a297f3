//! The way from a backend to whoever reads its events.

mod receiver;
mod sender;

use std::{
    collections::VecDeque,
    error::Error as StdError,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::Waker,
    time::Instant,
};

pub use self::{receiver::Receiver, sender::Sender};
use super::{BackpressureMonitor, StreamConfig, sizing::Sizing};
use crate::Result;

/// A bounded channel for the messages of one stream.
///
/// **Bound.** At most [`channel_buffer_size`](StreamConfig::channel_buffer_size)
/// messages are sent and not read, those counted that the receiver has at hand
/// already. A sender that finds no room waits, and its source with it: an unread
/// stream stops reading its pipe or socket. The sender goes on when half of the
/// room is free again, and is woken by the very read that frees it.
///
/// **Size.** With [`adaptive_buffering`](StreamConfig::adaptive_buffering) the bound
/// moves between `min_buffer_size` and `max_buffer_size`. A reader of `rate`
/// messages a second needs `rate · latency` of them while a woken sender is on its
/// way (Little's law), and half of the channel has to hold that. The channel
/// doubles where the reader ran dry before the sender was back, which is how a TCP
/// receiver's window finds its size (M. Fisk and W. Feng, "Dynamic Right-Sizing in
/// TCP", 2001), and else goes an eighth of the way down to twice that need, as
/// RFC 6298 smooths. A slow reader so gets a short queue, a fast one a long one.
///
/// **Batches.** A message is there for its reader at once; no timer holds any back.
/// Batches form where there is a queue: the receiver takes all that waits with one
/// lock, and a sender wakes a reader only if it sleeps. What came with one read of
/// a pipe can be sent together ([`Sender::send_all`]), with one lock and one wake.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) for settings that cannot be.
pub fn channel<T>(config: &StreamConfig) -> Result<(Sender<T>, Receiver<T>)> {
    config.check()?;
    let range = config.adaptive_buffering.then_some((config.min_buffer_size, config.max_buffer_size));
    let capacity = config.channel_buffer_size;
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            queue: VecDeque::new(),
            sizing: Sizing::new(capacity, range),
            senders: 1,
            reader_gone: false,
            reader: None,
            writers: Vec::new(),
            closing: Vec::new(),
        }),
        low: AtomicUsize::new(capacity / 2),
        capacity: AtomicUsize::new(capacity),
        writers_wait: AtomicBool::new(false),
        reader_waits: AtomicBool::new(false),
        monitor: BackpressureMonitor::new(),
    });
    Ok((Sender::new(Arc::clone(&shared)), Receiver::new(shared)))
}

/// The receiver is gone; nothing can be sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the stream any more")
    }
}

impl StdError for Closed {}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// So many messages unread, or fewer, let a waiting sender go on.
    low: AtomicUsize,
    /// So many messages may be unread.
    capacity: AtomicUsize,
    /// A sender waits for room. Set before it looks at the count of messages read,
    /// and looked at after that count has changed: one of the two sees the other.
    writers_wait: AtomicBool,
    /// The reader sleeps.
    reader_waits: AtomicBool,
    monitor: BackpressureMonitor,
}

struct State<T> {
    queue: VecDeque<T>,
    sizing: Sizing,
    senders: usize,
    reader_gone: bool,
    reader: Option<Waker>,
    /// Senders that wait for room.
    writers: Vec<Waker>,
    /// Those who wait for the receiver to go.
    closing: Vec<Waker>,
}

impl<T> Shared<T> {
    /// No code of others runs under the lock: what a panic left is sound.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many messages there is room for. Only what is sent under the lock
    /// makes it less.
    fn room(&self, state: &State<T>) -> usize {
        let lag = usize::try_from(self.monitor.get_lag()).unwrap_or(usize::MAX);
        state.sizing.capacity().saturating_sub(lag)
    }

    /// A message was read: lets a waiting sender go on if enough were.
    fn read_one(&self) {
        self.monitor.record_consume();
        if self.writers_wait.load(SeqCst) && self.monitor.get_lag() <= self.low.load(SeqCst) as u64 {
            self.wake_writers();
        }
    }

    #[cold]
    fn wake_writers(&self) {
        let mut state = self.lock();
        self.writers_wait.store(false, SeqCst);
        state.sizing.wake(Instant::now(), self.monitor.consumed());
        let writers = std::mem::take(&mut state.writers);
        drop(state);
        writers.into_iter().for_each(Waker::wake);
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("capacity", &self.capacity.load(SeqCst))
            .field("monitor", &self.monitor)
            .finish_non_exhaustive()
    }
}

/// Adds a waker, unless the same one waits already.
fn register(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|known| known.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}
