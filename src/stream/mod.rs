//! The streaming core: bytes in, typed [`Event`]s out, and no I/O in between.
//!
//! [`Decoder`] takes bytes as they arrive, split anywhere, and yields events.
//! Nothing is dropped: an event keeps the exact text it was made from
//! ([`Event::raw`]), and a type this crate does not know is an
//! [`EventKind::Unknown`] with its text.
//!
//! Between a backend and the program that reads its events is a bounded
//! [`channel`](channel()), sized by the [`StreamConfig`] and counted by a
//! [`BackpressureMonitor`].

mod blocks;
mod channel;
mod config;
mod content;
mod decoder;
mod event;
mod health;
#[cfg_attr(not(feature = "analytics"), allow(dead_code, reason = "transcripts need more of it"))]
pub(crate) mod json;
mod message;
mod monitor;
mod parser;
#[cfg_attr(not(feature = "analytics"), allow(dead_code, reason = "transcripts need more of it"))]
pub(crate) mod read_usage;
mod result;
mod shared;
mod sizing;
mod sse;
mod strict;
mod strings;
mod usage;

/// A text that shares the buffer it was read into; it is used as a `&str` is.
pub use bytestring::ByteString;
pub use channel::{Closed, Receiver, Sender, channel};
pub use config::{StreamConfig, StreamConfigBuilder, set_stream_config, stream_config};
pub use content::Content;
pub use decoder::{DEFAULT_LINE_LIMIT, Decoder};
pub use event::{
    ApiEvent, ApiMessage, AssistantMessage, ContentBlock, Delta, Event, EventKind, FinalUsage, Init, ModelUsage,
    Retry, RunResult, StreamEvent, UserMessage,
};
pub use health::{ConnectionHealth, MovingLatency};
pub use monitor::BackpressureMonitor;
pub use parser::{MessageParser, StreamFormat};
pub use usage::{AdvisorUsage, Usage};
