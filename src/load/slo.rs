//! What every request is to keep: `ttft<800,e2e<5000`.

use std::{str::FromStr, time::Duration};

use super::{metric::Metric, sample::Sample};

/// Limits for each single request; goodput is what keeps them all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slo {
    limits: Vec<(Metric, Duration)>,
    text: String,
}

impl Slo {
    pub(super) const fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a request that was answered kept all of it. What is not known of
    /// it, it did not keep; an answer of one token has no time between two.
    pub(super) fn is_kept(&self, sample: &Sample) -> bool {
        self.limits.iter().all(|(metric, limit)| match metric.of(sample) {
            Some(time) => time < *limit,
            None => *metric == Metric::Itl && sample.output_tokens == 1,
        })
    }
}

impl FromStr for Slo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut limits = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, limit) = part
                .split_once('<')
                .ok_or_else(|| format!("`{part}` is not METRIC<MILLISECONDS, such as ttft<800"))?;
            let metric: Metric = name.trim().parse()?;
            let limit = limit.trim().trim_end_matches("ms").trim_end();
            let limit: f64 = limit.parse().map_err(|_| format!("`{limit}` is no number of milliseconds"))?;
            let limit = Duration::try_from_secs_f64(limit / 1e3).map_err(|e| format!("`{part}`: {e}"))?;
            if !metric.is_of_a_request() {
                return Err(format!("`{}` is no figure of a single request", metric.name()));
            }
            limits.push((metric, limit));
        }
        if limits.is_empty() {
            return Err("there is no limit in it, such as ttft<800".to_owned());
        }
        Ok(Self { limits, text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_limits_have_to_be_kept() {
        let slo: Slo = "ttft<800, e2e<5000ms".parse().unwrap();
        let ms = Duration::from_millis;
        let sample = |first, end| Sample {
            intended: ms(100),
            first_content: Some(ms(first)),
            end: ms(end),
            ..Sample::default()
        };
        assert!(slo.is_kept(&sample(899, 5_000)));
        assert!(!slo.is_kept(&sample(900, 5_000)), "counted from when it was due");
        assert!(!slo.is_kept(&sample(800, 5_100)));
        assert!(!slo.is_kept(&Sample::default()), "without a token");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "ttft", "ttft<x", "speed<3", "ttft<-1", "lag<3", "gap<3"] {
            assert!(text.parse::<Slo>().is_err(), "{text}");
        }
    }
}
