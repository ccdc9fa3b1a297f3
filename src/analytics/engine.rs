//! The analytics as a service within a process: many askers, one ledger.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Condvar, Mutex, OnceLock, PoisonError},
};

use tracing::trace_span;

use super::{
    Block, BlocksQuery, Dashboard, DashboardCache, DashboardQuery, MemoryOptimizer, Question, SessionsQuery, Shed,
    ShedOrder, Summary, SummaryQuery, TimeSeries, TimeSeriesQuery,
};
use crate::{
    Error, Result,
    store::{LedgerReader, SessionRow, SqliteLedger},
};

/// A reader that can go from thread to thread.
pub type Reader = Box<dyn LedgerReader + Send>;

type Open = dyn Fn() -> Result<Reader> + Send + Sync;

/// Answers questions to a ledger, from any number of threads at once.
///
/// Clones share the same readers. Each answer is of one moment of the ledger,
/// and sees everything that was committed before it was asked for.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    memory: OnceLock<MemoryOptimizer>,
    cache: OnceLock<DashboardCache>,
    open: Box<Open>,
    readers: Mutex<Readers>,
    given_back: Condvar,
    most: usize,
}

#[derive(Default)]
struct Readers {
    idle: Vec<Reader>,
    /// Idle and in use.
    open: usize,
}

impl Engine {
    /// Answers from the ledger that `open` opens another reader of.
    ///
    /// At most as many readers are open as there are processors, and at least
    /// two: more would not answer sooner, and who finds none waits for one.
    pub fn new(open: impl Fn() -> Result<Reader> + Send + Sync + 'static) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            shared: Arc::new(Shared {
                memory: OnceLock::new(),
                cache: OnceLock::new(),
                open: Box::new(open),
                readers: Mutex::default(),
                given_back: Condvar::new(),
                most: processors.max(2),
            }),
        }
    }

    /// Answers from the SQLite ledger at `path`.
    ///
    /// # Errors
    /// [`Error::Store`] if there is none, or it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let path = path.to_owned();
        let engine = Self::new(move || match SqliteLedger::open_read_only(&path)? {
            Some(ledger) => Ok(Box::new(ledger)),
            None => Err(Error::Store {
                path: path.display().to_string(),
                message: "there is no ledger; `claude-cli query` and `claude-cli import` write one".to_owned(),
            }),
        });
        engine.read(|_| Ok(()))?;
        Ok(engine)
    }

    /// Keeps to a budget of memory: where that is short, readers that lie idle
    /// are closed after the caches were asked. Only the first budget counts.
    #[must_use]
    pub fn with_memory(self, memory: &MemoryOptimizer) -> Self {
        if self.shared.memory.set(memory.clone()).is_ok() {
            let shared: Arc<dyn Shed> = Arc::<Shared>::clone(&self.shared);
            memory.register(ShedOrder::Readers, "idle readers", &shared);
        }
        self
    }

    /// Keeps answers, and gives them again for as long as they are what the
    /// ledger says. Only the first cache counts.
    #[must_use]
    pub fn with_cache(self, cache: &DashboardCache) -> Self {
        // It has one: that one counts.
        let _ = self.shared.cache.set(cache.clone());
        self
    }

    /// Answers a question, from the cache if there is one and it knows.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn ask<Q: Question>(&self, question: &Q) -> Result<Arc<Q::Answer>> {
        self.read(|reader| match self.shared.cache.get() {
            Some(cache) => cache.ask(reader, question),
            None => question.answer(reader).map(Arc::new),
        })
    }

    /// Reads the ledger in other ways than this engine does.
    ///
    /// # Errors
    /// If the ledger cannot be opened, or what `read` returns.
    pub fn read<T>(&self, read: impl FnOnce(&dyn LedgerReader) -> Result<T>) -> Result<T> {
        let reader = trace_span!("take reader").in_scope(|| self.shared.take())?;
        let lent = Lent { reader: Some(reader), shared: &self.shared };
        if let Some(memory) = self.shared.memory.get() {
            memory.relieve_if_short();
        }
        match lent.reader.as_deref() {
            Some(reader) => {
                let _moment = trace_span!("snapshot").in_scope(|| reader.snapshot())?;
                trace_span!("compute").in_scope(|| read(reader))
            }
            None => Err(Error::Invalid("no reader".to_owned())),
        }
    }

    /// What a range amounts to.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn summary(&self, query: SummaryQuery) -> Result<Summary> {
        self.ask(&query).map(Arc::unwrap_or_clone)
    }

    /// How a range went, bucket by bucket.
    ///
    /// # Errors
    /// If the ledger cannot be read, or there would be too many buckets.
    pub fn timeseries(&self, query: TimeSeriesQuery) -> Result<TimeSeries> {
        self.ask(&query).map(Arc::unwrap_or_clone)
    }

    /// How a range went, on one page.
    ///
    /// # Errors
    /// If the ledger cannot be read, or there would be too many buckets.
    pub fn dashboard(&self, query: &DashboardQuery) -> Result<Dashboard> {
        self.ask(query).map(Arc::unwrap_or_clone)
    }

    /// Sessions, the newest or the costliest first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn sessions(&self, query: &SessionsQuery) -> Result<Vec<SessionRow>> {
        self.ask(query).map(Arc::unwrap_or_clone)
    }

    /// 5-hour billing windows.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn blocks(&self, query: &BlocksQuery) -> Result<Vec<Block>> {
        self.ask(query).map(Arc::unwrap_or_clone)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("most_readers", &self.shared.most).finish_non_exhaustive()
    }
}

impl Shed for Shared {
    fn shed(&self) -> Option<u64> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = std::mem::take(&mut readers.idle);
        readers.open -= idle.len();
        drop(readers);
        // What a reader holds is known to its engine alone.
        drop(idle);
        self.given_back.notify_all();
        None
    }
}

impl Shared {
    fn take(&self) -> Result<Reader> {
        // A panic elsewhere leaves the list as valid as it was.
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(reader) = readers.idle.pop() {
                return Ok(reader);
            }
            if readers.open < self.most {
                readers.open += 1;
                break;
            }
            readers = self.given_back.wait(readers).unwrap_or_else(PoisonError::into_inner);
        }
        drop(readers);
        (self.open)().inspect_err(|_| self.give_back(None))
    }

    /// `None` is a reader that could not be opened.
    fn give_back(&self, reader: Option<Reader>) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        match reader {
            Some(reader) => readers.idle.push(reader),
            None => readers.open -= 1,
        }
        drop(readers);
        self.given_back.notify_one();
    }
}

/// Gives its reader back, also where reading panics.
struct Lent<'a> {
    reader: Option<Reader>,
    shared: &'a Shared,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.shared.give_back(self.reader.take());
    }
}
