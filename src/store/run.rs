//! Own runs: one record per invocation that ran a prompt or recorded a stream.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Usage;

/// One invocation of `query`, `stream` or the SDK.
///
/// Written when it starts and again when it ends; the record that ended wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Run {
    /// A UUID of version 7.
    pub id: String,
    /// Start, UTC milliseconds.
    pub started_at: i64,
    /// End, UTC milliseconds; `None` while running, and for ever if the process
    /// was killed.
    pub ended_at: Option<i64>,
    /// `query`, `stream`, …
    pub command: String,
    /// `claude`, `api`, `simulated`, or `stdin` for a recorded stream.
    pub backend: String,
    /// The model that answered, or was asked for.
    pub model: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// Working directory.
    pub project: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// The host.
    pub host: Option<String>,
    /// How it ended, as named by [`ExitClass::name`](crate::ExitClass::name); `None` while running.
    pub exit: Option<String>,
    /// What went wrong, in a line.
    pub error: Option<String>,
    /// API attempts, as far as they were seen.
    pub attempts: u32,
    /// Milliseconds from start to the first token.
    pub ttft_ms: Option<i64>,
    /// Milliseconds from start to end.
    pub duration_ms: Option<i64>,
    /// Cost in nano-dollars: reported if it was, else calculated, else unknown.
    pub cost: Option<i64>,
    /// The id of the `result` line. Runs that read the same line, such as a
    /// recorded stream that is piped in twice, count its totals once.
    pub result_id: Option<String>,
    /// What the `result` line says per model.
    pub totals: Vec<ModelTotal>,
    /// Answered from the cache.
    pub cached: bool,
    /// Tags, as `key=value`.
    pub tags: BTreeSet<String>,
    /// Made by the simulated backend.
    pub simulated: bool,
}

/// What a run was asked and what it answered, kept only where the user wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunText {
    /// The run's id.
    pub run: String,
    /// The prompt.
    pub prompt: String,
    /// The answer.
    pub answer: String,
}

/// A run that was found by its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundText {
    /// The run.
    pub run: Run,
    /// The prompt.
    pub prompt: String,
    /// The answer.
    pub answer: String,
}

/// A model's share in a run's totals.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModelTotal {
    /// The model, in its canonical name.
    pub model: String,
    /// Tokens; cache writes are not split by lifetime here.
    pub usage: Usage,
    /// Reported cost in nano-dollars.
    pub cost: Option<i64>,
}
