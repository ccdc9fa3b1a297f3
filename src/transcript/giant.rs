//! Lines that are too long to be held.

use memchr::{memchr, memchr2};

/// Strings longer than this are dropped.
const STRING: usize = 16 << 10;
/// What is left of a line may not be longer than this.
const LEFT: usize = 4 << 20;

/// A long line, while it comes in pieces, without its long strings.
///
/// What makes a line long is text (or an image in base64), and that is nothing
/// anybody wants to know here: a long string becomes an empty one.
#[derive(Debug, Default)]
pub(super) struct Giant {
    left: Vec<u8>,
    /// The length of the line so far.
    length: u64,
    /// Where the string that is being read begins in what is left.
    string: Option<usize>,
    /// The string is too long; nothing of it is kept.
    dropped: bool,
    /// The last byte was a backslash that escapes the next one.
    escaped: bool,
    /// Too much would be left.
    too_much: bool,
}

impl Giant {
    /// Begins another line.
    pub(super) fn clear(&mut self) {
        let mut left = std::mem::take(&mut self.left);
        left.clear();
        *self = Self { left, ..Self::default() };
    }

    /// Takes in the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        let mut rest = piece;
        while !rest.is_empty() && !self.too_much {
            rest = match self.string {
                None => self.outside(rest),
                Some(start) => self.inside(start, rest),
            };
            self.too_much = self.left.len() > LEFT;
        }
    }

    fn outside<'a>(&mut self, piece: &'a [u8]) -> &'a [u8] {
        let Some(quote) = memchr(b'"', piece) else {
            self.keep(piece);
            return &[];
        };
        self.keep(&piece[..=quote]);
        self.string = Some(self.left.len());
        self.dropped = false;
        &piece[quote + 1..]
    }

    fn inside<'a>(&mut self, start: usize, piece: &'a [u8]) -> &'a [u8] {
        let mut at = 0;
        if self.escaped {
            self.escaped = false;
            at = 1;
        }
        while let Some(found) = memchr2(b'"', b'\\', &piece[at..]) {
            at += found;
            if piece[at] == b'"' {
                self.keep_of_string(start, &piece[..at]);
                self.keep(b"\"");
                self.string = None;
                return &piece[at + 1..];
            }
            at += 2;
            if at > piece.len() {
                self.escaped = true;
                break;
            }
        }
        self.keep_of_string(start, piece);
        &[]
    }

    fn keep_of_string(&mut self, start: usize, piece: &[u8]) {
        if !self.dropped && self.left.len() - start + piece.len() > STRING {
            self.left.truncate(start);
            self.dropped = true;
        }
        if !self.dropped {
            self.keep(piece);
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = (LEFT + 1).saturating_sub(self.left.len());
        self.left.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    /// What is left of the line; `None` if that is still too much.
    pub(super) fn line(&self) -> Option<&[u8]> {
        (!self.too_much).then_some(self.left.as_slice())
    }

    /// The length of the line itself.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }
}
