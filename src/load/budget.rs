//! Money: what may be spent, and a hard stop before it is.

use std::sync::{Mutex, PoisonError};

/// What a run may spend. A request is sent only if it can be paid whatever it
/// and all that are under way come to at worst.
#[derive(Debug)]
pub struct Budget {
    cap: i64,
    /// What a request costs at most.
    worst: i64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    spent: i64,
    under_way: i64,
    reached: bool,
}

impl Budget {
    /// So many nano-dollars for requests that cost `worst` at most.
    #[must_use]
    pub fn new(cap: i64, worst: i64) -> Self {
        Self { cap, worst, state: Mutex::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets aside what a request costs at most; `false` if that is too much.
    pub(super) fn reserve(&self) -> bool {
        let mut state = self.state();
        let fits = state.spent.saturating_add(state.under_way).saturating_add(self.worst) <= self.cap;
        if fits {
            state.under_way += self.worst;
        } else {
            state.reached = true;
        }
        fits
    }

    /// A request has ended, and came to so much.
    pub(super) fn settle(&self, cost: i64) {
        let mut state = self.state();
        state.under_way -= self.worst;
        state.spent = state.spent.saturating_add(cost);
    }

    /// What a request costs at most: what counts where nobody said what it did.
    pub(super) const fn worst(&self) -> i64 {
        self.worst
    }

    /// Whether a request was not sent because of it.
    #[must_use]
    pub fn was_reached(&self) -> bool {
        self.state().reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_counts_at_its_worst() {
        let budget = Budget::new(100, 40);
        assert!(budget.reserve() && budget.reserve());
        assert!(!budget.reserve() && budget.was_reached(), "the third might be one too many");
        budget.settle(5);
        assert!(budget.reserve(), "5 spent and 80 under way");
        assert!(!budget.reserve());
        budget.settle(40);
        budget.settle(40);
        assert!(!budget.reserve(), "85 are spent");
    }
}
