//! What one API request consumed.

use serde::{Deserialize, Serialize};

use super::FinalUsage;

/// The tokens and billed extras of one API request.
///
/// The counts do not overlap: `input_tokens` are the uncached ones, and cache
/// writes are split by lifetime. All zero means that nothing was reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Usage {
    /// Uncached input tokens.
    #[serde(skip_serializing_if = "is_zero")]
    pub input_tokens: u64,
    /// Output tokens, thinking included.
    #[serde(skip_serializing_if = "is_zero")]
    pub output_tokens: u64,
    /// Input tokens read from the prompt cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_read_tokens: u64,
    /// Input tokens written to the 5-minute prompt cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_5m_tokens: u64,
    /// Input tokens written to the 1-hour prompt cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_1h_tokens: u64,
    /// Web searches made by the server.
    #[serde(skip_serializing_if = "is_zero")]
    pub web_searches: u64,
    /// Fast mode (`speed: "fast"`), which has its own price.
    #[serde(skip_serializing_if = "is_false")]
    pub fast: bool,
    /// Inference pinned to the US (`inference_geo: "us"`), which has its own price.
    #[serde(skip_serializing_if = "is_false")]
    pub us_inference: bool,
    /// The batch tier (`service_tier: "batch"`), which has its own price.
    #[serde(skip_serializing_if = "is_false")]
    pub batch: bool,
    /// Advisor calls billed on top, each under its own model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advisors: Vec<AdvisorUsage>,
}

/// A call to an advisor model within a request, billed on top of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AdvisorUsage {
    /// The advisor's model.
    pub model: String,
    /// What it consumed.
    pub usage: Box<Usage>,
}

impl Usage {
    /// All tokens: input, output, cache reads and cache writes.
    #[must_use]
    pub const fn total_tokens(&self) -> u64 {
        self.prompt_tokens() + self.output_tokens
    }

    /// All input tokens, cached or not: what decides the price tier.
    #[must_use]
    pub const fn prompt_tokens(&self) -> u64 {
        self.input_tokens + self.cache_read_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens
    }

    /// Adds the counts of `other`; what prices depend on stays as it is.
    pub const fn add_counts(&mut self, other: &Self) {
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.cache_read_tokens += other.cache_read_tokens;
        self.cache_write_5m_tokens += other.cache_write_5m_tokens;
        self.cache_write_1h_tokens += other.cache_write_1h_tokens;
        self.web_searches += other.web_searches;
    }

    /// Takes in the counts at the end of a message. They repeat the input side
    /// or leave it out, and may leave out how cache writes are split: what is
    /// not more than before is not news.
    pub fn finalise(&mut self, last: &FinalUsage) {
        let last = &last.usage;
        self.output_tokens = self.output_tokens.max(last.output_tokens);
        self.input_tokens = self.input_tokens.max(last.input_tokens);
        self.cache_read_tokens = self.cache_read_tokens.max(last.cache_read_tokens);
        let writes = |u: &Self| u.cache_write_5m_tokens + u.cache_write_1h_tokens;
        if writes(last) > writes(self) {
            self.cache_write_5m_tokens = last.cache_write_5m_tokens;
            self.cache_write_1h_tokens = last.cache_write_1h_tokens;
        }
        self.web_searches = self.web_searches.max(last.web_searches);
        self.fast |= last.fast;
        self.us_inference |= last.us_inference;
        self.batch |= last.batch;
        if self.advisors.len() < last.advisors.len() {
            self.advisors.clone_from(&last.advisors);
        }
    }

    /// Whether nothing at all was consumed.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.total_tokens() == 0 && self.web_searches == 0 && self.advisors.is_empty()
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_false(b: &bool) -> bool {
    !*b
}
