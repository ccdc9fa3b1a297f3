//! Lines to messages.

use std::hint::black_box;

use bytes::Bytes;
use claude_cli::{
    Event, MessageParser, StreamFormat,
    measure::suites::{lines, sums},
    stream::Decoder,
};
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use serde::de::IgnoredAny;

use crate::plain::{self, Answer, Bare, Plain, Run, Text, ToolResult, User, Wrapped};

/// Lines that are decoded in one go.
const LINES: usize = 100;
const SIZES: [(&str, usize); 2] = [("1k", 1_000), ("10k", 10_000)];

fn decode(format: StreamFormat, bytes: &[u8], mut each: impl FnMut(Event)) {
    let mut decoder = Decoder::new(format);
    // As a pipe is read.
    for piece in bytes.chunks(64 << 10) {
        decoder.buffer_mut().extend_from_slice(piece);
        while let Some(event) = decoder.next_event() {
            each(event.expect("the line is sound"));
        }
    }
    while let Some(event) = decoder.finish() {
        each(event.expect("the line is sound"));
    }
}

/// What is done with each line, by each in its own way; the text is the same.
fn compare<L: Plain>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, line: &str, with_content: bool) {
    let text = Bytes::from(format!("{line}\n").repeat(LINES));
    let lines: Vec<Bytes> = plain::lines(&text).map(|line| text.slice_ref(line)).collect();
    let parser = MessageParser::new(StreamFormat::StreamJson);
    let ours = || {
        let parse = |line: &Bytes| parser.parse_bytes(line.clone()).expect("it is sound").expect("it is a line");
        black_box(&lines).iter().map(|line| sums::sum(&parse(line), with_content)).sum::<u64>()
    };
    let derived = || black_box(&lines).iter().map(|line| plain::derived::<L>(line).sum()).sum::<u64>();
    let value = || black_box(&lines).iter().map(|line| L::value_sum(&plain::value(line))).sum::<u64>();
    assert_eq!((ours(), ours()), (derived(), value()), "{name}");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function(BenchmarkId::new("ours", name), |b| b.iter(ours));
    group.bench_function(BenchmarkId::new("derived", name), |b| b.iter(derived));
    group.bench_function(BenchmarkId::new("value", name), |b| b.iter(value));
}

/// Everything of a message is read.
pub(crate) fn messages(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse_100_lines");
    compare::<Bare>(&mut group, "bare_100", &lines::bare(100), true);
    for (name, line) in [
        ("delta_250", lines::delta(250)),
        ("delta_1k", lines::delta(1_000)),
        ("delta_10k", lines::delta(10_000)),
        ("code_delta_1k", lines::code_delta(1_000)),
        ("code_delta_10k", lines::code_delta(10_000)),
    ] {
        compare::<Wrapped>(&mut group, name, &line, true);
    }
    for (size, bytes) in SIZES {
        let (answer, result, run) = (lines::assistant(bytes), lines::tool_result(bytes), lines::result(bytes));
        compare::<Answer<Vec<Text>>>(&mut group, &format!("assistant_{size}"), &answer, true);
        compare::<User<Vec<ToolResult>>>(&mut group, &format!("tool_result_{size}"), &result, true);
        compare::<Run>(&mut group, &format!("result_{size}"), &run, true);
    }
    group.finish();
}

/// Only who said what, and what it cost: not the content.
pub(crate) fn parts(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse_100_envelopes");
    for (size, bytes) in SIZES {
        let (answer, result) = (lines::assistant(bytes), lines::tool_result(bytes));
        compare::<Answer<IgnoredAny>>(&mut group, &format!("assistant_{size}"), &answer, false);
        compare::<User<IgnoredAny>>(&mut group, &format!("tool_result_{size}"), &result, false);
    }
    group.finish();
}

/// The rows of the guide's table: one message each, and a document of ten.
pub(crate) fn documents(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    let json = Bytes::from_static(br#"{"type":"Assistant","content":"Hello, this is a message."}"#);
    let text = Bytes::from_static(b"This is a plain text message of a run.");
    let parser = MessageParser::new(StreamFormat::StreamJson);
    group.bench_function("json_60", |b| b.iter(|| parser.parse_bytes(black_box(&json).clone())));
    group.bench_function("json_60_value", |b| b.iter(|| plain::value(black_box(&json))));
    let parser = MessageParser::new(StreamFormat::Text);
    group.bench_function("text_38", |b| b.iter(|| parser.parse_bytes(black_box(&text).clone())));
    let document = format!("[{}]", vec![lines::bare(100); 10].join(","));
    group.bench_function("document_of_10", |b| {
        b.iter(|| {
            let mut events = 0;
            decode(StreamFormat::Json, black_box(document.as_bytes()), |_| events += 1);
            assert_eq!(events, 10);
        });
    });
    group.bench_function("document_of_10_value", |b| b.iter(|| plain::value(black_box(document.as_bytes()))));
    group.finish();
}
