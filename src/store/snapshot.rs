//! One moment of a ledger.

use std::fmt;

/// Holds a moment of a ledger until it is dropped.
#[must_use = "the moment ends when this is dropped"]
pub struct Snapshot<'a> {
    end: Option<Box<dyn FnOnce() + 'a>>,
}

impl<'a> Snapshot<'a> {
    /// Holds nothing.
    pub const fn none() -> Self {
        Self { end: None }
    }

    /// Holds a moment that `end` lets go.
    pub fn until(end: impl FnOnce() + 'a) -> Self {
        Self { end: Some(Box::new(end)) }
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end();
        }
    }
}

impl fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("holds", &self.end.is_some()).finish()
    }
}
