//! Reading the few fields one needs of a JSON text, in place.
//!
//! A [`Cursor`] walks over bytes and allocates nothing. What it skips it only
//! walks over, strings and brackets in mind: bytes there that are not UTF-8, or
//! numbers that are none, do no harm. Where members repeat, the last one counts,
//! as in JavaScript. [`strict`](super::strict) is for where it matters.

use std::borrow::Cow;

use memchr::memchr;

use super::read_usage::plain_count;

/// A place in a JSON text.
///
/// Its methods give `None` where the text is not JSON; nothing sensible can be
/// read of it after that.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A value that was read; of containers, only their kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(Text<'a>),
    Container,
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    raw: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next byte that is no white space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Whether nothing but white space is left.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Reads an object: `each` gets every member's name and has to read its
    /// value.
    pub(crate) fn object(&mut self, mut each: impl FnMut(&'a [u8], &mut Self) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let name = self.text()?.raw;
            self.take(b':')?;
            each(name, self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Reads an array: `each` has to read every value.
    pub(crate) fn array(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            each(self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Reads a value; containers are skipped.
    pub(crate) fn value(&mut self) -> Option<Value<'a>> {
        Some(match self.peek()? {
            b'"' => Value::Text(self.text()?),
            b'{' | b'[' => {
                self.skip_container()?;
                Value::Container
            }
            _ => match self.word() {
                b"null" => Value::Null,
                b"true" => Value::Bool(true),
                b"false" => Value::Bool(false),
                number if number.first().is_some_and(|b| matches!(b, b'-' | b'0'..=b'9')) => {
                    Value::Number(std::str::from_utf8(number).ok()?)
                }
                _ => return None,
            },
        })
    }

    /// Reads a [`plain_count`], if the next value is one.
    pub(super) fn plain_count(&mut self) -> Option<u64> {
        let (count, length) = plain_count(&self.bytes[self.at..])?;
        self.at += length;
        Some(count)
    }

    /// Walks over a value.
    pub(crate) fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'{' | b'[' => self.skip_container(),
            _ => (!self.word().is_empty()).then_some(()),
        }
    }

    /// A number, or one of the three names.
    fn word(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let ends = |b: &u8| !matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'+' | b'.' | b'E');
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn text(&mut self) -> Option<Text<'a>> {
        self.take(b'"')?;
        let rest = &self.bytes[self.at..];
        let mut end = find_quote(rest)?;
        // A quote behind an odd number of backslashes does not end it.
        while end > 0 && rest[end - 1] == b'\\' {
            let backslashes = rest[..end].iter().rev().take_while(|&&b| b == b'\\').count();
            if backslashes % 2 == 0 {
                break;
            }
            end += 1;
            end += memchr(b'"', &rest[end..])?;
        }
        self.at += end + 1;
        Some(Text { raw: &rest[..end] })
    }

    fn skip_container(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match *self.bytes.get(self.at)? {
                b'"' => {
                    self.text()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Some(());
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}

/// Where the first quote is.
///
/// Most strings are names, ids and words: in eight bytes at a time it is found
/// sooner than the vectors of a longer search are set up.
fn find_quote(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    const QUOTES: u64 = ONES * b'"' as u64;
    let (words, _) = text.as_chunks::<8>();
    for (at, word) in words.iter().take(5).enumerate() {
        // A byte that was a quote is zero, and the lowest zero byte is found exactly.
        let word = u64::from_le_bytes(*word) ^ QUOTES;
        let zeros = word.wrapping_sub(ONES) & !word & HIGHS;
        if zeros != 0 {
            return Some(at * 8 + zeros.trailing_zeros() as usize / 8);
        }
    }
    let seen = words.len().min(5) * 8;
    memchr(b'"', &text[seen..]).map(|at| seen + at)
}

impl<'a> Text<'a> {
    /// The string; what cannot be decoded stays as it is, or is replaced.
    pub(crate) fn decode(self) -> Cow<'a, str> {
        if memchr(b'\\', self.raw).is_some() {
            let quoted = [b"\"", self.raw, b"\""].concat();
            if let Ok(text) = serde_json::from_str(&String::from_utf8_lossy(&quoted)) {
                return Cow::Owned(text);
            }
        }
        match std::str::from_utf8(self.raw) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(self.raw),
        }
    }

    /// The bytes between the quotes.
    pub(crate) const fn raw(self) -> &'a [u8] {
        self.raw
    }
}
