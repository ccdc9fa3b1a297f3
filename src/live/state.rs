//! The state and the alerts, and what changed between two states.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use serde_json::Value;
use tokio::time::Instant;

use super::frame::Body;

/// A state as it was published.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Counts from 1; 0 before any was published.
    pub(super) number: u64,
    pub(super) value: Value,
    pub(super) body: Body,
    pub(super) published: Instant,
}

/// An alert as it was published.
#[derive(Debug)]
pub(super) struct Alert {
    /// Counts from 1.
    pub(super) number: u64,
    pub(super) body: Body,
    pub(super) published: Instant,
}

/// The latest state and alerts, and those before them.
#[derive(Debug)]
pub(super) struct Timeline {
    latest: Arc<Snapshot>,
    snapshots: Kept<Snapshot>,
    alerts: Kept<Alert>,
    /// The number of the last alert.
    last_alert: u64,
    /// What changed since earlier states; `None` where the whole state is
    /// shorter, or not much longer.
    changes: HashMap<u64, Option<Body>>,
}

/// The last of a row, at most so many bytes.
#[derive(Debug)]
struct Kept<T> {
    row: VecDeque<Arc<T>>,
    bytes: usize,
    most: usize,
}

impl<T> Kept<T> {
    const fn new(most: usize) -> Self {
        Self { row: VecDeque::new(), bytes: 0, most }
    }

    fn push(&mut self, item: Arc<T>, size: impl Fn(&T) -> usize) {
        self.bytes += size(&item);
        self.row.push_back(item);
        while self.bytes > self.most {
            let Some(oldest) = self.row.pop_front() else { break };
            self.bytes -= size(&oldest);
        }
    }
}

impl Timeline {
    pub(super) fn new(history: usize, now: Instant) -> Self {
        let nothing =
            Snapshot { number: 0, value: Value::Null, body: Body::new(b"null".to_vec()), published: now };
        Self {
            latest: Arc::new(nothing),
            snapshots: Kept::new(history),
            alerts: Kept::new(history),
            last_alert: 0,
            changes: HashMap::new(),
        }
    }

    pub(super) const fn latest(&self) -> &Arc<Snapshot> {
        &self.latest
    }

    pub(super) const fn last_alert(&self) -> u64 {
        self.last_alert
    }

    /// Adds a state; `None` if it is the same as the latest.
    pub(super) fn publish(&mut self, value: Value, text: Vec<u8>, now: Instant) -> Option<u64> {
        if self.latest.number > 0 && self.latest.value == value {
            return None;
        }
        let number = self.latest.number + 1;
        self.latest = Arc::new(Snapshot { number, value, body: Body::new(text), published: now });
        self.snapshots.push(self.latest.clone(), |snapshot| snapshot.body.len());
        self.changes.clear();
        Some(number)
    }

    pub(super) fn alert(&mut self, text: Vec<u8>, now: Instant) -> Arc<Alert> {
        self.last_alert += 1;
        let alert = Arc::new(Alert { number: self.last_alert, body: Body::new(text), published: now });
        self.alerts.push(alert.clone(), |alert| alert.body.len());
        alert
    }

    /// An earlier state, if it is still kept.
    pub(super) fn snapshot(&self, number: u64) -> Option<Arc<Snapshot>> {
        self.snapshots.row.iter().find(|snapshot| snapshot.number == number).cloned()
    }

    /// The alerts that came after this one, if all of them are still kept.
    pub(super) fn alerts_after(&self, number: u64) -> Option<Vec<Arc<Alert>>> {
        let missed = usize::try_from(self.last_alert.checked_sub(number)?).ok()?;
        let known = self.alerts.row.len().checked_sub(missed)?;
        Some(self.alerts.row.range(known..).cloned().collect())
    }

    /// What changed from `base` to the latest state; `None` if that is better
    /// sent whole: from half of its length on.
    pub(super) fn change_since(&mut self, base: &Snapshot) -> Option<Body> {
        let latest = &self.latest;
        let change = self.changes.entry(base.number).or_insert_with(|| {
            let patch = json_patch::diff(&base.value, &latest.value);
            let text = serde_json::to_vec(&patch).ok()?;
            (2 * text.len() < latest.body.len()).then(|| Body::new(text))
        });
        change.clone()
    }
}
