//! One JSON message to what it says, in one pass over its text.
//!
//! What an object means depends on its `type`, which is nearly always its first
//! member: then the others are read for what they are as they come. Where it is
//! not, the object is walked over to find it. A field of a type it should not be
//! of counts as absent, so that one odd field never costs a whole line.

use bytestring::ByteString;

use super::{
    ApiEvent, ApiMessage, AssistantMessage, Content, ContentBlock, Delta, EventKind, FinalUsage, Init, Retry,
    StreamEvent, UserMessage,
    json::Cursor,
    read_usage::{ReadUsage, whole_number},
    result::result,
    shared::Source,
    strict::{Reader, Text, Value},
};

/// The members of an object whose `type` is known.
pub(super) struct Members {
    first: bool,
    /// The type was given again: what it is now, another pass has to tell.
    retyped: bool,
}

impl Members {
    /// The next member's name; its value has to be read then.
    #[inline(always)]
    pub(super) fn next<'a>(&mut self, reader: &mut Reader<'a>) -> Option<Option<&'a str>> {
        while let Some(name) = reader.next_member(&mut self.first)?.map(Text::name) {
            if name != "type" {
                return Some(Some(name));
            }
            self.retyped = true;
            reader.skip()?;
        }
        Some(None)
    }
}

/// Reads an object by its type; anything else is one of no type and no members.
fn typed<'a, T>(
    reader: &mut Reader<'a>,
    mut read: impl FnMut(Text<'a>, &mut Members, &mut Reader<'a>) -> Option<T>,
) -> Option<T> {
    const NONE: Text<'static> = Text { raw: "", escaped: false };
    if reader.peek()? != b'{' {
        reader.skip()?;
        return read(NONE, &mut Members { first: true, retyped: false }, &mut Reader::new("}"));
    }
    let beginning = reader.clone();
    reader.take(b'{')?;
    let mut first = true;
    let name = reader.next_member(&mut first)?;
    if name.is_some_and(|name| name.raw == "type")
        && let Value::Text(kind) = reader.value()?
    {
        let mut members = Members { first: false, retyped: false };
        let found = read(kind, &mut members, reader)?;
        if !members.retyped {
            return Some(found);
        }
    }
    *reader = beginning;
    let mut kind = NONE;
    let (mut ahead, mut first) = (reader.clone(), true);
    ahead.take(b'{')?;
    while let Some(name) = ahead.next_member(&mut first)? {
        let value = ahead.value()?;
        if name.name() == "type" {
            kind = if let Value::Text(kind) = value { kind } else { NONE };
        }
    }
    reader.take(b'{')?;
    read(kind, &mut Members { first: true, retyped: false }, reader)
}

/// Reads the members that are wanted into variables of their names, and walks
/// over the others.
macro_rules! members {
    ($members:expr, $reader:expr; $($name:literal => $field:ident),* $(,)?) => {
        $(let mut $field = Value::Null;)*
        while let Some(name) = $members.next($reader)? {
            match name {
                $($name => $field = $reader.value()?,)*
                _ => $reader.skip()?,
            }
        }
    };
}
pub(super) use members;

/// Reads a whole line.
pub(super) fn line<'a>(reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<EventKind> {
    typed(reader, |kind, members, reader| {
        Some(match kind.name() {
            "stream_event" => stream(members, reader, source)?,
            "assistant" | "Assistant" => assistant(members, reader, source)?,
            "user" => user(members, reader, source)?,
            "result" => EventKind::Result(Box::new(result(members, reader, source)?)),
            "system" => system(members, reader, source)?,
            "message_start"
            | "message_delta"
            | "message_stop"
            | "content_block_start"
            | "content_block_delta"
            | "content_block_stop"
            | "ping"
            | "error" => EventKind::Stream(StreamEvent::bare(api(kind, members, reader, source)?)),
            _ => {
                rest(members, reader)?;
                EventKind::Unknown { kind: source.text(Value::Text(kind)).unwrap_or_default() }
            }
        })
    })
}

/// Walks over the members that are left.
fn rest(members: &mut Members, reader: &mut Reader<'_>) -> Option<()> {
    while members.next(reader)?.is_some() {
        reader.skip()?;
    }
    Some(())
}

fn stream<'a>(members: &mut Members, reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<EventKind> {
    let mut event = None;
    let (mut session_id, mut parent, mut request_id) = (Value::Null, Value::Null, Value::Null);
    while let Some(name) = members.next(reader)? {
        match name {
            "event" => {
                event = Some(typed(reader, |kind, members, reader| api(kind, members, reader, source))?);
            }
            "session_id" => session_id = reader.value()?,
            "parent_tool_use_id" => parent = reader.value()?,
            "request_id" => request_id = reader.value()?,
            _ => reader.skip()?,
        }
    }
    Some(EventKind::Stream(StreamEvent {
        event: event.unwrap_or_else(|| ApiEvent::Unknown { kind: ByteString::new() }),
        session_id: source.word(session_id),
        parent_tool_use_id: source.word(parent),
        request_id: source.word(request_id),
    }))
}

fn system<'a>(members: &mut Members, reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<EventKind> {
    members! { members, reader;
        "subtype" => subtype, "session_id" => session_id, "model" => model, "cwd" => cwd, "tools" => tools,
        "claude_code_version" => version, "attempt" => attempt, "error_status" => error_status, "error" => error,
        "retry_delay_ms" => delay, "request_id" => request_id, "uuid" => uuid,
    }
    let subtype = source.word(subtype).unwrap_or_default();
    Some(match &*subtype {
        "init" => EventKind::Init(Box::new(Init {
            session_id: source.word(session_id),
            model: source.word(model),
            cwd: source.word(cwd),
            tools: texts(tools, source),
            version: source.word(version),
        })),
        "api_retry" => EventKind::Retry(Box::new(Retry {
            attempt: small(attempt).unwrap_or(0),
            status: status(error_status),
            error: source.word(error).unwrap_or_default(),
            delay_ms: count(delay).unwrap_or(0),
            request_id: source.word(request_id),
            session_id: source.word(session_id),
            uuid: source.word(uuid),
        })),
        _ => EventKind::System { subtype },
    })
}

fn assistant<'a>(members: &mut Members, reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<EventKind> {
    let mut found = None;
    let (mut content, mut session_id, mut parent) = (Value::Null, Value::Null, Value::Null);
    let (mut request_id, mut uuid, mut error) = (Value::Null, Value::Null, Value::Null);
    while let Some(name) = members.next(reader)? {
        match name {
            "message" => found = message(reader, source)?,
            // The flat shape of the first SDK: {"type":"Assistant","content":"…"}.
            "content" => content = reader.value()?,
            "session_id" => session_id = reader.value()?,
            "parent_tool_use_id" => parent = reader.value()?,
            "request_id" => request_id = reader.value()?,
            "uuid" => uuid = reader.value()?,
            "error" => error = reader.value()?,
            _ => reader.skip()?,
        }
    }
    Some(EventKind::Assistant(Box::new(AssistantMessage {
        message: found
            .unwrap_or_else(|| ApiMessage { content: Content::of(content, source), ..ApiMessage::default() }),
        session_id: source.word(session_id),
        parent_tool_use_id: source.word(parent),
        request_id: source.word(request_id),
        uuid: source.word(uuid),
        error: source.word(error),
    })))
}

fn user<'a>(members: &mut Members, reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<EventKind> {
    let mut found = None;
    let (mut content, mut session_id, mut parent) = (Value::Null, Value::Null, Value::Null);
    while let Some(name) = members.next(reader)? {
        match name {
            "message" => found = message(reader, source)?,
            "content" => content = reader.value()?,
            "session_id" => session_id = reader.value()?,
            "parent_tool_use_id" => parent = reader.value()?,
            _ => reader.skip()?,
        }
    }
    let within = found.map(|message| message.content).filter(|content| !content.is_empty());
    Some(EventKind::User(UserMessage {
        content: within.unwrap_or_else(|| Content::of(content, source)),
        session_id: source.word(session_id),
        parent_tool_use_id: source.word(parent),
    }))
}

/// Reads a message; `null` is none, and what is no object is an empty one.
fn message<'a>(reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<Option<ApiMessage>> {
    if reader.peek()? != b'{' {
        return Some((!matches!(reader.value()?, Value::Null)).then(ApiMessage::default));
    }
    reader.take(b'{')?;
    let mut members = Untyped { first: true };
    members! { members, reader;
        "id" => id, "model" => model, "content" => content, "usage" => used, "stop_reason" => stop_reason,
    }
    Some(Some(ApiMessage {
        id: source.word(id),
        model: source.word(model),
        content: Content::of(content, source),
        usage: usage(used).map(|found| found.usage),
        stop_reason: source.word(stop_reason),
    }))
}

/// The members of an object whose `type` says nothing.
struct Untyped {
    first: bool,
}

impl Untyped {
    fn next<'a>(&mut self, reader: &mut Reader<'a>) -> Option<Option<&'a str>> {
        Some(reader.next_member(&mut self.first)?.map(Text::name))
    }
}

fn api<'a>(
    kind: Text<'a>,
    members: &mut Members,
    reader: &mut Reader<'a>,
    source: &mut Source<'a>,
) -> Option<ApiEvent> {
    Some(match kind.name() {
        "content_block_delta" => {
            let (mut index, mut found) = (Value::Null, None);
            while let Some(name) = members.next(reader)? {
                match name {
                    "index" => index = reader.value()?,
                    "delta" => found = Some(delta(reader, source)?),
                    _ => reader.skip()?,
                }
            }
            let none = || Delta::Unknown(ByteString::new());
            ApiEvent::ContentBlockDelta { index: small(index).unwrap_or(0), delta: found.unwrap_or_else(none) }
        }
        "message_start" => {
            let mut found = None;
            while let Some(name) = members.next(reader)? {
                match name {
                    "message" => found = message(reader, source)?,
                    _ => reader.skip()?,
                }
            }
            ApiEvent::MessageStart(Box::new(found.unwrap_or_default()))
        }
        "content_block_start" => {
            let (mut index, mut found) = (Value::Null, None);
            while let Some(name) = members.next(reader)? {
                match name {
                    "index" => index = reader.value()?,
                    "content_block" => found = Some(block(reader, source)?),
                    _ => reader.skip()?,
                }
            }
            let none = || ContentBlock::Unknown(ByteString::new());
            ApiEvent::ContentBlockStart { index: small(index).unwrap_or(0), block: found.unwrap_or_else(none) }
        }
        "content_block_stop" => {
            members! { members, reader; "index" => index }
            ApiEvent::ContentBlockStop { index: small(index).unwrap_or(0) }
        }
        "message_delta" => {
            members! { members, reader; "delta" => changes, "usage" => used }
            let stop_reason = match changes {
                Value::Object(raw) => stop_reason(raw, source),
                _ => None,
            };
            ApiEvent::MessageDelta { stop_reason, usage: Box::new(usage(used).unwrap_or_default()) }
        }
        "message_stop" => {
            rest(members, reader)?;
            ApiEvent::MessageStop
        }
        "ping" => {
            rest(members, reader)?;
            ApiEvent::Ping
        }
        "error" => {
            members! { members, reader; "error" => error }
            let (kind, message) = match error {
                Value::Object(raw) => error_object(raw, source),
                _ => None,
            }
            .unwrap_or_default();
            ApiEvent::Error { kind, message }
        }
        _ => {
            rest(members, reader)?;
            ApiEvent::Unknown { kind: source.text(Value::Text(kind)).unwrap_or_default() }
        }
    })
}

fn stop_reason(object: &str, source: &mut Source<'_>) -> Option<ByteString> {
    let (mut reader, mut members) = (Reader::new(object), Untyped { first: true });
    reader.take(b'{')?;
    members! { members, &mut reader; "stop_reason" => stop_reason }
    source.word(stop_reason)
}

fn error_object(object: &str, source: &mut Source<'_>) -> Option<(ByteString, ByteString)> {
    let (mut reader, mut members) = (Reader::new(object), Untyped { first: true });
    reader.take(b'{')?;
    members! { members, &mut reader; "type" => kind, "message" => message }
    Some((source.word(kind).unwrap_or_default(), source.word(message).unwrap_or_default()))
}

fn delta<'a>(reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<Delta> {
    typed(reader, |kind, members, reader| {
        members! { members, reader; "text" => text, "thinking" => thinking, "partial_json" => partial_json }
        Some(match kind.name() {
            "text_delta" => Delta::Text(source.text(text).unwrap_or_default()),
            "thinking_delta" => Delta::Thinking(source.text(thinking).unwrap_or_default()),
            "input_json_delta" => Delta::InputJson(source.text(partial_json).unwrap_or_default()),
            _ => Delta::Unknown(source.text(Value::Text(kind)).unwrap_or_default()),
        })
    })
}

/// Reads a content block.
pub(super) fn block<'a>(reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<ContentBlock> {
    typed(reader, |kind, members, reader| {
        members! { members, reader;
            "text" => text, "thinking" => thinking, "id" => id, "name" => name, "input" => input,
            "tool_use_id" => tool_use_id, "is_error" => is_error,
        }
        Some(match kind.name() {
            "text" => ContentBlock::Text(source.text(text).unwrap_or_default()),
            "thinking" => ContentBlock::Thinking(source.text(thinking).unwrap_or_default()),
            "tool_use" => ContentBlock::ToolUse {
                id: source.word(id).unwrap_or_default(),
                name: source.word(name).unwrap_or_default(),
                input: Box::new(json(input)),
            },
            "tool_result" => ContentBlock::ToolResult {
                tool_use_id: source.word(tool_use_id).unwrap_or_default(),
                is_error: matches!(is_error, Value::Bool(true)),
            },
            _ => ContentBlock::Unknown(source.text(Value::Text(kind)).unwrap_or_default()),
        })
    })
}

/// A value as JSON; `null` if `serde_json` cannot hold it.
pub(super) fn json(value: Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(flag) => flag.into(),
        Value::Text(text) => text.decode().into(),
        Value::Number(raw) | Value::Object(raw) | Value::Array(raw) => {
            serde_json::from_str(raw).unwrap_or_default()
        }
    }
}

/// An array of texts; one of anything else is as good as none.
fn texts(value: Value<'_>, source: &mut Source<'_>) -> Vec<ByteString> {
    let mut read = |raw| {
        let (mut reader, mut first, mut texts) = (Reader::new(raw), true, Vec::new());
        reader.take(b'[')?;
        while reader.next_item(&mut first)? {
            texts.push(source.text(reader.value()?)?);
        }
        Some(texts)
    };
    match value {
        Value::Array(raw) => read(raw).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// A count: a whole number, also one written as `12.0`; anything else is none.
pub(super) fn count(value: Value<'_>) -> Option<u64> {
    match value {
        Value::Number(raw) => whole_number(raw),
        _ => None,
    }
}

fn small(value: Value<'_>) -> Option<u32> {
    u32::try_from(count(value)?).ok()
}

pub(super) fn status(value: Value<'_>) -> Option<u16> {
    u16::try_from(count(value)?).ok().filter(|status| *status != 0)
}

/// A usage object.
pub(super) fn usage(value: Value<'_>) -> Option<FinalUsage> {
    match value {
        Value::Object(raw) => ReadUsage::read(&mut Cursor::new(raw.as_bytes())).map(|read| read.usage),
        _ => None,
    }
}
