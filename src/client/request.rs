//! What a backend is asked to run.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde_json::Value;

use super::Attachment;
use crate::{Error, Result, StreamFormat};

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
    /// Files that go along with the prompt. Images and PDFs need the Messages API.
    pub files: Vec<Attachment>,
    /// The conversation to go on with (`claude` program only).
    pub session: Session,
    /// The JSON schema that the answer has to follow.
    pub json_schema: Option<Value>,
    /// The most that the run may cost, in nano-dollars: the `claude` program is
    /// told, and an answer of the Messages API is kept as short as that needs.
    pub max_cost: Option<i64>,
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
            files: Vec::new(),
            session: Session::New,
            json_schema: None,
            max_cost: None,
            max_tokens: 8192,
            format: StreamFormat::StreamJson,
            claude_args: Vec::new(),
            env: BTreeMap::new(),
            cwd: None,
            limits: Limits::default(),
            retries: 4,
        }
    }

    /// Whether a backend, by its name, can do all that is asked for.
    ///
    /// # Errors
    /// If it cannot: nothing that was asked for is left out in silence.
    pub fn supported_by(&self, backend: &str) -> Result<()> {
        let invalid = |text: &str| Err(Error::Invalid(text.to_owned()));
        match backend {
            "claude" => self.prompt_with_files().map(|_| ()),
            "api" | "simulated" if self.session != Session::New => {
                invalid("the Messages API keeps no sessions: --continue and --resume need the `claude` program")
            }
            "api" | "simulated" if !self.claude_args.is_empty() => invalid(
                "the Messages API takes no arguments of the `claude` program: leave them out, or use `--backend claude`",
            ),
            _ => Ok(()),
        }
    }

    /// The prompt with its text files, for a backend that takes only text.
    ///
    /// # Errors
    /// If a file is no text.
    pub fn prompt_with_files(&self) -> Result<String> {
        let mut prompt = String::new();
        for file in &self.files {
            let text = file.inline().ok_or_else(|| {
                Error::Invalid(format!("{} is no text: images and PDFs need `--backend api`", file.name()))
            })?;
            prompt.push_str(&text);
            prompt.push_str("\n\n");
        }
        prompt.push_str(&self.prompt);
        Ok(prompt)
    }
}

/// Which conversation a prompt belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Session {
    /// A new one.
    #[default]
    New,
    /// The latest one of the working directory.
    Continue {
        /// Go on in a copy of it.
        fork: bool,
    },
    /// The one with this id.
    Resume {
        /// The session's id.
        id: String,
        /// Go on in a copy of it.
        fork: bool,
    },
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
