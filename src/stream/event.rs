//! Typed events, each with the exact text it was made from.
//!
//! The texts within an event share the buffer it was read into: they cost no
//! allocation of their own, and keep that buffer (64 KiB, as a pipe is read) for as
//! long as they are kept. Copy what is to be kept for long.

use bytes::Bytes;
use bytestring::ByteString;
use serde_json::Value;

use super::{Content, Usage};

/// One message of a stream.
///
/// [`kind`](Self::kind) is the typed view; [`raw`](Self::raw) is the exact
/// JSON (or text) it was made from, so fields this crate does not know are
/// never lost.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    kind: EventKind,
    raw: Bytes,
}

impl Event {
    /// An event and the text it stands for.
    #[must_use]
    pub const fn new(kind: EventKind, raw: Bytes) -> Self {
        Self { kind, raw }
    }

    /// The typed view.
    #[must_use]
    pub const fn kind(&self) -> &EventKind {
        &self.kind
    }

    /// The typed view, owned.
    #[must_use]
    pub fn into_kind(self) -> EventKind {
        self.kind
    }

    /// The text as received, without its line end.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The text as JSON, with every field that arrived.
    ///
    /// # Errors
    /// If the text is not JSON, as in [`EventKind::Text`].
    pub fn json(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_slice(&self.raw)
    }

    /// Whether it tells of tokens that were used.
    #[must_use]
    pub const fn changes_usage(&self) -> bool {
        matches!(
            self.kind,
            EventKind::Assistant(_)
                | EventKind::Stream(StreamEvent {
                    event: ApiEvent::MessageStart(_) | ApiEvent::MessageDelta { .. },
                    ..
                })
        )
    }

    /// The piece of answer text this event adds, if it adds one: a text delta
    /// of the main conversation (not of a subagent), or a line of plain text.
    #[must_use]
    pub fn text_delta(&self) -> Option<&str> {
        match &self.kind {
            EventKind::Text(text) => Some(text),
            EventKind::Stream(StreamEvent {
                event: ApiEvent::ContentBlockDelta { delta: Delta::Text(text), .. },
                parent_tool_use_id: None,
                ..
            }) => Some(text),
            _ => None,
        }
    }
}

/// What an [`Event`] says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// `system` / `init`: a session began.
    Init(Box<Init>),
    /// Any other `system` message, by its subtype.
    System {
        /// Such as `status` or `task_started`.
        subtype: ByteString,
    },
    /// A failed attempt that is being retried (`system` / `api_retry`).
    Retry(Box<Retry>),
    /// A raw Messages API event.
    Stream(StreamEvent),
    /// A content block of an assistant message, with a mid-stream usage snapshot.
    Assistant(Box<AssistantMessage>),
    /// A user message: a prompt, or tool results.
    User(UserMessage),
    /// The end of a run, with its totals.
    Result(Box<RunResult>),
    /// Plain text (only from [`StreamFormat::Text`](super::StreamFormat::Text)).
    Text(ByteString),
    /// A type this crate does not know.
    Unknown {
        /// The value of its `type` field; empty if it has none.
        kind: ByteString,
    },
}

/// `system` / `init`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Init {
    /// The session's id.
    pub session_id: Option<ByteString>,
    /// The model, as the program names it (may carry `[1m]`).
    pub model: Option<ByteString>,
    /// Working directory.
    pub cwd: Option<ByteString>,
    /// The names of the tools that may be used.
    pub tools: Vec<ByteString>,
    /// Version of the `claude` program.
    pub version: Option<ByteString>,
}

/// A failed attempt that is being retried.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Retry {
    /// 1-based number of the attempt that failed.
    pub attempt: u32,
    /// HTTP status, if there was one.
    pub status: Option<u16>,
    /// The error's kind, such as `overloaded_error`.
    pub error: ByteString,
    /// How long the retry waits, in milliseconds.
    pub delay_ms: u64,
    /// The failed request's id, if the server gave one.
    pub request_id: Option<ByteString>,
    /// The session.
    pub session_id: Option<ByteString>,
    /// This message's own id.
    pub uuid: Option<ByteString>,
}

/// A raw Messages API event, alone or wrapped in a `stream_event` line.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StreamEvent {
    /// The API's event.
    pub event: ApiEvent,
    /// The session, if the line names one.
    pub session_id: Option<ByteString>,
    /// The tool use this belongs to: set for subagents.
    pub parent_tool_use_id: Option<ByteString>,
    /// The API request's id, if known.
    pub request_id: Option<ByteString>,
}

impl StreamEvent {
    /// An API event outside any session.
    #[must_use]
    pub const fn bare(event: ApiEvent) -> Self {
        Self { event, session_id: None, parent_tool_use_id: None, request_id: None }
    }
}

/// An event of the Messages API.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ApiEvent {
    /// A message begins; its usage holds the input side.
    MessageStart(Box<ApiMessage>),
    /// A content block begins.
    ContentBlockStart {
        /// Position in the message.
        index: u32,
        /// The block, still empty for text.
        block: ContentBlock,
    },
    /// A piece of a content block.
    ContentBlockDelta {
        /// Position in the message.
        index: u32,
        /// The piece.
        delta: Delta,
    },
    /// A content block is complete.
    ContentBlockStop {
        /// Position in the message.
        index: u32,
    },
    /// The message's stop reason and final usage.
    MessageDelta {
        /// Why it stopped.
        stop_reason: Option<ByteString>,
        /// Final counts. `None` means that a count is not repeated here.
        usage: Box<FinalUsage>,
    },
    /// The message is complete.
    MessageStop,
    /// Keeps the connection alive.
    Ping,
    /// The stream failed in the middle.
    Error {
        /// Such as `overloaded_error`.
        kind: ByteString,
        /// The API's own words.
        message: ByteString,
    },
    /// A type this crate does not know.
    Unknown {
        /// The value of its `type` field.
        kind: ByteString,
    },
}

/// The counts of a `message_delta`, which repeats some of `message_start`'s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FinalUsage {
    /// The usage object's counts, zero where absent.
    pub usage: Usage,
    /// Whether the input side (input and cache counts) was given at all.
    pub has_input: bool,
}

/// A message of the Messages API.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ApiMessage {
    /// `msg_…`.
    pub id: Option<ByteString>,
    /// The model that answered.
    pub model: Option<ByteString>,
    /// Content blocks.
    pub content: Content,
    /// Usage, if given; output counts are a snapshot while streaming.
    pub usage: Option<Usage>,
    /// Why it stopped.
    pub stop_reason: Option<ByteString>,
}

/// A piece of a content block.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Delta {
    /// Answer text.
    Text(ByteString),
    /// Thinking.
    Thinking(ByteString),
    /// A piece of a tool's JSON input.
    InputJson(ByteString),
    /// Any other kind, by its `type`.
    Unknown(ByteString),
}

/// A block of a message's content.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ContentBlock {
    /// Text.
    Text(ByteString),
    /// Thinking.
    Thinking(ByteString),
    /// The model calls a tool.
    ToolUse {
        /// `toolu_…`.
        id: ByteString,
        /// The tool.
        name: ByteString,
        /// Its input.
        input: Box<Value>,
    },
    /// A tool's answer.
    ToolResult {
        /// The call it answers.
        tool_use_id: ByteString,
        /// Whether the tool failed.
        is_error: bool,
    },
    /// Any other kind, by its `type`.
    Unknown(ByteString),
}

/// An `assistant` line.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AssistantMessage {
    /// The API message, with one content block a line.
    pub message: ApiMessage,
    /// The session.
    pub session_id: Option<ByteString>,
    /// The tool use this belongs to: set for subagents.
    pub parent_tool_use_id: Option<ByteString>,
    /// The API request's id.
    pub request_id: Option<ByteString>,
    /// This line's own id.
    pub uuid: Option<ByteString>,
    /// The kind of API error this line reports instead of an answer.
    pub error: Option<ByteString>,
}

/// A `user` line.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct UserMessage {
    /// Content blocks.
    pub content: Content,
    /// The session.
    pub session_id: Option<ByteString>,
    /// The tool use this belongs to: set for subagents.
    pub parent_tool_use_id: Option<ByteString>,
}

/// The `result` line that ends a run.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RunResult {
    /// Such as `success` or `error_max_turns`.
    pub subtype: ByteString,
    /// Whether the run failed, whatever the subtype says.
    pub is_error: bool,
    /// HTTP status of the API error that ended it.
    pub api_error_status: Option<u16>,
    /// The answer, or the error's text.
    pub result: Option<ByteString>,
    /// The session.
    pub session_id: Option<ByteString>,
    /// Wall-clock milliseconds, by the program's own clock.
    pub duration_ms: Option<u64>,
    /// Time to first token in milliseconds, by the program's own clock.
    pub ttft_ms: Option<u64>,
    /// Turns of the conversation.
    pub num_turns: Option<u64>,
    /// Total cost in nano-dollars.
    pub cost_nanos: Option<i64>,
    /// Totals of the run's last turn.
    pub usage: Option<Usage>,
    /// Totals per model, cumulative over the life of the process.
    pub model_usage: Vec<ModelUsage>,
    /// How many tool uses were denied.
    pub permission_denials: u64,
    /// The answer to a JSON schema, where one was asked for.
    pub structured_output: Option<Value>,
    /// Why the last message stopped.
    pub stop_reason: Option<ByteString>,
    /// This line's own id.
    pub uuid: Option<ByteString>,
}

/// A model's totals in a [`RunResult`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ModelUsage {
    /// The model, as the program names it (may carry `[1m]`).
    pub model: ByteString,
    /// Counts; cache writes are not split by lifetime and stand under 5 minutes.
    pub usage: Usage,
    /// Reported cost in nano-dollars.
    pub cost_nanos: Option<i64>,
}
