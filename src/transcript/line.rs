//! One line of a transcript: is it a usage line, and what does it say?

use crate::{
    pricing::parse_usd_nanos,
    stream::{
        json::{Cursor, Text, Value},
        read_usage::ReadUsage,
    },
};

/// What a line turned out to be.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub(super) enum Reading<'a> {
    /// It has no usage of a request, whatever words are in its texts.
    Other,
    /// The usage of a request.
    Usage(UsageLine<'a>),
    /// It may have been one, but cannot be read.
    Bad(&'static str),
}

/// The fields of a usage line. A field that is absent, null, empty or of the
/// wrong type is `None`.
#[derive(Default)]
pub(super) struct UsageLine<'a> {
    pub(super) timestamp: Option<Text<'a>>,
    pub(super) message_id: Option<Text<'a>>,
    pub(super) request_id: Option<Text<'a>>,
    pub(super) uuid: Option<Text<'a>>,
    pub(super) session: Option<Text<'a>>,
    pub(super) project: Option<Text<'a>>,
    pub(super) branch: Option<Text<'a>>,
    pub(super) version: Option<Text<'a>>,
    pub(super) model: Option<Text<'a>>,
    pub(super) error: Option<Text<'a>>,
    pub(super) cost: Option<i64>,
    pub(super) sidechain: bool,
    pub(super) subagent: bool,
    pub(super) is_api_error: bool,
    pub(super) usage: ReadUsage,
    /// A field whose value is of the wrong type.
    pub(super) odd: Option<&'static str>,
}

/// Reads a line, without its line end.
pub(super) fn read(line: &[u8]) -> Reading<'_> {
    let mut cursor = Cursor::new(trim(line));
    if cursor.peek() != Some(b'{') {
        return Reading::Bad("not a JSON object");
    }
    let (mut outer, mut inner) = (Envelope::default(), Envelope::default());
    let whole = outer.read(&mut cursor, Some(&mut inner)).is_some() && cursor.is_at_end();
    if !whole {
        return Reading::Bad("no sound JSON");
    }
    let progress = !outer.has_usage() && inner.has_usage();
    let found = if progress { inner.within(outer) } else { outer };
    match found.message.usage {
        Found::Nothing => Reading::Other,
        Found::Odd => Reading::Bad("its `usage` is not an object"),
        Found::Usage(usage) => Reading::Usage(UsageLine {
            timestamp: found.timestamp,
            message_id: found.message.id,
            request_id: found.request_id,
            uuid: found.uuid,
            session: found.session,
            project: found.project,
            branch: found.branch,
            version: found.version,
            model: found.message.model,
            error: found.error,
            cost: found.cost,
            sidechain: found.sidechain.unwrap_or(false),
            subagent: found.agent_id.is_some() || progress,
            is_api_error: found.is_api_error,
            odd: found.odd.or(usage.odd),
            usage,
        }),
    }
}

/// Takes off what files gain at the edges of lines: a byte order mark, carriage
/// returns, and the NULs that a crash of the machine can leave.
fn trim(mut line: &[u8]) -> &[u8] {
    const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
    let is_junk = |b: &u8| *b == 0 || b.is_ascii_whitespace();
    while let [rest @ .., last] = line
        && is_junk(last)
    {
        line = rest;
    }
    line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    while let [first, rest @ ..] = line
        && is_junk(first)
    {
        line = rest;
    }
    line
}

/// A transcript's entry around a message.
#[derive(Default)]
struct Envelope<'a> {
    message: Message<'a>,
    timestamp: Option<Text<'a>>,
    request_id: Option<Text<'a>>,
    uuid: Option<Text<'a>>,
    session: Option<Text<'a>>,
    project: Option<Text<'a>>,
    branch: Option<Text<'a>>,
    version: Option<Text<'a>>,
    agent_id: Option<Text<'a>>,
    error: Option<Text<'a>>,
    cost: Option<i64>,
    sidechain: Option<bool>,
    is_api_error: bool,
    odd: Option<&'static str>,
}

#[derive(Default)]
struct Message<'a> {
    id: Option<Text<'a>>,
    model: Option<Text<'a>>,
    usage: Found,
    odd: Option<&'static str>,
}

#[derive(Default)]
enum Found {
    #[default]
    Nothing,
    Odd,
    Usage(ReadUsage),
}

impl<'a> Envelope<'a> {
    const fn has_usage(&self) -> bool {
        !matches!(self.message.usage, Found::Nothing)
    }

    /// Reads the object at the cursor. Agent progress holds another entry as
    /// `data.message`, which is read into `inner`.
    fn read(&mut self, cursor: &mut Cursor<'a>, mut inner: Option<&mut Self>) -> Option<()> {
        cursor.object(|name, cursor| {
            let odd = &mut self.odd;
            match name {
                b"message" => self.message = Message::read(cursor)?,
                b"timestamp" => self.timestamp = text(cursor, "timestamp", odd)?,
                b"requestId" => self.request_id = text(cursor, "requestId", odd)?,
                b"uuid" => self.uuid = text(cursor, "uuid", odd)?,
                b"sessionId" => self.session = text(cursor, "sessionId", odd)?,
                b"cwd" => self.project = text(cursor, "cwd", odd)?,
                b"gitBranch" => self.branch = text(cursor, "gitBranch", odd)?,
                b"version" => self.version = text(cursor, "version", odd)?,
                b"agentId" => self.agent_id = text(cursor, "agentId", odd)?,
                b"isSidechain" => self.sidechain = flag(cursor, "isSidechain", odd)?,
                b"isApiErrorMessage" => {
                    self.is_api_error = flag(cursor, "isApiErrorMessage", odd)?.unwrap_or(false);
                }
                b"costUSD" => self.cost = cost(cursor, odd)?,
                b"error" => {
                    self.error = match cursor.value()? {
                        Value::Text(text) if !text.raw().is_empty() => Some(text),
                        _ => None,
                    };
                }
                b"data" if cursor.peek()? == b'{' => match inner.as_deref_mut() {
                    Some(inner) => inner.read_data(cursor)?,
                    None => cursor.skip()?,
                },
                _ => cursor.skip()?,
            }
            Some(())
        })
    }

    fn read_data(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        *self = Self::default();
        let mut agent_id = None;
        cursor.object(|name, cursor| {
            match name {
                b"message" if cursor.peek()? == b'{' => {
                    *self = Self::default();
                    self.read(cursor, None)?;
                }
                b"agentId" => agent_id = text(cursor, "agentId", &mut None)?,
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        self.agent_id = self.agent_id.or(agent_id);
        Some(())
    }

    /// What stands in this entry, and else in the one around it.
    fn within(self, outer: Self) -> Self {
        Self {
            message: self.message,
            timestamp: self.timestamp.or(outer.timestamp),
            request_id: self.request_id.or(outer.request_id),
            uuid: self.uuid.or(outer.uuid),
            session: self.session.or(outer.session),
            project: self.project.or(outer.project),
            branch: self.branch.or(outer.branch),
            version: self.version.or(outer.version),
            agent_id: self.agent_id.or(outer.agent_id),
            error: self.error,
            cost: self.cost,
            sidechain: self.sidechain.or(outer.sidechain),
            is_api_error: self.is_api_error,
            odd: self.odd.or(outer.odd),
        }
    }
}

impl<'a> Message<'a> {
    /// Reads the message at the cursor; one that is no object has no usage.
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let mut read = Self::default();
        if cursor.peek()? != b'{' {
            cursor.skip()?;
            return Some(read);
        }
        cursor.object(|name, cursor| {
            match name {
                b"id" => read.id = text(cursor, "message.id", &mut read.odd)?,
                b"model" => read.model = text(cursor, "message.model", &mut read.odd)?,
                b"usage" => {
                    read.usage = if cursor.peek()? == b'{' {
                        Found::Usage(ReadUsage::read(cursor)?)
                    } else if matches!(cursor.value()?, Value::Null) {
                        Found::Nothing
                    } else {
                        Found::Odd
                    };
                }
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        if let Found::Usage(usage) = &mut read.usage {
            usage.odd = usage.odd.or(read.odd);
        }
        Some(read)
    }
}

fn text<'a>(
    cursor: &mut Cursor<'a>,
    name: &'static str,
    odd: &mut Option<&'static str>,
) -> Option<Option<Text<'a>>> {
    Some(match cursor.value()? {
        Value::Text(text) => Some(text).filter(|text| !text.raw().is_empty()),
        Value::Null => None,
        _ => {
            odd.get_or_insert(name);
            None
        }
    })
}

fn flag(cursor: &mut Cursor<'_>, name: &'static str, odd: &mut Option<&'static str>) -> Option<Option<bool>> {
    Some(match cursor.value()? {
        Value::Bool(flag) => Some(flag),
        Value::Null => None,
        _ => {
            odd.get_or_insert(name);
            None
        }
    })
}

fn cost(cursor: &mut Cursor<'_>, odd: &mut Option<&'static str>) -> Option<Option<i64>> {
    let cost = match cursor.value()? {
        Value::Null => return Some(None),
        Value::Number(text) => parse_usd_nanos(text).filter(|cost| *cost >= 0),
        _ => None,
    };
    if cost.is_none() {
        odd.get_or_insert("costUSD");
    }
    Some(cost)
}
