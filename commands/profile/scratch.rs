//! A ledger of its own for every run.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use claude_cli::Error;

/// A folder that is deleted when it is dropped.
pub(super) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// A folder beside a ledger, so that writing to it takes as long.
    pub(super) fn beside(ledger: &Path) -> Result<Self, Error> {
        let above = ledger.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = above.join(format!(".profile-{}", uuid::Uuid::new_v4()));
        let create = || {
            fs::create_dir_all(above)?;
            DirBuilder::new().mode(0o700).create(&folder)
        };
        create().map_err(|e| Error::io(format!("cannot create the folder {}", folder.display()), e))?;
        Ok(Self { folder })
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.folder.join("ledger.db")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
