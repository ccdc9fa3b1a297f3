//! One message's text to an [`Event`].

use std::{collections::BTreeMap, fmt, str::FromStr};

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    ApiEvent, ApiMessage, AssistantMessage, ContentBlock, Delta, Event, EventKind, Init, ModelUsage, Retry,
    RunResult, StreamEvent, UserMessage,
    wire::{
        self, Api, BlockFields, DeltaFields, ErrorFields, Field, Line, MessageFields, ModelUsageFields, count,
        read, read_or_default, small, status, text, usd_nanos,
    },
};
use crate::{Error, Result};

/// How messages are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamFormat {
    /// Plain text, passed on as it comes.
    Text,
    /// One JSON document: a message, or an array of messages.
    Json,
    /// One JSON message a line, as `claude --output-format stream-json` writes.
    #[default]
    StreamJson,
    /// Server-sent events, as the Messages API writes.
    Sse,
}

impl StreamFormat {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Text, "text"), (Self::Json, "json"), (Self::StreamJson, "stream-json"), (Self::Sse, "sse")];
}

impl fmt::Display for StreamFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(format, _)| format == self).map_or("", |(_, name)| name);
        f.pad(name)
    }
}

impl FromStr for StreamFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(format, _)| *format).ok_or_else(|| {
            Error::Invalid(format!("`{name}` is no stream format: use text, json, stream-json or sse"))
        })
    }
}

/// Parses single messages.
///
/// ```
/// use claude_cli::{EventKind, MessageParser, StreamFormat};
///
/// let parser = MessageParser::new(StreamFormat::StreamJson);
/// let event = parser.parse_line(r#"{"type":"system","subtype":"status"}"#)?;
/// assert!(matches!(event.unwrap().kind(), EventKind::System { subtype } if subtype == "status"));
/// # Ok::<_, claude_cli::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageParser {
    format: StreamFormat,
}

impl MessageParser {
    /// A parser for `format`.
    #[must_use]
    pub const fn new(format: StreamFormat) -> Self {
        Self { format }
    }

    /// The format it was made for.
    #[must_use]
    pub const fn format(&self) -> StreamFormat {
        self.format
    }

    /// Parses one line (for [`StreamFormat::Sse`]: the data of one message).
    /// A blank line is `None`.
    ///
    /// # Errors
    /// [`Error::Parse`] if it is no JSON object. A field of an unexpected type
    /// is no error; it counts as absent, and stays in [`Event::raw`].
    pub fn parse_line(&self, line: &str) -> Result<Option<Event>> {
        self.parse_bytes(Bytes::copy_from_slice(line.as_bytes()))
    }

    /// [`parse_line`](Self::parse_line) without copying the line.
    ///
    /// # Errors
    /// As [`parse_line`](Self::parse_line).
    pub fn parse_bytes(&self, line: Bytes) -> Result<Option<Event>> {
        if self.format == StreamFormat::Text {
            let text = String::from_utf8_lossy(&line).into_owned();
            return Ok(Some(Event::new(EventKind::Text(text), line)));
        }
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        let kind = match serde_json::from_slice::<Line<'_>>(&line) {
            // Serde would also take an array for a struct.
            Ok(fields) if line.trim_ascii_start().first() == Some(&b'{') => event_kind(&fields, &line),
            Ok(_) => return Err(malformed(&line, "not a JSON object")),
            Err(e) => return Err(malformed(&line, &e.to_string())),
        };
        Ok(Some(Event::new(kind, line)))
    }
}

fn malformed(line: &[u8], why: &str) -> Error {
    let excerpt: String = String::from_utf8_lossy(&line[..line.len().min(400)]).chars().take(80).collect();
    Error::Parse { line: 1, message: format!("{why}: {excerpt}") }
}

fn event_kind(line: &Line<'_>, bytes: &[u8]) -> EventKind {
    let kind = text(line.kind).unwrap_or_default();
    match kind.as_str() {
        "system" => system(line),
        "stream_event" => EventKind::Stream(StreamEvent {
            event: read_or_default::<Api<'_>>(line.event).event(),
            session_id: text(line.session_id),
            parent_tool_use_id: text(line.parent_tool_use_id),
            request_id: text(line.request_id),
        }),
        "assistant" => EventKind::Assistant(Box::new(assistant(line))),
        "user" => EventKind::User(UserMessage {
            content: content(read_or_default::<MessageFields<'_>>(line.message).content.or(line.content)),
            session_id: text(line.session_id),
            parent_tool_use_id: text(line.parent_tool_use_id),
        }),
        "result" => EventKind::Result(Box::new(result(line))),
        "message_start"
        | "message_delta"
        | "message_stop"
        | "content_block_start"
        | "content_block_delta"
        | "content_block_stop"
        | "ping"
        | "error" => {
            let api = serde_json::from_slice::<Api<'_>>(bytes).unwrap_or_default();
            EventKind::Stream(StreamEvent::bare(api.event()))
        }
        // The flat shape of the first SDK: {"type":"Assistant","content":"…"}.
        "Assistant" => EventKind::Assistant(Box::new(assistant(line))),
        _ => EventKind::Unknown { kind },
    }
}

fn system(line: &Line<'_>) -> EventKind {
    let subtype = text(line.subtype).unwrap_or_default();
    match subtype.as_str() {
        "init" => EventKind::Init(Box::new(Init {
            session_id: text(line.session_id),
            model: text(line.model),
            cwd: text(line.cwd),
            tools: read_or_default(line.tools),
            version: text(line.claude_code_version),
        })),
        "api_retry" => EventKind::Retry(Retry {
            attempt: small(line.attempt).unwrap_or(0),
            status: status(line.error_status),
            error: text(line.error).unwrap_or_default(),
            delay_ms: count(line.retry_delay_ms).unwrap_or(0),
            request_id: text(line.request_id),
            session_id: text(line.session_id),
            uuid: text(line.uuid),
        }),
        _ => EventKind::System { subtype },
    }
}

fn assistant(line: &Line<'_>) -> AssistantMessage {
    let mut message = read_or_default::<MessageFields<'_>>(line.message).message();
    if line.message.is_none() {
        message.content = content(line.content);
    }
    AssistantMessage {
        message,
        session_id: text(line.session_id),
        parent_tool_use_id: text(line.parent_tool_use_id),
        request_id: text(line.request_id),
        uuid: text(line.uuid),
        error: text(line.error),
    }
}

fn result(line: &Line<'_>) -> RunResult {
    let models: BTreeMap<String, &RawValue> = read_or_default(line.model_usage);
    RunResult {
        subtype: text(line.subtype).unwrap_or_default(),
        is_error: read(line.is_error).unwrap_or(false),
        api_error_status: status(line.api_error_status),
        result: read(line.result),
        session_id: text(line.session_id),
        duration_ms: count(line.duration_ms),
        ttft_ms: count(line.ttft_ms),
        num_turns: count(line.num_turns),
        cost_nanos: usd_nanos(line.total_cost_usd),
        usage: wire::usage(line.usage).map(|found| found.usage),
        model_usage: models.into_iter().map(|(model, raw)| model_usage(model, raw)).collect(),
        permission_denials: read::<Vec<&RawValue>>(line.permission_denials)
            .map_or(0, |denied| denied.len() as u64),
        structured_output: read(line.structured_output),
        stop_reason: text(line.stop_reason),
        uuid: text(line.uuid),
    }
}

fn model_usage(model: String, raw: &RawValue) -> ModelUsage {
    let fields: ModelUsageFields<'_> = read_or_default(Some(raw));
    let usage = super::Usage {
        input_tokens: count(fields.input).unwrap_or(0),
        output_tokens: count(fields.output).unwrap_or(0),
        cache_read_tokens: count(fields.cache_read).unwrap_or(0),
        cache_write_5m_tokens: count(fields.cache_write).unwrap_or(0),
        web_searches: count(fields.web_searches).unwrap_or(0),
        ..super::Usage::default()
    };
    ModelUsage { model, usage, cost_nanos: usd_nanos(fields.cost) }
}

impl Api<'_> {
    fn event(&self) -> ApiEvent {
        let kind = text(self.kind).unwrap_or_default();
        let index = small(self.index).unwrap_or(0);
        match kind.as_str() {
            "message_start" => {
                ApiEvent::MessageStart(Box::new(read_or_default::<MessageFields<'_>>(self.message).message()))
            }
            "content_block_start" => ApiEvent::ContentBlockStart {
                index,
                block: read_or_default::<BlockFields<'_>>(self.content_block).block(),
            },
            "content_block_delta" => ApiEvent::ContentBlockDelta { index, delta: delta(self.delta) },
            "content_block_stop" => ApiEvent::ContentBlockStop { index },
            "message_delta" => ApiEvent::MessageDelta {
                stop_reason: text(read_or_default::<DeltaFields<'_>>(self.delta).stop_reason),
                usage: wire::usage(self.usage).unwrap_or_default(),
            },
            "message_stop" => ApiEvent::MessageStop,
            "ping" => ApiEvent::Ping,
            "error" => {
                let error: ErrorFields<'_> = read_or_default(self.error);
                ApiEvent::Error {
                    kind: text(error.kind).unwrap_or_default(),
                    message: text(error.message).unwrap_or_default(),
                }
            }
            _ => ApiEvent::Unknown { kind },
        }
    }
}

fn delta(field: Field<'_>) -> Delta {
    let fields: DeltaFields<'_> = read_or_default(field);
    let kind = text(fields.kind).unwrap_or_default();
    match kind.as_str() {
        "text_delta" => Delta::Text(read_or_default(fields.text)),
        "thinking_delta" => Delta::Thinking(read_or_default(fields.thinking)),
        "input_json_delta" => Delta::InputJson(read_or_default(fields.partial_json)),
        _ => Delta::Unknown(kind),
    }
}

impl MessageFields<'_> {
    fn message(&self) -> ApiMessage {
        ApiMessage {
            id: text(self.id),
            model: text(self.model),
            content: content(self.content),
            usage: wire::usage(self.usage).map(|found| found.usage),
            stop_reason: text(self.stop_reason),
        }
    }
}

/// Content is an array of blocks, or a plain string.
fn content(field: Field<'_>) -> Vec<ContentBlock> {
    if let Some(text) = read::<String>(field) {
        return vec![ContentBlock::Text(text)];
    }
    let blocks: Vec<&RawValue> = read_or_default(field);
    blocks.into_iter().map(|raw| read_or_default::<BlockFields<'_>>(Some(raw)).block()).collect()
}

impl BlockFields<'_> {
    fn block(&self) -> ContentBlock {
        let kind = text(self.kind).unwrap_or_default();
        match kind.as_str() {
            "text" => ContentBlock::Text(read_or_default(self.text)),
            "thinking" => ContentBlock::Thinking(read_or_default(self.thinking)),
            "tool_use" => ContentBlock::ToolUse {
                id: text(self.id).unwrap_or_default(),
                name: text(self.name).unwrap_or_default(),
                input: read_or_default(self.input),
            },
            "tool_result" => ContentBlock::ToolResult {
                tool_use_id: text(self.tool_use_id).unwrap_or_default(),
                is_error: read(self.is_error).unwrap_or(false),
            },
            _ => ContentBlock::Unknown(kind),
        }
    }
}
