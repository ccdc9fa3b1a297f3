//! Text to fill transcripts with, as it stands in JSON.

use fastrand::Rng;

/// Enough that no two texts are alike.
const SIZE: usize = 1 << 20;
const WORDS: [&str; 40] = [
    "the",
    "fn",
    "let",
    "value",
    "return",
    "error",
    "line",
    "request",
    "of",
    "a",
    "match",
    "self",
    "test",
    "file",
    "reads",
    "writes",
    "because",
    "should",
    "branch",
    "merge",
    "commit",
    "token",
    "result",
    "with",
    "without",
    "for",
    "each",
    "into",
    "struct",
    "impl",
    "=>",
    "->",
    "{",
    "}",
    "==",
    "0x1f",
    "42",
    "\u{fc}ber",
    "\u{2192}",
    "//",
];
/// What has to be escaped, already so.
const ESCAPED: [&str; 8] = [r"\n", r"\n    ", r"\t", r#"\"ok\""#, r"\\n", r#"\"key\": 1,"#, r"\u001b[0m", r"\n\n"];

/// A stock of text to cut pieces from.
pub(super) struct Words {
    stock: String,
    /// Where words begin.
    starts: Vec<u32>,
}

impl Words {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x776f_7264_7321);
        let mut stock = String::with_capacity(SIZE + 64);
        let mut starts = Vec::new();
        while stock.len() < SIZE {
            starts.push(stock.len() as u32);
            stock.push_str(if rng.u8(..8) == 0 {
                ESCAPED[rng.usize(..ESCAPED.len())]
            } else {
                WORDS[rng.usize(..WORDS.len())]
            });
            stock.push(' ');
        }
        Self { stock, starts }
    }

    /// Writes a piece of text of about so many bytes (at most half a megabyte),
    /// not longer.
    pub(super) fn write(&self, rng: &mut Rng, length: usize, into: &mut Vec<u8>) {
        let length = length.min(SIZE / 2);
        let from = self.starts[rng.usize(..self.starts.len() / 2)] as usize;
        let until = self.starts.partition_point(|&start| start as usize <= from + length);
        let until = self.starts.get(until.saturating_sub(1)).map_or(from, |&start| start as usize);
        into.extend_from_slice(&self.stock.as_bytes()[from..until.max(from)]);
    }
}
