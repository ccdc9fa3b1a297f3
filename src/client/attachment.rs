//! Files that go along with a prompt.

use std::{fs, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{Error, Result};

/// What the API takes as a whole, 32 MB, holds a third less before encoding.
const LARGEST: u64 = 24 << 20;

/// A file that goes along with a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    name: String,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Text(String),
    /// An image or a PDF, by its media type.
    Binary {
        media_type: &'static str,
        data: Vec<u8>,
    },
}

impl Attachment {
    /// Reads a file: UTF-8 text, a PNG, JPEG, GIF or WebP image, or a PDF. What
    /// it is, its first bytes say.
    ///
    /// # Errors
    /// If it cannot be read, is larger than 24 MiB, or is none of these.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let io = |e| Error::io(format!("cannot read {name}"), e);
        let size = fs::metadata(path).map_err(io)?.len();
        if size > LARGEST {
            return Err(Error::Invalid(format!("{name} has {size} bytes; the API takes {LARGEST} at most")));
        }
        let data = fs::read(path).map_err(io)?;
        let content = match media_type(&data) {
            Some(media_type) => Content::Binary { media_type, data },
            None => Content::Text(String::from_utf8(data).map_err(|_| {
                Error::Invalid(format!("{name} is neither UTF-8 text, nor a PNG, JPEG, GIF, WebP or PDF file"))
            })?),
        };
        Ok(Self { name, content })
    }

    /// Whether it can only be sent through the Messages API.
    #[must_use]
    pub const fn is_binary(&self) -> bool {
        matches!(self.content, Content::Binary { .. })
    }

    /// The file's name as it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is in it.
    #[cfg(feature = "analytics")]
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Text(text) => text.as_bytes(),
            Content::Binary { data, .. } => data,
        }
    }

    /// About how many tokens it takes: those of its text, 1,600 for an image
    /// (the most that the API's documentation names), and a token for every 16
    /// bytes of a PDF.
    pub(super) fn tokens(&self) -> u64 {
        match &self.content {
            Content::Text(text) => super::estimate::text_tokens(text.len() as u64),
            Content::Binary { media_type, data } if *media_type == PDF => data.len() as u64 / 16,
            Content::Binary { .. } => 1_600,
        }
    }

    /// The content block of the Messages API.
    pub(super) fn block(&self) -> Value {
        match &self.content {
            Content::Text(_) => json!({ "type": "text", "text": self.inline().unwrap_or_default() }),
            Content::Binary { media_type, data } => json!({
                "type": if *media_type == PDF { "document" } else { "image" },
                "source": { "type": "base64", "media_type": media_type, "data": BASE64_STANDARD.encode(data) },
            }),
        }
    }

    /// A text file as part of a prompt; `None` for an image or PDF.
    pub(super) fn inline(&self) -> Option<String> {
        match &self.content {
            Content::Text(text) => Some(format!("<file name=\"{}\">\n{text}\n</file>", self.name)),
            Content::Binary { .. } => None,
        }
    }
}

const PDF: &str = "application/pdf";

fn media_type(data: &[u8]) -> Option<&'static str> {
    match data {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some(PDF),
        _ => None,
    }
}
