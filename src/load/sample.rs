//! What became of one request.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// A whole answer.
    #[default]
    Ok,
    /// Refused with 429.
    RateLimited,
    /// Refused with 529.
    Overloaded,
    /// Refused with another status.
    Refused,
    /// An `error` event within the answer.
    ErrorEvent,
    /// The connection broke within the answer.
    Cut,
    /// There was no connection.
    Unconnected,
    /// It took longer than it may.
    TimedOut,
    /// The answer could not be read.
    Malformed,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::RateLimited,
        Self::Overloaded,
        Self::Refused,
        Self::ErrorEvent,
        Self::Cut,
        Self::Unconnected,
        Self::TimedOut,
        Self::Malformed,
    ];

    /// Its name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Refused => "refused",
            Self::ErrorEvent => "error_event",
            Self::Cut => "cut",
            Self::Unconnected => "unconnected",
            Self::TimedOut => "timed_out",
            Self::Malformed => "malformed",
        }
    }

    pub(super) const fn of_status(status: u16) -> Self {
        match status {
            200..300 => Self::Ok,
            429 => Self::RateLimited,
            529 => Self::Overloaded,
            _ => Self::Refused,
        }
    }
}

/// The times of a request are from the begin of the run.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub(super) n: u64,
    /// When it was due.
    pub(super) intended: Duration,
    /// When its first attempt began: a connection was free for it.
    pub(super) begun: Duration,
    /// When its last attempt was sent.
    pub(super) sent: Duration,
    /// How long it took to connect, if it had to.
    pub(super) connect: Option<Duration>,
    /// The first piece of content, thinking or not.
    pub(super) first: Option<Duration>,
    /// The first piece that is no thinking.
    pub(super) first_content: Option<Duration>,
    /// The last piece of content.
    pub(super) last: Option<Duration>,
    pub(super) end: Duration,
    /// Between pieces.
    pub(super) gaps: Vec<Duration>,
    pub(super) attempts: u32,
    pub(super) status: u16,
    pub(super) outcome: Outcome,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    /// Nano-dollars; those of a request that was not read to its end are what it
    /// may have cost at most.
    pub(super) cost: Option<i64>,
    pub(super) bytes: u64,
    pub(super) request_id: Option<String>,
    /// A subscription: its length is not the server's doing.
    pub(super) is_subscription: bool,
}

impl Sample {
    /// Makes it that of the next request; keeps its memory.
    pub(super) fn begin(&mut self, n: u64, intended: Duration, begun: Duration) {
        let mut gaps = std::mem::take(&mut self.gaps);
        gaps.clear();
        *self = Self { n, intended, begun, gaps, attempts: 1, ..Self::default() };
    }

    /// Forgets what a failed attempt left.
    pub(super) fn again(&mut self) {
        let attempts = self.attempts + 1;
        let (n, intended, begun) = (self.n, self.intended, self.begun);
        self.begin(n, intended, begun);
        self.attempts = attempts;
    }

    /// A piece of content came.
    pub(super) fn piece(&mut self, at: Duration, thinking: bool) {
        match self.last.replace(at) {
            None => self.first = Some(at),
            Some(last) => self.gaps.push(at.saturating_sub(last)),
        }
        if !thinking {
            self.first_content.get_or_insert(at);
        }
    }

    /// What it cost, where an answer that nobody read to its end is taken to have
    /// cost the most it could, and one without a price nothing.
    pub(super) fn cost_at_worst(&self, worst: i64) -> i64 {
        self.cost.unwrap_or(match self.outcome {
            Outcome::ErrorEvent | Outcome::Cut | Outcome::TimedOut | Outcome::Malformed => worst,
            _ => 0,
        })
    }

    /// Between two tokens, on average: from the first piece to the last, by the
    /// tokens that the server says it wrote, of which the first one ends the time
    /// to first token and is none of these.
    pub(super) fn between_tokens(&self) -> Option<Duration> {
        let spans = u32::try_from(self.output_tokens.checked_sub(1)?).ok().filter(|n| *n > 0)?;
        Some(self.last?.checked_sub(self.first?)? / spans)
    }
}
