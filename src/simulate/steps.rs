//! A streamed answer as the API's events, written one at a time as they are sent.

use std::{io::Write, ops::Range, time::Duration};

use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};

use super::{Config, Distribution, answer::Answer, conversation::Block};

/// What a step sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The head of the message.
    Start,
    /// The head of a block.
    BlockStart(usize),
    /// A piece of a block, by its bytes.
    Piece(usize, Range<usize>),
    /// The end of a block.
    BlockStop(usize),
    /// The end of the message.
    End,
}

/// A step of an answer: wait, then send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) wait: Duration,
    pub(super) sent: Sent,
}

impl Step {
    /// A piece of content, as opposed to what frames it.
    pub(super) const fn is_content(&self) -> bool {
        matches!(self.sent, Sent::Piece(..))
    }
}

/// Makes an answer's steps as they are asked for.
#[derive(Debug)]
pub(super) struct Steps {
    answer: Answer,
    chunk: usize,
    first: Time,
    between: Time,
    stall: Option<super::Stall>,
    random: fastrand::Rng,
    next: Option<Sent>,
    /// Pieces made so far.
    made: usize,
}

#[derive(Debug)]
enum Time {
    Always(Duration),
    Drawn(Distribution),
}

impl Time {
    fn of(drawn: Option<&Distribution>, otherwise: Duration) -> Self {
        drawn.map_or(Self::Always(otherwise), |distribution| Self::Drawn(distribution.clone()))
    }

    fn next(&self, random: &mut fastrand::Rng) -> Duration {
        match self {
            Self::Always(time) => *time,
            Self::Drawn(distribution) => distribution.draw_millis(random),
        }
    }
}

impl Steps {
    pub(super) fn new(answer: Answer, config: &Config, random: fastrand::Rng) -> Self {
        let profile = config.profile.as_ref();
        Self {
            answer,
            chunk: config.chunk_chars.max(1),
            first: Time::of(profile.and_then(|p| p.first_token.as_ref()), config.ttft),
            between: Time::of(profile.and_then(|p| p.between_tokens.as_ref()), config.token_interval),
            stall: config.stall,
            random,
            next: Some(Sent::Start),
            made: 0,
        }
    }

    /// Whether a step sends a piece of thinking.
    pub(super) fn is_thinking(&self, step: &Step) -> bool {
        matches!(&step.sent, Sent::Piece(block, _) if matches!(self.answer.blocks[*block], Block::Thinking(_)))
    }

    /// The piece of a block that begins at a byte, or else the block's end.
    fn piece(&self, block: usize, at: usize) -> Sent {
        let rest = &self.answer.blocks[block].content()[at..];
        if rest.is_empty() {
            return Sent::BlockStop(block);
        }
        let end = rest.char_indices().nth(self.chunk).map_or(rest.len(), |(end, _)| end);
        Sent::Piece(block, at..at + end)
    }

    fn head_of(&self, block: usize) -> Sent {
        if block < self.answer.blocks.len() { Sent::BlockStart(block) } else { Sent::End }
    }

    /// Writes what a step sends.
    pub(super) fn write(&self, sent: &Sent, out: &mut BytesMut) {
        match sent {
            Sent::Start => {
                let message = json!({
                    "id": self.answer.message_id, "type": "message", "role": "assistant",
                    "model": self.answer.model, "content": [], "stop_reason": null, "stop_sequence": null,
                    "usage": self.answer.usage(1),
                });
                event(out, "message_start", &json!({ "type": "message_start", "message": message }));
                event(out, "ping", &json!({ "type": "ping" }));
            }
            Sent::BlockStart(index) => {
                let block = self.answer.block(*index, true);
                let start = json!({ "type": "content_block_start", "index": index, "content_block": block });
                event(out, "content_block_start", &start);
            }
            Sent::Piece(index, range) => self.write_piece(*index, range.clone(), out),
            Sent::BlockStop(index) => {
                event(out, "content_block_stop", &json!({ "type": "content_block_stop", "index": index }));
            }
            Sent::End => {
                let delta = json!({ "stop_reason": self.answer.stop_reason(), "stop_sequence": null });
                let usage = json!({ "output_tokens": self.answer.output_tokens });
                event(out, "message_delta", &json!({ "type": "message_delta", "delta": delta, "usage": usage }));
                event(out, "message_stop", &json!({ "type": "message_stop" }));
            }
        }
    }

    /// Most of what a server sends: written without a document in between.
    fn write_piece(&self, index: usize, range: Range<usize>, out: &mut BytesMut) {
        let block = &self.answer.blocks[index];
        let (kind, field) = match block {
            Block::Thinking(_) => ("thinking_delta", "thinking"),
            Block::Text(_) => ("text_delta", "text"),
            Block::ToolUse { .. } => ("input_json_delta", "partial_json"),
        };
        out.reserve(160 + 2 * range.len());
        let mut writer = out.writer();
        // Writing to memory cannot fail.
        let _ = write!(
            writer,
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":\
             {{\"type\":\"{kind}\",\"{field}\":"
        );
        let _ = serde_json::to_writer(&mut writer, &block.content()[range]);
        let _ = writer.write_all(b"}}\n\n");
    }
}

/// Writes an event.
pub(super) fn event(out: &mut BytesMut, kind: &str, data: &Value) {
    let _ = write!(out.writer(), "event: {kind}\ndata: {data}\n\n");
}

impl Iterator for Steps {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let sent = self.next.take()?;
        let mut wait = Duration::ZERO;
        self.next = match &sent {
            Sent::Start => Some(self.head_of(0)),
            Sent::BlockStart(block) => Some(self.piece(*block, 0)),
            Sent::Piece(block, range) => {
                let time = if self.made == 0 { &self.first } else { &self.between };
                wait = time.next(&mut self.random);
                if let Some(stall) = self.stall.filter(|stall| stall.after == self.made) {
                    wait += stall.duration;
                }
                self.made += 1;
                Some(self.piece(*block, range.end))
            }
            Sent::BlockStop(block) => Some(self.head_of(block + 1)),
            Sent::End => None,
        };
        Some(Step { wait, sent })
    }
}
