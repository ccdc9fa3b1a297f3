//! Bytes to events, without I/O: the caller reads, the decoder cuts and parses.

use bytes::{Buf, Bytes, BytesMut};

use super::{Event, MessageParser, StreamFormat, parser::text_event, shared::Pool, sse, stream_config};
use crate::{Error, Result};

/// The longest line a [`Decoder`] takes by default: 64 MiB. Answers that carry
/// files inline are far shorter; without a limit a peer that never ends its
/// line would fill the memory.
pub const DEFAULT_LINE_LIMIT: usize = 64 << 20;
/// Room that is made for reads, and the room below which it is made again: a
/// pipe holds 64 KiB, and a read of fewer bytes than wait is one read more.
const READ_ROOM: usize = 64 << 10;
const READ_LEAST: usize = 8 << 10;

/// Cuts a byte stream, split anywhere, into events.
///
/// ```
/// use claude_cli::stream::{Decoder, StreamFormat};
///
/// let mut decoder = Decoder::new(StreamFormat::StreamJson);
/// decoder.push(b"{\"type\":\"ping\"}\n{\"ty");
/// assert!(decoder.next_event().unwrap().is_ok());
/// assert!(decoder.next_event().is_none(), "the second line is not complete");
/// decoder.push(b"pe\":\"ping\"}\n");
/// assert!(decoder.next_event().unwrap().is_ok());
/// ```
///
/// An error concerns one line: the decoder goes on with the next.
#[derive(Debug)]
pub struct Decoder {
    parser: MessageParser,
    limit: usize,
    buffer: BytesMut,
    /// Bytes of `buffer` already searched for a line end.
    scanned: usize,
    lines: u64,
    /// Inside a line that was given up for its length.
    skipping: bool,
    sse: sse::Assembler,
    pool: Pool,
    /// Messages of a JSON document that were parsed and not yet asked for.
    ready: std::collections::VecDeque<Event>,
    finished: bool,
}

impl Decoder {
    /// A decoder with the default line limit.
    #[must_use]
    pub fn new(format: StreamFormat) -> Self {
        Self::with_line_limit(format, DEFAULT_LINE_LIMIT)
    }

    /// A decoder that refuses lines (for [`StreamFormat::Json`]: documents) of
    /// more than `limit` bytes.
    #[must_use]
    pub fn with_line_limit(format: StreamFormat, limit: usize) -> Self {
        Self {
            parser: MessageParser::new(format),
            limit,
            buffer: BytesMut::new(),
            scanned: 0,
            lines: 0,
            skipping: false,
            sse: sse::Assembler::default(),
            pool: Pool::new(&stream_config()),
            ready: std::collections::VecDeque::new(),
            finished: false,
        }
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The buffer that bytes may be read into directly, behind what is there. It
    /// has room for a read of at least 8 KiB.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        if self.buffer.capacity() - self.buffer.len() < READ_LEAST {
            self.buffer.reserve(READ_ROOM);
        }
        &mut self.buffer
    }

    /// Lines seen so far.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// The next event, or `None` until more bytes come.
    ///
    /// # Errors
    /// [`Error::Parse`] for a line that does not follow the format and
    /// [`Error::LineTooLong`] for one beyond the limit; both name the line, and
    /// the next call goes on behind it.
    pub fn next_event(&mut self) -> Option<Result<Event>> {
        if let Some(event) = self.ready.pop_front() {
            return Some(Ok(event));
        }
        match self.parser.format() {
            StreamFormat::Text => self.next_text(),
            StreamFormat::Json => {
                let too_long = self.buffer.len() > self.limit && !self.skipping;
                too_long.then(|| {
                    self.skipping = true;
                    self.buffer.clear();
                    Err(Error::LineTooLong { line: 1, limit: self.limit })
                })
            }
            StreamFormat::StreamJson => loop {
                let line = match self.next_line()? {
                    Ok(line) => line,
                    Err(e) => return Some(Err(e)),
                };
                if let Some(event) = self.parse(line) {
                    return Some(event);
                }
            },
            StreamFormat::Sse => loop {
                let line = match self.next_line()? {
                    Ok(line) => line,
                    Err(e) => return Some(Err(e)),
                };
                if let Some(data) = self.sse.line(&line, self.lines == 1)
                    && let Some(event) = self.parse(data)
                {
                    return Some(event);
                }
            },
        }
    }

    /// What is left when no more bytes will come: an unterminated last line.
    /// Call it until it returns `None`.
    ///
    /// # Errors
    /// As [`next_event`](Self::next_event).
    pub fn finish(&mut self) -> Option<Result<Event>> {
        if let Some(event) = self.next_event() {
            return Some(event);
        }
        if std::mem::replace(&mut self.finished, true) {
            return None;
        }
        let rest = self.buffer.split().freeze();
        self.scanned = 0;
        if std::mem::take(&mut self.skipping) || rest.is_empty() {
            // The last message of an event stream needs no blank line here.
            return self.sse.end().and_then(|data| self.parse(data));
        }
        self.lines += 1;
        match self.parser.format() {
            StreamFormat::Text => Some(Ok(text_event(rest))),
            StreamFormat::StreamJson => self.parse(rest),
            StreamFormat::Json => self.document(rest),
            StreamFormat::Sse => {
                let ended = self.sse.line(&rest, self.lines == 1);
                ended.or_else(|| self.sse.end()).and_then(|data| self.parse(data))
            }
        }
    }

    #[inline]
    fn parse(&mut self, line: Bytes) -> Option<Result<Event>> {
        match self.parser.parse(line, &mut self.pool) {
            Ok(event) => event.map(Ok),
            Err(e) => Some(Err(at_line(e, self.lines))),
        }
    }

    /// One complete line, without its end.
    fn next_line(&mut self) -> Option<Result<Bytes>> {
        loop {
            let sse = self.parser.format() == StreamFormat::Sse;
            let fresh = &self.buffer[self.scanned..];
            // An event stream's lines may also end in a lone carriage return.
            let found = if sse { memchr::memchr2(b'\n', b'\r', fresh) } else { memchr::memchr(b'\n', fresh) };
            let Some(found) = found.map(|at| at + self.scanned) else {
                self.scanned = self.buffer.len();
                if self.skipping {
                    self.buffer.clear();
                    self.scanned = 0;
                } else if self.buffer.len() > self.limit {
                    return Some(Err(self.give_up()));
                }
                return None;
            };
            let carriage = self.buffer[found] == b'\r';
            if carriage && found + 1 == self.buffer.len() && !self.finished {
                // Its line feed may be still to come.
                self.scanned = found;
                return None;
            }
            let mut line = self.buffer.split_to(found).freeze();
            let end = if carriage && self.buffer.get(1) == Some(&b'\n') { 2 } else { 1 };
            self.buffer.advance(end);
            self.scanned = 0;
            self.lines += u64::from(!self.skipping);
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if line.len() > self.limit {
                return Some(Err(Error::LineTooLong { line: self.lines, limit: self.limit }));
            }
            if !sse && line.last() == Some(&b'\r') {
                line.truncate(line.len() - 1);
            }
            return Some(Ok(line));
        }
    }

    fn give_up(&mut self) -> Error {
        self.lines += 1;
        self.skipping = true;
        self.buffer.clear();
        self.scanned = 0;
        Error::LineTooLong { line: self.lines, limit: self.limit }
    }

    /// All complete characters at hand: text is passed on as it comes.
    fn next_text(&mut self) -> Option<Result<Event>> {
        let whole = match std::str::from_utf8(&self.buffer) {
            Ok(text) => text.len(),
            // A character that is cut off waits for its rest.
            Err(e) if e.error_len().is_none() => e.valid_up_to(),
            Err(_) => self.buffer.len() - incomplete_tail(&self.buffer),
        };
        (whole > 0).then(|| Ok(text_event(self.buffer.split_to(whole).freeze())))
    }

    /// A whole JSON document: one message, or an array of them.
    fn document(&mut self, document: Bytes) -> Option<Result<Event>> {
        let trimmed = document.trim_ascii_start();
        if trimmed.first() != Some(&b'[') {
            return self.parse(document);
        }
        let messages: Vec<&serde_json::value::RawValue> = match serde_json::from_slice(trimmed) {
            Ok(messages) => messages,
            Err(e) => return Some(Err(Error::Parse { line: e.line() as u64, message: e.to_string() })),
        };
        let mut events = Vec::with_capacity(messages.len());
        for message in messages {
            match self.parser.parse_bytes(document.slice_ref(message.get().as_bytes())) {
                Ok(event) => events.extend(event),
                Err(e) => return Some(Err(at_line(e, 1))),
            }
        }
        self.ready.extend(events);
        self.finished = true;
        self.ready.pop_front().map(Ok)
    }
}

/// The bytes at the end that may be the beginning of a character.
fn incomplete_tail(bytes: &[u8]) -> usize {
    (1..=3.min(bytes.len()))
        .find(|&n| {
            let tail = &bytes[bytes.len() - n..];
            tail[0] >= 0xC0 && std::str::from_utf8(tail).is_err_and(|e| e.error_len().is_none())
        })
        .unwrap_or(0)
}

fn at_line(error: Error, line: u64) -> Error {
    match error {
        Error::Parse { message, .. } => Error::Parse { line, message },
        other => other,
    }
}
