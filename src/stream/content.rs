//! The content of a message, which is read when it is asked for.

use std::fmt;

use bytestring::ByteString;

use super::{
    ContentBlock,
    message::{Block, block},
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
    shape: Shape,
}

/// What content is, as far as that was seen when it was checked.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
enum Shape {
    /// An array that has to be read.
    #[default]
    Blocks,
    Text {
        escaped: bool,
    },
    /// An array of one text block, as the `claude` program writes them: its text is
    /// at these bytes.
    OneText {
        from: u32,
        to: u32,
        escaped: bool,
    },
    /// An array of one tool result, and where the id of the tool use is.
    OneResult {
        from: u32,
        to: u32,
        escaped: bool,
        is_error: bool,
    },
}

impl Shape {
    /// The shape of an array of one block.
    fn of(block: &Block<'_>, array: &str) -> Self {
        let place = |value| {
            let Value::Text(text) = value else { return None };
            let from = (text.raw.as_ptr() as usize).checked_sub(array.as_ptr() as usize)?;
            let to = u32::try_from(from + text.raw.len()).ok()?;
            Some((u32::try_from(from).ok()?, to, text.escaped))
        };
        let found = match block.kind() {
            "text" => place(block.text).map(|(from, to, escaped)| Self::OneText { from, to, escaped }),
            "tool_result" => place(block.tool_use_id).map(|(from, to, escaped)| Self::OneResult {
                from,
                to,
                escaped,
                is_error: block.is_error(),
            }),
            _ => None,
        };
        found.unwrap_or_default()
    }
}

impl Content {
    /// Reads content; what is neither an array nor a text is none.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, source: &Source<'a>) -> Option<Self> {
        if reader.peek()? != b'[' {
            return Some(reader.text()?.map_or_else(Self::default, |text| Self {
                json: source.share(text.raw),
                shape: Shape::Text { escaped: text.escaped },
            }));
        }
        let mut one = None;
        let array = reader.array(|first, reader| {
            one = None;
            if first && reader.peek()? == b'{' {
                one = Some(Block::read(reader)?);
                return Some(());
            }
            reader.skip()
        })?;
        let shape = one.map_or(Shape::Blocks, |block| Shape::of(&block, array));
        Some(Self { json: source.share(array), shape })
    }

    /// Whether there was none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.json.is_empty() && !matches!(self.shape, Shape::Text { .. })
    }

    /// Reads the blocks; a plain text is one of them.
    #[must_use]
    pub fn blocks(&self) -> Vec<ContentBlock> {
        let mut pool = Pool::none();
        let mut source = Source { line: self.json.as_bytes(), pool: &mut pool };
        let mut text =
            |from: u32, to: u32, escaped| source.of(Text { raw: &self.json[from as usize..to as usize], escaped });
        match self.shape {
            Shape::Blocks => self.read_all().unwrap_or_default(),
            Shape::Text { escaped } => vec![ContentBlock::Text(source.of(Text { raw: &self.json, escaped }))],
            Shape::OneText { from, to, escaped } => vec![ContentBlock::Text(text(from, to, escaped))],
            Shape::OneResult { from, to, escaped, is_error } => {
                vec![ContentBlock::ToolResult { tool_use_id: text(from, to, escaped), is_error }]
            }
        }
    }

    fn read_all(&self) -> Option<Vec<ContentBlock>> {
        let mut source = Source { line: self.json.as_bytes(), pool: &mut Pool::none() };
        let mut blocks = Vec::new();
        Reader::new(self.json.as_bytes()).array(|_, reader| {
            blocks.push(block(reader, &mut source)?);
            Some(())
        })?;
        Some(blocks)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.blocks()).finish()
    }
}
