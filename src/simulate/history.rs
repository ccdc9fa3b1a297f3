//! Made-up transcripts, with the totals that an exact reader must find in them.

mod expected;
mod lines;
mod session;
mod words;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub use expected::{Expected, Totals};

use self::{session::Author, words::Words};

/// A history of Claude Code's transcripts: sessions in projects, over days, with
/// all that makes real ones hard to count.
///
/// The same history is written byte for byte the same every time.
///
/// ```
/// use claude_cli::simulate::History;
///
/// # fn example() -> std::io::Result<()> {
/// let folder = std::env::temp_dir().join("history");
/// let expected = History { files: 4, bytes: 1 << 20, ..History::default() }.write(&folder)?;
/// println!("{} requests", expected.totals.requests);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Draws everything.
    pub seed: u64,
    /// About so many transcripts of sessions; those of subagents come on top.
    pub files: usize,
    /// About so many bytes in all.
    pub bytes: u64,
    /// When the first session begins, UTC milliseconds.
    pub since: i64,
    /// Over how many days the sessions spread.
    pub days: u32,
    /// Lines of these lengths in bytes, each in a session of its own: a tool
    /// result that long, and the answer to it.
    pub giant_lines: Vec<u64>,
}

impl Default for History {
    /// 40 files of 100 MB in all over 30 days, without giant lines.
    fn default() -> Self {
        Self { seed: 1, files: 40, bytes: 100 << 20, since: 1_767_225_600_000, days: 30, giant_lines: Vec::new() }
    }
}

impl History {
    /// Writes it below the config folder `folder`, into `projects/`, and gives
    /// what is in it.
    ///
    /// # Errors
    /// If a folder or file cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<Expected> {
        let words = Words::new(self.seed);
        let files = self.files.max(1);
        let mut author = Author::new(self.seed, &words);
        let mut expected = Expected::default();
        // A subagent's transcript takes its part of what its session may be long.
        let mut left = self.bytes;
        for n in 0..files {
            let share = left / (files - n) as u64;
            let begin = self.since + i64::from(self.days) * 86_400_000 * n as i64 / files as i64;
            let session = author.session(begin, share);
            left = left.saturating_sub(session.bytes());
            session.count(&mut expected);
            write(&folder.join("projects"), session.files())?;
        }
        for length in &self.giant_lines {
            let session = author.giant(self.since, *length);
            session.count(&mut expected);
            write(&folder.join("projects"), session.files())?;
        }
        Ok(expected)
    }
}

fn write<'a>(projects: &Path, files: impl Iterator<Item = (PathBuf, &'a [u8])>) -> io::Result<()> {
    for (path, text) in files {
        let path = projects.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}
