//! A streamed answer on its way.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use serde_json::json;
use tokio::time::Sleep;

use super::{
    log::Entry,
    server::Shared,
    steps::{Step, Steps, event},
};

/// What was sent so far must leave before the connection breaks.
const BEFORE_A_CUT: Duration = Duration::from_millis(20);
/// Room for the pieces to come; they share it.
const ROOM: usize = 4 << 10;

/// How an answer ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// The connection breaks.
    Cut,
    /// An `error` event.
    ErrorEvent,
}

/// The connection breaks: hyper closes it without the end that HTTP promises.
#[derive(Debug, thiserror::Error)]
#[error("the simulator was told to break the connection")]
pub(super) struct Cut;

/// The body of a streamed answer. Its log line is written when it ends, however
/// it ends.
///
/// Steps are due at times that are reckoned from the first, so that a timer
/// that is late once makes no later step late.
pub(super) struct Sending {
    shared: Arc<Shared>,
    steps: Steps,
    entry: Entry,
    started: Instant,
    due: Instant,
    step: Option<Step>,
    out: BytesMut,
    sleep: Pin<Box<Sleep>>,
    broken: Option<(usize, Break)>,
    cutting: bool,
    done: bool,
}

impl Sending {
    pub(super) fn new(
        shared: Arc<Shared>,
        steps: Steps,
        entry: Entry,
        started: Instant,
        broken: Option<(usize, Break)>,
    ) -> Self {
        Self {
            shared,
            steps,
            entry,
            started,
            due: started,
            step: None,
            out: BytesMut::with_capacity(ROOM),
            sleep: Box::pin(tokio::time::sleep_until(started.into())),
            broken,
            cutting: false,
            done: false,
        }
    }

    /// Notes that a piece of content is sent.
    fn note(&mut self, step: &Step) {
        let elapsed = self.started.elapsed().as_secs_f64() * 1e3;
        self.entry.first_token_ms.get_or_insert(elapsed);
        if !self.steps.is_thinking(step) {
            self.entry.first_text_ms.get_or_insert(elapsed);
        }
        self.entry.last_token_ms = Some(elapsed);
        self.entry.pieces += 1;
        if self.shared.config.log_tokens {
            self.entry.token_ms.push(elapsed);
        }
    }

    /// Breaks off where that is planned; whether it is.
    fn breaks(&mut self, step: &Step) -> bool {
        let Some((after, how)) = self.broken else { return false };
        if !step.is_content() || self.entry.pieces != after {
            return false;
        }
        match how {
            Break::Cut => {
                self.cutting = true;
                self.due = Instant::now() + BEFORE_A_CUT;
            }
            Break::ErrorEvent => {
                let error = json!({ "type": "overloaded_error", "message": "Overloaded" });
                event(&mut self.out, "error", &json!({ "type": "error", "error": error }));
                self.done = true;
            }
        }
        true
    }

    fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = Instant::now();
            if let Some(until) = self.shared.stands_still_until(now) {
                self.due = self.due.max(until);
            }
            if self.due <= now {
                return Poll::Ready(());
            }
            if self.sleep.deadline() != self.due.into() {
                self.sleep.as_mut().reset(self.due.into());
            }
            ready!(self.sleep.as_mut().poll(context));
        }
    }
}

impl Stream for Sending {
    type Item = Result<Bytes, Cut>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if this.step.is_none() && !this.done && !this.cutting {
                this.step = this.steps.next();
                this.due += this.step.as_ref().map_or(Duration::ZERO, |step| step.wait);
                if this.step.is_none() {
                    this.entry.complete = true;
                    this.done = true;
                }
            }
            let now_due = !this.done && this.poll_due(context).is_ready();
            if !now_due && !this.out.is_empty() {
                // A timer that was set meanwhile is looked at again by the next poll.
                return Poll::Ready(Some(Ok(this.out.split().freeze())));
            }
            if this.done {
                return Poll::Ready(None);
            }
            if !now_due {
                return Poll::Pending;
            }
            if this.cutting {
                this.done = true;
                return Poll::Ready(Some(Err(Cut)));
            }
            let Some(step) = this.step.take() else { continue };
            if this.breaks(&step) {
                continue;
            }
            this.steps.write(&step.sent, &mut this.out);
            if step.is_content() {
                this.note(&step);
                return Poll::Ready(Some(Ok(this.out.split().freeze())));
            }
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.entry.end_ms = Some(self.started.elapsed().as_secs_f64() * 1e3);
        self.shared.log.write(&self.entry);
    }
}
