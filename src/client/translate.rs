//! The Messages API's events in the language of the `claude` program.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    Error, Event, EventKind, Result, Usage,
    pricing::{PriceTable, format_usd, normalize},
    stream::{ApiEvent, ByteString, ContentBlock, Delta, MessageParser, StreamEvent, StreamFormat, stream_config},
};

/// Turns one answer's events into `stream-json` lines and adds those that the
/// API has no counterpart of: `init`, `assistant` and `result`.
#[derive(Debug)]
pub(super) struct Translator {
    session: String,
    model: String,
    cwd: Option<String>,
    started: Instant,
    ttft: Option<Duration>,
    request_id: Option<String>,
    message_id: Option<ByteString>,
    usage: Usage,
    stop_reason: Option<ByteString>,
    /// The block being streamed.
    block: Option<ContentBlock>,
    /// Its text or input, as far as it has come.
    grown: String,
    answer: String,
    /// The answer to a JSON schema.
    structured: Option<Value>,
    complete: bool,
}

impl Translator {
    pub(super) fn new(model: &str, cwd: Option<&Path>) -> Self {
        let here = || std::env::current_dir().ok();
        Self {
            session: uuid::Uuid::new_v4().to_string(),
            model: model.to_owned(),
            cwd: cwd.map(Path::to_owned).or_else(here).map(|path| path.display().to_string()),
            started: Instant::now(),
            ttft: None,
            request_id: None,
            message_id: None,
            usage: Usage::default(),
            stop_reason: None,
            block: None,
            grown: String::with_capacity(stream_config().string_capacity),
            answer: String::new(),
            structured: None,
            complete: false,
        }
    }

    /// The line that begins a session.
    pub(super) fn init(&self) -> Event {
        line(&json!({
            "type": "system", "subtype": "init", "session_id": self.session, "model": self.model,
            "cwd": self.cwd, "tools": [], "uuid": new_id(),
        }))
    }

    /// The line that tells of a failed attempt.
    pub(super) fn retry(&self, attempt: u32, most: u32, delay: Duration, error: &Error) -> Event {
        let (status, kind, request_id) = match error {
            Error::Api { status, kind, request_id, .. } => (*status, kind.as_str(), request_id.clone()),
            _ => (None, "connection_error", None),
        };
        line(&json!({
            "type": "system", "subtype": "api_retry", "attempt": attempt, "max_retries": most,
            "retry_delay_ms": u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), "error_status": status,
            "error": kind, "request_id": request_id, "session_id": self.session, "uuid": new_id(),
        }))
    }

    /// The answer begins.
    pub(super) fn answered(&mut self, request_id: Option<String>) {
        self.request_id = request_id;
    }

    /// The answer was given up before its first token: another one begins.
    pub(super) fn restart(&mut self) {
        (self.request_id, self.message_id, self.stop_reason, self.block) = (None, None, None, None);
        self.usage = Usage::default();
    }

    /// Whether the answer is whole.
    pub(super) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// The request that is being answered.
    pub(super) fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The lines for one of the API's events.
    pub(super) fn translate(&mut self, event: &Event) -> Result<Vec<Event>> {
        let mut lines = Vec::with_capacity(1);
        let EventKind::Stream(StreamEvent { event: api, .. }) = event.kind() else { return Ok(lines) };
        lines.push(self.wrap(api, event.raw()));
        match api {
            ApiEvent::MessageStart(message) => {
                self.message_id.clone_from(&message.id);
                if let Some(model) = &message.model {
                    self.model = model.to_string();
                }
                self.usage = message.usage.clone().unwrap_or_default();
            }
            ApiEvent::ContentBlockStart { block, .. } => {
                self.block = Some(block.clone());
                self.grown.clear();
            }
            ApiEvent::ContentBlockDelta { delta, .. } => self.grow(delta),
            ApiEvent::ContentBlockStop { .. } => lines.extend(self.finished_block()),
            ApiEvent::MessageDelta { stop_reason, usage } => {
                self.usage.finalise(usage);
                self.stop_reason.clone_from(stop_reason);
            }
            ApiEvent::MessageStop => self.complete = true,
            ApiEvent::Error { kind, message } => {
                return Err(Error::Api {
                    status: None,
                    kind: kind.to_string(),
                    message: message.to_string(),
                    request_id: self.request_id.clone(),
                });
            }
            _ => {}
        }
        Ok(lines)
    }

    /// Wraps the event as it came, byte for byte. What it says is known already.
    fn wrap(&self, event: &ApiEvent, data: &Bytes) -> Event {
        let mut text = Vec::with_capacity(data.len() + 200);
        text.extend_from_slice(br#"{"type":"stream_event","event":"#);
        // Data of several lines is legal, and a line break within JSON is white space.
        text.extend(data.iter().map(|&b| if b == b'\n' { b' ' } else { b }));
        let rest = json!({
            "session_id": self.session, "parent_tool_use_id": null, "uuid": new_id(), "request_id": self.request_id,
        });
        text.push(b',');
        text.extend_from_slice(&rest.to_string().as_bytes()[1..]);
        let kind = EventKind::Stream(StreamEvent {
            session_id: Some(self.session.as_str().into()),
            request_id: self.request_id.as_deref().filter(|id| !id.is_empty()).map(Into::into),
            ..StreamEvent::bare(event.clone())
        });
        Event::new(kind, text.into())
    }

    fn grow(&mut self, delta: &Delta) {
        if self.ttft.is_none() && matches!(delta, Delta::Text(t) if !t.is_empty()) {
            self.ttft = Some(self.started.elapsed());
        }
        match (&self.block, delta) {
            (Some(ContentBlock::Text(_)), Delta::Text(more))
            | (Some(ContentBlock::Thinking(_)), Delta::Thinking(more))
            | (Some(ContentBlock::ToolUse { .. }), Delta::InputJson(more)) => self.grown.push_str(more),
            _ => {}
        }
    }

    fn finished_block(&mut self) -> Option<Event> {
        let block = match self.block.take()? {
            // A block may begin with a part of its text.
            ContentBlock::Text(text) => {
                let text = format!("{text}{}", self.grown);
                self.answer.push_str(&text);
                json!({ "type": "text", "text": text })
            }
            ContentBlock::Thinking(begun) => {
                json!({ "type": "thinking", "thinking": format!("{begun}{}", self.grown) })
            }
            ContentBlock::ToolUse { id, name, input } => {
                let input = serde_json::from_str(&self.grown).unwrap_or(*input);
                if name == super::api::ANSWER_TOOL {
                    self.answer = input.to_string();
                    self.structured = Some(input.clone());
                }
                json!({ "type": "tool_use", "id": id, "name": name, "input": input })
            }
            _ => return None,
        };
        Some(line(&json!({
            "type": "assistant",
            "message": {
                "id": self.message_id, "type": "message", "role": "assistant", "model": self.model,
                "content": [block], "stop_reason": null, "usage": wire_usage(&self.usage),
            },
            "parent_tool_use_id": null, "session_id": self.session, "uuid": new_id(), "request_id": self.request_id,
        })))
    }

    /// The line that ends a session; `None` if the answer is not whole.
    pub(super) fn result(&self, prices: &PriceTable) -> Option<Event> {
        if !self.complete {
            return None;
        }
        let cost = prices.cost(&self.model, &self.usage).and_then(number);
        let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        let writes = self.usage.cache_write_5m_tokens + self.usage.cache_write_1h_tokens;
        let mut total = json!({
            "inputTokens": self.usage.input_tokens, "outputTokens": self.usage.output_tokens,
            "cacheReadInputTokens": self.usage.cache_read_tokens, "cacheCreationInputTokens": writes,
            "webSearchRequests": self.usage.web_searches,
        });
        let mut result = json!({
            "type": "result", "subtype": "success", "is_error": false, "api_error_status": null,
            "duration_ms": millis(self.started.elapsed()), "ttft_ms": self.ttft.map(millis), "num_turns": 1,
            "result": self.answer, "stop_reason": self.stop_reason, "session_id": self.session,
            "usage": wire_usage(&self.usage), "permission_denials": [], "uuid": new_id(),
        });
        // An unknown cost is left out: 0 would be a lie.
        if let Some(cost) = cost {
            total["costUSD"] = cost.clone();
            result["total_cost_usd"] = cost;
        }
        if let Some(structured) = &self.structured {
            result["structured_output"] = structured.clone();
        }
        result["modelUsage"] = json!({ normalize(&self.model).name: total });
        Some(line(&result))
    }
}

/// Nano-dollars as a JSON number with all their digits.
fn number(nanos: i64) -> Option<Value> {
    serde_json::from_str(&format_usd(nanos, 0, true)).ok()
}

fn wire_usage(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation_input_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "server_tool_use": { "web_search_requests": usage.web_searches },
    })
}

fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A line of our own making as an event.
fn line(json: &Value) -> Event {
    let raw = Bytes::from(json.to_string());
    match MessageParser::new(StreamFormat::StreamJson).parse_bytes(raw.clone()) {
        Ok(Some(event)) => event,
        // An object is always an event.
        Ok(None) | Err(_) => Event::new(EventKind::Unknown { kind: ByteString::new() }, raw),
    }
}
