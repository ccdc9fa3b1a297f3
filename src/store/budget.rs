//! What may be spent, and when that was crossed.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Filter;
use crate::{Error, Result};

/// How long a budget lasts, in the calendar of a zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Period {
    /// A day.
    Day,
    /// A week; weeks start on Monday.
    Week,
    /// A month.
    #[default]
    Month,
}

impl Period {
    /// Its name: `day`, `week` or `month`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

impl FromStr for Period {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        [Self::Day, Self::Week, Self::Month]
            .into_iter()
            .find(|period| period.name() == name)
            .ok_or_else(|| Error::Invalid(format!("`{name}` is no period: use day, week or month")))
    }
}

/// What may be spent in a period, by all requests or some.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Budget {
    /// Its name.
    pub name: String,
    /// Nano-dollars.
    pub limit: i64,
    /// Per what.
    pub period: Period,
    /// Whose spending counts.
    pub filter: Filter,
    /// At how many percent of the limit to warn.
    pub warn_percent: u8,
}

/// A threshold of a budget that was crossed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Alert {
    /// The budget's name.
    pub budget: String,
    /// Per what it was.
    pub period: Period,
    /// Start of the period, UTC milliseconds.
    pub since: i64,
    /// The threshold: percent of the limit.
    pub threshold: u8,
    /// When the crossing was noticed, UTC milliseconds.
    pub at: i64,
    /// The limit then, in nano-dollars.
    pub limit: i64,
    /// What had been spent then, in nano-dollars.
    pub spent: i64,
}
