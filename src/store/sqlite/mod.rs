//! The ledger in SQLite.
//!
//! WAL with `synchronous=FULL`: what [`append`](SqliteLedger::append) returned
//! from survives a crash of the machine. Writers queue for the write lock
//! (`BEGIN IMMEDIATE`, busy timeout); readers never wait for them.

mod anonymous;
mod budgets;
mod bulk;
mod checkpoints;
mod export;
mod generations;
mod groups;
mod keys;
mod load_tests;
mod many;
mod names;
mod plan;
mod prune;
mod read;
mod reading;
mod reprice;
mod rollups;
mod rows;
mod runs;
mod schema;
mod sessions;
mod settlement;
mod sights;
mod sources;
mod sql;
mod sums;
mod texts;
mod touched;
mod verify;
mod views;
mod waiting;

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rusqlite::{
    Connection, OpenFlags, TransactionBehavior,
    config::DbConfig,
    trace::{TraceEvent, TraceEventCodes},
};

pub use sql::{SqlAnswer, SqlConsole, SqlValue};
pub use verify::VerifyReport;
pub use views::{VIEWS, View, ViewColumn};

use tracing::trace_span;

use self::{
    checkpoints::Checkpoints, keys::AllKeys, names::Names, rollups::Deltas, runs::Sessions, schema::MigrateError,
    settlement::Unsettled, touched::Touched,
};
use super::{Alert, Batch, Budget, Ledger, Pruned, Repriced};
use crate::{Error, Result, pricing::PriceTable};

/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);
/// The same where somebody waits for the writer.
const BRIEF_TIMEOUT: Duration = Duration::from_secs(4);
/// Page cache of a writer that others wait for.
const SENDERS_CACHE_KIB: i64 = 64 << 10;

/// One ledger file.
#[derive(Debug)]
pub struct SqliteLedger {
    /// Before `db`, whose end makes the last checkpoint.
    checkpoints: Option<Checkpoints>,
    db: Connection,
    path: PathBuf,
    names: RefCell<Names>,
    prices: Arc<PriceTable>,
    /// All keys, where they are known to be all.
    keys: Option<AllKeys>,
    bulk: bool,
}

impl SqliteLedger {
    /// Opens the ledger at `path` for reading and writing, and creates it (mode
    /// 0600, its folder 0700) if there is none. What was spooled while it could
    /// not be written is taken in.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be created or opened, is no ledger,
    /// or was written by a newer program.
    pub fn open(path: &Path) -> Result<Self> {
        let mut ledger = Self::open_unspooled(path)?;
        super::spool::take_in(&mut ledger)?;
        Ok(ledger)
    }

    /// [`open`](Self::open) without looking at the spool.
    pub(crate) fn open_unspooled(path: &Path) -> Result<Self> {
        let fail = |message: String| Error::Store { path: path.display().to_string(), message };
        super::files::create_private(path)
            .map_err(|e| Error::io(format!("cannot create the ledger {}", path.display()), e))?;
        let mut db = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|e| fail(e.to_string()))?;
        prepare(&mut db).map_err(|e| fail(e.to_string()))?;
        Ok(Self::over(db, path))
    }

    /// Opens the ledger at `path` for reading; `None` if there is none.
    ///
    /// What was spooled is taken in first where the ledger can be written, so
    /// that a reader sees all that was recorded.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_read_only(path: &Path) -> Result<Option<Self>> {
        if super::spool::is_waiting(path) {
            match Self::open(path) {
                Ok(ledger) => return Ok(Some(ledger)),
                Err(_) if path.exists() => {}
                Err(e) => return Err(e),
            }
        }
        if !path.exists() {
            return Ok(None);
        }
        let fail = |message: String| Error::Store { path: path.display().to_string(), message };
        match reading::open(path, BUSY_TIMEOUT) {
            Ok((db, true)) => Ok(Some(Self::over(db, path))),
            // An older one must be migrated before it can be read.
            Ok((_, false)) => Self::open(path).map(Some),
            Err(e) => Err(fail(e.to_string())),
        }
    }

    /// Opens the ledger for a quick look that must not hold anyone up: as it
    /// is, without what was spooled, and waiting no longer than `wait` for a
    /// lock. `None` if there is none, or one of an older version.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be opened, is no ledger, or was
    /// written by a newer program.
    pub fn glance(path: &Path, wait: Duration) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let fail = |message: String| Error::Store { path: path.display().to_string(), message };
        let (db, current) = reading::open(path, wait).map_err(|e| fail(e.to_string()))?;
        Ok(current.then(|| Self::over(db, path)))
    }

    fn over(db: Connection, path: &Path) -> Self {
        db.set_prepared_statement_cache_capacity(64);
        Self {
            checkpoints: None,
            db,
            path: path.to_owned(),
            names: RefCell::default(),
            prices: Arc::new(PriceTable::embedded().clone()),
            keys: None,
            bulk: false,
        }
    }

    /// Makes room for a long row of large batches: a page cache that holds the
    /// tables' inner pages, checkpoints by another thread, and no wait for the
    /// disk at each commit. Costs up to 24 MiB of memory, and 9 MB for the ids of a
    /// ledger that is new.
    ///
    /// A crash of the machine, though not of the process, may undo the last
    /// commits, whole and in order: fit for what can be read again.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn prepare_for_bulk(&mut self) -> Result<()> {
        self.bulk = true;
        if self.checkpoints.is_some() {
            return Ok(());
        }
        let mut set = || {
            self.db.pragma_update(None, "synchronous", "NORMAL")?;
            self.db.pragma_update(None, "cache_size", -(24 << 10))?;
            Checkpoints::beside(&mut self.db, &self.path)
        };
        match set() {
            Ok(checkpoints) => self.checkpoints = Some(checkpoints),
            Err(e) => return Err(self.error(&e)),
        }
        Ok(())
    }

    /// Makes ready for a long row of commits, each of which someone waits for: a
    /// page cache that holds the inner pages of large tables, and checkpoints by
    /// another thread. Another writer is waited for no longer than 4 s: whoever
    /// waits for a commit gives up soon after.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn prepare_for_senders(&mut self) -> Result<()> {
        let mut set = || {
            self.db.busy_handler(Some(wait_briefly))?;
            self.db.pragma_update(None, "cache_size", -SENDERS_CACHE_KIB)?;
            Checkpoints::beside(&mut self.db, &self.path)
        };
        match set() {
            Ok(checkpoints) => self.checkpoints = Some(checkpoints),
            Err(e) => return Err(self.error(&e)),
        }
        Ok(())
    }

    /// Ends what [`prepare_for_bulk`](Self::prepare_for_bulk) began. Without it,
    /// the next one who writes has more to do.
    ///
    /// # Errors
    /// [`Error::Store`] if the ledger cannot be written.
    pub fn finish_bulk(&mut self) -> Result<()> {
        self.bulk = false;
        let Some(keys) = self.keys.take().filter(|keys| !keys.is_written()) else { return Ok(()) };
        let write = |db: &mut Connection| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if let Some(keys) = AllKeys::of(&tx, Some(keys), 0)? {
                keys.write(&tx)?;
            }
            tx.commit()
        };
        write(&mut self.db).map_err(|e| self.error(&e))
    }

    /// Counts the statements it runs, so that a program can tell how many a
    /// question takes.
    ///
    /// # Errors
    /// [`Error::Store`] if it cannot be told.
    pub fn counting_statements(mut self, counter: Arc<AtomicU64>) -> Result<Self> {
        let count = move |_: TraceEvent<'_>| _ = counter.fetch_add(1, Ordering::Relaxed);
        match self.db.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(count)) {
            Ok(()) => Ok(self),
            Err(e) => Err(self.error(&e)),
        }
    }

    /// Prices new requests by `prices` rather than by the embedded table.
    #[must_use]
    pub fn with_prices(mut self, prices: Arc<PriceTable>) -> Self {
        self.prices = prices;
        self
    }

    /// The ledger's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn error(&self, e: &rusqlite::Error) -> Error {
        Error::Store { path: self.path.display().to_string(), message: e.to_string() }
    }

    fn append_inner(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let lock = trace_span!("lock").entered();
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        drop(lock);
        let merge = trace_span!("merge", requests = batch.witnesses.len()).entered();
        let names = self.names.get_mut();
        let mut touched = Touched::default();
        let mut deltas = Deltas::default();
        let mut unsettled = Unsettled::default();
        let keys = if self.bulk {
            AllKeys::of(&tx, self.keys.take(), batch.witnesses.len())?
        } else {
            keys::complete(&tx)?;
            None
        };
        let mut sessions = Sessions::default();
        let keys =
            sights::take_in(&tx, names, &self.prices, batch, &mut sessions, &mut touched, &mut deltas, keys)?;
        for run in &batch.runs {
            if let Some(merged) = runs::merge(&tx, names, run)? {
                unsettled.run(run, merged.before);
            }
        }
        for text in &batch.texts {
            texts::keep(&tx, text)?;
        }
        // Runs came since.
        sessions = Sessions::default();
        settlement::settle(&tx, names, &self.prices, unsettled, &mut sessions, &mut touched)?;
        drop(merge);
        let rollups = trace_span!("rollups").entered();
        for change in touched.rows() {
            deltas.change(&tx, names, change.before.as_ref(), change.after.as_ref())?;
        }
        for source in &batch.sources {
            sources::write(&tx, source)?;
        }
        deltas.write(&tx, names)?;
        drop(rollups);
        trace_span!("commit").in_scope(|| tx.commit())?;
        self.keys = keys;
        Ok(())
    }
}

impl Ledger for SqliteLedger {
    fn append(&mut self, batch: &Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.append_inner(batch).map_err(|e| {
            self.names.get_mut().forget();
            self.error(&e)
        })
    }

    fn reprice(&mut self) -> Result<Repriced> {
        reprice::reprice(self).map_err(|e| self.error(&e))
    }

    fn prune(&mut self, before: i64) -> Result<Pruned> {
        prune::prune(self, before).map_err(|e| self.error(&e))
    }

    fn set_budget(&mut self, budget: &Budget) -> Result<()> {
        budgets::set(&mut self.db, budget).map_err(|e| self.error(&e))
    }

    fn remove_budget(&mut self, name: &str) -> Result<bool> {
        budgets::remove(&mut self.db, name).map_err(|e| self.error(&e))
    }

    fn record_alerts(&mut self, crossed: &[Alert]) -> Result<Vec<Alert>> {
        budgets::record_alerts(&mut self.db, crossed).map_err(|e| self.error(&e))
    }

    fn generation(&self) -> Result<i64> {
        self.db.query_row("PRAGMA data_version", [], |row| row.get(0)).map_err(|e| self.error(&e))
    }
}

fn prepare(db: &mut Connection) -> Result<(), MigrateError> {
    db.busy_handler(Some(wait_for_lock))?;
    // Plans do not depend on what is bound, so nothing is planned again for it.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Switching to WAL takes an exclusive lock and does not wait for it, so it
    // is done once, when the ledger is new.
    if !schema::is_current(db)? {
        switch_to_wal(db)?;
        schema::migrate(db)?;
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    // What is kept to undo a single statement is small.
    db.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(())
}

/// Waits for another writer. SQLite's own waiting grows to 100 ms a time, and a
/// long import leaves the lock free only for moments: so it looks often.
fn wait_for_lock(tries: i32) -> bool {
    wait(tries, BUSY_TIMEOUT)
}

fn wait_briefly(tries: i32) -> bool {
    wait(tries, BRIEF_TIMEOUT)
}

/// Waits a little; says whether to go on after so many times.
fn wait(tries: i32, timeout: Duration) -> bool {
    const LONGEST: u64 = 5_000;
    let tries = u64::from(tries.unsigned_abs());
    let wait = (200 + 200 * tries).min(LONGEST);
    std::thread::sleep(Duration::from_micros(wait / 2 + fastrand::u64(..=wait / 2)));
    // The average wait is three quarters of the longest, but for the first ones.
    tries * LONGEST * 3 / 4 < timeout.as_micros() as u64
}

/// Many processes may create the same ledger at once: whoever finds it locked
/// tries again until the winner is done.
fn switch_to_wal(db: &Connection) -> rusqlite::Result<()> {
    let deadline = std::time::Instant::now() + BUSY_TIMEOUT;
    loop {
        match db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) | Err(_) if std::time::Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(2 + u64::from(fastrand::u8(..8))));
            }
            Ok(mode) => {
                return Err(rusqlite::Error::InvalidParameterName(format!(
                    "the file system allows no write-ahead log (journal mode stays {mode})"
                )));
            }
            Err(e) => return Err(e),
        }
    }
}

/// Size of a ledger's files in bytes, its write-ahead log included.
pub fn size_on_disk(path: &Path) -> u64 {
    ["", "-wal"]
        .iter()
        .filter_map(|suffix| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            fs::metadata(name).ok()
        })
        .map(|m| m.len())
        .sum()
}
