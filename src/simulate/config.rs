//! How the server behaves.

use std::{path::PathBuf, time::Duration};

use serde_json::Value;

use super::{FaultMix, Profile, RateLimits, Standstill};

/// What the server says, how fast, and what goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The text of an answer.
    pub reply: Reply,
    /// From the request to the first piece of content. Default 50 ms.
    pub ttft: Duration,
    /// Between two pieces. Default 10 ms.
    pub token_interval: Duration,
    /// Characters in a piece; four are about a token. Default 4.
    pub chunk_chars: usize,
    /// A thinking block before the text.
    pub thinking: Option<String>,
    /// Tools to call, one a turn, before the text.
    pub tools: Vec<ToolCall>,
    /// The prompt of a subagent to start before the text.
    pub subagent: Option<String>,
    /// Requests that are refused.
    pub error: Option<ErrorPlan>,
    /// A pause in the middle of the answer.
    pub stall: Option<Stall>,
    /// Distributions of times and lengths, in place of `ttft`, `token_interval`,
    /// `thinking` and the length of `reply`.
    pub profile: Option<Profile>,
    /// When the whole server stands still.
    pub standstill: Option<Standstill>,
    /// What is allowed in a minute.
    pub limits: RateLimits,
    /// What goes wrong with which share of the requests.
    pub faults: FaultMix,
    /// Break the connection after so many pieces.
    pub cut_after: Option<usize>,
    /// Reported input tokens. Default: a quarter of the characters sent.
    pub input_tokens: Option<u64>,
    /// Reported cache reads. Default 0.
    pub cache_read_tokens: u64,
    /// Reported 5-minute cache writes. Default 0.
    pub cache_write_5m_tokens: u64,
    /// Reported 1-hour cache writes. Default 0.
    pub cache_write_1h_tokens: u64,
    /// Draws ids and errors: the same seed and requests give the same answers.
    /// Default: another one every time, so that no two requests share an id.
    pub seed: Option<u64>,
    /// A file that gets a JSON line for every request.
    pub log: Option<PathBuf>,
    /// Whether that log holds prompts. Keys are never in it.
    pub log_bodies: bool,
    /// Whether it holds the time of every piece.
    pub log_tokens: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            reply: Reply::Text(
                "Hello! I am the simulated model: my words are made up, but every token is counted.".into(),
            ),
            ttft: Duration::from_millis(50),
            token_interval: Duration::from_millis(10),
            chunk_chars: 4,
            thinking: None,
            tools: Vec::new(),
            subagent: None,
            error: None,
            stall: None,
            profile: None,
            standstill: None,
            limits: RateLimits::default(),
            faults: FaultMix::default(),
            cut_after: None,
            input_tokens: None,
            cache_read_tokens: 0,
            cache_write_5m_tokens: 0,
            cache_write_1h_tokens: 0,
            seed: None,
            log: None,
            log_bodies: false,
            log_tokens: false,
        }
    }
}

/// The text of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Always this.
    Text(String),
    /// What the last user message said.
    Echo,
}

/// A tool the model calls.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// Its name.
    pub name: String,
    /// Its input.
    pub input: Value,
}

/// Which requests are refused, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorPlan {
    /// HTTP status, such as 529.
    pub status: u16,
    /// The share of requests refused, from 0 to 1.
    pub rate: f64,
    /// The first so many requests are refused in any case.
    pub first: u64,
    /// The `retry-after` header.
    pub retry_after: Option<Duration>,
}

/// A pause in the middle of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Pieces before it.
    pub after: usize,
    /// Its length.
    pub duration: Duration,
}
