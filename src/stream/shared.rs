//! Texts that share the buffer they were read into.

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

use super::{
    StreamConfig,
    strict::{Reader, Text, Value},
};

/// A text if the bytes are UTF-8.
pub(super) fn text(bytes: Bytes) -> Result<ByteString, Bytes> {
    if simdutf8::basic::from_utf8(&bytes).is_err() {
        return Err(bytes);
    }
    // SAFETY: the bytes were just found to be UTF-8, and `Bytes` never change.
    Ok(unsafe { ByteString::from_bytes_unchecked(bytes) })
}

/// Where texts with escapes are decoded to: many of them share one allocation.
#[derive(Debug)]
pub(super) struct Pool {
    buffer: BytesMut,
    /// Set aside at a time.
    chunk: usize,
}

impl Pool {
    /// A pool that sets aside what the settings say, once there is need of it.
    pub(super) fn new(config: &StreamConfig) -> Self {
        Self { buffer: BytesMut::new(), chunk: config.string_capacity }
    }

    /// A pool that sets aside just what is needed.
    pub(super) fn none() -> Self {
        Self { buffer: BytesMut::new(), chunk: 0 }
    }

    fn decode(&mut self, text: Text<'_>) -> ByteString {
        let most = text.raw.len();
        if self.buffer.capacity() < most {
            self.buffer.reserve(self.chunk.max(most));
        }
        self.buffer.resize(most, 0);
        let length = text.decode_into(&mut self.buffer);
        let decoded = self.buffer.split_to(length).freeze();
        self.buffer.clear();
        self::text(decoded).unwrap_or_default()
    }
}

/// What the texts of one message are made from: its own bytes, or where those
/// hold escapes, the pool.
pub(super) struct Source<'a> {
    pub(super) line: &'a Bytes,
    pub(super) pool: &'a mut Pool,
}

impl<'a> Source<'a> {
    /// A text as it was read.
    pub(super) fn of(&mut self, text: Text<'_>) -> ByteString {
        if text.escaped { self.pool.decode(text) } else { self.share(text.raw) }
    }

    /// A piece of the line.
    pub(super) fn share(&self, piece: &str) -> ByteString {
        // SAFETY: the bytes are those of a `str`, and `Bytes` never change.
        unsafe { ByteString::from_bytes_unchecked(self.line.slice_ref(piece.as_bytes())) }
    }

    /// A text; anything else is as good as absent.
    pub(super) fn value(&mut self, value: Value<'_>) -> Option<ByteString> {
        match value {
            Value::Text(text) => Some(self.of(text)),
            _ => None,
        }
    }

    /// Reads a text; anything else is as good as absent.
    pub(super) fn text(&mut self, reader: &mut Reader<'a>) -> Option<Option<ByteString>> {
        Some(reader.text()?.map(|text| self.of(text)))
    }

    /// Reads a text that is not empty.
    pub(super) fn word(&mut self, reader: &mut Reader<'a>) -> Option<Option<ByteString>> {
        let text = reader.text()?.filter(|text| !text.raw.is_empty());
        Some(text.map(|text| self.of(text)))
    }
}
