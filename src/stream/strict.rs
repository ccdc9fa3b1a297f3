//! Reading a JSON text once, in place, and refusing all that is none.
//!
//! The grammar is that of RFC 8259, as `serde_json` reads it where it does not
//! make anything of what it reads: every byte is checked, also of what is
//! skipped. Where members repeat, the last one counts, as in JavaScript.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// A place in a JSON text. Its methods give `None` where the text is not JSON;
/// nothing sensible can be read of it after that.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Control characters are in the text: white space if it is JSON at all.
    controls: bool,
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
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, controls: has_controls(text.as_bytes()) }
    }

    /// The next byte that is no white space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Whether nothing but white space is left.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// The name of an object's next member, whose value has to be read then, or
    /// the end of the object. `first` says, and is told, whether one came before.
    pub(super) fn next_member(&mut self, first: &mut bool) -> Option<Option<Text<'a>>> {
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

    /// Reads a value; containers are walked over.
    pub(super) fn value(&mut self) -> Option<Value<'a>> {
        let first = self.peek()?;
        let from = self.at;
        Some(match first {
            b'"' => Value::Text(self.string()?),
            b'{' => {
                self.skip_container()?;
                Value::Object(&self.text[from..self.at])
            }
            b'[' => {
                self.skip_container()?;
                Value::Array(&self.text[from..self.at])
            }
            b'n' => self.name("null").map(|()| Value::Null)?,
            b't' => self.name("true").map(|()| Value::Bool(true))?,
            b'f' => self.name("false").map(|()| Value::Bool(false))?,
            _ => {
                self.number()?;
                Value::Number(&self.text[from..self.at])
            }
        })
    }

    /// Walks over a value.
    pub(super) fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'{' | b'[' => self.skip_container(),
            _ => self.value().map(drop),
        }
    }

    fn name(&mut self, name: &str) -> Option<()> {
        self.text.as_bytes()[self.at..].starts_with(name.as_bytes()).then(|| self.at += name.len())
    }

    fn number(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
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
    fn string(&mut self) -> Option<Text<'a>> {
        self.take(b'"')?;
        let from = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        let mut end = from;
        loop {
            end += find_special(bytes.get(end..)?)?;
            if bytes[end] == b'"' {
                break;
            }
            escaped = true;
            end += match bytes.get(end + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                b'u' if bytes.get(end + 2..end + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
                _ => return None,
            };
        }
        self.at = end + 1;
        let raw = &self.text[from..end];
        if self.controls && has_controls(raw.as_bytes()) {
            return None;
        }
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

/// Whether a byte below the space is in the text; without a branch for each, so
/// that the compiler compares many at once.
fn has_controls(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<64>();
    let least = |bytes: &[u8]| bytes.iter().fold(u8::MAX, |least, &byte| least.min(byte));
    blocks.iter().any(|block| least(block) < b' ') || least(rest) < b' '
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;
/// Words of eight bytes that are looked at before a search for long texts is set up.
const SHORT: usize = 5;

/// The lowest zero byte has its high bit set, and no lower one.
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Where the first quote or backslash is: most strings are short.
fn find_special(text: &[u8]) -> Option<usize> {
    let (words, _) = text.as_chunks::<8>();
    for (at, word) in words.iter().take(SHORT).enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zero_bytes(word ^ (ONES * b'"' as u64)) | zero_bytes(word ^ (ONES * b'\\' as u64));
        if found != 0 {
            return Some(at * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let seen = words.len().min(SHORT) * 8;
    memchr2(b'"', b'\\', &text[seen..]).map(|at| seen + at)
}

/// Where the first backslash is: where there is one, more are near.
fn find_backslash(text: &[u8]) -> Option<usize> {
    let (words, _) = text.as_chunks::<8>();
    for (at, word) in words.iter().take(SHORT).enumerate() {
        let found = zero_bytes(u64::from_le_bytes(*word) ^ (ONES * b'\\' as u64));
        if found != 0 {
            return Some(at * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let seen = words.len().min(SHORT) * 8;
    memchr(b'\\', &text[seen..]).map(|at| seen + at)
}

impl<'a> Text<'a> {
    /// The string. A half of a surrogate pair is no character, and is replaced by
    /// the mark for that.
    pub(super) fn decode(self) -> Cow<'a, str> {
        if !self.escaped {
            return Cow::Borrowed(self.raw);
        }
        let mut decoded = Vec::with_capacity(self.raw.len());
        self.decode_into(|part| decoded.extend_from_slice(part));
        Cow::Owned(String::from_utf8(decoded).unwrap_or_default())
    }

    /// Gives the string in parts. It is never longer than it was with its escapes.
    pub(super) fn decode_into(self, mut put: impl FnMut(&[u8])) {
        let mut rest = self.raw.as_bytes();
        while let Some(at) = find_backslash(rest) {
            put(&rest[..at]);
            let mut length = 2;
            match rest.get(at + 1) {
                Some(b'n') => put(b"\n"),
                Some(b't') => put(b"\t"),
                Some(b'r') => put(b"\r"),
                Some(b'b') => put(b"\x08"),
                Some(b'f') => put(b"\x0C"),
                Some(b'u') => {
                    let character;
                    (character, length) = unicode_escape(&rest[at..]);
                    put(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(other) => put(std::slice::from_ref(other)),
                None => length = 1,
            }
            rest = &rest[at + length..];
        }
        put(rest);
    }
}

/// The character at an escape of the form `\uXXXX`, or two of them, and how long
/// they are.
fn unicode_escape(bytes: &[u8]) -> (char, usize) {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6).filter(|text| text.starts_with(b"\\u"))?;
        u32::from_str_radix(std::str::from_utf8(&digits[2..]).ok()?, 16).ok()
    };
    let first = unit(0).unwrap_or(0xFFFD);
    if let (0xD800..=0xDBFF, Some(second @ 0xDC00..=0xDFFF)) = (first, unit(6)) {
        let joined = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return (char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}
