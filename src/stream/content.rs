//! The content of a message, which is read when it is asked for.

use std::fmt;

use bytestring::ByteString;

use super::{
    ContentBlock,
    message::block,
    shared::{Pool, Source},
    strict::{Reader, Text, Value},
};

/// The content of a message: an array of blocks, or a plain text.
///
/// A message is checked when it arrives; its content, which can be long, is only
/// read by [`blocks`](Self::blocks). Content is equal if it is written the same.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Content {
    /// The array, or the text between its quotes.
    json: ByteString,
    /// What it is, if it is a text.
    text: Option<Escaped>,
}

/// Whether a text holds escapes.
type Escaped = bool;

impl Content {
    pub(super) fn of(value: Value<'_>, source: &Source<'_>) -> Self {
        match value {
            Value::Array(raw) => Self { json: source.line.slice_ref(raw), text: None },
            Value::Text(text) => Self { json: source.line.slice_ref(text.raw), text: Some(text.escaped) },
            _ => Self::default(),
        }
    }

    /// Whether there was none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.json.is_empty() && self.text.is_none()
    }

    /// Reads the blocks; a plain text is one of them.
    #[must_use]
    pub fn blocks(&self) -> Vec<ContentBlock> {
        self.read().unwrap_or_default()
    }

    fn read(&self) -> Option<Vec<ContentBlock>> {
        let mut source = Source { line: &self.json, pool: &mut Pool::none() };
        if let Some(escaped) = self.text {
            let text = source.text(Value::Text(Text { raw: &self.json, escaped }))?;
            return Some(vec![ContentBlock::Text(text)]);
        }
        let mut reader = Reader::new(&self.json);
        reader.take(b'[')?;
        let (mut blocks, mut first) = (Vec::new(), true);
        while reader.next_item(&mut first)? {
            blocks.push(block(&mut reader, &mut source)?);
        }
        Some(blocks)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.blocks()).finish()
    }
}
