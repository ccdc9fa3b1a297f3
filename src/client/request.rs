//! What a backend is asked to run.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::StreamFormat;

/// One prompt with everything that decides its answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// The prompt.
    pub prompt: String,
    /// Model name or alias; `None` leaves the choice to the backend.
    pub model: Option<String>,
    /// System prompt.
    pub system: Option<String>,
    /// Most output tokens of one answer (Messages API only).
    pub max_tokens: u32,
    /// What the `claude` program is asked to print.
    pub format: StreamFormat,
    /// Further arguments for the `claude` program, passed on untouched.
    pub claude_args: Vec<String>,
    /// Further environment for the `claude` program.
    pub env: BTreeMap<String, String>,
    /// Working directory for the `claude` program.
    pub cwd: Option<PathBuf>,
    /// Time limits.
    pub limits: Limits,
    /// How many times a request that may be retried is retried (Messages API
    /// only; the `claude` program retries by itself).
    pub retries: u32,
}

impl Request {
    /// A request with the defaults: no model, no system prompt, 8,192 output
    /// tokens, the default limits and 4 retries.
    #[must_use]
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            model: None,
            system: None,
            max_tokens: 8192,
            format: StreamFormat::StreamJson,
            claude_args: Vec::new(),
            env: BTreeMap::new(),
            cwd: None,
            limits: Limits::default(),
            retries: 4,
        }
    }
}

/// Time limits of a run; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the start to the first token. Default 3 minutes.
    pub first_token: Option<Duration>,
    /// Between two messages after the first token. Default 15 minutes: a tool
    /// may run for 10 without a word.
    pub idle: Option<Duration>,
    /// The whole run. Default 1 hour.
    pub total: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_token: Some(Duration::from_secs(180)),
            idle: Some(Duration::from_secs(900)),
            total: Some(Duration::from_secs(3600)),
        }
    }
}
