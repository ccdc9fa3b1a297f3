//! The plain way: derived `serde_json` structs, and a `serde_json::Value`.
//!
//! For each kind of line there is a struct of just the fields that our events have
//! of it, so that nothing is read that they do not read. It is known beforehand
//! which one a line is; types are read into an enum, which allocates nothing.

use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;

/// A kind of line, and the checksum of all that is read of it.
pub(crate) trait Plain: DeserializeOwned {
    fn sum(&self) -> u64;

    /// The same of a `Value`, of which everything is materialised anyway.
    fn value_sum(line: &Value) -> u64;
}

pub(crate) fn derived<L: Plain>(line: &[u8]) -> L {
    serde_json::from_slice(line).expect("the line is sound")
}

pub(crate) fn value(line: &[u8]) -> Value {
    serde_json::from_slice(line).expect("the line is sound")
}

fn length(text: Option<&String>) -> u64 {
    text.map_or(0, |text| text.len() as u64)
}

fn value_length(value: &Value) -> u64 {
    value.as_str().map_or(0, |text| text.len() as u64)
}

fn words(line: &Value, names: &[&str]) -> u64 {
    names.iter().map(|name| value_length(&line[name])).sum()
}

/// The type of a line, or of a part of one.
#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    StreamEvent,
    ContentBlockDelta,
    TextDelta,
    Assistant,
    Text,
    User,
    ToolResult,
    Result,
    #[serde(other)]
    Unknown,
}

/// A text delta of the `claude` program.
#[derive(Deserialize)]
pub(crate) struct Wrapped {
    r#type: Kind,
    event: Bare,
    session_id: Option<String>,
    parent_tool_use_id: Option<String>,
    request_id: Option<String>,
}

impl Plain for Wrapped {
    fn sum(&self) -> u64 {
        assert!(self.r#type == Kind::StreamEvent);
        let words = [&self.session_id, &self.parent_tool_use_id, &self.request_id];
        words.into_iter().map(|word| length(word.as_ref())).sum::<u64>() + self.event.sum()
    }

    fn value_sum(line: &Value) -> u64 {
        assert!(line["type"] == "stream_event");
        words(line, &["session_id", "parent_tool_use_id", "request_id"]) + Bare::value_sum(&line["event"])
    }
}

/// A text delta of the Messages API.
#[derive(Deserialize)]
pub(crate) struct Bare {
    r#type: Kind,
    index: u32,
    delta: Delta,
}

#[derive(Deserialize)]
struct Delta {
    r#type: Kind,
    text: String,
}

impl Plain for Bare {
    fn sum(&self) -> u64 {
        assert!(self.r#type == Kind::ContentBlockDelta);
        u64::from(self.index) + if self.delta.r#type == Kind::TextDelta { self.delta.text.len() as u64 } else { 0 }
    }

    fn value_sum(event: &Value) -> u64 {
        assert!(event["type"] == "content_block_delta");
        let delta = &event["delta"];
        let text = if delta["type"] == "text_delta" { value_length(&delta["text"]) } else { 0 };
        event["index"].as_u64().unwrap_or(0) + text
    }
}

#[derive(Deserialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_creation: Option<CacheCreation>,
    server_tool_use: Option<ServerToolUse>,
    service_tier: Option<String>,
    speed: Option<String>,
    inference_geo: Option<String>,
}

#[derive(Deserialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Deserialize)]
struct ServerToolUse {
    web_search_requests: u64,
}

impl Usage {
    fn sum(&self) -> u64 {
        let (short, long) = self
            .cache_creation
            .as_ref()
            .map_or((0, 0), |split| (split.ephemeral_5m_input_tokens, split.ephemeral_1h_input_tokens));
        let flags = [
            self.service_tier.as_deref() == Some("batch"),
            self.speed.as_deref() == Some("fast"),
            self.inference_geo.as_deref() == Some("us"),
        ];
        self.input_tokens
            + self.output_tokens
            + self.cache_read_input_tokens
            + short.max(self.cache_creation_input_tokens.saturating_sub(long))
            + long
            + self.server_tool_use.as_ref().map_or(0, |used| used.web_search_requests)
            + flags.into_iter().map(u64::from).sum::<u64>()
    }

    fn value_sum(usage: &Value) -> u64 {
        let count = |value: &Value| value.as_u64().unwrap_or(0);
        let split = &usage["cache_creation"];
        let short = count(&split["ephemeral_5m_input_tokens"]);
        let long = count(&split["ephemeral_1h_input_tokens"]);
        let flags = [usage["service_tier"] == "batch", usage["speed"] == "fast", usage["inference_geo"] == "us"];
        count(&usage["input_tokens"])
            + count(&usage["output_tokens"])
            + count(&usage["cache_read_input_tokens"])
            + short.max(count(&usage["cache_creation_input_tokens"]).saturating_sub(long))
            + long
            + count(&usage["server_tool_use"]["web_search_requests"])
            + flags.into_iter().map(u64::from).sum::<u64>()
    }
}

/// A whole answer; `C` is its content, or nothing.
#[derive(Deserialize)]
pub(crate) struct Answer<C> {
    r#type: Kind,
    message: Message<C>,
    session_id: Option<String>,
    parent_tool_use_id: Option<String>,
    request_id: Option<String>,
    uuid: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Message<C> {
    id: Option<String>,
    model: Option<String>,
    content: C,
    stop_reason: Option<String>,
    usage: Usage,
}

impl<C: Content> Plain for Answer<C> {
    fn sum(&self) -> u64 {
        assert!(self.r#type == Kind::Assistant);
        let message = &self.message;
        let words = [
            &self.session_id,
            &self.parent_tool_use_id,
            &self.request_id,
            &self.uuid,
            &self.error,
            &message.id,
            &message.model,
            &message.stop_reason,
        ];
        words.into_iter().map(|word| length(word.as_ref())).sum::<u64>()
            + message.usage.sum()
            + message.content.sum()
    }

    fn value_sum(line: &Value) -> u64 {
        assert!(line["type"] == "assistant");
        let message = &line["message"];
        words(line, &["session_id", "parent_tool_use_id", "request_id", "uuid", "error"])
            + words(message, &["id", "model", "stop_reason"])
            + Usage::value_sum(&message["usage"])
            + C::value_sum(&message["content"])
    }
}

/// The content of a message.
pub(crate) trait Content: DeserializeOwned {
    fn sum(&self) -> u64;
    fn value_sum(content: &Value) -> u64;
}

/// Content that is not asked for.
impl Content for IgnoredAny {
    fn sum(&self) -> u64 {
        0
    }

    fn value_sum(_content: &Value) -> u64 {
        0
    }
}

#[derive(Deserialize)]
pub(crate) struct Text {
    r#type: Kind,
    text: String,
}

impl Content for Vec<Text> {
    fn sum(&self) -> u64 {
        self.iter().filter(|block| block.r#type == Kind::Text).map(|block| block.text.len() as u64).sum()
    }

    fn value_sum(content: &Value) -> u64 {
        let texts = content.as_array().into_iter().flatten().filter(|block| block["type"] == "text");
        texts.map(|block| value_length(&block["text"])).sum()
    }
}

#[derive(Deserialize)]
pub(crate) struct ToolResult {
    r#type: Kind,
    tool_use_id: String,
    #[serde(default)]
    is_error: bool,
}

impl Content for Vec<ToolResult> {
    fn sum(&self) -> u64 {
        let results = self.iter().filter(|block| block.r#type == Kind::ToolResult);
        results.map(|block| block.tool_use_id.len() as u64 + u64::from(block.is_error)).sum()
    }

    fn value_sum(content: &Value) -> u64 {
        let results = content.as_array().into_iter().flatten().filter(|block| block["type"] == "tool_result");
        results.map(|block| value_length(&block["tool_use_id"]) + u64::from(block["is_error"] == true)).sum()
    }
}

/// A tool's answer.
#[derive(Deserialize)]
pub(crate) struct User<C> {
    r#type: Kind,
    message: UserMessage<C>,
    session_id: Option<String>,
    parent_tool_use_id: Option<String>,
}

#[derive(Deserialize)]
struct UserMessage<C> {
    content: C,
}

impl<C: Content> Plain for User<C> {
    fn sum(&self) -> u64 {
        assert!(self.r#type == Kind::User);
        length(self.session_id.as_ref()) + length(self.parent_tool_use_id.as_ref()) + self.message.content.sum()
    }

    fn value_sum(line: &Value) -> u64 {
        assert!(line["type"] == "user");
        words(line, &["session_id", "parent_tool_use_id"]) + C::value_sum(&line["message"]["content"])
    }
}

/// The end of a run.
#[derive(Deserialize)]
pub(crate) struct Run {
    r#type: Kind,
    subtype: String,
    is_error: bool,
    api_error_status: Option<u16>,
    result: Option<String>,
    session_id: Option<String>,
    duration_ms: Option<u64>,
    ttft_ms: Option<u64>,
    num_turns: Option<u64>,
    total_cost_usd: Option<f64>,
    usage: Usage,
    permission_denials: Vec<IgnoredAny>,
    stop_reason: Option<String>,
    uuid: Option<String>,
}

fn nanos(usd: Option<f64>) -> u64 {
    usd.map_or(0, |usd| (usd * 1e9).round() as u64)
}

impl Plain for Run {
    fn sum(&self) -> u64 {
        assert!(self.r#type == Kind::Result);
        let words = [&self.result, &self.session_id, &self.stop_reason, &self.uuid];
        let numbers = [self.duration_ms, self.ttft_ms, self.num_turns, self.api_error_status.map(u64::from)];
        words.into_iter().map(|word| length(word.as_ref())).sum::<u64>()
            + self.subtype.len() as u64
            + u64::from(self.is_error)
            + numbers.into_iter().flatten().sum::<u64>()
            + nanos(self.total_cost_usd)
            + self.usage.sum()
            + self.permission_denials.len() as u64
    }

    fn value_sum(line: &Value) -> u64 {
        assert!(line["type"] == "result");
        let numbers = ["duration_ms", "ttft_ms", "num_turns", "api_error_status"];
        words(line, &["result", "session_id", "stop_reason", "uuid", "subtype"])
            + u64::from(line["is_error"] == true)
            + numbers.iter().filter_map(|name| line[name].as_u64()).sum::<u64>()
            + nanos(line["total_cost_usd"].as_f64())
            + Usage::value_sum(&line["usage"])
            + line["permission_denials"].as_array().map_or(0, Vec::len) as u64
    }
}

/// The lines of a text, found as fast as they can be.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut from = 0;
    memchr::memchr_iter(b'\n', text).map(move |end| {
        let line = &text[from..end];
        from = end + 1;
        line
    })
}
