//! A stream that is not read, or slowly, and the program behind it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use claude_cli::{
    Error, Event, StreamConfig, StreamConfigBuilder,
    client::{Backend, ClaudeBackend, Limits, Request},
    stream::{Receiver, channel},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// So much may be under way besides the channel: what a pipe holds, and one read
/// of it with the room that is made for it.
const PIPE: usize = 64 << 10;
const READ: usize = 80 << 10;
const SOON: Duration = Duration::from_secs(20);

/// A program that writes numbered lines of `size` bytes for ever, and tells in a
/// file how many it got rid of.
fn endless(folder: &Path, size: usize) -> Arc<ClaudeBackend> {
    let program = folder.join("claude");
    let filler = "x".repeat(size - 60);
    let script = format!(
        "#!/bin/sh\nfiller={filler}\nn=0\nwhile :; do\n\
         printf '{{\"type\":\"noise\",\"n\":\"%08d\",\"filler\":\"%s\"}}\\n' $n $filler || exit\n\
         n=$((n + 1))\necho $n > '{}'\ndone\n",
        folder.join("count").display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    Arc::new(ClaudeBackend::new(program))
}

fn start(backend: Arc<ClaudeBackend>, config: &StreamConfig) -> (Receiver<Event>, JoinHandle<Result<(), Error>>) {
    let (sender, receiver) = channel(config).unwrap();
    let mut request = Request::new("go");
    request.limits = Limits { first_token: None, idle: None, total: None };
    (receiver, tokio::spawn(backend.run(request, sender, CancellationToken::new())))
}

fn written(folder: &Path) -> usize {
    fs::read_to_string(folder.join("count")).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Waits until the program is stuck.
async fn stuck(folder: &Path) -> usize {
    let started = Instant::now();
    let (mut before, mut same) = (0, 0);
    while same < 10 {
        assert!(started.elapsed() < SOON, "it goes on and on");
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = written(folder);
        same = if now == before && now > 0 { same + 1 } else { 0 };
        before = now;
    }
    before
}

fn number(event: &Event) -> u64 {
    let text = std::str::from_utf8(event.raw()).unwrap();
    text.split("\"n\":\"").nth(1).unwrap()[..8].parse().unwrap()
}

#[tokio::test]
async fn an_unread_stream_does_not_read_its_pipe() {
    for (size, config) in [
        (1_000, StreamConfigBuilder::new().channel_buffer_size(10).build()),
        (
            1_000,
            StreamConfigBuilder::new()
                .adaptive_buffering(true)
                .buffer_size_range(10, 60)
                .channel_buffer_size(20)
                .build(),
        ),
        (20_000, StreamConfigBuilder::new().channel_buffer_size(1).build()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (mut receiver, run) = start(endless(folder.path(), size), &config);
        let bound = |capacity: usize| capacity + (PIPE + READ).div_ceil(size);
        let first = stuck(folder.path()).await;
        assert!(first <= bound(config.channel_buffer_size), "{first} of {size} bytes at {config:?}");
        // Its reader is back: it goes on where it was, and nothing is lost.
        for expected in 0..500 {
            let event = tokio::time::timeout(SOON, receiver.recv()).await.unwrap().unwrap();
            assert_eq!(number(&event), expected);
        }
        let again = stuck(folder.path()).await;
        let most = if config.adaptive_buffering { config.max_buffer_size } else { config.channel_buffer_size };
        assert!(again <= 500 + bound(most), "{again} of {size} bytes at {config:?}");
        assert!(receiver.monitor().most_behind() <= most as u64);
        drop(receiver);
        assert!(matches!(run.await.unwrap(), Err(Error::Interrupted)));
    }
}

/// Resident memory in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// Reads for `time`, sleeping 10 ms a message; returns the most memory in KiB.
async fn read_slowly(config: &StreamConfig, time: Duration) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let (mut receiver, run) = start(endless(folder.path(), 10_000), config);
    let started = Instant::now();
    let (mut most, mut next) = (0, 0);
    while started.elapsed() < time {
        let event = receiver.recv().await.unwrap();
        assert_eq!(number(&event), next);
        next += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
        most = most.max(resident());
    }
    // Behind by the bound, and by no more.
    let ahead = (written(folder.path()) as u64).saturating_sub(next);
    assert!(
        ahead <= config.max_buffer_size as u64 + ((PIPE + READ) / 10_000) as u64 + 1,
        "{ahead} messages ahead"
    );
    println!(
        "{next} messages in {time:?}, {ahead} ahead of the reader, {most} KiB resident, {:?}",
        receiver.monitor()
    );
    drop(receiver);
    let _ = run.await;
    most
}

/// `make soak`: one minute, alone in its process.
#[tokio::test]
#[ignore = "takes a minute; run by `make soak`"]
async fn a_slow_reader_keeps_memory_flat() {
    let most = read_slowly(&StreamConfig::performance(), Duration::from_secs(60)).await;
    assert!(most < 50 << 10, "{most} KiB resident");
}

#[tokio::test]
async fn a_slow_reader_is_not_run_over() {
    read_slowly(&StreamConfig::default(), Duration::from_millis(1_500)).await;
}
