//! Following transcripts while they are written.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::RemoveKind};

use super::{ImportOptions, ImportReport, Plan, TranscriptFile, import, projects_folder};
use crate::{Error, Result, store::Ledger};

/// After a change, so long is waited for more of them: a message is written in
/// several lines.
const SETTLE: Duration = Duration::from_millis(100);
/// While changes keep coming, so long is waited for the last of them.
const SETTLE_AT_MOST: Duration = Duration::from_secs(1);
/// So often all folders are searched anew, for what no event told of, as on
/// network drives.
const SEARCH: Duration = Duration::from_secs(10);
/// So often `each` is asked whether to go on.
const ASK: Duration = Duration::from_millis(250);

/// Reads what is new below these config folders as it is written, until `each`
/// ends it. `each` hears of what was read, also if that was only a problem, and
/// several times a second of nothing. The folders need not exist yet.
///
/// # Errors
/// If the ledger cannot be read or written.
pub fn watch(
    ledger: &mut dyn Ledger,
    folders: &[PathBuf],
    options: &ImportOptions,
    each: &mut dyn FnMut(Option<ImportReport>) -> ControlFlow<()>,
) -> Result<()> {
    let (sender, changes) = channel();
    let watcher = notify::recommended_watcher(move |event| {
        // The receiver is gone only when watching ends.
        let _ = sender.send(event);
    });
    let watcher = watcher.map_err(|e| Error::io("cannot watch folders", std::io::Error::other(e)))?;
    let projects = folders.iter().map(|folder| projects_folder(folder)).collect();
    let mut watched = Watched { watcher, projects, known: BTreeSet::new() };
    let mut search = true;
    let mut searched = Instant::now();
    loop {
        let plan = if search || searched.elapsed() >= SEARCH || watched.appeared() {
            (search, searched) = (false, Instant::now());
            watched.add();
            Plan::of(ledger, folders)?
        } else {
            match next(&changes) {
                Changes::None => Plan::default(),
                Changes::Files(files) => {
                    let files = files.into_iter().filter_map(|path| TranscriptFile::at(path).ok()).collect();
                    Plan::of_files(ledger, files, Vec::new())?
                }
                Changes::Anything => {
                    search = true;
                    continue;
                }
            }
        };
        let report =
            if plan.is_empty() { None } else { Some(import(ledger, plan, options, &mut |_| each(None))?) };
        if each(report).is_break() {
            return Ok(());
        }
    }
}

struct Watched {
    watcher: RecommendedWatcher,
    /// What is to be watched.
    projects: Vec<PathBuf>,
    /// What was there when it was last looked for.
    known: BTreeSet<PathBuf>,
}

impl Watched {
    /// Whether a folder has come into being.
    fn appeared(&self) -> bool {
        self.projects.iter().any(|folder| !self.known.contains(folder) && folder.exists())
    }

    /// Watches the folders that are there by now, also those that were watched
    /// before: others may have taken their places.
    fn add(&mut self) {
        self.known = self.projects.iter().filter(|folder| folder.exists()).cloned().collect();
        for folder in &self.known {
            // One that cannot be watched is still searched from time to time.
            let _ = self.watcher.watch(folder, RecursiveMode::Recursive);
        }
    }
}

enum Changes {
    None,
    Files(BTreeSet<PathBuf>),
    /// Folders changed, in which files were before they were watched, or events
    /// were lost.
    Anything,
}

/// What changed since the last call, once it comes to rest.
fn next(changes: &Receiver<notify::Result<notify::Event>>) -> Changes {
    let mut files = BTreeSet::new();
    let mut anything = false;
    let mut wait = ASK;
    let mut until = Instant::now() + ASK;
    loop {
        match changes.recv_timeout(wait.min(until.saturating_duration_since(Instant::now()))) {
            // Our own reading is of no interest.
            Ok(Ok(event)) if event.kind.is_access() => {}
            Ok(Ok(event)) => {
                anything |= event.need_rescan();
                for path in event.paths {
                    if is_transcript(&path) {
                        files.insert(path);
                    } else {
                        anything |= is_removed_folder(event.kind) || path.is_dir();
                    }
                }
            }
            Ok(Err(_)) => anything = true,
            // The watcher lives as long as we do.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
        if wait == ASK && (anything || !files.is_empty()) {
            (wait, until) = (SETTLE, Instant::now() + SETTLE_AT_MOST);
        }
        if Instant::now() >= until {
            break;
        }
    }
    match (anything, files.is_empty()) {
        (true, _) => Changes::Anything,
        (false, true) => Changes::None,
        (false, false) => Changes::Files(files),
    }
}

/// Whether it may be that a folder was removed.
fn is_removed_folder(kind: EventKind) -> bool {
    matches!(kind, EventKind::Remove(removed) if removed != RemoveKind::File)
}

fn is_transcript(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("jsonl"))
}
