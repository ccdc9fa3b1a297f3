//! Checksums of events, so that everything of them is read.

use crate::{
    Event, EventKind, Usage,
    stream::{ApiEvent, ByteString, ContentBlock, Delta, StreamEvent},
};

fn length(text: Option<&ByteString>) -> u64 {
    text.map_or(0, |text| text.len() as u64)
}

const fn usage_sum(usage: &Usage) -> u64 {
    usage.total_tokens()
}

/// Sums up what the plain ways sum up; content only if it is asked for.
#[must_use]
pub fn sum(event: &Event, with_content: bool) -> u64 {
    match event.kind() {
        EventKind::Stream(StreamEvent { event, session_id, parent_tool_use_id, request_id, .. }) => {
            let words = [session_id, parent_tool_use_id, request_id].map(|word| length(word.as_ref()));
            let said = match event {
                ApiEvent::ContentBlockDelta { index, delta: Delta::Text(text) } => {
                    u64::from(*index) + text.len() as u64
                }
                _ => 0,
            };
            words.iter().sum::<u64>() + said
        }
        EventKind::Assistant(line) => {
            let message = &line.message;
            let words =
                [&line.session_id, &line.parent_tool_use_id, &line.request_id, &message.id, &message.model]
                    .map(|word| length(word.as_ref()));
            words.iter().sum::<u64>()
                + message.usage.as_ref().map_or(0, usage_sum)
                + if with_content { blocks(&message.content.blocks()) } else { 0 }
        }
        EventKind::User(line) => {
            let words = [&line.session_id, &line.parent_tool_use_id].map(|word| length(word.as_ref()));
            words.iter().sum::<u64>() + if with_content { blocks(&line.content.blocks()) } else { 0 }
        }
        EventKind::Result(line) => {
            let words = [&line.session_id, &line.stop_reason, &line.result].map(|word| length(word.as_ref()));
            let numbers = [line.duration_ms, line.ttft_ms, line.num_turns, Some(u64::from(line.is_error))];
            words.iter().sum::<u64>()
                + line.subtype.len() as u64
                + line.usage.as_ref().map_or(0, usage_sum)
                + numbers.into_iter().flatten().sum::<u64>()
        }
        EventKind::Text(text) => text.len() as u64,
        _ => 0,
    }
}

fn blocks(blocks: &[ContentBlock]) -> u64 {
    let length = |block: &ContentBlock| match block {
        ContentBlock::Text(text) => text.len() as u64,
        ContentBlock::ToolResult { tool_use_id, .. } => tool_use_id.len() as u64,
        _ => 0,
    };
    blocks.iter().map(length).sum()
}
