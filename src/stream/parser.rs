//! One message's text to an [`Event`].

use std::{fmt, str::FromStr};

use bytes::Bytes;
use bytestring::ByteString;
use serde_json::value::RawValue;

use super::{
    Event, EventKind,
    message::line,
    shared::{self, Pool, Source},
    strict::Reader,
};
use crate::{Error, Result};

/// How messages are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamFormat {
    /// Plain text, passed on as it comes.
    Text,
    /// One JSON document: a message, or an array of messages.
    Json,
    /// One JSON message a line, as `claude --output-format stream-json` writes.
    #[default]
    StreamJson,
    /// Server-sent events, as the Messages API writes.
    Sse,
}

impl StreamFormat {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Text, "text"), (Self::Json, "json"), (Self::StreamJson, "stream-json"), (Self::Sse, "sse")];
}

impl fmt::Display for StreamFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(format, _)| format == self).map_or("", |(_, name)| name);
        f.pad(name)
    }
}

impl FromStr for StreamFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(format, _)| *format).ok_or_else(|| {
            Error::Invalid(format!("`{name}` is no stream format: use text, json, stream-json or sse"))
        })
    }
}

/// Parses single messages.
///
/// ```
/// use claude_cli::{EventKind, MessageParser, StreamFormat};
///
/// let parser = MessageParser::new(StreamFormat::StreamJson);
/// let event = parser.parse_line(r#"{"type":"system","subtype":"status"}"#)?;
/// assert!(matches!(event.unwrap().kind(), EventKind::System { subtype } if subtype == "status"));
/// # Ok::<_, claude_cli::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageParser {
    format: StreamFormat,
}

impl MessageParser {
    /// A parser for `format`.
    #[must_use]
    pub const fn new(format: StreamFormat) -> Self {
        Self { format }
    }

    /// The format it was made for.
    #[must_use]
    pub const fn format(&self) -> StreamFormat {
        self.format
    }

    /// Parses one line (for [`StreamFormat::Sse`]: the data of one message).
    /// A blank line is `None`.
    ///
    /// # Errors
    /// [`Error::Parse`] if it is no JSON object. A field of an unexpected type
    /// is no error; it counts as absent, and stays in [`Event::raw`].
    pub fn parse_line(&self, line: &str) -> Result<Option<Event>> {
        self.parse_bytes(Bytes::copy_from_slice(line.as_bytes()))
    }

    /// [`parse_line`](Self::parse_line) without copying the line: the event's
    /// texts share it.
    ///
    /// # Errors
    /// As [`parse_line`](Self::parse_line).
    pub fn parse_bytes(&self, line: Bytes) -> Result<Option<Event>> {
        self.parse(line, &mut Pool::none())
    }

    /// [`parse_bytes`](Self::parse_bytes) with a place for texts that hold escapes.
    #[inline]
    pub(super) fn parse(&self, bytes: Bytes, pool: &mut Pool) -> Result<Option<Event>> {
        if self.format == StreamFormat::Text {
            return Ok(Some(text_event(bytes)));
        }
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        let mut reader = Reader::new(&bytes);
        if reader.peek() != Some(b'{') {
            return Err(malformed(&bytes));
        }
        let mut kind = EventKind::Unknown { kind: ByteString::new() };
        match line(&mut reader, &mut Source { line: &bytes, pool }, &mut kind) {
            Some(()) if reader.is_at_end() => Ok(Some(Event::new(kind, bytes))),
            _ => Err(malformed(&bytes)),
        }
    }
}

/// Plain text, in which what is no character is replaced by the mark for that.
pub(super) fn text_event(bytes: Bytes) -> Event {
    let text = shared::text(bytes.clone()).unwrap_or_else(|bytes| String::from_utf8_lossy(&bytes).as_ref().into());
    Event::new(EventKind::Text(text), bytes)
}

/// The error for a line that is no JSON object, in the words of `serde_json`.
fn malformed(line: &[u8]) -> Error {
    let why = match serde_json::from_slice::<&RawValue>(line) {
        Ok(_) => "not a JSON object".to_owned(),
        Err(e) => e.to_string(),
    };
    let excerpt: String = String::from_utf8_lossy(&line[..line.len().min(400)]).chars().take(80).collect();
    Error::Parse { line: 1, message: format!("{why}: {excerpt}") }
}
