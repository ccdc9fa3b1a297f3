//! Decoding `stream-json`: bytes to typed events, against a plain
//! `serde_json::Value` of every line.
//!
//! `cargo bench --bench stream`

use std::hint::black_box;

use claude_cli::{StreamFormat, stream::Decoder};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Lines a run reads in one go.
const LINES: usize = 100;

/// A text delta as the `claude` program writes it, about `size` bytes long.
fn delta(size: usize) -> String {
    let frame = r#"{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}},"session_id":"c91e42ba-8794-4bf5-8695-c24f7251c673","parent_tool_use_id":null,"uuid":"9d2a600c-0c17-42b7-bb9a-22c041efc827"}"#;
    let text = "lorem ipsum ".repeat(size / 12 + 1);
    let text = &text[..size.saturating_sub(frame.len()).max(4)];
    frame.replace("\"text\":\"\"", &format!("\"text\":\"{text}\""))
}

fn decode(bytes: &[u8]) -> usize {
    let mut decoder = Decoder::new(StreamFormat::StreamJson);
    decoder.push(bytes);
    let mut events = 0;
    while let Some(event) = decoder.finish() {
        black_box(event.expect("the line is sound"));
        events += 1;
    }
    events
}

fn plain(bytes: &[u8]) -> usize {
    let mut lines = 0;
    for line in bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        black_box(serde_json::from_slice::<serde_json::Value>(line).expect("the line is sound"));
        lines += 1;
    }
    lines
}

fn lines(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode_100_lines");
    for size in [250, 1_000, 10_000] {
        let text = format!("{}\n", delta(size)).repeat(LINES);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::new("decoder", size), text.as_bytes(), |b, bytes| {
            b.iter(|| assert_eq!(decode(black_box(bytes)), LINES));
        });
        group.bench_with_input(BenchmarkId::new("serde_json_value", size), text.as_bytes(), |b, bytes| {
            b.iter(|| assert_eq!(plain(black_box(bytes)), LINES));
        });
    }
    group.finish();
}

criterion_group!(benches, lines);
criterion_main!(benches);
