//! What may be tried again, and when.

use std::time::Duration;

use reqwest::header::HeaderMap;

use crate::Error;

/// The longest wait between two attempts.
const MOST: Duration = Duration::from_secs(30);
/// The longest wait that a server may ask for.
const MOST_ASKED: Duration = Duration::from_secs(60);

/// Exponential backoff with full jitter: a random wait between nothing and
/// `base` · 2ⁿ (M. Brooker, "Exponential Backoff and Jitter", 2015).
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) base: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_millis(500) }
    }
}

impl Backoff {
    /// How long to wait after the `attempt`-th attempt (from 1), at least as
    /// long as the server `asked`.
    pub(super) fn delay(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        let most = self.base.saturating_mul(1_u32 << (attempt - 1).min(16)).min(MOST);
        let jittered = most.mul_f64(fastrand::f64());
        asked.map_or(jittered, |asked| asked.min(MOST_ASKED).max(jittered))
    }
}

/// Only what the API says is temporary, and connections that failed before an
/// answer began.
pub(super) const fn may_retry(error: &Error) -> bool {
    match error {
        Error::Api { status: Some(status), .. } => matches!(status, 429 | 500..=599),
        Error::Connection { .. } => true,
        _ => false,
    }
}

/// What an answer that has begun, but said nothing yet, may be given up for.
pub(super) fn may_reconnect(error: &Error) -> bool {
    match error {
        Error::Api { status: None, kind, .. } => error.is_overloaded() || kind == "api_error",
        Error::Connection { .. } => true,
        _ => false,
    }
}

/// How long the server asks to wait: `retry-after-ms`, or `retry-after` in
/// seconds or as an HTTP date.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    if let Some(millis) = text("retry-after-ms").and_then(|t| t.trim().parse::<u64>().ok()) {
        return Some(Duration::from_millis(millis));
    }
    let after = text("retry-after")?.trim();
    if let Ok(seconds) = after.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = httpdate::parse_http_date(after).ok()?;
    Some(at.duration_since(std::time::SystemTime::now()).unwrap_or_default())
}
