//! The times that are measured.

use std::{str::FromStr, time::Duration};

use super::sample::Sample;

/// A time that is measured, of which there is a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Metric {
    /// From when a request was due to the end of its answer.
    E2e,
    /// From when it was due to its first token that is no thinking.
    Ttft,
    /// From when it was due to its first token of thinking.
    Thinking,
    /// Between two tokens of an answer, on average; by the tokens that the server
    /// reports.
    Itl,
    /// Between two pieces of an answer, which may hold several tokens.
    Gap,
    /// From when it was sent to the end of its answer.
    Service,
    /// From when it was sent to its first token that is no thinking.
    FirstByService,
    /// From when it was due to when it was sent.
    Queue,
    /// To open a connection.
    Connect,
    /// From when a request was due to when the generator got to it.
    Lag,
    /// From due to answered, of those that took more than one attempt.
    Retried,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::E2e,
        Self::Ttft,
        Self::Thinking,
        Self::Itl,
        Self::Gap,
        Self::Service,
        Self::FirstByService,
        Self::Queue,
        Self::Connect,
        Self::Lag,
        Self::Retried,
    ];

    /// Its name, as in JSON and thresholds.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::E2e => "e2e",
            Self::Ttft => "ttft",
            Self::Thinking => "thinking",
            Self::Itl => "itl",
            Self::Gap => "gap",
            Self::Service => "service",
            Self::FirstByService => "ttft_service",
            Self::Queue => "queue",
            Self::Connect => "connect",
            Self::Lag => "lag",
            Self::Retried => "retried",
        }
    }

    /// What it is, for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::E2e => "end to end",
            Self::Ttft => "first token",
            Self::Thinking => "first thinking",
            Self::Itl => "between tokens",
            Self::Gap => "between pieces",
            Self::Service => "service",
            Self::FirstByService => "first token, from the send",
            Self::Queue => "queue",
            Self::Connect => "connect",
            Self::Lag => "generator lag",
            Self::Retried => "after a retry",
        }
    }

    /// Whether a request has one of it.
    pub(super) const fn is_of_a_request(self) -> bool {
        !matches!(self, Self::Gap | Self::Lag | Self::Retried | Self::Connect)
    }

    /// That of a request.
    pub(super) fn of(self, sample: &Sample) -> Option<Duration> {
        let since_due = |at: Duration| at.saturating_sub(sample.intended);
        match self {
            Self::E2e => Some(since_due(sample.end)),
            Self::Ttft => sample.first_content.map(since_due),
            Self::Thinking => sample.first.filter(|first| Some(*first) != sample.first_content).map(since_due),
            Self::Itl => sample.between_tokens(),
            Self::Service => Some(sample.end.saturating_sub(sample.sent)),
            Self::FirstByService => sample.first_content.map(|at| at.saturating_sub(sample.sent)),
            Self::Queue => Some(since_due(sample.sent)),
            Self::Connect => sample.connect,
            Self::Gap | Self::Lag | Self::Retried => None,
        }
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let name = if name == "latency" { "e2e" } else { name };
        Self::ALL.into_iter().find(|metric| metric.name() == name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|metric| metric.name()).collect();
            format!("`{name}` is not measured; what is: {}", known.join(", "))
        })
    }
}
