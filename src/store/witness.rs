//! What somebody saw of an API request.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Record, Run, RunText, Source};
use crate::Usage;

/// A text that many requests have in common, such as a model's: shared among
/// those that come together.
pub type Name = Arc<str>;

/// Who saw a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WitnessKind {
    /// Our own run, in the stream it read.
    #[default]
    Run,
    /// Telemetry that `claude` sent.
    Telemetry,
    /// A transcript that `claude` wrote.
    Transcript,
}

impl WitnessKind {
    /// In the order in which their count of a session's errors is trusted.
    pub(crate) const ALL: [Self; 3] = [Self::Run, Self::Telemetry, Self::Transcript];

    pub(crate) const fn bit(self) -> u8 {
        match self {
            Self::Run => 1,
            Self::Transcript => 2,
            Self::Telemetry => 4,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Transcript => "transcript",
            Self::Telemetry => "telemetry",
        }
    }
}

/// The names in a set of witness bits, such as `run+transcript`.
pub(crate) fn source_name(mask: u8) -> String {
    let mut name = String::new();
    for kind in [WitnessKind::Run, WitnessKind::Transcript, WitnessKind::Telemetry] {
        if mask & kind.bit() != 0 {
            if !name.is_empty() {
                name.push('+');
            }
            name.push_str(kind.name());
        }
    }
    name
}

/// One sight of one API request, or of a failed attempt at one.
///
/// Witnesses may come in any order, in any split and more than once: what the
/// ledger counts is a pure function of the set of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Witness {
    /// Who saw it.
    pub by: WitnessKind,
    /// `msg_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// `req_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The id of the line that says so: the identity of last resort.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// A replay in a side chain.
    pub sidechain: bool,
    /// When, UTC milliseconds.
    pub ts: i64,
    /// When this source first showed it, where `ts` is the time of a later snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_ts: Option<i64>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Name>,
    /// The own run that saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The model, in its canonical name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Name>,
    /// What it consumed; zero for a failed attempt.
    pub usage: Usage,
    /// Cost in nano-dollars that the source reports for this very request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<i64>,
    /// Duration in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// Time to first token in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttft_ms: Option<i64>,
    /// The kind of error it ended in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<Name>,
    /// Git branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<Name>,
    /// Version of the `claude` program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Name>,
    /// `main` or `subagent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Name>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Name>,
    /// The host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Name>,
    /// Tags, as `key=value`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Made by the simulated backend.
    pub simulated: bool,
}

/// What is appended to a ledger in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Batch {
    /// Runs, started or ended.
    pub runs: Vec<Run>,
    /// Requests.
    pub witnesses: Vec<Witness>,
    /// What other ledgers know of requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Record>,
    /// Prompts and answers, where they are to be kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<RunText>,
    /// How far transcripts have been read, once their requests are in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
}

impl Batch {
    /// Whether there is nothing to append.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
            && self.witnesses.is_empty()
            && self.records.is_empty()
            && self.texts.is_empty()
            && self.sources.is_empty()
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        self.runs.extend(other.runs);
        self.witnesses.extend(other.witnesses);
        self.records.extend(other.records);
        self.texts.extend(other.texts);
        self.sources.extend(other.sources);
    }
}
