//! One limit on the cost of many runs.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

use claude_cli::Error;
use tokio_util::sync::CancellationToken;

/// What a batch costs, and the end of it where that is too much.
#[derive(Debug, Default)]
pub(super) struct Spending {
    /// Nano-dollars.
    limit: Option<i64>,
    ended: Cell<i64>,
    running: RefCell<HashMap<u64, i64>>,
    over: Cell<bool>,
    refused: Cell<bool>,
    /// Ends all that runs.
    pub(super) stop: CancellationToken,
}

impl Spending {
    pub(super) fn within(limit: Option<i64>) -> Self {
        Self { limit, ..Self::default() }
    }

    /// What all runs have cost so far, those that go on included.
    pub(super) fn total(&self) -> i64 {
        self.ended.get() + self.running.borrow().values().sum::<i64>()
    }

    /// What is left of the limit, if there is one.
    pub(super) fn left(&self) -> Option<i64> {
        self.limit.map(|limit| (limit - self.total()).max(0))
    }

    /// A run has cost so much so far.
    pub(super) fn running(&self, index: u64, nanos: i64) -> Result<(), Error> {
        self.running.borrow_mut().insert(index, nanos);
        self.check()
    }

    /// A run has ended, and cost this.
    pub(super) fn ended(&self, index: u64, nanos: i64) {
        self.running.borrow_mut().remove(&index);
        self.ended.set(self.ended.get() + nanos);
        // The others find out.
        let _ = self.check();
    }

    fn check(&self) -> Result<(), Error> {
        match self.error() {
            Some(e) if self.is_over() => {
                self.over.set(true);
                self.stop.cancel();
                Err(e)
            }
            _ => Ok(()),
        }
    }

    /// Whether it has cost more than it may, at any time.
    pub(super) fn is_over(&self) -> bool {
        self.over.get() || self.limit.is_some_and(|limit| self.total() > limit)
    }

    /// A run was not begun, for it could have cost more than is left: no other
    /// begins, and those that go on do.
    pub(super) fn refused(&self) {
        self.refused.set(true);
    }

    /// Whether nothing is left to begin another run with.
    pub(super) fn is_used_up(&self) -> bool {
        self.refused.get() || self.is_over() || self.left() == Some(0)
    }

    /// That the limit is reached.
    pub(super) fn error(&self) -> Option<Error> {
        self.limit.map(|limit| Error::OverBudget { spent: self.total(), limit })
    }
}
