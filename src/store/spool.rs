//! Records that could not be written in time, kept in files until the next
//! open takes them in.
//!
//! Beside `ledger.db` stands `ledger.db.spool/`, a file a batch. Taking one in
//! twice changes nothing, so a crash between commit and removal is harmless.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Batch, Ledger, SqliteLedger, files};
use crate::{Error, Result};

/// The spool folder of the ledger at `ledger`.
#[must_use]
pub fn folder(ledger: &Path) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(".spool");
    PathBuf::from(name)
}

/// Whether anything waits to be taken in.
#[must_use]
pub fn is_waiting(ledger: &Path) -> bool {
    waiting(ledger).is_ok_and(|files| !files.is_empty())
}

/// Spools a batch; returns the file.
///
/// # Errors
/// If the file cannot be written.
pub fn put(ledger: &Path, batch: &Batch) -> Result<PathBuf> {
    let folder = folder(ledger);
    let path = folder.join(format!("{}.json", uuid::Uuid::now_v7()));
    let write = || {
        files::create_folder(&folder)?;
        files::write_whole(&path, &serde_json::to_vec(batch).map_err(io::Error::other)?)
    };
    write().map_err(|e| Error::io(format!("cannot spool to {}", path.display()), e))?;
    Ok(path)
}

fn waiting(ledger: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder(ledger)) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Takes in what waits, all in one transaction. A file that is no batch is
/// renamed to `….damaged`, and so reported by whoever looks, but not lost.
pub(crate) fn take_in(ledger: &mut SqliteLedger) -> Result<()> {
    let path = ledger.path().to_owned();
    let files = waiting(&path).map_err(|e| Error::io(format!("cannot read {}", folder(&path).display()), e))?;
    let mut all = Batch::default();
    let mut taken = Vec::new();
    for file in files {
        let content = match fs::read(&file) {
            Ok(content) => content,
            // Another process was faster.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(Error::io(format!("cannot read {}", file.display()), e)),
        };
        match serde_json::from_slice::<Batch>(&content) {
            Ok(batch) => {
                all.extend(batch);
                taken.push(file);
            }
            Err(_) => {
                let aside = file.with_extension("damaged");
                fs::rename(&file, &aside)
                    .map_err(|e| Error::io(format!("cannot set {} aside", file.display()), e))?;
            }
        }
    }
    ledger.append(&all)?;
    for file in taken {
        match fs::remove_file(&file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io(format!("cannot remove {}", file.display()), e));
            }
            _ => {}
        }
    }
    Ok(())
}
