//! What a cache of answers counts.

use std::{collections::BTreeMap, time::Duration};

/// What a cache holds, and how often it was of use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnswerStats {
    /// By kind of question.
    pub kinds: BTreeMap<&'static str, AnswerCounts>,
    /// Answers in memory.
    pub entries: u64,
    /// Bytes they take, about.
    pub bytes: u64,
    /// The most bytes they may take.
    pub max_bytes: u64,
    /// Answers that went because there was no more room.
    pub evictions: u64,
}

/// What is counted of one kind of question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnswerCounts {
    /// Answered from memory.
    pub hits: u64,
    /// Answered from disk.
    pub disk_hits: u64,
    /// Not there.
    pub misses: u64,
    /// There, and no longer what the ledger says, or too old; computed anew.
    pub stale: u64,
    /// Never kept: the zone has no name that tells it from others.
    pub bypassed: u64,
    /// What the answers that were there took to compute, less what it took to
    /// find them.
    pub saved: Duration,
}

impl AnswerCounts {
    /// Questions that were answered from memory or from disk, as a share of all
    /// that might have been; `None` if there were none.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        let hits = self.hits + self.disk_hits;
        let all = hits + self.misses + self.stale;
        (all > 0).then(|| hits as f64 / all as f64)
    }
}

impl AnswerStats {
    /// All kinds together.
    #[must_use]
    pub fn total(&self) -> AnswerCounts {
        self.kinds.values().fold(AnswerCounts::default(), |sum, one| AnswerCounts {
            hits: sum.hits + one.hits,
            disk_hits: sum.disk_hits + one.disk_hits,
            misses: sum.misses + one.misses,
            stale: sum.stale + one.stale,
            bypassed: sum.bypassed + one.bypassed,
            saved: sum.saved + one.saved,
        })
    }
}
