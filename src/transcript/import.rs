//! Taking transcripts into a ledger: only what is new in them.
//!
//! A file is known by its path, or by its number on the device where it was
//! moved. If it was only appended to, the rest is read; if what was read no
//! longer stands there, all of it is, and what was counted before is counted
//! once all the same. How far a file was read is committed together with the
//! last of its requests: an import that is cut off at any instant is made up
//! for by the next one.

use std::{
    collections::HashMap,
    error::Error as _,
    ops::ControlFlow,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::mpsc::RecvTimeoutError,
    thread,
    time::{Duration, Instant},
};

use tracing::trace_span;

use super::{Fingerprint, Problem, ScanEvent, Scanned, TranscriptFile, find, is_continuation, scan_all};
use crate::{
    Result,
    store::{Batch, Ledger, LedgerReader, Name, Source, Witness},
};

/// Requests of one commit: few enough that others do not wait long for it.
const COMMIT: usize = 8192;
/// Requests of one commit of the first import: nobody else has much to do with
/// a ledger that is still empty, and a commit costs more than its requests.
const FIRST_COMMIT: usize = 12 << 10;
/// Requests of the very first commit.
const START: usize = 4096;
/// Below so many bytes a second thread is not worth its start.
const SMALL: u64 = 4 << 20;
/// At least so often `each` hears how far an import is.
const TELL: Duration = Duration::from_millis(100);
/// So many problems are kept; the others are only counted.
const PROBLEMS: usize = 200;

/// What is new in the transcripts.
#[derive(Debug, Default)]
pub struct Plan {
    files: Vec<(TranscriptFile, u64)>,
    /// Files in which nothing is new.
    unchanged: usize,
    problems: Vec<Problem>,
    /// Nothing was ever imported.
    first: bool,
}

/// Who the requests in the transcripts are counted for.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImportOptions {
    /// The user.
    pub user: Option<Name>,
    /// The host.
    pub host: Option<Name>,
    /// Threads that scan; by default as many as there are processors, at most 4.
    pub threads: Option<usize>,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes read so far.
    pub bytes: u64,
    /// Files read to their end.
    pub files: usize,
    /// Requests committed.
    pub requests: u64,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// Files that were read.
    pub files: usize,
    /// Files in which nothing was new.
    pub unchanged: usize,
    /// Bytes that were read.
    pub bytes: u64,
    /// Lines with the usage of a request.
    pub usage_lines: u64,
    /// Requests handed to the ledger, which may have known them.
    pub requests: u64,
    /// Lines that could not be read, and were left out.
    pub skipped: u64,
    /// What could not be read, at most 200 of them.
    pub problems: Vec<Problem>,
    /// How many problems there were.
    pub problem_count: u64,
    /// Whether it was ended before its end; what was committed stays.
    pub interrupted: bool,
}

impl Plan {
    /// Finds out what is new below these config folders.
    ///
    /// # Errors
    /// If the ledger cannot be read. What cannot be read of the folders is in
    /// the import's report.
    pub fn of(ledger: &dyn LedgerReader, folders: &[PathBuf]) -> Result<Self> {
        let (found, problems) = find(folders);
        Self::of_files(ledger, found, problems)
    }

    /// Finds out what is new in these files.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn of_files(
        ledger: &dyn LedgerReader,
        found: Vec<TranscriptFile>,
        problems: Vec<Problem>,
    ) -> Result<Self> {
        let _span = trace_span!("plan").entered();
        let mut plan = Self { problems, ..Self::default() };
        if found.is_empty() {
            return Ok(plan);
        }
        let sources = ledger.sources()?;
        plan.first = sources.is_empty();
        let by_path: HashMap<&[u8], &Source> = sources.iter().map(|s| (s.path.as_slice(), s)).collect();
        let mut by_number = None;
        for file in found {
            let known = by_path.get(file.path.as_os_str().as_bytes());
            if known.is_some_and(|source| source.size == file.size && source.modified == file.modified) {
                plan.unchanged += 1;
                continue;
            }
            // Another file may have taken its path, and it other paths.
            let by_number = by_number.get_or_insert_with(|| by_number_on_device(&sources));
            let moved = by_number.get(&(file.device, file.inode)).into_iter().flatten();
            let from = known.into_iter().chain(moved).map(|source| continues_at(&file, source)).max();
            plan.files.push((file, from.unwrap_or(0)));
        }
        Ok(plan)
    }

    /// Whether nothing is new, and nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.problems.is_empty()
    }

    /// Bytes to be read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(file, from)| file.size.saturating_sub(*from)).sum()
    }

    /// Files in which nothing is new.
    #[must_use]
    pub const fn unchanged(&self) -> usize {
        self.unchanged
    }

    /// Files to be read.
    #[must_use]
    pub const fn files(&self) -> usize {
        self.files.len()
    }
}

fn by_number_on_device(sources: &[Source]) -> HashMap<(u64, u64), Vec<&Source>> {
    let mut by_number: HashMap<_, Vec<_>> = HashMap::with_capacity(sources.len());
    for source in sources {
        by_number.entry((source.device, source.inode)).or_default().push(source);
    }
    by_number
}

/// Where what is new in a file begins: where it was read to, if that still
/// stands there. A file that was written to and has not grown was changed
/// somewhere, and the fingerprint may not tell.
fn continues_at(file: &TranscriptFile, source: &Source) -> u64 {
    if source.size == file.size && source.modified != file.modified {
        return 0;
    }
    let stands = Fingerprint::from_bytes(&source.fingerprint)
        .is_some_and(|print| is_continuation(&file.path, source.read_to, print).unwrap_or(false));
    if stands { source.read_to } else { 0 }
}

/// Reads what is new into the ledger. `each` hears how far it is, several times
/// a second but for the time that a commit takes, and may end it.
///
/// # Errors
/// If the ledger cannot be written. What was committed until then stays.
pub fn import(
    ledger: &mut dyn Ledger,
    plan: Plan,
    options: &ImportOptions,
    each: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<ImportReport> {
    let bytes = plan.bytes();
    let mut import = Import {
        ledger,
        options,
        files: plan.files,
        batch: Batch::default(),
        report: ImportReport { unchanged: plan.unchanged, ..ImportReport::default() },
    };
    for problem in plan.problems {
        import.problem(problem);
    }
    let commit = if plan.first { FIRST_COMMIT } else { COMMIT };
    let most = if bytes < SMALL { 1 } else { 4 };
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or_else(cores).min(most);
    let mut scan = scan_all(import.files.clone(), threads);
    let mut told = Instant::now();
    loop {
        let news = trace_span!("wait for scan").in_scope(|| scan.next_within(TELL));
        match news {
            Ok(ScanEvent::Witnesses { witnesses, .. }) => import.take(witnesses),
            Ok(ScanEvent::Done { file, scanned }) => import.done(file, scanned),
            // A long stretch without a request.
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        // The first commit is small: until then there is nothing to do but wait.
        let most = if import.report.requests == 0 { commit.min(START) } else { commit };
        let is_full = import.batch.witnesses.len() >= most;
        if is_full {
            import.commit()?;
            import.batch.witnesses.reserve(commit + commit / 4);
        }
        if is_full || told.elapsed() >= TELL {
            told = Instant::now();
            let report = &import.report;
            let progress = Progress { bytes: scan.bytes_read(), files: report.files, requests: report.requests };
            if each(progress).is_break() {
                import.report.interrupted = true;
                break;
            }
        }
    }
    trace_span!("end of scan").in_scope(|| drop(scan));
    import.commit()?;
    Ok(import.report)
}

struct Import<'a> {
    ledger: &'a mut dyn Ledger,
    options: &'a ImportOptions,
    files: Vec<(TranscriptFile, u64)>,
    batch: Batch,
    report: ImportReport,
}

impl Import<'_> {
    fn take(&mut self, witnesses: Vec<Witness>) {
        self.batch.witnesses.extend(witnesses.into_iter().map(|mut witness| {
            witness.user.clone_from(&self.options.user);
            witness.host.clone_from(&self.options.host);
            witness
        }));
    }

    fn done(&mut self, at: usize, scanned: Result<Scanned>) {
        let (file, from) = &self.files[at];
        match scanned {
            Ok(scanned) => {
                self.batch.sources.push(source(file, &scanned));
                let report = &mut self.report;
                report.files += 1;
                report.bytes += scanned.end.saturating_sub(*from);
                report.usage_lines += scanned.usage_lines;
                report.skipped += scanned.skipped;
                report.problem_count += scanned.problem_count.saturating_sub(scanned.problems.len() as u64);
                for problem in scanned.problems {
                    self.problem(problem);
                }
            }
            Err(e) => {
                let path = file.path.clone();
                // The path need not be told twice.
                let message = e.source().map_or_else(|| e.to_string(), ToString::to_string);
                self.problem(Problem { path, line: None, offset: None, message });
            }
        }
    }

    fn problem(&mut self, problem: Problem) {
        self.report.problem_count += 1;
        if self.report.problems.len() < PROBLEMS {
            self.report.problems.push(problem);
        }
    }

    fn commit(&mut self) -> Result<()> {
        let _span = trace_span!("append").entered();
        let batch = std::mem::take(&mut self.batch);
        self.ledger.append(&batch)?;
        self.report.requests += batch.witnesses.len() as u64;
        if batch.witnesses.len() > START {
            // To free hundreds of thousands of texts takes a while, too.
            thread::spawn(move || drop(batch));
        }
        Ok(())
    }
}

fn source(file: &TranscriptFile, scanned: &Scanned) -> Source {
    Source {
        path: path_bytes(&file.path),
        device: file.device,
        inode: file.inode,
        size: file.size,
        modified: file.modified,
        read_to: scanned.end,
        fingerprint: scanned.fingerprint.to_bytes().to_vec(),
    }
}

fn path_bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}
