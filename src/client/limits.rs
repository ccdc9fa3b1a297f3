//! The three time limits of a run.

use std::{future::pending, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::Limits;
use crate::{
    Error, Event, EventKind,
    error::Limit,
    stream::{ApiEvent, StreamEvent},
};

/// When a run has waited long enough.
#[derive(Debug)]
pub(super) struct Deadlines {
    limits: Limits,
    started: Instant,
    last: Instant,
    first_token: bool,
    /// Set once the answer is there: only the end is still waited for.
    finish: Option<Instant>,
}

impl Deadlines {
    pub(super) fn start(limits: Limits) -> Self {
        let now = Instant::now();
        Self { limits, started: now, last: now, first_token: false, finish: None }
    }

    /// Notes that an event came.
    pub(super) fn saw(&mut self, event: &Event) {
        self.last = Instant::now();
        self.first_token |= match event.kind() {
            EventKind::Stream(StreamEvent { event, .. }) => {
                // A block may be announced long before its first piece; one that is
                // redacted has no pieces.
                matches!(event, ApiEvent::ContentBlockDelta { .. } | ApiEvent::ContentBlockStop { .. })
            }
            EventKind::Assistant(_) | EventKind::Result(_) | EventKind::Text(_) => true,
            _ => false,
        };
    }

    /// Whether the first token came.
    pub(super) const fn has_first_token(&self) -> bool {
        self.first_token
    }

    /// From now on only the end is waited for, and only so long.
    pub(super) fn finish_within(&mut self, grace: Duration) {
        self.finish = Some(Instant::now() + grace);
    }

    /// When the wait for the end is over, once there is one.
    pub(super) const fn end(&self) -> Option<Instant> {
        self.finish
    }

    fn next(&self) -> Option<(Instant, Error)> {
        let timeout = |limit, from: Instant, after: Option<Duration>| {
            after.map(|after| (from + after, Error::Timeout { limit, after }))
        };
        if let Some(at) = self.finish {
            return Some((at, Error::Timeout { limit: Limit::Total, after: at - self.started }));
        }
        let silence = if self.first_token {
            timeout(Limit::Idle, self.last, self.limits.idle)
        } else {
            timeout(Limit::FirstToken, self.started, self.limits.first_token)
        };
        let total = timeout(Limit::Total, self.started, self.limits.total);
        [silence, total].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Waits until a limit is reached.
    pub(super) async fn reached(&self) -> Error {
        match self.next() {
            Some((at, error)) => {
                sleep_until(at).await;
                error
            }
            None => pending().await,
        }
    }

    /// Waits until the whole run has taken too long. While the consumer is
    /// behind, silence is its own doing, and only this limit holds.
    pub(super) async fn total_reached(&self) -> Error {
        match self.limits.total.filter(|_| self.finish.is_none()) {
            Some(after) => {
                sleep_until(self.started + after).await;
                Error::Timeout { limit: Limit::Total, after }
            }
            None => pending().await,
        }
    }
}
