//! Which transcripts there are.

use std::{
    collections::HashSet,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{Problem, projects_folder};

/// A transcript, as the file system describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscriptFile {
    /// Its path.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// When it was changed last, in nanoseconds since 1970 UTC.
    pub modified: i64,
    /// The device it is on.
    pub device: u64,
    /// Its number on the device.
    pub inode: u64,
}

impl TranscriptFile {
    /// The file at `path`.
    ///
    /// # Errors
    /// If there is none, or it may not be looked at.
    pub fn at(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let metadata = fs::metadata(&path)?;
        Ok(Self::new(path, &metadata))
    }

    fn new(path: PathBuf, metadata: &Metadata) -> Self {
        let modified = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        Self { path, size: metadata.len(), modified, device: metadata.dev(), inode: metadata.ino() }
    }
}

/// All transcripts (`*.jsonl`) below the `projects` folders of these config
/// folders, those of subagents included, in order of their paths.
///
/// A file that is found on two ways is listed once. Folders that do not exist
/// have no transcripts; others that cannot be read are reported.
#[must_use]
pub fn find(folders: &[PathBuf]) -> (Vec<TranscriptFile>, Vec<Problem>) {
    let projects: Vec<_> = folders.iter().map(|folder| projects_folder(folder)).collect();
    find_below(&projects)
}

/// [`find`] below any folders, whatever they are called.
#[must_use]
pub fn find_below(folders: &[PathBuf]) -> (Vec<TranscriptFile>, Vec<Problem>) {
    let _span = tracing::trace_span!("find").entered();
    let mut walk = Walk::default();
    for folder in folders {
        match fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => walk.folder(folder, &metadata),
            Ok(_) => walk.problem(folder, "not a folder".to_owned()),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(e) => walk.problem(folder, e.to_string()),
        }
    }
    walk.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let mut seen = HashSet::with_capacity(walk.files.len());
    walk.files.retain(|file| seen.insert((file.device, file.inode)));
    walk.problems.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    (walk.files, walk.problems)
}

#[derive(Default)]
struct Walk {
    /// Symbolic links may lead in circles.
    entered: HashSet<(u64, u64)>,
    files: Vec<TranscriptFile>,
    problems: Vec<Problem>,
}

impl Walk {
    fn problem(&mut self, path: &Path, message: String) {
        self.problems.push(Problem { path: path.to_owned(), line: None, offset: None, message });
    }

    /// Lists a folder and those below it.
    fn folder(&mut self, root: &Path, metadata: &Metadata) {
        if !self.entered.insert((metadata.dev(), metadata.ino())) {
            return;
        }
        let mut waiting = vec![root.to_owned()];
        while let Some(folder) = waiting.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(e) => {
                    self.problem(&folder, e.to_string());
                    continue;
                }
            };
            let mut folders = Vec::new();
            for entry in entries {
                let path = match &entry {
                    Ok(entry) => entry.path(),
                    Err(e) => {
                        self.problem(&folder, e.to_string());
                        break;
                    }
                };
                let Ok(kind) = entry.and_then(|entry| entry.file_type()) else { continue };
                let is_transcript = path.extension().is_some_and(|ending| ending == "jsonl");
                if kind.is_file() && !is_transcript {
                    continue;
                }
                match fs::metadata(&path) {
                    Ok(metadata) if metadata.is_dir() => {
                        if self.entered.insert((metadata.dev(), metadata.ino())) {
                            folders.push(path);
                        }
                    }
                    Ok(metadata) if metadata.is_file() && is_transcript => {
                        self.files.push(TranscriptFile::new(path, &metadata));
                    }
                    Ok(_) => {}
                    // Gone since, or a link to nowhere.
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => self.problem(&path, e.to_string()),
                }
            }
            waiting.extend(folders);
        }
    }
}
