//! Answers by key, and which of them was used least recently.

use std::{
    any::Any,
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::cache::CacheKey;

/// What an entry takes beside its answer, about.
const ENTRY_BYTES: u64 = 256;

pub(super) struct Entry {
    pub(super) answer: Arc<dyn Any + Send + Sync>,
    pub(super) state: i64,
    /// How long it took to compute.
    pub(super) cost: Duration,
    pub(super) bytes: u64,
    pub(super) kept_at: Instant,
}

/// Bounded in bytes.
pub(super) struct Lru {
    max_bytes: u64,
    bytes: u64,
    entries: HashMap<CacheKey, (u64, Entry)>,
    /// By when it was used: the first was used least recently.
    turns: BTreeMap<u64, CacheKey>,
    turn: u64,
}

impl Lru {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self { max_bytes, bytes: 0, entries: HashMap::new(), turns: BTreeMap::new(), turn: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    pub(super) fn peek(&self, key: &CacheKey) -> Option<&Entry> {
        self.entries.get(key).map(|(_, entry)| entry)
    }

    pub(super) fn get(&mut self, key: &CacheKey) -> Option<&Entry> {
        let (turn, entry) = self.entries.get_mut(key)?;
        self.turns.remove(turn);
        self.turn += 1;
        *turn = self.turn;
        self.turns.insert(self.turn, *key);
        Some(entry)
    }

    pub(super) fn remove(&mut self, key: &CacheKey) {
        if let Some((turn, entry)) = self.entries.remove(key) {
            self.turns.remove(&turn);
            self.bytes -= entry.bytes;
        }
    }

    /// Keeps an entry, and says how many others had to go. What is larger than
    /// all that may be kept is not kept.
    pub(super) fn put(&mut self, key: CacheKey, mut entry: Entry) -> u64 {
        self.remove(&key);
        entry.bytes = entry.bytes.saturating_add(ENTRY_BYTES);
        if entry.bytes > self.max_bytes {
            return 0;
        }
        let mut evicted = 0;
        while self.bytes > self.max_bytes - entry.bytes {
            let Some((_, oldest)) = self.turns.pop_first() else { break };
            self.remove(&oldest);
            evicted += 1;
        }
        self.turn += 1;
        self.bytes += entry.bytes;
        self.turns.insert(self.turn, key);
        self.entries.insert(key, (self.turn, entry));
        evicted
    }

    pub(super) fn clear(&mut self) {
        self.entries = HashMap::new();
        self.turns.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(n: u8) -> CacheKey {
        CacheKey::builder("test").field("n", [n]).finish()
    }

    fn entry(bytes: u64) -> Entry {
        Entry { answer: Arc::new(()), state: 0, cost: Duration::ZERO, bytes, kept_at: Instant::now() }
    }

    proptest! {
        /// As a list in the order of use would behave, whatever is done, and
        /// never beyond its bound.
        #[test]
        fn it_behaves_like_a_list(
            max in 0u64..4000,
            steps in prop::collection::vec((0u8..12, 0u64..2000, 0u8..8), 0..200),
        ) {
            let mut lru = Lru::new(max);
            let mut list: Vec<(u8, u64)> = Vec::new();
            for (n, bytes, what) in steps {
                match what {
                    0 => {
                        lru.remove(&key(n));
                        list.retain(|item| item.0 != n);
                    }
                    1..4 => {
                        let at = list.iter().position(|item| item.0 == n);
                        prop_assert_eq!(lru.get(&key(n)).is_some(), at.is_some());
                        if let Some(at) = at {
                            let item = list.remove(at);
                            list.push(item);
                        }
                    }
                    _ => {
                        let before = list.iter().filter(|item| item.0 != n).count();
                        let evicted = lru.put(key(n), entry(bytes));
                        list.retain(|item| item.0 != n);
                        let size = bytes + ENTRY_BYTES;
                        if size <= max {
                            while list.iter().map(|item| item.1).sum::<u64>() + size > max {
                                list.remove(0);
                            }
                            prop_assert_eq!(evicted as usize, before - list.len());
                            list.push((n, size));
                        }
                    }
                }
                prop_assert_eq!(lru.bytes(), list.iter().map(|item| item.1).sum::<u64>());
                prop_assert!(lru.bytes() <= max && lru.len() == list.len());
                let order: Vec<CacheKey> = lru.turns.values().copied().collect();
                prop_assert_eq!(order, list.iter().map(|item| key(item.0)).collect::<Vec<_>>());
            }
        }
    }
}
