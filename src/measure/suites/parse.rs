//! Lines to messages.

use std::hint::black_box;

use bytes::Bytes;

use super::{Case, Work, lines, sums};
use crate::{Error, MessageParser, Result, StreamFormat};

pub(super) const CASES: [Case; 5] = [
    Case::new("delta_250", "a text delta of 250 B", |_| one(&lines::delta(250))),
    Case::new("code_delta_10k", "a text delta of 10 KB of code", |_| one(&lines::code_delta(10_000))),
    Case::new("assistant_1k", "an answer of 1 KB", |_| one(&lines::assistant(1_000))),
    Case::new("result_1k", "a result of 1 KB", |_| one(&lines::result(1_000))),
    Case::new("tool_result_10k", "a tool result of 10 KB of code", |_| one(&lines::tool_result(10_000))),
];

#[allow(clippy::unnecessary_wraps, reason = "others read files")]
fn one(line: &str) -> Result<Work> {
    let line = Bytes::copy_from_slice(line.as_bytes());
    let parser = MessageParser::new(StreamFormat::StreamJson);
    let empty = || Error::Invalid("the line is empty".to_owned());
    Ok(Box::new(move |times| {
        let mut sum = 0_u64;
        for _ in 0..times {
            let event = parser.parse_bytes(black_box(&line).clone())?.ok_or_else(empty)?;
            sum = sum.wrapping_add(sums::sum(&event, true));
        }
        Ok(sum)
    }))
}
