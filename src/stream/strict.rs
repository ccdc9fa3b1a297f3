//! Reading a JSON text once, in place, and refusing all that is none.
//!
//! The grammar is that of RFC 8259, as `serde_json` reads it where it does not
//! make anything of what it reads: every byte is checked, also of what is
//! skipped. Where members repeat, the last one counts, as in JavaScript.

use std::borrow::Cow;

use super::{
    read_usage::{plain_count, whole_number},
    strings::{ESCAPED, MALFORMED, end_of_string, unescape},
};

/// A place in a JSON text. Its methods give `None` where the text is not JSON;
/// nothing sensible can be read of it after that.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A value that was read; containers as they stand in the text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Value<'a> {
    #[default]
    Null,
    Bool(bool),
    Number(&'a str),
    Text(Text<'a>),
    Object(&'a str),
    Array(&'a str),
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    pub(super) raw: &'a str,
    pub(super) escaped: bool,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next byte that is no white space.
    #[inline(always)]
    pub(super) fn peek(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        if byte > b' ' { Some(byte) } else { self.peek_behind_blanks() }
    }

    #[cold]
    #[inline(never)]
    fn peek_behind_blanks(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Reads an array, and gives it as it stands in the text: `each` gets whether a
    /// value is the first one, and has to read it.
    #[inline(always)]
    pub(super) fn array(&mut self, mut each: impl FnMut(bool, &mut Self) -> Option<()>) -> Option<&'a str> {
        let (from, mut first) = (self.at, true);
        self.take(b'[')?;
        loop {
            let is_first = first;
            if !self.next_item(&mut first)? {
                return Some(self.since(from));
            }
            each(is_first, self)?;
        }
    }

    /// What was read since a place, at which a value has to begin.
    #[inline(always)]
    fn since(&self, place: usize) -> &'a str {
        // SAFETY: all bytes since then were read or walked over. Those outside of
        // strings are ASCII, or the text would have been refused, and strings are
        // UTF-8, or `end_of_string` would have refused them.
        unsafe { str::from_utf8_unchecked(&self.bytes[place..self.at]) }
    }

    #[inline(always)]
    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Whether nothing but white space is left.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// The name of an object's next member, whose value has to be read then, or
    /// the end of the object. `first` says, and is told, whether one came before.
    #[inline(always)]
    pub(super) fn next_member(&mut self, first: &mut bool) -> Option<Option<Text<'a>>> {
        // As members are nearly always written.
        if !*first && self.bytes.get(self.at..self.at + 2).is_some_and(|next| next == b",\"") {
            self.at += 1;
            let name = self.string_here()?;
            self.take(b':')?;
            return Some(Some(name));
        }
        match self.peek()? {
            b'}' => {
                self.at += 1;
                return Some(None);
            }
            b',' if !*first => self.at += 1,
            b'"' if *first => {}
            _ => return None,
        }
        *first = false;
        let name = self.string()?;
        self.take(b':')?;
        Some(Some(name))
    }

    /// Whether an array has another value, which has to be read then.
    pub(super) fn next_item(&mut self, first: &mut bool) -> Option<bool> {
        match self.peek()? {
            b']' => {
                self.at += 1;
                return Some(false);
            }
            b',' if !*first => self.at += 1,
            _ if *first => {}
            _ => return None,
        }
        *first = false;
        Some(true)
    }

    /// Reads an object: `each` gets every member's name and has to read its value.
    /// Anything else is walked over.
    #[inline(always)]
    pub(super) fn object(&mut self, mut each: impl FnMut(&'a str, &mut Self) -> Option<()>) -> Option<()> {
        if self.peek()? != b'{' {
            return self.skip();
        }
        self.at += 1;
        let mut first = true;
        while let Some(name) = self.next_member(&mut first)? {
            each(name.name(), self)?;
        }
        Some(())
    }

    /// Reads a value that should be a text; anything else is as good as absent.
    #[inline(always)]
    pub(super) fn text(&mut self) -> Option<Option<Text<'a>>> {
        match self.peek()? {
            b'"' => return Some(Some(self.string_here()?)),
            b'n' => self.name("null")?,
            _ => self.skip()?,
        }
        Some(None)
    }

    /// Reads a value that should be a count: a whole number, also one written as
    /// `12.0`. Anything else is as good as absent.
    #[inline(always)]
    pub(super) fn count(&mut self) -> Option<Option<u64>> {
        self.peek()?;
        match self.plain_count() {
            Some(count) => Some(Some(count)),
            None => self.any_count(),
        }
    }

    /// Reads a [`plain_count`], if the next value is one.
    #[inline(always)]
    pub(super) fn plain_count(&mut self) -> Option<u64> {
        let (count, length) = plain_count(&self.bytes[self.at..])?;
        self.at += length;
        Some(count)
    }

    #[inline(never)]
    fn any_count(&mut self) -> Option<Option<u64>> {
        Some(match self.value()? {
            Value::Number(raw) => whole_number(raw),
            _ => None,
        })
    }

    /// Reads a value; containers are walked over.
    #[inline]
    pub(super) fn value(&mut self) -> Option<Value<'a>> {
        let first = self.peek()?;
        let from = self.at;
        Some(match first {
            b'"' => Value::Text(self.string_here()?),
            b'{' => {
                self.skip_container()?;
                Value::Object(self.since(from))
            }
            b'[' => {
                self.skip_container()?;
                Value::Array(self.since(from))
            }
            b'n' => self.name("null").map(|()| Value::Null)?,
            b't' => self.name("true").map(|()| Value::Bool(true))?,
            b'f' => self.name("false").map(|()| Value::Bool(false))?,
            _ => {
                self.number()?;
                Value::Number(self.since(from))
            }
        })
    }

    /// Walks over a value.
    pub(super) fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'{' | b'[' => self.skip_container(),
            b'"' => self.string_here().map(drop),
            b'n' => self.name("null"),
            _ => self.value().map(drop),
        }
    }

    fn name(&mut self, name: &str) -> Option<()> {
        self.bytes[self.at..].starts_with(name.as_bytes()).then(|| self.at += name.len())
    }

    fn number(&mut self) -> Option<()> {
        let bytes = self.bytes;
        let digits = |from: usize| {
            let count = bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
            (count > 0).then_some(from + count)
        };
        let mut at = self.at + usize::from(bytes.get(self.at) == Some(&b'-'));
        at = match bytes.get(at)? {
            b'0' => at + 1,
            _ => digits(at)?,
        };
        if bytes.get(at) == Some(&b'.') {
            at = digits(at + 1)?;
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            at = digits(at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-'))))?;
        }
        self.at = at;
        Some(())
    }

    /// Reads a string, from its first quote.
    #[inline(always)]
    fn string(&mut self) -> Option<Text<'a>> {
        if self.peek()? == b'"' { self.string_here() } else { None }
    }

    /// Reads a string whose first quote is here.
    #[inline(always)]
    fn string_here(&mut self) -> Option<Text<'a>> {
        self.at += 1;
        let found = end_of_string(self.bytes, self.at);
        if found == MALFORMED {
            return None;
        }
        let (from, end, escaped) = (self.at, found & !ESCAPED, found & ESCAPED != 0);
        self.at = end + 1;
        // SAFETY: `end_of_string` has checked it.
        let raw = unsafe { str::from_utf8_unchecked(&self.bytes[from..end]) };
        Some(Text { raw, escaped })
    }

    /// Walks over a container however deep it is, without recursion.
    fn skip_container(&mut self) -> Option<()> {
        let mut open = Nesting::default();
        loop {
            open.push(self.peek()? == b'{');
            self.at += 1;
            let mut first = true;
            // Members and items up to the next container that opens.
            loop {
                let more = if open.is_object() {
                    self.next_member(&mut first)?.is_some()
                } else {
                    self.next_item(&mut first)?
                };
                if !more {
                    open.pop();
                    first = false;
                    if open.is_empty() {
                        return Some(());
                    }
                    continue;
                }
                match self.peek()? {
                    b'{' | b'[' => break,
                    _ => self.value().map(drop)?,
                }
            }
        }
    }
}

/// Which containers are open: a bit for each, so that depth costs next to nothing.
#[derive(Default)]
struct Nesting {
    innermost: u64,
    outer: Vec<u64>,
    depth: usize,
}

impl Nesting {
    fn push(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.innermost);
        }
        self.innermost = self.innermost << 1 | u64::from(object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.innermost >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.innermost = self.outer.pop().unwrap_or_default();
        }
    }

    const fn is_object(&self) -> bool {
        self.innermost & 1 == 1
    }

    const fn is_empty(&self) -> bool {
        self.depth == 0
    }
}

impl<'a> Text<'a> {
    /// The string. A half of a surrogate pair is no character, and is replaced by
    /// the mark for that.
    pub(super) fn decode(self) -> Cow<'a, str> {
        if !self.escaped {
            return Cow::Borrowed(self.raw);
        }
        let mut decoded = vec![0; self.raw.len()];
        let length = self.decode_into(&mut decoded);
        decoded.truncate(length);
        Cow::Owned(String::from_utf8(decoded).unwrap_or_default())
    }

    /// The string, if it is one of those that mean something as a name.
    #[inline]
    pub(super) fn name(self) -> &'a str {
        if self.escaped { self.unescaped_name() } else { self.raw }
    }

    #[cold]
    fn unescaped_name(self) -> &'static str {
        let name = self.decode();
        NAMES.iter().find(|known| **known == name).copied().unwrap_or_default()
    }

    /// Writes the string, which is never longer than it was with its escapes, to
    /// the beginning of `to`; returns its length.
    pub(super) fn decode_into(self, to: &mut [u8]) -> usize {
        unescape(self.raw.as_bytes(), to)
    }
}

/// Names of members and types that mean something.
const NAMES: [&str; 75] = [
    "type",
    "event",
    "index",
    "delta",
    "text",
    "thinking",
    "partial_json",
    "session_id",
    "parent_tool_use_id",
    "request_id",
    "uuid",
    "message",
    "content",
    "error",
    "subtype",
    "model",
    "cwd",
    "tools",
    "claude_code_version",
    "attempt",
    "error_status",
    "retry_delay_ms",
    "id",
    "usage",
    "stop_reason",
    "content_block",
    "name",
    "input",
    "tool_use_id",
    "is_error",
    "api_error_status",
    "result",
    "duration_ms",
    "ttft_ms",
    "num_turns",
    "total_cost_usd",
    "modelUsage",
    "permission_denials",
    "structured_output",
    "inputTokens",
    "outputTokens",
    "cacheReadInputTokens",
    "cacheCreationInputTokens",
    "webSearchRequests",
    "costUSD",
    "stream_event",
    "assistant",
    "Assistant",
    "user",
    "system",
    "message_start",
    "message_delta",
    "message_stop",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "ping",
    "text_delta",
    "thinking_delta",
    "input_json_delta",
    "tool_use",
    "tool_result",
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation",
    "ephemeral_5m_input_tokens",
    "ephemeral_1h_input_tokens",
    "server_tool_use",
    "web_search_requests",
    "speed",
    "inference_geo",
    "service_tier",
    "iterations",
];
