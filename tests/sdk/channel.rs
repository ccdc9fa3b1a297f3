//! The channel between a backend and its reader.

use std::{
    collections::VecDeque,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use claude_cli::{
    StreamConfig, StreamConfigBuilder,
    stream::{Closed, Receiver, Sender, channel},
};
use proptest::prelude::*;

fn fixed<T>(size: usize) -> (Sender<T>, Receiver<T>) {
    channel(&StreamConfigBuilder::new().channel_buffer_size(size).build()).unwrap()
}

fn adaptive<T>(least: usize, most: usize) -> (Sender<T>, Receiver<T>) {
    let config = StreamConfigBuilder::new()
        .channel_buffer_size(least)
        .buffer_size_range(least, most)
        .adaptive_buffering(true)
        .build();
    channel(&config).unwrap()
}

/// A waker that counts.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn counting() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (Arc::clone(&count), Waker::from(count))
}

/// A message that knows how many of them there are.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, SeqCst);
        Self(Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Send,
    SendMany(usize),
    Receive,
}

proptest! {
    /// Against a plain queue: what comes out is what went in, in order, and never
    /// is more unread than fits.
    #[test]
    fn it_is_a_bounded_queue(
        size in 1..20_usize,
        adapts in any::<bool>(),
        steps in prop::collection::vec(prop_oneof![
            2 => Just(Step::Send), 1 => (1..40_usize).prop_map(Step::SendMany), 4 => Just(Step::Receive),
        ], 0..200),
    ) {
        let most = if adapts { size * 4 } else { size };
        let (sender, mut receiver) = if adapts { adaptive(size, most) } else { fixed(size) };
        let (_, waker) = counting();
        let mut context = Context::from_waker(&waker);
        let (mut next, mut model) = (0_u32, VecDeque::new());
        for step in steps {
            match step {
                Step::Send => {
                    if pin!(sender.send(next)).poll(&mut context).is_ready() {
                        model.push_back(next);
                        next += 1;
                    }
                }
                Step::SendMany(count) => {
                    let mut batch: VecDeque<u32> = (next..).take(count).collect();
                    let done = pin!(sender.send_all(&mut batch)).poll(&mut context).is_ready();
                    prop_assert_eq!(done, batch.is_empty());
                    for _ in batch.len()..count {
                        model.push_back(next);
                        next += 1;
                    }
                }
                Step::Receive => {
                    let mut got = receiver.poll_recv(&mut context);
                    if got.is_pending() {
                        // Once in a while it lets others have their turn.
                        got = receiver.poll_recv(&mut context);
                    }
                    match model.pop_front() {
                        Some(expected) => prop_assert_eq!(got, Poll::Ready(Some(expected))),
                        None => prop_assert_eq!(got, Poll::Pending),
                    }
                }
            }
            prop_assert!(model.len() <= most);
            prop_assert_eq!(receiver.monitor().get_lag(), model.len() as u64);
        }
        drop(sender);
        for expected in model {
            let mut got = receiver.poll_recv(&mut context);
            if got.is_pending() {
                got = receiver.poll_recv(&mut context);
            }
            prop_assert_eq!(got, Poll::Ready(Some(expected)));
        }
        prop_assert_eq!(receiver.poll_recv(&mut context), Poll::Ready(None));
    }
}

/// Several threads, capacities from one up, and both ways to send: nothing is
/// lost, doubled or out of order, and nobody sleeps for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_lose_nothing() {
    for round in 0..60_usize {
        let size = [1, 2, 3, 7, 50][round % 5];
        let (sender, mut receiver) = if round % 2 == 0 { fixed(size) } else { adaptive(size, size * 8) };
        let most = if round % 2 == 0 { size } else { size * 8 } as u64;
        let writers: Vec<_> = (0..1 + round % 3)
            .map(|writer| {
                let sender = sender.clone();
                tokio::spawn(async move {
                    let mut batch = VecDeque::new();
                    for n in 0..2_000_u64 {
                        if (n + writer as u64).is_multiple_of(3) {
                            sender.send_all(&mut batch).await.unwrap();
                            sender.send((writer, n)).await.unwrap();
                        } else {
                            batch.push_back((writer, n));
                        }
                        if n % 97 == 0 {
                            tokio::task::yield_now().await;
                        }
                    }
                    sender.send_all(&mut batch).await.unwrap();
                })
            })
            .collect();
        drop(sender);
        let mut next = vec![0; writers.len()];
        while let Some((writer, n)) = receiver.recv().await {
            assert_eq!(n, next[writer]);
            next[writer] += 1;
            assert!(receiver.monitor().get_lag() <= most, "{:?}", receiver.monitor());
            if n % 131 == 0 {
                tokio::task::yield_now().await;
            }
        }
        assert!(next.iter().all(|&n| n == 2_000), "{next:?}");
        for writer in writers {
            writer.await.unwrap();
        }
    }
}

#[test]
fn a_reader_is_woken_by_the_message_it_waits_for_and_by_no_other() {
    let (sender, mut receiver) = fixed(10);
    let (woken, waker) = counting();
    let (_, other) = counting();
    let (mut reading, mut writing) = (Context::from_waker(&waker), Context::from_waker(&other));
    assert!(receiver.poll_recv(&mut reading).is_pending());
    assert!(sender.is_awaited());
    for n in 0..5 {
        assert!(pin!(sender.send(n)).poll(&mut writing).is_ready());
        assert_eq!(woken.0.load(SeqCst), 1, "a reader that is awake need not be woken");
    }
    for n in 0..5 {
        assert_eq!(receiver.poll_recv(&mut reading), Poll::Ready(Some(n)));
    }
    assert!(receiver.poll_recv(&mut reading).is_pending());
    assert_eq!(woken.0.load(SeqCst), 1);
}

#[test]
fn a_sender_goes_on_when_half_of_the_channel_is_read() {
    let (sender, mut receiver) = fixed(10);
    let (woken, waker) = counting();
    let (_, other) = counting();
    let (mut writing, mut reading) = (Context::from_waker(&waker), Context::from_waker(&other));
    let mut batch: VecDeque<u32> = (0..12).collect();
    assert!(pin!(sender.send_all(&mut batch)).poll(&mut writing).is_pending());
    assert_eq!(batch, [10, 11], "what there was room for went, the rest waits");
    for n in 0..5 {
        assert_eq!(woken.0.load(SeqCst), 0, "before {n} was read");
        assert_eq!(receiver.poll_recv(&mut reading), Poll::Ready(Some(n)));
    }
    assert_eq!(woken.0.load(SeqCst), 1);
    assert!(pin!(sender.send_all(&mut batch)).poll(&mut writing).is_ready());
    assert_eq!(receiver.monitor().waits(), 1);
    assert_eq!(receiver.monitor().most_behind(), 10);
}

/// With the clock standing still, nothing that waits for a timer would arrive.
#[tokio::test(start_paused = true)]
async fn a_lone_message_is_not_held_back() {
    let (sender, mut receiver) = adaptive(50, 500);
    let before = tokio::time::Instant::now();
    let reader = tokio::spawn(async move { (receiver.recv().await, tokio::time::Instant::now()) });
    tokio::task::yield_now().await;
    sender.send("first token").await.unwrap();
    let (got, at) = reader.await.unwrap();
    assert_eq!((got, at), (Some("first token"), before));
}

#[tokio::test]
async fn a_receiver_that_goes_ends_the_sending_and_drops_what_is_left() {
    let alive = Arc::new(AtomicUsize::new(0));
    let (sender, mut receiver) = fixed(4);
    for _ in 0..4 {
        sender.send(Counted::new(&alive)).await.unwrap();
    }
    drop(receiver.recv().await);
    assert_eq!(alive.load(SeqCst), 3);
    let (full, closed) = (sender.clone(), sender.clone());
    let more = [Counted::new(&alive), Counted::new(&alive), Counted::new(&alive)];
    let blocked = tokio::spawn(async move { full.send_all(&mut VecDeque::from(more)).await });
    let closed = tokio::spawn(async move { closed.closed().await });
    tokio::task::yield_now().await;
    drop(receiver);
    assert_eq!(blocked.await.unwrap(), Err(Closed));
    closed.await.unwrap();
    assert_eq!(sender.send(Counted::new(&alive)).await, Err(Closed));
    assert_eq!(alive.load(SeqCst), 0);
}

/// A reader that is slow gets the shortest queue of the range.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_shrinks_the_channel() {
    let config = StreamConfigBuilder::new()
        .channel_buffer_size(400)
        .buffer_size_range(20, 400)
        .adaptive_buffering(true)
        .build();
    let (sender, mut receiver) = channel(&config).unwrap();
    let writer = tokio::spawn(async move { while sender.send(()).await.is_ok() {} });
    for _ in 0..4_000 {
        receiver.recv().await.unwrap();
        // Long enough by the real clock, by which the channel goes.
        std::thread::sleep(Duration::from_micros(20));
        tokio::task::yield_now().await;
    }
    assert!(receiver.capacity() < 100, "{}", receiver.capacity());
    drop(receiver);
    writer.await.unwrap();
}

#[test]
fn settings_that_cannot_be_are_refused_with_a_reason() {
    let builder = StreamConfigBuilder::new;
    for (config, why) in [
        (builder().channel_buffer_size(0), "channel_buffer_size is 0"),
        (builder().buffer_size_range(0, 10), "min_buffer_size is 0"),
        (builder().buffer_size_range(20, 10), "min_buffer_size is 20, more than the max_buffer_size of 10"),
        (builder().channel_buffer_size(1 << 30), "bounds no memory"),
        (builder().string_capacity(1 << 40), "string_capacity is 1099511627776 bytes"),
        (
            builder().adaptive_buffering(true).channel_buffer_size(9),
            "outside of min_buffer_size and max_buffer_size",
        ),
    ] {
        let error = claude_cli::set_stream_config(config.build()).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(error.exit_code(), 2);
        assert!(channel::<()>(&config.build()).is_err());
    }
    // Without adaptive buffering the range means nothing.
    assert!(channel::<()>(&builder().channel_buffer_size(9).build()).is_ok());
    for preset in [StreamConfig::default(), StreamConfig::performance(), StreamConfig::memory_optimized()] {
        preset.check().unwrap();
    }
}

/// A reader that was away for long has all that waited, and what is sent from then
/// on, without any time passing: nothing polls, and nothing waits for a timer. The
/// clock stands still unless all tasks wait for it.
#[tokio::test(start_paused = true)]
async fn a_reader_that_is_back_waits_for_no_timer() {
    const MESSAGES: usize = 10_000;
    for (sender, mut receiver) in [fixed(100), adaptive(50, 500)] {
        let writer = tokio::spawn(async move {
            for n in 0..MESSAGES {
                sender.send(n).await.unwrap();
            }
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!writer.is_finished(), "the sender waits for the reader");
        let back = tokio::time::Instant::now();
        for n in 0..MESSAGES {
            assert_eq!(receiver.recv().await, Some(n));
        }
        assert_eq!(receiver.recv().await, None);
        assert_eq!(back.elapsed(), Duration::ZERO);
        writer.await.unwrap();
    }
}
