//! Gates in k6's grammar: `ttft.p(95)<800`.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::metric::Metric;

/// What a gate looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Subject {
    /// A distribution of times, in milliseconds.
    Trend(Metric),
    /// A count of requests or tokens.
    Counter(Counted),
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Requests,
    Failed,
    RateLimited,
    Overloaded,
    Good,
    Late,
    Dropped,
    OutputTokens,
}

impl Counted {
    const NAMES: [(&'static str, Self); 8] = [
        ("requests", Self::Requests),
        ("failed", Self::Failed),
        ("rate_limited", Self::RateLimited),
        ("overloaded", Self::Overloaded),
        ("goodput", Self::Good),
        ("late", Self::Late),
        ("dropped", Self::Dropped),
        ("output_tokens", Self::OutputTokens),
    ];

    /// Whether its rate is a share of the requests, and not a number a second.
    pub(super) const fn is_share(self) -> bool {
        !matches!(self, Self::Requests | Self::OutputTokens)
    }
}

/// What is made of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Aggregate {
    Average,
    Min,
    Max,
    Percentile(f64),
    Count,
    Rate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
    Unequal,
}

/// A gate: a figure and what it has to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    text: String,
    pub(super) subject: Subject,
    pub(super) aggregate: Aggregate,
    comparison: Comparison,
    limit: f64,
    /// Whether a run ends as soon as it does not hold.
    pub aborts: bool,
}

/// How a gate did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// As it was written.
    pub threshold: String,
    /// The figure; `None` if there was nothing to make one of, which trips it.
    pub value: Option<f64>,
    /// Whether it holds.
    pub ok: bool,
    /// Whether it ended the run.
    pub aborted: bool,
}

impl Threshold {
    /// The same, but a run ends as soon as it does not hold.
    #[must_use]
    pub const fn aborting(mut self) -> Self {
        self.aborts = true;
        self
    }

    /// What a figure means for it.
    pub(super) fn judge(&self, value: Option<f64>, aborted: bool) -> Verdict {
        let ok = value.is_some_and(|value| match self.comparison {
            Comparison::Less => value < self.limit,
            Comparison::AtMost => value <= self.limit,
            Comparison::More => value > self.limit,
            Comparison::AtLeast => value >= self.limit,
            Comparison::Equal => (value - self.limit).abs() < f64::EPSILON,
            Comparison::Unequal => (value - self.limit).abs() >= f64::EPSILON,
        });
        Verdict { threshold: self.text.clone(), value, ok, aborted }
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || format!("`{text}` is no threshold: it is METRIC.AGGREGATE<NUMBER, such as ttft.p(95)<800");
        let at = text.find(['<', '>', '=', '!']).ok_or_else(usage)?;
        let (figure, rest) = text.split_at(at);
        let length = rest.find(|c| !matches!(c, '<' | '>' | '=' | '!')).ok_or_else(usage)?;
        let (comparison, limit) = rest.split_at(length);
        let comparison = match comparison {
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::More,
            ">=" => Comparison::AtLeast,
            "==" | "===" => Comparison::Equal,
            "!=" => Comparison::Unequal,
            _ => return Err(usage()),
        };
        let limit = limit.trim().trim_end_matches("ms").trim_end();
        let limit: f64 = limit.parse().map_err(|_| usage())?;
        let (name, aggregate) = figure.trim().split_once(['.', ':']).ok_or_else(usage)?;
        let counted = Counted::NAMES.iter().find(|known| known.0 == name).map(|known| known.1);
        let subject = match counted {
            Some(counted) => Subject::Counter(counted),
            None => Subject::Trend(name.parse().map_err(|e: String| {
                let counts: Vec<_> = Counted::NAMES.iter().map(|known| known.0).collect();
                format!("{e}; and counted: {}", counts.join(", "))
            })?),
        };
        let aggregate = match aggregate.trim() {
            "avg" | "mean" => Aggregate::Average,
            "min" => Aggregate::Min,
            "max" => Aggregate::Max,
            "med" => Aggregate::Percentile(50.0),
            "count" => Aggregate::Count,
            "rate" => Aggregate::Rate,
            other => {
                let number = other.strip_prefix("p(").and_then(|rest| rest.strip_suffix(')'));
                let number = number.and_then(|number| number.trim().parse::<f64>().ok());
                let number = number.filter(|number| (0.0..=100.0).contains(number));
                Aggregate::Percentile(number.ok_or_else(|| {
                    format!("`{other}` is no aggregate: use avg, min, max, med, p(N), count or rate")
                })?)
            }
        };
        let counts = matches!(aggregate, Aggregate::Count | Aggregate::Rate);
        match subject {
            Subject::Counter(_) if !counts => {
                return Err(format!("`{name}` is counted: it has a count and a rate"));
            }
            Subject::Trend(_) if aggregate == Aggregate::Rate => {
                return Err(format!("`{name}` is a time: it has no rate"));
            }
            _ => {}
        }
        Ok(Self { text: text.to_owned(), subject, aggregate, comparison, limit, aborts: false })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holds(text: &str, value: f64) -> bool {
        text.parse::<Threshold>().unwrap().judge(Some(value), false).ok
    }

    #[test]
    fn comparisons_are_those_of_k6() {
        assert!(holds("ttft.p(95)<800", 799.9) && !holds("ttft.p(95)<800", 800.0));
        assert!(holds("e2e.p(99.9) <= 800ms", 800.0) && !holds("latency.max>5", 5.0));
        assert!(holds("failed.rate==0", 0.0) && holds("requests.count != 3", 4.0) && holds("itl.avg>=5", 5.0));
        let none = "ttft.med<1".parse::<Threshold>().unwrap().judge(None, false);
        assert!(!none.ok, "no data trips it");
    }

    #[test]
    fn nonsense_is_refused_with_what_would_do() {
        for (text, says) in [
            ("ttft<800", "METRIC.AGGREGATE"),
            ("ttft.p(101)<8", "p(N)"),
            ("ttft.rate<8", "no rate"),
            ("failed.avg<8", "a count and a rate"),
            ("speed.avg<8", "goodput"),
            ("ttft.avg<>8", "no threshold"),
            ("ttft.avg<", "no threshold"),
            ("", "no threshold"),
        ] {
            let error = text.parse::<Threshold>().unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}") {
            let _ = text.parse::<Threshold>();
        }

        #[test]
        fn every_percentile_and_limit_is_read(p in 0.0..100.0f64, limit in 0.0..1e6f64) {
            let threshold: Threshold = format!("e2e.p({p})<{limit}").parse().unwrap();
            prop_assert_eq!(threshold.aggregate, Aggregate::Percentile(p));
            prop_assert!(threshold.judge(Some(limit - 1.0), false).ok);
        }
    }
}
