//! An answer as the API's events, made one at a time as they are sent.

use std::{collections::VecDeque, time::Duration};

use serde_json::{Value, json};

use super::{Config, conversation::Block};

/// About this many characters are a token.
const CHARS_PER_TOKEN: u64 = 4;

/// A step of an answer: wait, then send.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) wait: Duration,
    pub(super) event: Value,
    /// A piece of content, as opposed to what frames it.
    pub(super) content: bool,
}

/// An answer to one request.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) message_id: String,
    model: String,
    usage: Value,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    blocks: Vec<Block>,
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

    fn stop_reason(&self) -> &'static str {
        if self.cut {
            return "max_tokens";
        }
        let calls = self.blocks.iter().any(|block| matches!(block, Block::ToolUse { .. }));
        if calls { "tool_use" } else { "end_turn" }
    }

    fn usage(&self, output_tokens: u64) -> Value {
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

    fn block(&self, index: usize, empty: bool) -> Value {
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

    /// The steps of the answer when it is streamed.
    pub(super) fn steps(self, config: &Config) -> Steps {
        let mut ready = VecDeque::new();
        let start = json!({
            "type": "message_start",
            "message": {
                "id": self.message_id, "type": "message", "role": "assistant", "model": self.model,
                "content": [], "stop_reason": null, "stop_sequence": null, "usage": self.usage(1),
            },
        });
        ready.push_back(start);
        ready.push_back(json!({ "type": "ping" }));
        Steps {
            answer: self,
            chunk: config.chunk_chars.max(1),
            ttft: config.ttft,
            interval: config.token_interval,
            stall: config.stall,
            ready,
            block: 0,
            at: 0,
            inside: false,
            sent: 0,
            done: false,
        }
    }
}

/// Makes an answer's events as they are asked for.
#[derive(Debug)]
pub(super) struct Steps {
    answer: Answer,
    chunk: usize,
    ttft: Duration,
    interval: Duration,
    stall: Option<super::Stall>,
    /// Events that are sent without waiting.
    ready: VecDeque<Value>,
    block: usize,
    /// Byte position within the block's content.
    at: usize,
    inside: bool,
    /// Pieces sent so far.
    sent: usize,
    done: bool,
}

impl Iterator for Steps {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if let Some(event) = self.ready.pop_front() {
            return Some(Step { wait: Duration::ZERO, event, content: false });
        }
        if self.done {
            return None;
        }
        let Some(block) = self.answer.blocks.get(self.block) else {
            self.done = true;
            let usage = json!({ "output_tokens": self.answer.output_tokens });
            self.ready.push_back(json!({ "type": "message_stop" }));
            let delta = json!({ "stop_reason": self.answer.stop_reason(), "stop_sequence": null });
            let event = json!({ "type": "message_delta", "delta": delta, "usage": usage });
            return Some(Step { wait: Duration::ZERO, event, content: false });
        };
        let index = self.block;
        if !self.inside {
            self.inside = true;
            let event = json!({
                "type": "content_block_start", "index": index, "content_block": self.answer.block(index, true),
            });
            return Some(Step { wait: Duration::ZERO, event, content: false });
        }
        let rest = &block.content()[self.at..];
        if rest.is_empty() {
            (self.block, self.at, self.inside) = (index + 1, 0, false);
            let event = json!({ "type": "content_block_stop", "index": index });
            return Some(Step { wait: Duration::ZERO, event, content: false });
        }
        let end = rest.char_indices().nth(self.chunk).map_or(rest.len(), |(at, _)| at);
        let piece = &rest[..end];
        let delta = match block {
            Block::Thinking(_) => json!({ "type": "thinking_delta", "thinking": piece }),
            Block::Text(_) => json!({ "type": "text_delta", "text": piece }),
            Block::ToolUse { .. } => json!({ "type": "input_json_delta", "partial_json": piece }),
        };
        let event = json!({ "type": "content_block_delta", "index": index, "delta": delta });
        let mut wait = if self.sent == 0 { self.ttft } else { self.interval };
        wait += self.stall.filter(|stall| stall.after == self.sent).map_or(Duration::ZERO, |stall| stall.duration);
        self.at += end;
        self.sent += 1;
        Some(Step { wait, event, content: true })
    }
}
