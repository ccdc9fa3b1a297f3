//! Checkpoints beside a long row of commits.
//!
//! A checkpoint copies pages from the write-ahead log into the ledger and waits
//! for the disk. During a long import another thread does so, and the commits
//! go on.

use std::{
    ffi::c_int,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use rusqlite::{Connection, OpenFlags, hooks::Wal};

/// A checkpoint is due whenever the log has grown by so many pages.
const STEP: c_int = 2 << 10;
/// Above so many pages the commits wait for one that lets the log begin anew.
const MOST: c_int = 64 << 10;

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Makes checkpoints of the ledger at `path`, as `db` writes to it. Where no
    /// thread can be had, the commits make them, as otherwise.
    pub(crate) fn beside(db: &mut Connection, path: &Path) -> rusqlite::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let other = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        let until = Arc::clone(&ended);
        let spawned = thread::Builder::new().name("checkpoints".into()).spawn(move || run(&other, &until));
        let Ok(thread) = spawned else { return Ok(Self { ended, thread: None }) };
        let mut due = STEP;
        let woken = thread.thread().clone();
        db.wal_hook(Some(move |wal: &mut Wal, pages: c_int| {
            if pages >= MOST {
                // What keeps it from that now may be gone at the next commit.
                let _ = wal.checkpoint();
            } else if pages >= due || pages < due - STEP {
                due = pages + STEP;
                woken.unpark();
            }
            Ok(())
        }))?;
        Ok(Self { ended, thread: Some(thread) })
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // Its panic has been printed.
            let _ = thread.join();
        }
    }
}

fn run(db: &Connection, ended: &AtomicBool) {
    loop {
        thread::park();
        if ended.load(Ordering::Acquire) {
            return;
        }
        let made = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(e) = made {
            tracing::debug!("no checkpoint: {e}");
        }
    }
}
