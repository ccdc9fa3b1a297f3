//! What a series can show.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::report::dollars;
use crate::{
    Error, Result,
    store::{CostMode, Sums},
};

/// What a series shows. Durations come from histograms and are within 3 % of
/// a recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// Cost in dollars.
    Cost,
    /// Requests.
    Commands,
    /// Share of requests without an error; unknown where there are none.
    SuccessRate,
    /// Median duration in milliseconds; unknown where none is known.
    ResponseTime,
    /// All tokens.
    Tokens,
    /// Requests that ended in an error.
    Errors,
    /// The duration in milliseconds that 95 % of requests stay within.
    ResponseTimeP95,
    /// The duration in milliseconds that 99 % of requests stay within.
    ResponseTimeP99,
}

impl Metric {
    /// All of them, their names and their units.
    pub const ALL: [(Self, &'static str, &'static str); 8] = [
        (Self::Cost, "cost", "USD"),
        (Self::Commands, "commands", "requests"),
        (Self::SuccessRate, "success_rate", "share"),
        (Self::ResponseTime, "response_time", "ms"),
        (Self::Tokens, "tokens", "tokens"),
        (Self::Errors, "errors", "requests"),
        (Self::ResponseTimeP95, "response_time_p95", "ms"),
        (Self::ResponseTimeP99, "response_time_p99", "ms"),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|m| m.0 == self).map_or("", |m| m.1)
    }

    /// The unit of its values.
    #[must_use]
    pub fn unit(self) -> &'static str {
        Self::ALL.iter().find(|m| m.0 == self).map_or("", |m| m.2)
    }

    /// Its title for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Cost => "Cost",
            Self::Commands => "Requests",
            Self::SuccessRate => "Success rate",
            Self::ResponseTime => "Median response time",
            Self::Tokens => "Tokens",
            Self::Errors => "Errors",
            Self::ResponseTimeP95 => "Response time, p95",
            Self::ResponseTimeP99 => "Response time, p99",
        }
    }

    /// Whether two buckets together have the sum of their values.
    #[must_use]
    pub const fn adds_up(self) -> bool {
        matches!(self, Self::Cost | Self::Commands | Self::Tokens | Self::Errors)
    }

    /// Whether it needs the durations of requests.
    pub(super) const fn is_of_durations(self) -> bool {
        matches!(self, Self::ResponseTime | Self::ResponseTimeP95 | Self::ResponseTimeP99)
    }

    pub(super) fn value(self, sums: &Sums, mode: CostMode) -> Option<f64> {
        match self {
            // Where nothing has a known cost, the cost is unknown and not 0.
            Self::Cost => dollars(sums, mode),
            Self::Commands => Some(sums.requests as f64),
            Self::SuccessRate => sums.success_rate(),
            Self::ResponseTime => sums.durations.quantile(0.5),
            Self::Tokens => Some(sums.total_tokens() as f64),
            Self::Errors => Some(sums.errors as f64),
            Self::ResponseTimeP95 => sums.durations.quantile(0.95),
            Self::ResponseTimeP99 => sums.durations.quantile(0.99),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().find(|m| m.1 == name).map(|m| m.0).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|m| m.1).collect();
            Error::Invalid(format!("`{name}` is no metric: use {}", names.join(", ")))
        })
    }
}
