//! Following transcripts while they are written.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::{ImportOptions, ImportReport, Plan, TranscriptFile, import, projects_folder};
use crate::{Error, Result, store::Ledger};

/// After a change, so long is waited for more of them: a message is written in
/// several lines.
const SETTLE: Duration = Duration::from_millis(100);
/// So often all folders are searched anew, for what no event told of: folders
/// that come into being, network drives, an overflown queue.
const SEARCH: Duration = Duration::from_secs(10);
/// So often `each` is asked whether to go on.
const ASK: Duration = Duration::from_millis(250);

/// Reads what is new below these config folders as it is written, until `each`
/// ends it. `each` hears of every commit, and several times a second of none.
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
    let mut watched = Watched { watcher, folders: BTreeSet::new() };
    let mut searched: Option<Instant> = None;
    loop {
        let plan = if searched.is_none_or(|at| at.elapsed() >= SEARCH) {
            watched.add(folders);
            searched = Some(Instant::now());
            Plan::of(ledger, folders)?
        } else {
            match next(&changes) {
                Changes::None => Plan::default(),
                Changes::Files(files) => {
                    let files = files.into_iter().filter_map(|path| TranscriptFile::at(path).ok()).collect();
                    Plan::of_files(ledger, files, Vec::new())?
                }
                Changes::Anything => Plan::of(ledger, folders)?,
            }
        };
        let report =
            if plan.files() == 0 { None } else { Some(import(ledger, plan, options, &mut |_| each(None))?) };
        if each(report).is_break() {
            return Ok(());
        }
    }
}

struct Watched {
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
}

impl Watched {
    /// Watches the folders that are there by now.
    fn add(&mut self, folders: &[PathBuf]) {
        for folder in folders.iter().map(|folder| projects_folder(folder)) {
            if !self.folders.contains(&folder) && self.watcher.watch(&folder, RecursiveMode::Recursive).is_ok() {
                self.folders.insert(folder);
            }
        }
    }
}

enum Changes {
    None,
    Files(BTreeSet<PathBuf>),
    /// Events were lost.
    Anything,
}

/// The files that changed since the last call, once they come to rest.
fn next(changes: &Receiver<notify::Result<notify::Event>>) -> Changes {
    let mut files = BTreeSet::new();
    let mut wait = ASK;
    loop {
        match changes.recv_timeout(wait) {
            Ok(Ok(event)) if event.need_rescan() => return Changes::Anything,
            Ok(Ok(event)) => files.extend(event.paths.into_iter().filter(|path| is_transcript(path))),
            Ok(Err(_)) => return Changes::Anything,
            Err(RecvTimeoutError::Timeout) if files.is_empty() => return Changes::None,
            Err(RecvTimeoutError::Timeout) => return Changes::Files(files),
            // The watcher lives as long as we do.
            Err(RecvTimeoutError::Disconnected) => return Changes::None,
        }
        if !files.is_empty() {
            wait = SETTLE;
        }
    }
}

fn is_transcript(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("jsonl"))
}
