//! How long answers take, and how long they are: distributions, from a file.

use std::time::Duration;

use serde::Deserialize;

use crate::{Error, Result};

/// Draws are cut at this, as a distribution with a long tail has no largest value.
const LARGEST: f64 = 1e9;

/// Distributions of the times and lengths of answers. Times are milliseconds,
/// lengths are tokens; what is not given is as the [`Config`](super::Config) says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// From the request to the first piece of content, in milliseconds.
    pub first_token: Option<Distribution>,
    /// Between two pieces, in milliseconds; drawn for each.
    pub between_tokens: Option<Distribution>,
    /// Tokens of the text.
    pub output_tokens: Option<Distribution>,
    /// Tokens of the thinking before it; none if it draws 0.
    pub thinking_tokens: Option<Distribution>,
}

/// A distribution of values that are not negative: draws below zero are zero.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "distribution", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Distribution {
    /// Always the same.
    Constant {
        /// That value.
        value: f64,
    },
    /// Every value of a range is as likely.
    Uniform {
        /// The least.
        min: f64,
        /// The most.
        max: f64,
    },
    /// A bell curve.
    Normal {
        /// Its middle.
        mean: f64,
        /// Its standard deviation.
        sd: f64,
    },
    /// The logarithm is a bell curve: a long tail to the right.
    Lognormal {
        /// The median.
        median: f64,
        /// The standard deviation of the natural logarithm.
        sigma: f64,
    },
    /// Times between events that know nothing of each other.
    Exponential {
        /// The mean.
        mean: f64,
    },
    /// One of these values, each as likely.
    Empirical {
        /// What was observed, in any order.
        values: Vec<f64>,
    },
}

impl Distribution {
    fn check(&self) -> Result<(), String> {
        let parameters: &[f64] = match self {
            Self::Constant { value } => &[*value],
            Self::Uniform { min, max } if min > max => {
                return Err(format!("min is {min}, which is above max, {max}"));
            }
            Self::Uniform { min, max } => &[*min, *max],
            Self::Normal { mean, sd } => &[*mean, *sd],
            Self::Lognormal { median, sigma } => &[*median, *sigma],
            Self::Exponential { mean } => &[*mean],
            Self::Empirical { values } if values.is_empty() => return Err("values is empty".to_owned()),
            Self::Empirical { values } => values,
        };
        match parameters.iter().find(|value| !(0.0..=LARGEST).contains(*value)) {
            Some(value) => Err(format!("{value} is not between 0 and {LARGEST}")),
            None => Ok(()),
        }
    }

    /// A value, by this random generator.
    pub fn draw(&self, random: &mut fastrand::Rng) -> f64 {
        let drawn = match self {
            Self::Constant { value } => *value,
            Self::Uniform { min, max } => min + (max - min) * random.f64(),
            Self::Normal { mean, sd } => mean + sd * normal(random),
            Self::Lognormal { median, sigma } => median * (sigma * normal(random)).exp(),
            Self::Exponential { mean } => -mean * (1.0 - random.f64()).ln(),
            Self::Empirical { values } => random.choice(values).copied().unwrap_or_default(),
        };
        drawn.clamp(0.0, LARGEST)
    }

    pub(super) fn draw_millis(&self, random: &mut fastrand::Rng) -> Duration {
        Duration::from_secs_f64(self.draw(random) / 1e3)
    }

    pub(super) fn draw_count(&self, random: &mut fastrand::Rng) -> usize {
        self.draw(random).round() as usize
    }
}

/// A draw of the standard normal distribution (Box and Muller).
fn normal(random: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}

impl Profile {
    /// Reads a profile as JSON.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no profile, with its place.
    pub fn from_json(json: &str) -> Result<Self> {
        let profile: Self =
            serde_json::from_str(json).map_err(|e| Error::Invalid(format!("latency profile: {e}")))?;
        profile.checked()
    }

    /// The profile, if every value in it can be.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the value that cannot.
    pub fn checked(self) -> Result<Self> {
        let named = [
            ("first_token", &self.first_token),
            ("between_tokens", &self.between_tokens),
            ("output_tokens", &self.output_tokens),
            ("thinking_tokens", &self.thinking_tokens),
        ];
        for (name, distribution) in named {
            if let Some(Err(problem)) = distribution.as_ref().map(Distribution::check) {
                return Err(Error::Invalid(format!("latency profile: {name}: {problem}")));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(distribution: &Distribution) -> f64 {
        let mut random = fastrand::Rng::with_seed(7);
        (0..40_000).map(|_| distribution.draw(&mut random)).sum::<f64>() / 40_000.0
    }

    #[test]
    fn draws_have_the_mean_that_the_distribution_has() {
        for (distribution, expected) in [
            (Distribution::Constant { value: 3.0 }, 3.0),
            (Distribution::Uniform { min: 10.0, max: 30.0 }, 20.0),
            (Distribution::Normal { mean: 50.0, sd: 5.0 }, 50.0),
            (Distribution::Lognormal { median: 100.0, sigma: 0.5 }, 100.0 * (0.125_f64).exp()),
            (Distribution::Exponential { mean: 12.0 }, 12.0),
            (Distribution::Empirical { values: vec![1.0, 2.0, 9.0] }, 4.0),
        ] {
            let found = mean(&distribution);
            assert!((found / expected - 1.0).abs() < 0.02, "{distribution:?}: {found}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_name() {
        for (json, says) in [
            (r#"{"first_token":{"distribution":"uniform","min":3,"max":1}}"#, "first_token: min is 3"),
            (r#"{"output_tokens":{"distribution":"empirical","values":[]}}"#, "output_tokens: values is empty"),
            (r#"{"between_tokens":{"distribution":"constant","value":-1}}"#, "between_tokens: -1"),
            (r#"{"first":{}}"#, "unknown field `first`"),
            (r#"{"first_token":{"distribution":"zipf"}}"#, "unknown variant `zipf`"),
        ] {
            let error = Profile::from_json(json).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
