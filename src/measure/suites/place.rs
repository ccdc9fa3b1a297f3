//! Where benchmarks write.

use std::{
    cell::OnceCell,
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// A temporary folder that is made when it is first asked for, and deleted when
/// this is dropped.
#[derive(Debug, Default)]
pub struct Place {
    folder: OnceCell<PathBuf>,
}

impl Place {
    /// A place that is not there yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The folder.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn folder(&self) -> Result<&Path> {
        if self.folder.get().is_none() {
            let folder = std::env::temp_dir().join(format!("claude-cli-bench-{}", uuid::Uuid::new_v4()));
            DirBuilder::new()
                .mode(0o700)
                .create(&folder)
                .map_err(|e| Error::io(format!("cannot create the folder {}", folder.display()), e))?;
            // Nobody else has set it: it is not shared between threads.
            let _ = self.folder.set(folder);
        }
        Ok(self.folder.get().map_or(Path::new("."), PathBuf::as_path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(folder) = self.folder.get() {
            let _ = fs::remove_dir_all(folder);
        }
    }
}
