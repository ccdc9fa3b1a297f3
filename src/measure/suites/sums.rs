//! Checksums of events, so that everything of them is read.

use crate::{
    Event, EventKind, Usage,
    stream::{ApiEvent, ByteString, Content, ContentBlock, Delta, StreamEvent},
};

fn length(text: Option<&ByteString>) -> u64 {
    text.map_or(0, |text| text.len() as u64)
}

fn words<const N: usize>(words: [&Option<ByteString>; N]) -> u64 {
    words.into_iter().map(|word| length(word.as_ref())).sum()
}

fn usage_sum(usage: &Usage) -> u64 {
    let flags = [usage.batch, usage.fast, usage.us_inference];
    usage.total_tokens() + usage.web_searches + flags.into_iter().map(u64::from).sum::<u64>()
}

/// Sums up what the plain ways sum up; content only if it is asked for.
#[must_use]
pub fn sum(event: &Event, with_content: bool) -> u64 {
    match event.kind() {
        EventKind::Stream(StreamEvent { event, session_id, parent_tool_use_id, request_id, .. }) => {
            let said = match event {
                ApiEvent::ContentBlockDelta { index, delta: Delta::Text(text) } => {
                    u64::from(*index) + text.len() as u64
                }
                _ => 0,
            };
            words([session_id, parent_tool_use_id, request_id]) + said
        }
        EventKind::Assistant(line) => {
            let message = &line.message;
            words([&line.session_id, &line.parent_tool_use_id, &line.request_id, &line.uuid, &line.error])
                + words([&message.id, &message.model, &message.stop_reason])
                + message.usage.as_ref().map_or(0, usage_sum)
                + if with_content { blocks(&message.content) } else { 0 }
        }
        EventKind::User(line) => {
            words([&line.session_id, &line.parent_tool_use_id])
                + if with_content { blocks(&line.content) } else { 0 }
        }
        EventKind::Result(line) => {
            let numbers = [line.duration_ms, line.ttft_ms, line.num_turns, line.api_error_status.map(u64::from)];
            words([&line.result, &line.session_id, &line.stop_reason, &line.uuid])
                + line.subtype.len() as u64
                + u64::from(line.is_error)
                + numbers.into_iter().flatten().sum::<u64>()
                + line.cost_nanos.map_or(0, i64::unsigned_abs)
                + line.usage.as_ref().map_or(0, usage_sum)
                + line.permission_denials
        }
        EventKind::Text(text) => text.len() as u64,
        _ => 0,
    }
}

fn blocks(content: &Content) -> u64 {
    let length = |block: &ContentBlock| match block {
        ContentBlock::Text(text) => text.len() as u64,
        ContentBlock::ToolResult { tool_use_id, is_error } => tool_use_id.len() as u64 + u64::from(*is_error),
        _ => 0,
    };
    content.blocks().iter().map(length).sum()
}
