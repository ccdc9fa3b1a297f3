//! A budget for the memory of the process: measured, kept to, never guessed.
//!
//! [`MemoryOptimizer`] reads from the operating system how much memory is in
//! use, by this process, its control group and the machine. Where that nears
//! its end, it asks for memory back, in the order of [`ShedOrder`]: idle buffers,
//! cached answers, idle readers. Data is never given up: what is shed is read or
//! computed again.

mod pool;
mod system;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use pool::Pool;
pub use pool::{PoolStats, PooledBuffer};
use system::System;

const MEGABYTE: u64 = 1 << 20;
/// What a stage that streams holds at least, however little memory there is.
const LEAST_CHUNK: u64 = 256 << 10;
/// What it holds at most: more would not make it faster.
const LARGEST_CHUNK: u64 = 32 << 20;
/// The share of the last 10 seconds in which something waited for memory that
/// counts as pressure, whatever the totals say.
const STALLED: f64 = 0.1;

/// How much memory may be used, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryConfig {
    /// The most megabytes (2²⁰ bytes) that the process is to take. A limit of its
    /// control group, or the memory of the machine, counts if it is less.
    pub max_memory_mb: u64,
    /// Whether buffers are used again, instead of allocated each time.
    pub enable_object_pooling: bool,
    /// Whether stages hold only as much at once as the budget leaves. Otherwise
    /// they hold as much as they like.
    pub enable_streaming_processing: bool,
    /// The share of the budget, of the control group's limit or of the machine's
    /// memory beyond which memory is asked back, from 0 to 1.
    pub memory_pressure_threshold: f64,
    /// The most buffers that lie idle.
    pub max_pooled_buffers: usize,
    /// A buffer that grew beyond so many kilobytes (2¹⁰ bytes) is not kept.
    pub max_pooled_buffer_kb: usize,
    /// The operating system is asked at most so often, in milliseconds.
    pub check_interval_ms: u64,
}

impl Default for MemoryConfig {
    /// 500 MB, with everything on, from 80 % on.
    fn default() -> Self {
        Self {
            max_memory_mb: 500,
            enable_object_pooling: true,
            enable_streaming_processing: true,
            memory_pressure_threshold: 0.8,
            max_pooled_buffers: 32,
            max_pooled_buffer_kb: 1024,
            check_interval_ms: 100,
        }
    }
}

/// What gives memory back first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ShedOrder {
    /// Buffers that lie idle: the next use allocates.
    Buffers,
    /// Answers that are kept: the next question computes, or reads the disk.
    Answers,
    /// Readers of the ledger that lie idle: the next question opens one.
    Readers,
}

/// Something that holds memory it can do without.
pub trait Shed: Send + Sync {
    /// Gives back what it can do without, and says how many bytes that were, if
    /// it knows.
    fn shed(&self) -> Option<u64>;
}

/// What the memory is short of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MemoryPressure {
    /// The share of the budget that the process takes; `None` where the system
    /// does not tell.
    pub process: Option<f64>,
    /// The share of its limit that the control group takes, without the file
    /// cache that can go at once; `None` if there is no limit.
    pub group: Option<f64>,
    /// The share of the machine's memory that is not available.
    pub machine: Option<f64>,
    /// The share of the last 10 seconds in which something waited for memory.
    pub stalled: Option<f64>,
}

impl MemoryPressure {
    /// The largest of the shares of memory; `None` if none is known.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        [self.process, self.group, self.machine].into_iter().flatten().reduce(f64::max)
    }
}

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MemoryUsage {
    /// Bytes of memory that the process takes; `None` where the system does not tell.
    pub resident_bytes: Option<u64>,
    /// What it may take: the smallest of the configured limit, that of the
    /// control group, and the memory of the machine.
    pub budget_bytes: u64,
    /// What it is short of.
    pub pressure: MemoryPressure,
}

/// What asking for memory back came to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Relief {
    /// What gave back how many bytes by its own account, in the order asked.
    pub given_back: Vec<(String, Option<u64>)>,
    /// The memory before.
    pub before: MemoryUsage,
    /// And after. Freed memory may stay with the process for its next use.
    pub after: MemoryUsage,
}

/// Keeps the process to its budget. Clones share it.
#[derive(Clone)]
pub struct MemoryOptimizer {
    inner: Arc<Inner>,
}

struct Inner {
    config: MemoryConfig,
    system: System,
    pool: Arc<Pool>,
    holders: Mutex<Vec<Holder>>,
    started: Instant,
    /// Milliseconds since the start at which the system was last asked.
    asked: AtomicU64,
}

struct Holder {
    order: ShedOrder,
    name: String,
    what: Weak<dyn Shed>,
}

impl MemoryOptimizer {
    /// A budget; its limits are read from the operating system now.
    #[must_use]
    pub fn new(config: MemoryConfig) -> Self {
        Self::within(config, System::here())
    }

    fn within(config: MemoryConfig, system: System) -> Self {
        let buffers = if config.enable_object_pooling { config.max_pooled_buffers } else { 0 };
        let pool = Arc::new(Pool::new(buffers, config.max_pooled_buffer_kb.saturating_mul(1 << 10)));
        let inner = Inner {
            system,
            holders: Mutex::default(),
            started: Instant::now(),
            asked: AtomicU64::new(0),
            pool: Arc::clone(&pool),
            config,
        };
        let this = Self { inner: Arc::new(inner) };
        let pool: Arc<dyn Shed> = pool;
        this.register(ShedOrder::Buffers, "buffers", &pool);
        this
    }

    /// What it was made with.
    #[must_use]
    pub fn config(&self) -> &MemoryConfig {
        &self.inner.config
    }

    /// Whom to ask for memory back. It is forgotten when it is gone.
    pub fn register(&self, order: ShedOrder, name: &str, what: &Arc<dyn Shed>) {
        let mut holders = self.holders();
        holders.retain(|holder| holder.what.strong_count() > 0);
        let at = holders.partition_point(|holder| holder.order <= order);
        holders.insert(at, Holder { order, name: name.to_owned(), what: Arc::downgrade(what) });
    }

    fn holders(&self) -> std::sync::MutexGuard<'_, Vec<Holder>> {
        // A panic elsewhere leaves the list as valid as it was.
        self.inner.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Measures now.
    #[must_use]
    pub fn usage(&self) -> MemoryUsage {
        let system = &self.inner.system;
        let resident = system.resident();
        let budget = self.budget();
        let of = |part: Option<u64>, whole: u64| Some(part? as f64 / whole.max(1) as f64);
        MemoryUsage {
            resident_bytes: resident,
            budget_bytes: budget,
            pressure: MemoryPressure {
                process: of(resident, budget),
                group: system.group().and_then(|group| of(group.used(), group.limit)),
                machine: system.machine().map(|(total, available)| 1.0 - available as f64 / total.max(1) as f64),
                stalled: system.stalled(),
            },
        }
    }

    /// What the process may take, in bytes.
    #[must_use]
    pub fn budget(&self) -> u64 {
        let system = &self.inner.system;
        let configured = self.inner.config.max_memory_mb.saturating_mul(MEGABYTE);
        let group = system.group().map_or(u64::MAX, |group| group.limit);
        let machine = system.machine().map_or(u64::MAX, |(total, _)| total);
        configured.min(group).min(machine)
    }

    fn is_short(&self, usage: &MemoryUsage) -> bool {
        let threshold = self.inner.config.memory_pressure_threshold;
        usage.pressure.share().is_some_and(|share| share >= threshold)
            || usage.pressure.stalled.is_some_and(|stalled| stalled >= STALLED)
    }

    /// Measures whether memory is short.
    #[must_use]
    pub fn is_under_pressure(&self) -> bool {
        self.is_short(&self.usage())
    }

    /// How many bytes a stage that streams may hold at once: a part of what the
    /// budget leaves, from 256 KiB to 32 MiB.
    #[must_use]
    pub fn chunk_bytes(&self) -> u64 {
        if !self.inner.config.enable_streaming_processing {
            return u64::MAX;
        }
        let left = self.budget().saturating_sub(self.inner.system.resident().unwrap_or(0));
        (left / 8).clamp(LEAST_CHUNK, LARGEST_CHUNK)
    }

    /// An empty buffer, which goes back to its pool when it is dropped.
    #[must_use]
    pub fn buffer(&self) -> PooledBuffer {
        Pool::take(&self.inner.pool)
    }

    /// How often a buffer was used again.
    #[must_use]
    pub fn pool_stats(&self) -> PoolStats {
        self.inner.pool.stats()
    }

    /// Asks for memory back if it is short. Cheap to call often: the system is
    /// asked only so often as the configuration says.
    pub fn relieve_if_short(&self) -> Option<Relief> {
        let now = u64::try_from(self.inner.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let asked = self.inner.asked.load(Ordering::Relaxed);
        let due = asked == 0 || now.saturating_sub(asked) >= self.inner.config.check_interval_ms;
        // Of several threads, one asks.
        if !due
            || self.inner.asked.compare_exchange(asked, now.max(1), Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return None;
        }
        let before = self.usage();
        self.is_short(&before).then(|| self.relieve_from(before))
    }

    /// Asks for memory back, in order, until it is no longer short.
    pub fn relieve(&self) -> Relief {
        self.relieve_from(self.usage())
    }

    fn relieve_from(&self, before: MemoryUsage) -> Relief {
        let asked: Vec<(String, Arc<dyn Shed>)> = self
            .holders()
            .iter()
            .filter_map(|holder| Some((holder.name.clone(), holder.what.upgrade()?)))
            .collect();
        let mut relief = Relief { before, after: before, given_back: Vec::new() };
        for (name, holder) in asked {
            let bytes = holder.shed();
            relief.after = self.usage();
            tracing::debug!(name, bytes, resident = relief.after.resident_bytes, "gave memory back");
            relief.given_back.push((name, bytes));
            if !self.is_short(&relief.after) {
                break;
            }
        }
        relief
    }
}

impl fmt::Debug for MemoryOptimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryOptimizer").field("config", &self.inner.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
