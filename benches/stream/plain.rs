//! The plain way: a derived `serde_json` struct, and a `serde_json::Value`. Both
//! give a checksum of what they materialised.

use serde::Deserialize;
use serde_json::Value;

/// All that is read of a line.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Line {
    r#type: String,
    event: Option<ApiEvent>,
    // A bare event.
    index: u32,
    delta: Option<Delta>,
    message: Option<Message>,
    subtype: Option<String>,
    is_error: Option<bool>,
    result: Option<String>,
    session_id: Option<String>,
    parent_tool_use_id: Option<String>,
    request_id: Option<String>,
    stop_reason: Option<String>,
    duration_ms: Option<u64>,
    ttft_ms: Option<u64>,
    num_turns: Option<u64>,
    usage: Option<Usage>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ApiEvent {
    r#type: String,
    index: u32,
    delta: Option<Delta>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Delta {
    r#type: String,
    text: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message {
    id: Option<String>,
    model: Option<String>,
    content: Vec<Block>,
    usage: Option<Usage>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Block {
    r#type: String,
    text: String,
    tool_use_id: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation_input_tokens: u64,
}

/// The same without the content of messages.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Envelope {
    r#type: String,
    message: Option<MessageEnvelope>,
    session_id: Option<String>,
    parent_tool_use_id: Option<String>,
    request_id: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct MessageEnvelope {
    id: Option<String>,
    model: Option<String>,
    usage: Option<Usage>,
}

fn length(text: Option<&String>) -> u64 {
    text.map_or(0, |text| text.len() as u64)
}

impl Usage {
    const fn sum(&self) -> u64 {
        self.input_tokens + self.output_tokens + self.cache_read_input_tokens + self.cache_creation_input_tokens
    }
}

impl Line {
    pub(crate) fn sum(&self) -> u64 {
        let words =
            [&self.session_id, &self.parent_tool_use_id, &self.request_id, &self.subtype, &self.stop_reason];
        let mut sum: u64 = words.into_iter().map(|word| length(word.as_ref())).sum();
        let (index, delta) = match &self.event {
            Some(event) if !event.r#type.is_empty() => (event.index, event.delta.as_ref()),
            _ => (self.index, self.delta.as_ref()),
        };
        sum += u64::from(index);
        if let Some(delta) = delta.filter(|delta| delta.r#type == "text_delta") {
            sum += delta.text.len() as u64;
        }
        if let Some(message) = &self.message {
            sum += length(message.id.as_ref()) + length(message.model.as_ref());
            sum += message.usage.as_ref().map_or(0, Usage::sum);
            for block in &message.content {
                sum += match block.r#type.as_str() {
                    "text" => block.text.len() as u64,
                    _ => block.tool_use_id.len() as u64,
                };
            }
        }
        sum += length(self.result.as_ref()) + self.usage.as_ref().map_or(0, Usage::sum);
        let numbers = [self.duration_ms, self.ttft_ms, self.num_turns, self.is_error.map(u64::from)];
        sum + numbers.into_iter().flatten().sum::<u64>() + u64::from(self.r#type.is_empty())
    }
}

impl Envelope {
    pub(crate) fn sum(&self) -> u64 {
        let mut sum = [&self.session_id, &self.parent_tool_use_id, &self.request_id]
            .into_iter()
            .map(|word| length(word.as_ref()))
            .sum::<u64>();
        if let Some(message) = &self.message {
            sum += length(message.id.as_ref()) + length(message.model.as_ref());
            sum += message.usage.as_ref().map_or(0, Usage::sum);
        }
        sum + u64::from(self.r#type.is_empty())
    }
}

pub(crate) fn derived(line: &[u8]) -> Line {
    serde_json::from_slice(line).expect("the line is sound")
}

pub(crate) fn derived_envelope(line: &[u8]) -> Envelope {
    serde_json::from_slice(line).expect("the line is sound")
}

pub(crate) fn value(line: &[u8]) -> Value {
    serde_json::from_slice(line).expect("the line is sound")
}

/// The checksum of a `Value`, of which everything is materialised anyway.
pub(crate) fn value_sum(line: &Value, with_content: bool) -> u64 {
    let length = |value: &Value| value.as_str().map_or(0, |text| text.len() as u64);
    let usage = |value: &Value| {
        let names = ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
        names.into_iter().filter_map(|name| value[name].as_u64()).sum::<u64>()
    };
    let words = ["session_id", "parent_tool_use_id", "request_id", "subtype", "stop_reason", "result"];
    let mut sum: u64 = words.into_iter().map(|name| length(&line[name])).sum();
    let event = if line["event"].is_object() { &line["event"] } else { line };
    sum += event["index"].as_u64().unwrap_or(0) + length(&event["delta"]["text"]);
    let message = &line["message"];
    sum += length(&message["id"]) + length(&message["model"]) + usage(&message["usage"]) + usage(&line["usage"]);
    for block in message["content"].as_array().into_iter().flatten().filter(|_| with_content) {
        sum += if block["type"] == "text" { length(&block["text"]) } else { length(&block["tool_use_id"]) };
    }
    let numbers = ["duration_ms", "ttft_ms", "num_turns"].into_iter().filter_map(|name| line[name].as_u64());
    sum + numbers.sum::<u64>() + u64::from(line["is_error"] == true)
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
