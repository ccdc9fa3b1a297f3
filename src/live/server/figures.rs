//! What a server did.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the server was started.
#[derive(Debug, Default)]
pub(super) struct ServerFigures {
    /// Connections taken, and of these the ones that are open.
    pub(super) connections: AtomicU64,
    pub(super) open: AtomicU64,
    /// Connections refused because there were too many.
    pub(super) refused: AtomicU64,
    /// Times that accepting a connection failed.
    pub(super) accept_errors: AtomicU64,
    /// Answers by the hundreds of their status.
    pub(super) answers: [AtomicU64; 6],
}

pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

pub(super) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl ServerFigures {
    pub(super) fn answered(&self, status: u16) {
        if let Some(counter) = self.answers.get(usize::from(status / 100)) {
            add(counter, 1);
        }
    }
}
