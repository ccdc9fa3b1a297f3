//! Finding and scanning the transcripts that Claude Code writes.
//!
//! [`find`] lists the files, and a [`Scanner`] reads one: it searches large
//! pieces of it for `"usage"`, proves by parsing the line that a hit is the
//! usage of a request and not a word in somebody's text, and gives a
//! [`Witness`] for every request. [`scan_all`] does so with many files on
//! several threads.
//!
//! Memory is bounded whatever the length of a file or a line, and nothing in a
//! file is fatal: what cannot be read is reported as a [`Problem`].
//!
//! ```no_run
//! use claude_cli::transcript::{Scanner, config_folders, find};
//!
//! # fn example() -> Result<(), claude_cli::Error> {
//! let (files, _) = find(&config_folders());
//! let mut scanner = Scanner::new();
//! for file in &files {
//!     let scanned = scanner.scan(&file.path, 0, &mut |witness| println!("{:?}", witness.model))?;
//!     println!("{}: {} usage lines", file.path.display(), scanned.usage_lines);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Witness`]: crate::store::Witness

mod find;
mod fingerprint;
mod fold;
mod folders;
mod giant;
mod import;
mod line;
mod many;
mod scanner;
mod shared;
mod time;
mod watch;

pub use find::{TranscriptFile, find, find_below};
pub use fingerprint::{Fingerprint, is_continuation};
pub use folders::{config_folders, config_folders_from, projects_folder};
pub use import::{ImportOptions, ImportReport, Plan, Progress, import};
pub use many::{ScanAll, ScanEvent, scan_all};
pub use scanner::{Origin, Scanned, Scanner};
pub use watch::watch;

use std::path::PathBuf;

/// Something in a transcript, or on the way to it, that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The file or folder.
    pub path: PathBuf,
    /// 1-based number of the line.
    pub line: Option<u64>,
    /// Where the line begins, in bytes from the start of the file.
    pub offset: Option<u64>,
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.display())?;
        match (self.line, self.offset) {
            (Some(line), _) => write!(f, ":{line}")?,
            (None, Some(offset)) => write!(f, " at byte {offset}")?,
            (None, None) => {}
        }
        write!(f, ": {}", self.message)
    }
}
