//! From bytes, through the channel, to a reader.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use claude_cli::{
    StreamConfig, StreamConfigBuilder,
    measure::suites::{lines, pass},
    stream::channel,
};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use tokio::runtime::{Builder, Runtime};

use crate::plain::{self, Bare, Plain, Wrapped};

const MESSAGES: usize = 1_000;

fn text(line: &str, messages: usize) -> &'static [u8] {
    format!("{line}\n").repeat(messages).leak().as_bytes()
}

/// Ours, as the suites have it.
async fn ours(text: &'static [u8], config: StreamConfig, pause: Option<Duration>) -> u64 {
    pass(text, config, pause).await.expect("the lines are sound, and the reader reads on")
}

/// The same with a derived struct and `tokio::mpsc`.
async fn plain<L: Plain + Send + 'static>(text: &'static [u8], size: usize, pause: Option<Duration>) -> u64 {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(size);
    let writer = tokio::spawn(async move {
        for line in plain::lines(text) {
            sender.send(plain::derived::<L>(line)).await.expect("the reader reads on");
        }
    });
    let mut sum = 0;
    while let Some(line) = receiver.recv().await {
        sum += line.sum();
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
    }
    writer.await.expect("the writer ends");
    sum
}

fn runtimes() -> [(&'static str, Runtime); 2] {
    let one = Builder::new_current_thread().enable_time().build();
    let two = Builder::new_multi_thread().worker_threads(2).enable_time().build();
    [("1_thread", one.expect("a runtime")), ("2_threads", two.expect("a runtime"))]
}

fn fixed(size: usize) -> StreamConfig {
    StreamConfigBuilder::new().channel_buffer_size(size).build()
}

/// Messages of 100 B, 1 KB and 10 KB, end to end.
pub(crate) fn sizes(c: &mut Criterion) {
    let mut group = c.benchmark_group("end_to_end_1000");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    for (threads, runtime) in runtimes() {
        let bare: Plainly = |text| Box::pin(plain::<Bare>(text, 100, None));
        let wrapped: Plainly = |text| Box::pin(plain::<Wrapped>(text, 100, None));
        for (name, line, plain) in [
            ("100", lines::bare(100), bare),
            ("1k", lines::delta(1_000), wrapped),
            ("10k", lines::delta(10_000), wrapped),
        ] {
            let text = text(&line, MESSAGES);
            let spawn = |work| runtime.block_on(async { tokio::spawn(work).await.expect("it ends") });
            assert_eq!(runtime.block_on(ours(text, StreamConfig::default(), None)), runtime.block_on(plain(text)));
            group.bench_function(BenchmarkId::new(format!("ours_{threads}"), name), |b| {
                b.iter(|| black_box(spawn(Box::pin(ours(text, StreamConfig::default(), None)) as Work)));
            });
            group.bench_function(BenchmarkId::new(format!("plain_{threads}"), name), |b| {
                b.iter(|| black_box(spawn(plain(text))));
            });
        }
    }
    group.finish();
}

type Work = std::pin::Pin<Box<dyn Future<Output = u64> + Send>>;
type Plainly = fn(&'static [u8]) -> Work;

/// Channels from 10 to 1,000 messages, and the adaptive one.
pub(crate) fn buffers(c: &mut Criterion) {
    let mut group = c.benchmark_group("buffer_sizes_1000");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    let text = text(&lines::bare(100), MESSAGES);
    let adaptive = StreamConfigBuilder::new().adaptive_buffering(true).build();
    for (threads, runtime) in runtimes() {
        let spawn = |work: Work| runtime.block_on(async { tokio::spawn(work).await.expect("it ends") });
        for size in [10, 50, 100, 200, 500, 1000] {
            group.bench_function(BenchmarkId::new(format!("ours_{threads}"), size), |b| {
                b.iter(|| black_box(spawn(Box::pin(ours(text, fixed(size), None)))));
            });
            group.bench_function(BenchmarkId::new(format!("plain_{threads}"), size), |b| {
                b.iter(|| black_box(spawn(Box::pin(plain::<Bare>(text, size, None)))));
            });
        }
        group.bench_function(BenchmarkId::new(format!("ours_{threads}"), "adaptive"), |b| {
            b.iter(|| black_box(spawn(Box::pin(ours(text, adaptive, None)))));
        });
    }
    group.finish();
}

/// Readers that take no time, 1 ms and 10 ms a message: 100 messages.
pub(crate) fn readers(c: &mut Criterion) {
    let mut group = c.benchmark_group("readers_100");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let text = text(&lines::bare(100), 100);
    let [(_, runtime), _] = runtimes();
    for (name, pause) in
        [("fast", None), ("1ms", Some(Duration::from_millis(1))), ("10ms", Some(Duration::from_millis(10)))]
    {
        group.bench_function(BenchmarkId::new("ours", name), |b| {
            b.iter(|| black_box(runtime.block_on(ours(text, fixed(100), pause))));
        });
        group.bench_function(BenchmarkId::new("plain", name), |b| {
            b.iter(|| black_box(runtime.block_on(plain::<Bare>(text, 100, pause))));
        });
    }
    group.finish();
}

/// From the moment a reader is back at a channel that was full, its sender waiting,
/// until it has read everything that waited and the first message sent since.
pub(crate) fn recovery(c: &mut Criterion) {
    let mut group = c.benchmark_group("recovery");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let adaptive = StreamConfigBuilder::new().adaptive_buffering(true).build();
    for (threads, runtime) in runtimes() {
        for (name, config) in [("100", fixed(100)), ("adaptive", adaptive)] {
            group.bench_function(BenchmarkId::new(threads, name), |b| {
                let recover = || async move { tokio::spawn(recover(config)).await.expect("it ends") };
                b.iter_custom(|rounds| (0..rounds).map(|_| runtime.block_on(recover())).sum());
            });
        }
    }
    group.finish();
}

async fn recover(config: StreamConfig) -> Duration {
    let (sender, mut receiver) = channel(&config).expect("the settings are sound");
    let writer = tokio::spawn(async move { while sender.send(Instant::now()).await.is_ok() {} });
    // Long enough for the channel to fill; the writer then stands still.
    tokio::time::sleep(Duration::from_millis(10)).await;
    let back = Instant::now();
    while receiver.recv().await.expect("the writer goes on") < back {}
    let took = back.elapsed();
    drop(receiver);
    writer.await.expect("it ends with its reader");
    took
}
