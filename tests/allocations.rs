//! What streaming allocates: counted, in a process of its own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    collections::VecDeque,
    hint::black_box,
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use claude_cli::{
    Error, Event, Limit, MessageParser, ProcessFailure, StreamConfig, StreamFormat,
    stream::{Decoder, channel},
};

struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: all of it is the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.load(Relaxed);
    work();
    COUNT.load(Relaxed) - before
}

const LINES: usize = 10_000;

fn lines(text: &str) -> Vec<u8> {
    let line = format!(
        r#"{{"type":"stream_event","event":{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{text}"}}}},"session_id":"c91e42ba-8794-4bf5-8695-c24f7251c673","parent_tool_use_id":null,"uuid":"9d2a600c-0c17-42b7-bb9a-22c041efc827"}}"#
    );
    format!("{line}\n").repeat(LINES).into_bytes()
}

/// Decodes as a pipe is read, and hands over what comes.
fn decode(bytes: &[u8], mut each: impl FnMut(Event)) {
    let mut decoder = Decoder::new(StreamFormat::StreamJson);
    for piece in bytes.chunks(32 << 10) {
        decoder.buffer_mut().extend_from_slice(piece);
        while let Some(event) = decoder.next_event() {
            each(event.unwrap());
        }
    }
}

/// One test, as other threads' allocations would be counted too.
#[test]
fn streaming_allocates_next_to_nothing() {
    let (plain, escaped) = (lines("Grüße aus dem Strom"), lines(r#"fn main() {\n\tprintln!(\"hello\");\n}"#));
    let mut texts = 0;
    let count = |event: Event| event.text_delta().unwrap().len();

    // A text delta, read and dropped: none of its own.
    let read = allocations(|| decode(&plain, |event| texts += count(event)));
    assert!(read < 20, "{read} for {LINES} deltas");

    // Those with escapes are decoded somewhere: many of them in one place.
    let pooled = allocations(|| decode(&escaped, |event| texts += count(event)));
    let parser = MessageParser::new(StreamFormat::StreamJson);
    let shared = bytes::Bytes::from(escaped.clone());
    let alone = allocations(|| {
        for line in shared.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            texts += count(parser.parse_bytes(shared.slice_ref(line)).unwrap().unwrap());
        }
    });
    println!("texts with escapes: {pooled} allocations with the pool, {alone} without, for {LINES}");
    assert!(pooled < 40 && alone >= LINES as u64, "{pooled} and {alone}");

    // Kept events: only the buffers that they share.
    let mut kept = Vec::with_capacity(LINES);
    let keeping = allocations(|| decode(&escaped, |event| kept.push(event)));
    assert!(keeping < 600, "{keeping} for {LINES} deltas, {} bytes", escaped.len());
    assert_eq!(kept.len(), LINES);

    // Through the channel.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (sender, mut receiver) = channel::<Event>(&StreamConfig::default()).unwrap();
    let passing = allocations(|| {
        runtime.block_on(async {
            let mut batch = VecDeque::with_capacity(32);
            for events in kept.chunks(32) {
                batch.extend(events.iter().cloned());
                sender.send_all(&mut batch).await.unwrap();
                for _ in events {
                    texts += count(receiver.recv().await.unwrap());
                }
            }
        });
    });
    assert!(passing < 20, "{passing} for {LINES} messages");

    // Errors of the common kinds.
    let errors = allocations(|| {
        let status = Some(ExitStatus::from_raw(256));
        black_box(Error::Timeout { limit: Limit::Idle, after: Duration::from_secs(1) });
        black_box(Error::process("claude", ProcessFailure::NoResult { status, skipped: 0 }));
        black_box(Error::process("claude", "its pipes are missing"));
    });
    assert_eq!(errors, 0);
    assert!(texts > 0);
}
