//! What is in a history, counted while it was written.

use std::{collections::BTreeMap, ops::AddAssign};

/// Sums over requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests, failed attempts included; advisor calls are none.
    pub requests: u64,
    /// Failed attempts.
    pub errors: u64,
    /// Uncached input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Tokens read from the cache.
    pub cache_read_tokens: u64,
    /// Tokens written to the 5-minute cache.
    pub cache_write_5m_tokens: u64,
    /// Tokens written to the 1-hour cache.
    pub cache_write_1h_tokens: u64,
    /// Web searches.
    pub web_searches: u64,
}

impl AddAssign<&Self> for Totals {
    fn add_assign(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.cache_read_tokens += other.cache_read_tokens;
        self.cache_write_5m_tokens += other.cache_write_5m_tokens;
        self.cache_write_1h_tokens += other.cache_write_1h_tokens;
        self.web_searches += other.web_searches;
    }
}

/// What an exact reader must find in a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expected {
    /// Everything, each request once.
    pub totals: Totals,
    /// The same by model, in its canonical name; failed attempts have none.
    pub models: BTreeMap<String, Totals>,
    /// Lines that tell of a request: a request has many.
    pub usage_lines: u64,
    /// Files, those of subagents included.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

impl Expected {
    pub(super) fn add(&mut self, model: Option<&str>, totals: &Totals) {
        self.totals += totals;
        if let Some(model) = model {
            *self.models.entry(model.to_owned()).or_default() += totals;
        }
    }
}
