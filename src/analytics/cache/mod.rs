//! Answers that are kept, for as long as they are what the ledger says.
//!
//! [`DashboardCache`] keeps answers in memory, within a bound on their bytes, and
//! those that took long, because the ledger's sums do not tell them, on disk, too. With each it keeps the state of the days
//! it was made from ([`LedgerReader::generation_of`]): a commit that touches one of them
//! makes the answer stale, and no other one.

mod lru;
mod question;
mod stats;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use self::lru::{Entry, Lru};
pub use self::{
    question::Question,
    stats::{AnswerCounts, AnswerStats},
};
use super::{MemoryOptimizer, Shed, ShedOrder};
use crate::{
    Result,
    cache::{CacheKey, DiskCache, Freshness, Lookup},
    store::LedgerReader,
};

/// Changes with how answers are written to disk.
const DOMAIN: &str = concat!("analytics@1 ", env!("CARGO_PKG_VERSION"));

/// What a [`DashboardCache`] keeps, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// For so many seconds an answer in memory is good.
    pub default_ttl_seconds: u64,
    /// The most megabytes (2²⁰ bytes) of answers in memory.
    pub max_memory_mb: u64,
    /// Whether an answer goes as soon as the ledger says something else.
    /// Without, it stays until its time is over, and may be that much behind.
    pub enable_smart_invalidation: bool,
    /// Whether [`warm`](DashboardCache::warm) does anything.
    pub enable_cache_warming: bool,
    /// For so many seconds an answer on disk is good, as long as the ledger says
    /// nothing else.
    pub disk_ttl_seconds: u64,
    /// An answer that took fewer milliseconds is not kept on disk: it is about
    /// as fast to compute as to read.
    pub disk_from_ms: u64,
}

impl Default for CacheConfig {
    /// 5 minutes and 64 MB in memory, 30 days on disk, everything on.
    fn default() -> Self {
        Self {
            default_ttl_seconds: 300,
            max_memory_mb: 64,
            enable_smart_invalidation: true,
            enable_cache_warming: true,
            disk_ttl_seconds: 30 * 86_400,
            disk_from_ms: 10,
        }
    }
}

/// Keeps answers. Clones share them.
#[derive(Clone)]
pub struct DashboardCache {
    inner: Arc<Inner>,
}

struct Inner {
    config: CacheConfig,
    kept: Mutex<Kept>,
    disk: Option<Arc<DiskCache>>,
    memory: Option<MemoryOptimizer>,
}

struct Kept {
    answers: Lru,
    stats: AnswerStats,
}

/// What a cache has for a question.
enum Found<A> {
    Answer(Arc<A>),
    Stale,
    Nothing,
}

impl<A> Found<A> {
    fn or(self, other: Self) -> Self {
        if matches!(self, Self::Nothing) { other } else { self }
    }
}

impl DashboardCache {
    /// A cache in memory.
    #[must_use]
    pub fn new(config: CacheConfig) -> Self {
        Self::build(config, None, None)
    }

    /// With answers that took long on disk, too, where other processes find them.
    #[must_use]
    pub fn with_disk(self, disk: Arc<DiskCache>) -> Self {
        Self::build(self.inner.config.clone(), Some(disk), self.inner.memory.clone())
    }

    /// Within a budget: where memory is short, answers in memory are given up.
    #[must_use]
    pub fn with_memory(self, memory: &MemoryOptimizer) -> Self {
        let this = Self::build(self.inner.config.clone(), self.inner.disk.clone(), Some(memory.clone()));
        let answers: Arc<dyn Shed> = Arc::<Inner>::clone(&this.inner);
        memory.register(ShedOrder::Answers, "answers", &answers);
        this
    }

    fn build(config: CacheConfig, disk: Option<Arc<DiskCache>>, memory: Option<MemoryOptimizer>) -> Self {
        let answers = Lru::new(config.max_memory_mb.saturating_mul(1 << 20));
        let kept = Mutex::new(Kept { answers, stats: AnswerStats::default() });
        Self { inner: Arc::new(Inner { config, kept, disk, memory }) }
    }

    /// Answers a question from what is kept, or else from the ledger. What is
    /// returned is what the ledger says now, with smart invalidation.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn ask<Q: Question>(&self, reader: &dyn LedgerReader, question: &Q) -> Result<Arc<Q::Answer>> {
        let started = Instant::now();
        if !question.has_name() {
            self.inner.count(Q::KIND, |counts| counts.bypassed += 1);
            return question.answer(reader).map(Arc::new);
        }
        let state = state(reader, question)?;
        let key = key(question);
        let mut found = self.inner.in_memory::<Q>(&key, state, started);
        if !matches!(found, Found::Answer(_)) {
            found = self.inner.on_disk(question, &key, state, started).or(found);
        }
        self.inner.count(Q::KIND, |counts| match found {
            Found::Answer(_) => {}
            Found::Stale => counts.stale += 1,
            Found::Nothing => counts.misses += 1,
        });
        if let Found::Answer(answer) = found {
            return Ok(answer);
        }
        let began = Instant::now();
        let answer = Arc::new(question.answer(reader)?);
        let cost = began.elapsed();
        // Only what was computed from one state is the answer of that state.
        if self::state(reader, question)? == state {
            self.inner.keep(key, Q::weight(&answer), &answer, state, cost);
            self.inner.keep_on_disk(question, &key, &answer, state, cost);
        }
        Ok(answer)
    }

    /// Answers a question only to have the answer ready; does nothing unless
    /// warming is on. Says whether there was something to do.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn warm<Q: Question>(&self, reader: &dyn LedgerReader, question: &Q) -> Result<bool> {
        if !self.inner.config.enable_cache_warming || !question.has_name() {
            return Ok(false);
        }
        if self.inner.has(&key(question), state(reader, question)?) {
            return Ok(false);
        }
        self.ask(reader, question)?;
        Ok(true)
    }

    /// Forgets all answers in memory.
    pub fn clear(&self) {
        self.inner.lock().answers.clear();
    }

    /// What it did since it was made.
    #[must_use]
    pub fn stats(&self) -> AnswerStats {
        let kept = self.inner.lock();
        AnswerStats {
            entries: kept.answers.len() as u64,
            bytes: kept.answers.bytes(),
            max_bytes: kept.answers.max_bytes(),
            ..kept.stats.clone()
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        // A panic elsewhere leaves the answers as valid as they were.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, kind: &'static str, count: impl FnOnce(&mut AnswerCounts)) {
        count(self.lock().stats.kinds.entry(kind).or_default());
    }

    fn is_good(&self, entry: &Entry, state: i64) -> bool {
        let ttl = Duration::from_secs(self.config.default_ttl_seconds);
        entry.kept_at.elapsed() < ttl && (entry.state == state || !self.config.enable_smart_invalidation)
    }

    fn has(&self, key: &CacheKey, state: i64) -> bool {
        self.lock().answers.peek(key).is_some_and(|entry| self.is_good(entry, state))
    }

    fn in_memory<Q: Question>(&self, key: &CacheKey, state: i64, started: Instant) -> Found<Q::Answer> {
        let kept = &mut *self.lock();
        let Some(entry) = kept.answers.get(key) else { return Found::Nothing };
        if !self.is_good(entry, state) {
            kept.answers.remove(key);
            return Found::Stale;
        }
        let Ok(answer) = Arc::clone(&entry.answer).downcast::<Q::Answer>() else { return Found::Nothing };
        let counts = kept.stats.kinds.entry(Q::KIND).or_default();
        counts.hits += 1;
        counts.saved += entry.cost.saturating_sub(started.elapsed());
        Found::Answer(answer)
    }

    fn on_disk<Q: Question>(
        &self,
        question: &Q,
        key: &CacheKey,
        state: i64,
        started: Instant,
    ) -> Found<Q::Answer> {
        let Some(disk) = self.disk.as_ref().filter(|_| question.is_costly()) else { return Found::Nothing };
        let value = match disk.get(Q::KIND, key, Freshness::of_stamp(&self.stamp(state))) {
            Lookup::Hit(value) => value,
            Lookup::Stale(_) => return Found::Stale,
            Lookup::Miss => return Found::Nothing,
        };
        let unpacked = value.bytes.split_first_chunk::<8>();
        let unpacked = unpacked.and_then(|(cost, packed)| Some((*cost, question.unpack(packed)?)));
        let Some((cost, answer)) = unpacked else { return Found::Nothing };
        let (cost, answer) = (Duration::from_micros(u64::from_le_bytes(cost)), Arc::new(answer));
        let saved = cost.saturating_sub(started.elapsed());
        self.count(Q::KIND, |counts| {
            counts.disk_hits += 1;
            counts.saved += saved;
        });
        disk.note_saved(Q::KIND, saved);
        self.keep(*key, Q::weight(&answer), &answer, state, cost);
        Found::Answer(answer)
    }

    fn keep<A: Send + Sync + 'static>(
        &self,
        key: CacheKey,
        weight: usize,
        answer: &Arc<A>,
        state: i64,
        cost: Duration,
    ) {
        let answer = Arc::<A>::clone(answer);
        let entry = Entry { answer, state, cost, bytes: weight as u64, kept_at: Instant::now() };
        let evicted = self.lock().answers.put(key, entry);
        self.lock().stats.evictions += evicted;
        if let Some(memory) = &self.memory {
            memory.relieve_if_short();
        }
    }

    fn keep_on_disk<Q: Question>(
        &self,
        question: &Q,
        key: &CacheKey,
        answer: &Q::Answer,
        state: i64,
        cost: Duration,
    ) {
        let Some(disk) = self
            .disk
            .as_ref()
            .filter(|_| question.is_costly() && cost.as_millis() >= u128::from(self.config.disk_from_ms))
        else {
            return;
        };
        let Some(packed) = Q::pack(answer) else { return };
        let micros = u64::try_from(cost.as_micros()).unwrap_or(u64::MAX);
        let mut value = micros.to_le_bytes().to_vec();
        value.extend_from_slice(&packed);
        let age = Some(Duration::from_secs(self.config.disk_ttl_seconds));
        disk.put(Q::KIND, key, &value, Freshness { age, stamp: &self.stamp(state) });
    }

    /// Without smart invalidation, any state will do.
    fn stamp(&self, state: i64) -> Vec<u8> {
        if self.config.enable_smart_invalidation { state.to_le_bytes().to_vec() } else { Vec::new() }
    }
}

impl Shed for Inner {
    fn shed(&self) -> Option<u64> {
        let mut kept = self.lock();
        let bytes = kept.answers.bytes();
        kept.answers.clear();
        Some(bytes)
    }
}

/// A question as it is written down names all that decides its answer but the
/// state of the ledger.
fn key<Q: Question>(question: &Q) -> CacheKey {
    CacheKey::builder(DOMAIN).field("kind", Q::KIND).field("question", format!("{question:?}")).finish()
}

fn state<Q: Question>(reader: &dyn LedgerReader, question: &Q) -> Result<i64> {
    let (since, until) = question.days();
    reader.generation_of(since, until)
}

impl fmt::Debug for DashboardCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DashboardCache").field("config", &self.inner.config).finish_non_exhaustive()
    }
}
