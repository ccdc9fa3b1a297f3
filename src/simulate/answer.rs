//! An answer to one request.

use serde_json::{Value, json};

use super::{Config, conversation::Block, steps::Steps};

/// About this many characters are a token.
pub(super) const CHARS_PER_TOKEN: u64 = 4;

/// An answer to one request.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) message_id: String,
    pub(super) model: String,
    usage: Value,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) blocks: Vec<Block>,
    ids: Vec<String>,
    /// It had more to say than it was allowed to.
    cut: bool,
}

pub(super) fn tokens(chars: u64) -> u64 {
    chars.div_ceil(CHARS_PER_TOKEN).max(1)
}

/// Leaves so many characters of the blocks; whether that took any away.
fn shorten(blocks: &mut Vec<Block>, most: u64) -> bool {
    let mut left = usize::try_from(most).unwrap_or(usize::MAX);
    for index in 0..blocks.len() {
        let text = blocks[index].content_mut();
        if let Some((end, _)) = text.char_indices().nth(left) {
            text.truncate(end);
            blocks.truncate(index + 1);
            return true;
        }
        left -= text.chars().count();
    }
    false
}

impl Answer {
    pub(super) fn new(
        config: &Config,
        model: &str,
        prompt_chars: u64,
        mut blocks: Vec<Block>,
        max_tokens: Option<u64>,
        mut id: impl FnMut(&str) -> String,
    ) -> Self {
        let input_tokens = config.input_tokens.unwrap_or_else(|| tokens(prompt_chars));
        let cut = max_tokens.is_some_and(|most| shorten(&mut blocks, most.saturating_mul(CHARS_PER_TOKEN)));
        let (short, long) = (config.cache_write_5m_tokens, config.cache_write_1h_tokens);
        Self {
            message_id: id("msg_"),
            model: model.to_owned(),
            usage: json!({
                "input_tokens": input_tokens,
                "cache_creation_input_tokens": short + long,
                "cache_read_input_tokens": config.cache_read_tokens,
                "cache_creation": { "ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long },
                "service_tier": "standard",
            }),
            input_tokens,
            output_tokens: blocks.iter().map(|block| tokens(block.content().chars().count() as u64)).sum(),
            ids: blocks.iter().map(|_| id("toolu_")).collect(),
            blocks,
            cut,
        }
    }

    pub(super) fn stop_reason(&self) -> &'static str {
        if self.cut {
            return "max_tokens";
        }
        let calls = self.blocks.iter().any(|block| matches!(block, Block::ToolUse { .. }));
        if calls { "tool_use" } else { "end_turn" }
    }

    pub(super) fn usage(&self, output_tokens: u64) -> Value {
        let mut usage = self.usage.clone();
        usage["output_tokens"] = output_tokens.into();
        usage
    }

    /// The whole answer as one message.
    pub(super) fn message(&self) -> Value {
        let content: Vec<Value> = (0..self.blocks.len()).map(|i| self.block(i, false)).collect();
        json!({
            "id": self.message_id, "type": "message", "role": "assistant", "model": self.model,
            "content": content, "stop_reason": self.stop_reason(), "stop_sequence": null,
            "usage": self.usage(self.output_tokens),
        })
    }

    pub(super) fn block(&self, index: usize, empty: bool) -> Value {
        let keep = |text: &str| if empty { String::new() } else { text.to_owned() };
        match &self.blocks[index] {
            Block::Thinking(text) => json!({ "type": "thinking", "thinking": keep(text), "signature": "" }),
            Block::Text(text) => json!({ "type": "text", "text": keep(text) }),
            Block::ToolUse { name, input } => {
                let input = if empty { json!({}) } else { serde_json::from_str(input).unwrap_or_default() };
                json!({ "type": "tool_use", "id": self.ids[index], "name": name, "input": input })
            }
        }
    }

    /// The steps of the answer when it is streamed, with times of this draw.
    pub(super) fn steps(self, config: &Config, random: fastrand::Rng) -> Steps {
        Steps::new(self, config, random)
    }

    /// How many pieces of so many characters it is streamed in.
    pub(super) fn pieces(&self, chunk: usize) -> usize {
        self.blocks.iter().map(|block| block.content().chars().count().div_ceil(chunk)).sum()
    }
}
