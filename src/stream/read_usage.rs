//! Reading a `usage` object: the one place that knows how it is written.

use super::{
    AdvisorUsage, FinalUsage, Usage,
    json::{Cursor, Value},
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

impl ReadUsage {
    /// Reads the object at the cursor; `None` if it is none.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
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
    fn read(&mut self, cursor: &mut Cursor<'_>, outermost: bool, odd: &mut Option<&'static str>) -> Option<()> {
        cursor.object(|name, cursor| {
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
                            _ => cursor.skip()?,
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
                            _ => cursor.skip()?,
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
                    self.is_advisor = matches!(cursor.value()?, Value::Text(t) if t.decode() == "advisor_message");
                }
                b"model" => {
                    self.model = match cursor.value()? {
                        Value::Text(text) => Some(text.decode().into_owned()).filter(|model| !model.is_empty()),
                        _ => None,
                    };
                }
                _ => cursor.skip()?,
            }
            Some(())
        })
    }

    fn iterations(&mut self, cursor: &mut Cursor<'_>, odd: &mut Option<&'static str>) -> Option<()> {
        self.advisors.clear();
        if cursor.peek()? != b'[' {
            return note_unless_null(cursor, "iterations", odd);
        }
        cursor.array(|cursor| {
            if cursor.peek()? != b'{' {
                return cursor.skip();
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
fn count(cursor: &mut Cursor<'_>, name: &'static str, odd: &mut Option<&'static str>) -> Option<Option<u64>> {
    let found = match cursor.value()? {
        Value::Null => return Some(None),
        Value::Number(text) => whole_number(text),
        _ => None,
    };
    if found.is_none() {
        odd.get_or_insert(name);
    }
    Some(found)
}

fn is_word(
    cursor: &mut Cursor<'_>,
    word: &str,
    name: &'static str,
    odd: &mut Option<&'static str>,
) -> Option<bool> {
    Some(match cursor.value()? {
        Value::Text(text) => text.is(word),
        Value::Null => false,
        _ => {
            odd.get_or_insert(name);
            false
        }
    })
}

/// Reads an object within; anything else is noted and counts as absent.
fn within<'a>(
    cursor: &mut Cursor<'a>,
    name: &'static str,
    odd: &mut Option<&'static str>,
    mut each: impl FnMut(&'a [u8], &mut Cursor<'a>, &mut Option<&'static str>) -> Option<()>,
) -> Option<()> {
    if cursor.peek()? != b'{' {
        return note_unless_null(cursor, name, odd);
    }
    cursor.object(|name, cursor| each(name, cursor, odd))
}

fn note_unless_null(cursor: &mut Cursor<'_>, name: &'static str, odd: &mut Option<&'static str>) -> Option<()> {
    if !matches!(cursor.value()?, Value::Null) {
        odd.get_or_insert(name);
    }
    Some(())
}
