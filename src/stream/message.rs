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
    read_usage::ReadUsage,
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

/// No text.
const NONE: Text<'static> = Text { raw: "", escaped: false };

/// Reads an object by its type; anything else is one of no type and no members.
#[inline(always)]
fn typed<'a>(
    reader: &mut Reader<'a>,
    mut read: impl FnMut(Text<'a>, &mut Members, &mut Reader<'a>) -> Option<()>,
) -> Option<()> {
    if reader.peek()? != b'{' {
        reader.skip()?;
        return read(NONE, &mut Members { first: true, retyped: false }, &mut Reader::new(b"}"));
    }
    let beginning = reader.clone();
    reader.take(b'{')?;
    let mut first = true;
    let name = reader.next_member(&mut first)?;
    if name.is_some_and(|name| name.raw == "type")
        && let Value::Text(kind) = reader.value()?
    {
        let mut members = Members { first: false, retyped: false };
        read(kind, &mut members, reader)?;
        if !members.retyped {
            return Some(());
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

/// Reads a whole line into where it is to be, as what it says is too large to be
/// handed from one function to the next.
pub(super) fn line<'a>(reader: &mut Reader<'a>, source: &mut Source<'a>, into: &mut EventKind) -> Option<()> {
    typed(reader, |kind, members, reader| {
        *into = match kind.name() {
            "stream_event" => stream(members, reader, source)?,
            "assistant" | "Assistant" => assistant(members, reader, source)?,
            "user" => user(members, reader, source)?,
            "result" => EventKind::Result(result(members, reader, source)?),
            "system" => system(members, reader, source)?,
            _ => match api(kind, members, reader, source)? {
                ApiEvent::Unknown { kind } => EventKind::Unknown { kind },
                event => EventKind::Stream(StreamEvent::bare(event)),
            },
        };
        Some(())
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
    let mut line = StreamEvent::bare(ApiEvent::Unknown { kind: ByteString::new() });
    while let Some(name) = members.next(reader)? {
        match name {
            "event" => typed(reader, |kind, members, reader| {
                line.event = api(kind, members, reader, source)?;
                Some(())
            })?,
            "session_id" => line.session_id = source.word(reader)?,
            "parent_tool_use_id" => line.parent_tool_use_id = source.word(reader)?,
            "request_id" => line.request_id = source.word(reader)?,
            _ => reader.skip()?,
        }
    }
    Some(EventKind::Stream(line))
}

fn system<'a>(members: &mut Members, reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<EventKind> {
    let (mut subtype, mut init, mut retry) = (None, Init::default(), Retry::default());
    while let Some(name) = members.next(reader)? {
        match name {
            "subtype" => subtype = source.word(reader)?,
            "session_id" => init.session_id = source.word(reader)?,
            "model" => init.model = source.word(reader)?,
            "cwd" => init.cwd = source.word(reader)?,
            "tools" => init.tools = texts(reader, source)?,
            "claude_code_version" => init.version = source.word(reader)?,
            "attempt" => retry.attempt = small(reader)?,
            "error_status" => retry.status = status(reader)?,
            "error" => retry.error = source.word(reader)?.unwrap_or_default(),
            "retry_delay_ms" => retry.delay_ms = reader.count()?.unwrap_or(0),
            "request_id" => retry.request_id = source.word(reader)?,
            "uuid" => retry.uuid = source.word(reader)?,
            _ => reader.skip()?,
        }
    }
    let subtype = subtype.unwrap_or_default();
    Some(match &*subtype {
        "init" => EventKind::Init(Box::new(init)),
        "api_retry" => EventKind::Retry(Box::new(Retry { session_id: init.session_id, ..retry })),
        _ => EventKind::System { subtype },
    })
}

fn assistant<'a>(members: &mut Members, reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<EventKind> {
    let mut line = Box::<AssistantMessage>::default();
    let (mut flat, mut found) = (Content::default(), false);
    while let Some(name) = members.next(reader)? {
        match name {
            "message" => found = message(reader, source, &mut line.message)?,
            // The flat shape of the first SDK: {"type":"Assistant","content":"…"}.
            "content" => flat = Content::read(reader, source)?,
            "session_id" => line.session_id = source.word(reader)?,
            "parent_tool_use_id" => line.parent_tool_use_id = source.word(reader)?,
            "request_id" => line.request_id = source.word(reader)?,
            "uuid" => line.uuid = source.word(reader)?,
            "error" => line.error = source.word(reader)?,
            _ => reader.skip()?,
        }
    }
    if !found {
        line.message.content = flat;
    }
    Some(EventKind::Assistant(line))
}

fn user<'a>(members: &mut Members, reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<EventKind> {
    let mut within = ApiMessage::default();
    let mut line = UserMessage::default();
    while let Some(name) = members.next(reader)? {
        match name {
            "message" => message(reader, source, &mut within).map(drop)?,
            "content" => line.content = Content::read(reader, source)?,
            "session_id" => line.session_id = source.word(reader)?,
            "parent_tool_use_id" => line.parent_tool_use_id = source.word(reader)?,
            _ => reader.skip()?,
        }
    }
    if !within.content.is_empty() {
        line.content = within.content;
    }
    Some(EventKind::User(line))
}

/// Reads a message, and says whether there is one: `null` is none, and what is no
/// object is an empty one.
fn message<'a>(reader: &mut Reader<'a>, source: &mut Source<'a>, message: &mut ApiMessage) -> Option<bool> {
    *message = ApiMessage::default();
    if reader.peek()? != b'{' {
        return Some(!matches!(reader.value()?, Value::Null));
    }
    reader.object(|name, reader| {
        match name {
            "id" => message.id = source.word(reader)?,
            "model" => message.model = source.word(reader)?,
            "content" => message.content = Content::read(reader, source)?,
            "usage" => message.usage = usage(reader)?.map(|found| found.usage),
            "stop_reason" => message.stop_reason = source.word(reader)?,
            _ => reader.skip()?,
        }
        Some(())
    })?;
    Some(true)
}

fn api<'a>(
    kind: Text<'a>,
    members: &mut Members,
    reader: &mut Reader<'a>,
    source: &mut Source<'a>,
) -> Option<ApiEvent> {
    Some(match kind.name() {
        "content_block_delta" => {
            let (mut index, mut found) = (0, Delta::Unknown(ByteString::new()));
            while let Some(name) = members.next(reader)? {
                match name {
                    "index" => index = small(reader)?,
                    "delta" => found = delta(reader, source)?,
                    _ => reader.skip()?,
                }
            }
            ApiEvent::ContentBlockDelta { index, delta: found }
        }
        "message_start" => {
            let mut found = Box::<ApiMessage>::default();
            while let Some(name) = members.next(reader)? {
                match name {
                    "message" => message(reader, source, &mut found).map(drop)?,
                    _ => reader.skip()?,
                }
            }
            ApiEvent::MessageStart(found)
        }
        "content_block_start" => {
            let (mut index, mut found) = (0, ContentBlock::Unknown(ByteString::new()));
            while let Some(name) = members.next(reader)? {
                match name {
                    "index" => index = small(reader)?,
                    "content_block" => found = block(reader, source)?,
                    _ => reader.skip()?,
                }
            }
            ApiEvent::ContentBlockStart { index, block: found }
        }
        "content_block_stop" => {
            let mut index = 0;
            while let Some(name) = members.next(reader)? {
                match name {
                    "index" => index = small(reader)?,
                    _ => reader.skip()?,
                }
            }
            ApiEvent::ContentBlockStop { index }
        }
        "message_delta" => {
            let (mut stop_reason, mut used) = (None, Box::<FinalUsage>::default());
            while let Some(name) = members.next(reader)? {
                match name {
                    "delta" => [stop_reason] = words(["stop_reason"], reader, source)?,
                    "usage" => *used = usage(reader)?.unwrap_or_default(),
                    _ => reader.skip()?,
                }
            }
            ApiEvent::MessageDelta { stop_reason, usage: used }
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
            let (mut kind, mut message) = (None, None);
            while let Some(name) = members.next(reader)? {
                match name {
                    "error" => [kind, message] = words(["type", "message"], reader, source)?,
                    _ => reader.skip()?,
                }
            }
            ApiEvent::Error { kind: kind.unwrap_or_default(), message: message.unwrap_or_default() }
        }
        _ => {
            rest(members, reader)?;
            ApiEvent::Unknown { kind: source.of(kind) }
        }
    })
}

/// Reads the words of these names from an object; anything else has none.
fn words<'a, const N: usize>(
    names: [&str; N],
    reader: &mut Reader<'a>,
    source: &mut Source<'a>,
) -> Option<[Option<ByteString>; N]> {
    let mut found = [const { None }; N];
    reader.object(|name, reader| {
        match names.iter().position(|wanted| *wanted == name) {
            Some(at) => found[at] = source.word(reader)?,
            None => reader.skip()?,
        }
        Some(())
    })?;
    Some(found)
}

fn delta<'a>(reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<Delta> {
    let (mut kind, mut text, mut thinking, mut partial_json) = (NONE, NONE, NONE, NONE);
    reader.object(|name, reader| {
        match name {
            "type" => kind = reader.text()?.unwrap_or(NONE),
            "text" => text = reader.text()?.unwrap_or(NONE),
            "thinking" => thinking = reader.text()?.unwrap_or(NONE),
            "partial_json" => partial_json = reader.text()?.unwrap_or(NONE),
            _ => reader.skip()?,
        }
        Some(())
    })?;
    Some(match kind.name() {
        "text_delta" => Delta::Text(source.of(text)),
        "thinking_delta" => Delta::Thinking(source.of(thinking)),
        "input_json_delta" => Delta::InputJson(source.of(partial_json)),
        _ => Delta::Unknown(source.of(kind)),
    })
}

/// A content block as it stands in the text.
#[derive(Default)]
pub(super) struct Block<'a> {
    kind: Value<'a>,
    pub(super) text: Value<'a>,
    thinking: Value<'a>,
    id: Value<'a>,
    name: Value<'a>,
    input: Value<'a>,
    pub(super) tool_use_id: Value<'a>,
    is_error: Value<'a>,
}

impl<'a> Block<'a> {
    /// Reads a content block; what is no object is one without members.
    pub(super) fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let mut block = Self::default();
        reader.object(|name, reader| {
            match name {
                "type" => block.kind = reader.value()?,
                "text" => block.text = reader.value()?,
                "thinking" => block.thinking = reader.value()?,
                "id" => block.id = reader.value()?,
                "name" => block.name = reader.value()?,
                "input" => block.input = reader.value()?,
                "tool_use_id" => block.tool_use_id = reader.value()?,
                "is_error" => block.is_error = reader.value()?,
                _ => reader.skip()?,
            }
            Some(())
        })?;
        Some(block)
    }

    pub(super) fn kind(&self) -> &'a str {
        if let Value::Text(kind) = self.kind { kind.name() } else { "" }
    }

    pub(super) const fn is_error(&self) -> bool {
        matches!(self.is_error, Value::Bool(true))
    }
}

/// Reads a content block.
pub(super) fn block<'a>(reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<ContentBlock> {
    let block = Block::read(reader)?;
    let mut text = |value| source.value(value).unwrap_or_default();
    Some(match block.kind() {
        "text" => ContentBlock::Text(text(block.text)),
        "thinking" => ContentBlock::Thinking(text(block.thinking)),
        "tool_use" => ContentBlock::ToolUse {
            id: text(block.id),
            name: text(block.name),
            input: Box::new(json(block.input)),
        },
        "tool_result" => {
            ContentBlock::ToolResult { tool_use_id: text(block.tool_use_id), is_error: block.is_error() }
        }
        _ => ContentBlock::Unknown(text(block.kind)),
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

/// Reads an array of texts; one of anything else is as good as none.
fn texts<'a>(reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<Vec<ByteString>> {
    let (mut texts, mut all) = (Vec::new(), true);
    if reader.peek()? != b'[' {
        reader.skip()?;
        return Some(texts);
    }
    reader.array(|_, reader| {
        match source.text(reader)? {
            Some(text) => texts.push(text),
            None => all = false,
        }
        Some(())
    })?;
    if !all {
        texts.clear();
    }
    Some(texts)
}

fn small(reader: &mut Reader<'_>) -> Option<u32> {
    Some(reader.count()?.and_then(|count| u32::try_from(count).ok()).unwrap_or(0))
}

/// Reads an HTTP status; zero is none.
pub(super) fn status(reader: &mut Reader<'_>) -> Option<Option<u16>> {
    Some(reader.count()?.and_then(|count| u16::try_from(count).ok()).filter(|status| *status != 0))
}

/// Reads a usage object; anything else is none.
pub(super) fn usage(reader: &mut Reader<'_>) -> Option<Option<FinalUsage>> {
    if reader.peek()? == b'{' {
        return Some(Some(ReadUsage::read(reader)?.usage));
    }
    reader.skip()?;
    Some(None)
}
