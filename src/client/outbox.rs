//! What one read of a pipe or socket brought, on its way to the reader.

use std::collections::VecDeque;

use super::EventSender;
use crate::{Error, Event, Result};

/// So many events are passed on together at most.
const BATCH: usize = 32;

/// Gathers events that came together, so that they are handed over together: one
/// lock and one wake. None is held back: the first goes at once to a reader that
/// waits, and the others when the bytes at hand are decoded.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Event>,
    /// Something of this read went out already.
    opened: bool,
}

impl Outbox {
    /// Takes an event; whether it is time to [`flush`](Self::flush).
    pub(super) fn put(&mut self, event: Event, events: &EventSender) -> bool {
        self.waiting.push_back(event);
        let now = self.waiting.len() >= BATCH || (!self.opened && events.is_awaited());
        self.opened |= now;
        now
    }

    /// Everything of this read is in: passes on what is left.
    pub(super) async fn flush(&mut self, events: &EventSender) -> Result<()> {
        events.send_all(&mut self.waiting).await.map_err(|_| Error::Interrupted)
    }

    /// Another read begins.
    pub(super) const fn begin(&mut self) {
        self.opened = false;
    }
}
