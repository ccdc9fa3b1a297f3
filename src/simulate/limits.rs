//! Rate limits as the API has them: token buckets that fill continuously, and
//! headers that tell how full they are.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// What is allowed in a minute; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Requests.
    pub requests: Option<u64>,
    /// Input tokens.
    pub input_tokens: Option<u64>,
    /// Output tokens.
    pub output_tokens: Option<u64>,
}

#[derive(Debug)]
struct Bucket {
    name: &'static str,
    limit: f64,
    left: f64,
    filled: Instant,
}

impl Bucket {
    fn new(name: &'static str, limit: Option<u64>, now: Instant) -> Option<Self> {
        limit.map(|limit| Self { name, limit: limit as f64, left: limit as f64, filled: now })
    }

    fn fill(&mut self, now: Instant) {
        let gained = now.saturating_duration_since(self.filled).as_secs_f64() * self.limit / 60.0;
        self.left = (self.left + gained).min(self.limit);
        self.filled = now;
    }

    /// How long until so many are in it. More than it holds never are: then it
    /// has to be full.
    fn wait_for(&self, wanted: f64) -> Duration {
        let missing = wanted.min(self.limit) - self.left;
        if missing <= 0.0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(missing * 60.0 / self.limit.max(1e-9))
        }
    }
}

/// The buckets of a server.
#[derive(Debug)]
pub(super) struct Limiter {
    buckets: Option<Mutex<[Option<Bucket>; 3]>>,
}

impl Limiter {
    pub(super) fn new(limits: RateLimits) -> Self {
        let now = Instant::now();
        let buckets = [
            Bucket::new("requests", limits.requests, now),
            Bucket::new("input-tokens", limits.input_tokens, now),
            Bucket::new("output-tokens", limits.output_tokens, now),
        ];
        Self { buckets: buckets.iter().any(Option::is_some).then(|| Mutex::new(buckets)) }
    }

    /// Takes a request with so many input and output tokens out of the buckets
    /// and tells in the headers what is left. `Err` is how long to wait.
    pub(super) fn take(&self, input: u64, output: u64, headers: &mut HeaderMap) -> Result<(), Duration> {
        let Some(buckets) = &self.buckets else { return Ok(()) };
        let now = Instant::now();
        let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = [1.0, input as f64, output as f64];
        let mut wait = Duration::ZERO;
        for (bucket, wanted) in buckets.iter_mut().zip(wanted) {
            if let Some(bucket) = bucket {
                bucket.fill(now);
                wait = wait.max(bucket.wait_for(wanted));
            }
        }
        for (bucket, wanted) in buckets.iter_mut().zip(wanted) {
            if let Some(bucket) = bucket {
                if wait.is_zero() {
                    bucket.left = (bucket.left - wanted).max(0.0);
                }
                tell(bucket, headers);
            }
        }
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }
}

fn tell(bucket: &Bucket, headers: &mut HeaderMap) {
    let full = bucket.wait_for(bucket.limit);
    let reset = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + full;
    for (what, value) in [
        ("limit", format!("{:.0}", bucket.limit)),
        ("remaining", format!("{:.0}", bucket.left.floor())),
        ("reset", rfc3339(reset.as_secs() + u64::from(reset.subsec_nanos() > 0))),
    ] {
        let name = HeaderName::try_from(format!("anthropic-ratelimit-{}-{what}", bucket.name));
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
}

/// Seconds since 1970 as `2026-08-01T12:00:00Z`.
fn rfc3339(seconds: u64) -> String {
    let (days, time) = ((seconds / 86_400) as i64, seconds % 86_400);
    // Years begin in March here, so that the leap day is a year's last.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) =
        (year + era * 400 + i64::from(month >= 10), if month < 10 { month + 3 } else { month - 9 });
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time / 3600, time / 60 % 60, time % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_798_761_599), "2026-12-31T23:59:59Z");
    }

    #[test]
    fn a_bucket_empties_and_tells_how_long_to_wait() {
        let limiter =
            Limiter::new(RateLimits { requests: Some(2), input_tokens: Some(1_000), output_tokens: None });
        let mut headers = HeaderMap::new();
        assert_eq!(limiter.take(100, 9, &mut headers), Ok(()));
        assert_eq!(headers["anthropic-ratelimit-requests-limit"], "2");
        assert_eq!(headers["anthropic-ratelimit-requests-remaining"], "1");
        assert!(headers["anthropic-ratelimit-input-tokens-remaining"].to_str().unwrap().starts_with("90"));
        assert!(!headers.contains_key("anthropic-ratelimit-output-tokens-limit"));
        assert_eq!(limiter.take(100, 9, &mut headers), Ok(()));
        let wait = limiter.take(100, 9, &mut headers).unwrap_err();
        assert!((25..=30).contains(&wait.as_secs()), "half a minute for one of two a minute: {wait:?}");
        // Nothing was taken of what had enough.
        assert!(headers["anthropic-ratelimit-input-tokens-remaining"].to_str().unwrap().starts_with("80"));
    }
}
