//! What a cache counts.

use std::collections::BTreeMap;

use super::Lookup;

/// What a cache holds, and how often it was of use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// By kind.
    pub kinds: BTreeMap<String, CacheCounts>,
    /// The most bytes it may hold.
    pub max_bytes: u64,
    /// Bytes of its file, its write-ahead log included.
    pub file_bytes: u64,
}

impl CacheStats {
    /// All kinds together.
    #[must_use]
    pub fn total(&self) -> CacheCounts {
        self.kinds.values().fold(CacheCounts::default(), |sum, one| CacheCounts {
            entries: sum.entries + one.entries,
            bytes: sum.bytes + one.bytes,
            hits: sum.hits + one.hits,
            misses: sum.misses + one.misses,
            stale: sum.stale + one.stale,
            evictions: sum.evictions + one.evictions,
            saved_micros: sum.saved_micros + one.saved_micros,
        })
    }
}

/// What is counted of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheCounts {
    /// Values that are there.
    pub entries: u64,
    /// Bytes they take, compressed, with 200 bytes each for what is known of them.
    pub bytes: u64,
    /// Questions that were answered.
    pub hits: u64,
    /// Questions whose value was not there.
    pub misses: u64,
    /// Questions whose value was no longer good.
    pub stale: u64,
    /// Values that went because there was no more room.
    pub evictions: u64,
    /// Microseconds that values saved, as those told who used them
    /// ([`DiskCache::note_saved`](super::DiskCache::note_saved)).
    pub saved_micros: u64,
}

/// Counted, and not yet written down.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    /// Hits, misses and stale ones by kind.
    pub(super) counts: BTreeMap<String, [u64; 3]>,
    /// Values that were used, and when, the last one last.
    pub(super) used: Vec<(i64, i64)>,
}

impl Pending {
    /// The most uses to remember where they cannot be written down.
    const MOST_USED: usize = 1024;

    pub(super) fn note(&mut self, kind: &str, lookup: &Lookup, id: Option<i64>, now: i64) {
        let which = match lookup {
            Lookup::Hit(_) => 0,
            Lookup::Miss => 1,
            Lookup::Stale(_) => 2,
        };
        self.counts.entry(kind.to_owned()).or_default()[which] += 1;
        if let (Some(id), Lookup::Hit(_)) = (id, lookup)
            && self.used.len() < Self::MOST_USED
        {
            self.used.push((id, now));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}
