//! A plain reference for the parser of `stream-json` lines: it reads a line into a
//! `serde_json::Value` and looks there.

use claude_cli::{
    Event, EventKind, MessageParser, StreamFormat, Usage,
    stream::{ApiEvent, ApiMessage, ContentBlock, Delta, FinalUsage},
};
use serde_json::{Value, json, value::RawValue};

/// Checks that the parser takes and refuses what `serde_json` does, and finds in
/// it what the reference finds.
///
/// # Panics
/// If not.
pub(crate) fn check(line: &[u8]) {
    let shown = || String::from_utf8_lossy(line).into_owned();
    let parsed = MessageParser::new(StreamFormat::StreamJson).parse_bytes(line.to_vec().into());
    if line.trim_ascii().is_empty() {
        assert!(matches!(parsed, Ok(None)), "{}", shown());
        return;
    }
    let is_object = line.trim_ascii_start().starts_with(b"{");
    let accepted = is_object && serde_json::from_slice::<&RawValue>(line).is_ok();
    assert_eq!(parsed.is_ok(), accepted, "{}: {parsed:?}", shown());
    // What JSON allows and a `Value` cannot hold, such as 1e999, has no reference.
    if let (Ok(Some(event)), Ok(value)) = (&parsed, serde_json::from_slice::<Value>(line)) {
        assert_eq!(event.raw(), line);
        assert_eq!(told(event), reference(&value), "{}", shown());
    }
}

/// All that an event says, but for costs, which a `Value` holds less exactly.
fn told(event: &Event) -> Value {
    match event.kind() {
        EventKind::Init(init) => json!(["init", init.session_id, init.model, init.cwd, init.tools, init.version]),
        EventKind::System { subtype } => json!(["system", subtype]),
        EventKind::Retry(r) => {
            json!(["retry", r.attempt, r.status, r.error, r.delay_ms, r.request_id, r.session_id, r.uuid])
        }
        EventKind::Stream(s) => {
            json!(["stream", told_api(&s.event), s.session_id, s.parent_tool_use_id, s.request_id])
        }
        EventKind::Assistant(a) => json!([
            "assistant",
            told_message(&a.message),
            a.session_id,
            a.parent_tool_use_id,
            a.request_id,
            a.uuid,
            a.error
        ]),
        EventKind::User(u) => {
            json!(["user", told_blocks(&u.content.blocks()), u.session_id, u.parent_tool_use_id])
        }
        EventKind::Result(r) => {
            let models = r.model_usage.iter().map(|m| json!([m.model, told_usage(&m.usage)]));
            json!([
                "result",
                r.subtype,
                r.is_error,
                r.api_error_status,
                r.result,
                r.session_id,
                r.duration_ms,
                r.ttft_ms,
                r.num_turns,
                r.usage.as_ref().map(told_usage),
                models.collect::<Vec<_>>(),
                r.permission_denials,
                r.structured_output,
                r.stop_reason,
                r.uuid,
            ])
        }
        EventKind::Unknown { kind } => json!(["unknown", kind]),
        other => panic!("{other:?}"),
    }
}

fn told_api(event: &ApiEvent) -> Value {
    match event {
        ApiEvent::MessageStart(message) => json!(["message_start", told_message(message)]),
        ApiEvent::ContentBlockStart { index, block } => json!(["content_block_start", index, told_block(block)]),
        ApiEvent::ContentBlockDelta { index, delta } => {
            let (kind, text) = match delta {
                Delta::Text(text) => ("text_delta", text),
                Delta::Thinking(text) => ("thinking_delta", text),
                Delta::InputJson(text) => ("input_json_delta", text),
                Delta::Unknown(kind) => ("", kind),
                other => panic!("{other:?}"),
            };
            json!(["content_block_delta", index, kind, text])
        }
        ApiEvent::ContentBlockStop { index } => json!(["content_block_stop", index]),
        ApiEvent::MessageDelta { stop_reason, usage } => {
            let FinalUsage { usage, has_input, .. } = &**usage;
            json!(["message_delta", stop_reason, told_usage(usage), has_input])
        }
        ApiEvent::MessageStop => json!(["message_stop"]),
        ApiEvent::Ping => json!(["ping"]),
        ApiEvent::Error { kind, message } => json!(["error", kind, message]),
        ApiEvent::Unknown { kind } => json!(["unknown", kind]),
        other => panic!("{other:?}"),
    }
}

fn told_message(m: &ApiMessage) -> Value {
    json!([m.id, m.model, told_blocks(&m.content.blocks()), m.usage.as_ref().map(told_usage), m.stop_reason])
}

fn told_blocks(blocks: &[ContentBlock]) -> Value {
    blocks.iter().map(told_block).collect()
}

fn told_block(block: &ContentBlock) -> Value {
    match block {
        ContentBlock::Text(text) => json!(["text", text]),
        ContentBlock::Thinking(text) => json!(["thinking", text]),
        ContentBlock::ToolUse { id, name, input } => json!(["tool_use", id, name, input]),
        ContentBlock::ToolResult { tool_use_id, is_error } => json!(["tool_result", tool_use_id, is_error]),
        ContentBlock::Unknown(kind) => json!(["unknown", kind]),
        other => panic!("{other:?}"),
    }
}

fn told_usage(u: &Usage) -> Value {
    let writes = [u.cache_write_5m_tokens, u.cache_write_1h_tokens];
    json!([u.input_tokens, u.output_tokens, u.cache_read_tokens, writes, u.web_searches, u.advisors.len()])
}

fn word(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

fn kind_of(value: &Value) -> &str {
    value["type"].as_str().unwrap_or_default()
}

fn count(value: &Value) -> Option<u64> {
    let float = |f: f64| (f >= 0.0 && f.fract() == 0.0).then_some(f as u64);
    let number = value.as_number()?;
    number.as_u64().or_else(|| number.as_f64().and_then(float)).map(|n| n.min(1 << 52))
}

fn small(value: &Value) -> Option<u32> {
    count(value).and_then(|n| u32::try_from(n).ok())
}

fn status(value: &Value) -> Option<u16> {
    count(value).and_then(|n| u16::try_from(n).ok()).filter(|n| *n != 0)
}

fn reference(line: &Value) -> Value {
    let (session, parent) = (word(&line["session_id"]), word(&line["parent_tool_use_id"]));
    let (request, uuid) = (word(&line["request_id"]), word(&line["uuid"]));
    match kind_of(line) {
        "system" => match word(&line["subtype"]).unwrap_or_default() {
            "init" => {
                let tools = line["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
                let tools: Option<Vec<&str>> = tools.iter().map(Value::as_str).collect();
                let (model, cwd) = (word(&line["model"]), word(&line["cwd"]));
                json!(["init", session, model, cwd, tools.unwrap_or_default(), word(&line["claude_code_version"])])
            }
            "api_retry" => json!([
                "retry",
                small(&line["attempt"]).unwrap_or(0),
                status(&line["error_status"]),
                word(&line["error"]).unwrap_or_default(),
                count(&line["retry_delay_ms"]).unwrap_or(0),
                request,
                session,
                uuid,
            ]),
            subtype => json!(["system", subtype]),
        },
        "stream_event" => json!(["stream", api(&line["event"]), session, parent, request]),
        "assistant" | "Assistant" => {
            let message = match &line["message"] {
                Value::Null => message(&json!({ "content": line["content"] })),
                found => message(found),
            };
            json!(["assistant", message, session, parent, request, uuid, word(&line["error"])])
        }
        "user" => {
            let within = &line["message"]["content"];
            let is_content = within.is_array() || within.is_string();
            json!(["user", blocks(if is_content { within } else { &line["content"] }), session, parent])
        }
        "result" => {
            let mut models: Vec<_> = line["modelUsage"].as_object().into_iter().flatten().collect();
            models.sort_by_key(|(name, _)| name.as_str());
            let model = |(name, m): (&String, &Value)| {
                let tokens = |name: &str| count(&m[name]).unwrap_or(0);
                let writes = [tokens("cacheCreationInputTokens"), 0];
                let (input, output) = (tokens("inputTokens"), tokens("outputTokens"));
                json!([
                    name,
                    [
                        json!(input),
                        json!(output),
                        json!(tokens("cacheReadInputTokens")),
                        json!(writes),
                        json!(tokens("webSearchRequests")),
                        json!(0)
                    ]
                ])
            };
            json!([
                "result",
                word(&line["subtype"]).unwrap_or_default(),
                line["is_error"] == true,
                status(&line["api_error_status"]),
                line["result"].as_str(),
                session,
                count(&line["duration_ms"]),
                count(&line["ttft_ms"]),
                count(&line["num_turns"]),
                usage(&line["usage"]).map(|(usage, _)| usage),
                models.into_iter().map(model).collect::<Vec<_>>(),
                line["permission_denials"].as_array().map_or(0, Vec::len),
                line["structured_output"],
                word(&line["stop_reason"]),
                uuid,
            ])
        }
        "message_start"
        | "message_delta"
        | "message_stop"
        | "content_block_start"
        | "content_block_delta"
        | "content_block_stop"
        | "ping"
        | "error" => json!(["stream", api(line), null, null, null]),
        kind => json!(["unknown", kind]),
    }
}

fn api(event: &Value) -> Value {
    let index = small(&event["index"]).unwrap_or(0);
    match kind_of(event) {
        "message_start" => json!(["message_start", message(&event["message"])]),
        "content_block_start" => json!(["content_block_start", index, block(&event["content_block"])]),
        "content_block_delta" => {
            let delta = &event["delta"];
            let text = |name: &str| delta[name].as_str().unwrap_or_default();
            let (kind, text) = match kind_of(delta) {
                "text_delta" => ("text_delta", text("text")),
                "thinking_delta" => ("thinking_delta", text("thinking")),
                "input_json_delta" => ("input_json_delta", text("partial_json")),
                kind => ("", kind),
            };
            json!(["content_block_delta", index, kind, text])
        }
        "content_block_stop" => json!(["content_block_stop", index]),
        "message_delta" => {
            let none = json!([0, 0, 0, [0, 0], 0, 0]);
            let (usage, has_input) = usage(&event["usage"]).unwrap_or((none, false));
            json!(["message_delta", word(&event["delta"]["stop_reason"]), usage, has_input])
        }
        "message_stop" => json!(["message_stop"]),
        "ping" => json!(["ping"]),
        "error" => {
            let text = |name: &str| word(&event["error"][name]).unwrap_or_default();
            json!(["error", text("type"), text("message")])
        }
        kind => json!(["unknown", kind]),
    }
}

fn message(m: &Value) -> Value {
    let usage = usage(&m["usage"]).map(|(usage, _)| usage);
    json!([word(&m["id"]), word(&m["model"]), blocks(&m["content"]), usage, word(&m["stop_reason"])])
}

fn blocks(content: &Value) -> Value {
    match content {
        Value::String(text) => json!([["text", text]]),
        Value::Array(items) => items.iter().map(block).collect(),
        _ => json!([]),
    }
}

fn block(b: &Value) -> Value {
    let text = |name: &str| b[name].as_str().unwrap_or_default();
    match kind_of(b) {
        "text" => json!(["text", text("text")]),
        "thinking" => json!(["thinking", text("thinking")]),
        "tool_use" => json!(["tool_use", text("id"), text("name"), b["input"]]),
        "tool_result" => json!(["tool_result", text("tool_use_id"), b["is_error"] == true]),
        kind => json!(["unknown", kind]),
    }
}

/// The counts of a usage object, and whether its input side is there.
fn usage(u: &Value) -> Option<(Value, bool)> {
    u.as_object()?;
    let tokens = |name: &str| count(&u[name]);
    let long = count(&u["cache_creation"]["ephemeral_1h_input_tokens"]).unwrap_or(0);
    let short = count(&u["cache_creation"]["ephemeral_5m_input_tokens"]).unwrap_or(0);
    let (input, reads, writes) =
        (tokens("input_tokens"), tokens("cache_read_input_tokens"), tokens("cache_creation_input_tokens"));
    let short = short.max(writes.unwrap_or(0).saturating_sub(long));
    let is_advisor = |item: &&Value| item["type"] == "advisor_message" && word(&item["model"]).is_some();
    let advisors = u["iterations"].as_array().map_or(0, |items| items.iter().filter(is_advisor).count());
    let counts = json!([
        input.unwrap_or(0),
        tokens("output_tokens").unwrap_or(0),
        reads.unwrap_or(0),
        [short, long],
        count(&u["server_tool_use"]["web_search_requests"]).unwrap_or(0),
        advisors,
    ]);
    Some((counts, input.or(reads).or(writes).is_some()))
}
