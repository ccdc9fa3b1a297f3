//! What is summed over requests, in rollups and in answers alike.

use serde::{Deserialize, Serialize};

use super::Histogram;

/// Which cost of a request counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CostMode {
    /// A cost that the source reported wins, else the calculated one.
    #[default]
    Auto,
    /// Always the calculated cost.
    Calculate,
    /// Only reported costs.
    Display,
}

/// A value per [`CostMode`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByMode {
    /// Under [`CostMode::Auto`].
    pub auto: i64,
    /// Under [`CostMode::Calculate`].
    pub calculate: i64,
    /// Under [`CostMode::Display`].
    pub display: i64,
}

impl ByMode {
    /// The value under `mode`.
    #[must_use]
    pub const fn get(&self, mode: CostMode) -> i64 {
        match mode {
            CostMode::Auto => self.auto,
            CostMode::Calculate => self.calculate,
            CostMode::Display => self.display,
        }
    }

    fn add(&mut self, other: Self, times: i64) {
        self.auto += other.auto * times;
        self.calculate += other.calculate * times;
        self.display += other.display * times;
    }
}

/// Sums over a set of requests. Sums add and subtract exactly; only
/// [`first`](Self::first) and [`last`](Self::last) cannot be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sums {
    /// API requests, failed attempts included.
    pub requests: i64,
    /// Requests that ended in an error.
    pub errors: i64,
    /// Uncached input tokens.
    pub input_tokens: i64,
    /// Output tokens.
    pub output_tokens: i64,
    /// Tokens read from the prompt cache.
    pub cache_read_tokens: i64,
    /// Tokens written to the 5-minute cache.
    pub cache_write_5m_tokens: i64,
    /// Tokens written to the 1-hour cache.
    pub cache_write_1h_tokens: i64,
    /// Web searches.
    pub web_searches: i64,
    /// Known cost in nano-dollars, per mode.
    pub cost: ByMode,
    /// Entries with tokens whose cost is unknown, per mode.
    pub unpriced: ByMode,
    /// Durations of the requests whose duration is known, in milliseconds.
    pub durations: Histogram,
    /// Time of the earliest request (UTC milliseconds), if there is any.
    pub first: Option<i64>,
    /// Time of the latest request (UTC milliseconds), if there is any.
    pub last: Option<i64>,
}

impl Sums {
    /// Adds `other`.
    pub fn add(&mut self, other: &Self) {
        self.apply(other, 1);
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
    }

    /// Takes `other` away, all but its `first` and `last`.
    pub fn subtract(&mut self, other: &Self) {
        self.apply(other, -1);
    }

    fn apply(&mut self, other: &Self, times: i64) {
        self.requests += other.requests * times;
        self.errors += other.errors * times;
        self.input_tokens += other.input_tokens * times;
        self.output_tokens += other.output_tokens * times;
        self.cache_read_tokens += other.cache_read_tokens * times;
        self.cache_write_5m_tokens += other.cache_write_5m_tokens * times;
        self.cache_write_1h_tokens += other.cache_write_1h_tokens * times;
        self.web_searches += other.web_searches * times;
        self.cost.add(other.cost, times);
        self.unpriced.add(other.unpriced, times);
        self.durations.add(&other.durations, times);
    }

    /// All tokens.
    #[must_use]
    pub const fn total_tokens(&self) -> i64 {
        self.input_tokens
            + self.output_tokens
            + self.cache_read_tokens
            + self.cache_write_5m_tokens
            + self.cache_write_1h_tokens
    }

    /// Whether nothing is counted.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self { first: self.first, last: self.last, ..Self::default() }
    }

    /// The share of requests without an error; `None` if there are none.
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        (self.requests > 0).then(|| (self.requests - self.errors) as f64 / self.requests as f64)
    }
}
