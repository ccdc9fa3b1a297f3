//! What sums say, in the units that people and scripts read.

use serde::{Deserialize, Serialize};

use super::report::{dollars, iso};
use crate::store::{CostMode, Sums};

/// Figures of a set of requests. What is unknown is `None`, never 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Figures {
    /// Requests, failed attempts included.
    pub requests: i64,
    /// Requests that ended in an error.
    pub errors: i64,
    /// The share of requests without an error.
    pub success_rate: Option<f64>,
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
    /// All of these.
    pub total_tokens: i64,
    /// Web searches.
    pub web_searches: i64,
    /// US dollars that are known.
    pub cost_usd: Option<f64>,
    /// Requests whose cost is unknown.
    pub unpriced_requests: i64,
    /// How long the requests took whose duration is known.
    pub duration_ms: Percentiles,
    /// The time of the first request, RFC 3339.
    pub first: Option<String>,
    /// The time of the last request, RFC 3339.
    pub last: Option<String>,
}

/// Percentiles of durations in milliseconds, each within 3 % of a recorded one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Percentiles {
    /// The median.
    pub p50: Option<f64>,
    /// 95 % are at or below it.
    pub p95: Option<f64>,
    /// 99 % are at or below it.
    pub p99: Option<f64>,
}

impl Figures {
    /// What `sums` say, with the cost of `mode`.
    #[must_use]
    pub fn of(sums: &Sums, mode: CostMode) -> Self {
        let quantile = |q| sums.durations.quantile(q).map(|ms: f64| (ms * 10.0).round() / 10.0);
        Self {
            requests: sums.requests,
            errors: sums.errors,
            success_rate: sums.success_rate(),
            input_tokens: sums.input_tokens,
            output_tokens: sums.output_tokens,
            cache_read_tokens: sums.cache_read_tokens,
            cache_write_5m_tokens: sums.cache_write_5m_tokens,
            cache_write_1h_tokens: sums.cache_write_1h_tokens,
            total_tokens: sums.total_tokens(),
            web_searches: sums.web_searches,
            cost_usd: dollars(sums, mode),
            unpriced_requests: sums.unpriced.get(mode),
            duration_ms: Percentiles { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) },
            first: sums.first.map(iso),
            last: sums.last.map(iso),
        }
    }
}
