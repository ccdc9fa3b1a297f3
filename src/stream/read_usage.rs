//! Reading a `usage` object: the one place that knows how it is written.

use std::borrow::Cow;

use super::{
    AdvisorUsage, FinalUsage, Usage,
    json::{self, Cursor},
    strict::{self, Reader},
};

/// A `usage` object as it was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadUsage {
    pub(crate) usage: FinalUsage,
    /// A field whose value is of the wrong type; it counts as absent.
    pub(crate) odd: Option<&'static str>,
}

/// Counts are capped here, so that sums of millions of them stay exact.
const MOST: u64 = 1 << 52;

/// A count: a whole number, also one written as `12.0`; anything else is none.
pub(super) fn whole_number(text: &str) -> Option<u64> {
    if let Ok(n) = text.parse::<u64>() {
        return Some(n.min(MOST));
    }
    let float: f64 = text.parse().ok()?;
    (float >= 0.0 && float.fract() == 0.0).then(|| (float as u64).min(MOST))
}

/// A count as it is nearly always written, in up to 15 digits with a comma or the
/// end of an object right behind, and how many digits those are.
#[inline(always)]
pub(super) fn plain_count(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut count = 0;
    for (at, byte) in bytes.iter().take(16).enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let leads_with_zero = at > 1 && bytes[0] == b'0';
            return (at > 0 && matches!(byte, b',' | b'}') && !leads_with_zero).then_some((count, at));
        }
        count = count * 10 + u64::from(digit);
    }
    None
}

/// What a usage object is read from.
pub(crate) trait Walk<'a>: Sized {
    fn next_byte(&mut self) -> Option<u8>;

    /// Reads an object: `each` gets every member's name and has to read its value.
    fn members(&mut self, each: impl FnMut(&'a [u8], &mut Self) -> Option<()>) -> Option<()>;

    /// Reads an array: `each` has to read every value.
    fn items(&mut self, each: impl FnMut(&mut Self) -> Option<()>) -> Option<()>;

    fn scalar(&mut self) -> Option<Scalar<'a>>;

    fn walk_over(&mut self) -> Option<()>;

    /// Reads a [`plain_count`], if the next value is one.
    fn plain_count(&mut self) -> Option<u64>;
}

/// A value that was read; `Other` of all that usage objects have no use for.
pub(crate) enum Scalar<'a> {
    Null,
    Number(&'a str),
    Text(Cow<'a, str>),
    Other,
}

impl<'a> Walk<'a> for Cursor<'a> {
    fn next_byte(&mut self) -> Option<u8> {
        self.peek()
    }

    fn members(&mut self, each: impl FnMut(&'a [u8], &mut Self) -> Option<()>) -> Option<()> {
        self.object(each)
    }

    fn items(&mut self, each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.array(each)
    }

    fn scalar(&mut self) -> Option<Scalar<'a>> {
        Some(match self.value()? {
            json::Value::Null => Scalar::Null,
            json::Value::Number(text) => Scalar::Number(text),
            json::Value::Text(text) => Scalar::Text(text.decode()),
            json::Value::Bool(_) | json::Value::Container => Scalar::Other,
        })
    }

    fn walk_over(&mut self) -> Option<()> {
        self.skip()
    }

    fn plain_count(&mut self) -> Option<u64> {
        self.plain_count()
    }
}

impl<'a> Walk<'a> for Reader<'a> {
    #[inline(always)]
    fn next_byte(&mut self) -> Option<u8> {
        self.peek()
    }

    #[inline(always)]
    fn members(&mut self, mut each: impl FnMut(&'a [u8], &mut Self) -> Option<()>) -> Option<()> {
        self.object(|name, reader| each(name.as_bytes(), reader))
    }

    #[inline(always)]
    fn items(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.array(|_, reader| each(reader)).map(drop)
    }

    fn scalar(&mut self) -> Option<Scalar<'a>> {
        Some(match self.value()? {
            strict::Value::Null => Scalar::Null,
            strict::Value::Number(text) => Scalar::Number(text),
            strict::Value::Text(text) => Scalar::Text(text.decode()),
            strict::Value::Bool(_) | strict::Value::Object(_) | strict::Value::Array(_) => Scalar::Other,
        })
    }

    fn walk_over(&mut self) -> Option<()> {
        self.skip()
    }

    #[inline(always)]
    fn plain_count(&mut self) -> Option<u64> {
        self.plain_count()
    }
}

impl ReadUsage {
    /// Reads the object at the cursor; `None` if it is none.
    pub(crate) fn read<'a>(cursor: &mut impl Walk<'a>) -> Option<Self> {
        let mut read = Self::default();
        let mut fields = Fields::default();
        fields.read(cursor, true, &mut read.odd)?;
        read.usage.has_input =
            [fields.input, fields.cache_read, fields.cache_write].iter().any(std::option::Option::is_some);
        read.usage.usage = fields.into_usage();
        Some(read)
    }
}

#[derive(Debug, Default)]
struct Fields {
    input: Option<u64>,
    output: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    cache_write_5m: Option<u64>,
    cache_write_1h: Option<u64>,
    web_searches: Option<u64>,
    fast: bool,
    us_inference: bool,
    batch: bool,
    advisors: Vec<AdvisorUsage>,
    // Only within iterations.
    is_advisor: bool,
    model: Option<String>,
}

impl Fields {
    fn read<'a>(
        &mut self,
        cursor: &mut impl Walk<'a>,
        outermost: bool,
        odd: &mut Option<&'static str>,
    ) -> Option<()> {
        cursor.members(|name, cursor| {
            match name {
                b"input_tokens" => self.input = count(cursor, "input_tokens", odd)?,
                b"output_tokens" => self.output = count(cursor, "output_tokens", odd)?,
                b"cache_read_input_tokens" => self.cache_read = count(cursor, "cache_read_input_tokens", odd)?,
                b"cache_creation_input_tokens" => {
                    self.cache_write = count(cursor, "cache_creation_input_tokens", odd)?;
                }
                b"cache_creation" => {
                    (self.cache_write_5m, self.cache_write_1h) = (None, None);
                    within(cursor, "cache_creation", odd, |name, cursor, odd| {
                        match name {
                            b"ephemeral_5m_input_tokens" => {
                                self.cache_write_5m = count(cursor, "ephemeral_5m_input_tokens", odd)?;
                            }
                            b"ephemeral_1h_input_tokens" => {
                                self.cache_write_1h = count(cursor, "ephemeral_1h_input_tokens", odd)?;
                            }
                            _ => cursor.walk_over()?,
                        }
                        Some(())
                    })?;
                }
                b"server_tool_use" => {
                    self.web_searches = None;
                    within(cursor, "server_tool_use", odd, |name, cursor, odd| {
                        match name {
                            b"web_search_requests" => {
                                self.web_searches = count(cursor, "web_search_requests", odd)?;
                            }
                            _ => cursor.walk_over()?,
                        }
                        Some(())
                    })?;
                }
                b"speed" => self.fast = is_word(cursor, "fast", "speed", odd)?,
                b"inference_geo" => self.us_inference = is_word(cursor, "us", "inference_geo", odd)?,
                b"service_tier" => self.batch = is_word(cursor, "batch", "service_tier", odd)?,
                // An advisor has no advisors of its own.
                b"iterations" if outermost => self.iterations(cursor, odd)?,
                b"type" => {
                    self.is_advisor = matches!(cursor.scalar()?, Scalar::Text(t) if t == "advisor_message");
                }
                b"model" => {
                    self.model = match cursor.scalar()? {
                        Scalar::Text(text) => Some(text.into_owned()).filter(|model| !model.is_empty()),
                        _ => None,
                    };
                }
                _ => cursor.walk_over()?,
            }
            Some(())
        })
    }

    #[cold]
    fn iterations<'a>(&mut self, cursor: &mut impl Walk<'a>, odd: &mut Option<&'static str>) -> Option<()> {
        self.advisors.clear();
        if cursor.next_byte()? != b'[' {
            return note_unless_null(cursor, "iterations", odd);
        }
        cursor.items(|cursor| {
            if cursor.next_byte()? != b'{' {
                return cursor.walk_over();
            }
            let mut fields = Self::default();
            fields.read(cursor, false, odd)?;
            if fields.is_advisor
                && let Some(model) = fields.model.take()
            {
                self.advisors.push(AdvisorUsage { model, usage: Box::new(fields.into_usage()) });
            }
            Some(())
        })
    }

    fn into_usage(self) -> Usage {
        let long = self.cache_write_1h.unwrap_or(0);
        Usage {
            input_tokens: self.input.unwrap_or(0),
            output_tokens: self.output.unwrap_or(0),
            cache_read_tokens: self.cache_read.unwrap_or(0),
            // What the split does not cover lives for 5 minutes.
            cache_write_5m_tokens: self
                .cache_write_5m
                .unwrap_or(0)
                .max(self.cache_write.unwrap_or(0).saturating_sub(long)),
            cache_write_1h_tokens: long,
            web_searches: self.web_searches.unwrap_or(0),
            fast: self.fast,
            us_inference: self.us_inference,
            batch: self.batch,
            advisors: self.advisors,
        }
    }
}

/// Reads a count; one of the wrong type is noted and counts as absent.
#[inline(always)]
fn count<'a>(
    cursor: &mut impl Walk<'a>,
    name: &'static str,
    odd: &mut Option<&'static str>,
) -> Option<Option<u64>> {
    cursor.next_byte()?;
    match cursor.plain_count() {
        Some(count) => Some(Some(count)),
        None => odd_count(cursor, name, odd),
    }
}

#[inline(never)]
fn odd_count<'a>(
    cursor: &mut impl Walk<'a>,
    name: &'static str,
    odd: &mut Option<&'static str>,
) -> Option<Option<u64>> {
    let found = match cursor.scalar()? {
        Scalar::Null => return Some(None),
        Scalar::Number(text) => whole_number(text),
        _ => None,
    };
    if found.is_none() {
        odd.get_or_insert(name);
    }
    Some(found)
}

#[inline(never)]
fn is_word<'a>(
    cursor: &mut impl Walk<'a>,
    word: &str,
    name: &'static str,
    odd: &mut Option<&'static str>,
) -> Option<bool> {
    Some(match cursor.scalar()? {
        Scalar::Text(text) => text.eq_ignore_ascii_case(word),
        Scalar::Null => false,
        _ => {
            odd.get_or_insert(name);
            false
        }
    })
}

/// Reads an object within; anything else is noted and counts as absent.
#[inline(always)]
fn within<'a, W: Walk<'a>>(
    cursor: &mut W,
    name: &'static str,
    odd: &mut Option<&'static str>,
    mut each: impl FnMut(&'a [u8], &mut W, &mut Option<&'static str>) -> Option<()>,
) -> Option<()> {
    if cursor.next_byte()? != b'{' {
        return note_unless_null(cursor, name, odd);
    }
    cursor.members(|name, cursor| each(name, cursor, odd))
}

fn note_unless_null<'a>(
    cursor: &mut impl Walk<'a>,
    name: &'static str,
    odd: &mut Option<&'static str>,
) -> Option<()> {
    if !matches!(cursor.scalar()?, Scalar::Null) {
        odd.get_or_insert(name);
    }
    Some(())
}
