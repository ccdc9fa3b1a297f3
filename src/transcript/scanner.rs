//! Scanning one transcript.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use memchr::{memchr, memchr_iter, memmem, memrchr};
use tracing::{field::Empty, trace_span};

use super::{
    Fingerprint, Problem,
    fold::Window,
    giant::Giant,
    line::{self, Reading},
    time::parse_millis,
};
use crate::{Error, Result, store::Witness, stream::json::Text};

/// How much is read at a time. What is searched should still be in the cache
/// that it was copied to.
const BUFFER: usize = 512 << 10;
/// So many problems of a file are kept; the others are only counted.
pub(super) const PROBLEMS: usize = 20;
/// Every usage line has this; quotes within texts are escaped, so that few
/// others do.
const NEEDLE: &[u8] = b"\"usage\"";

/// What the path of a transcript says about the requests in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The transcript's path.
    pub path: PathBuf,
    /// The session, for lines that name none.
    pub session: Option<String>,
    /// Whether it is the transcript of a subagent.
    pub subagent: bool,
}

impl Origin {
    /// The origin of the transcript at `path`: `SESSION.jsonl`, or
    /// `SESSION/subagents/agent-….jsonl`.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let folder = path.parent();
        let subagent = folder.is_some_and(|folder| folder.ends_with("subagents"));
        let named =
            if subagent { folder.and_then(Path::parent).and_then(Path::file_name) } else { path.file_stem() };
        let session = named.map(|name| name.to_string_lossy().into_owned());
        Self { path: path.to_owned(), session, subagent }
    }
}

/// What came of scanning a transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scanned {
    /// Everything before this offset has been read: where the next scan goes
    /// on. It is behind the last complete line.
    pub end: u64,
    /// Lines that hold the usage of a request.
    pub usage_lines: u64,
    /// Lines that may hold one but could not be read, and were left out.
    pub skipped: u64,
    /// What could not be read, of lines left out and of others: the first 20.
    pub problems: Vec<Problem>,
    /// How many problems there were.
    pub problem_count: u64,
    /// Tells later whether what was read still stands there.
    pub fingerprint: Fingerprint,
}

/// Scans transcripts, one at a time, with buffers that are used again.
///
/// It takes about half a megabyte, and up to five more for a line of extraordinary
/// length.
#[derive(Debug, Default)]
pub struct Scanner {
    buffer: Vec<u8>,
    window: Window,
    giant: Giant,
    /// Counts the bytes that were read, for whoever shows progress.
    progress: Option<Arc<AtomicU64>>,
}

impl Scanner {
    /// A scanner.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A scanner that adds the bytes it has read to a count.
    pub(super) fn counting(progress: Arc<AtomicU64>) -> Self {
        Self { progress: Some(progress), ..Self::default() }
    }

    /// Scans the transcript at `path` from the byte `from`, where a line
    /// begins, to the end of its last complete line, and calls `each` for every
    /// request, in their order in the file.
    ///
    /// The snapshots of a request that stand near each other are joined into
    /// one witness; to a ledger that is the same as all of them. A last line
    /// without a line end is read only if it is whole.
    ///
    /// # Errors
    /// If the file cannot be opened or read. Lines that cannot be read are no
    /// error; they are among the [problems](Scanned::problems).
    pub fn scan(&mut self, path: &Path, from: u64, each: &mut dyn FnMut(Witness)) -> Result<Scanned> {
        let fail = |e| Error::io(format!("cannot read {}", path.display()), e);
        let file = File::open(path).map_err(fail)?;
        let mut piece = Piece { file: &file, at: from, until: u64::MAX };
        let mut scanned = self.scan_reader(&mut piece, &Origin::of(path), from, each).map_err(fail)?;
        finish(&file, &mut scanned).map_err(fail)?;
        Ok(scanned)
    }

    /// Scans what `reader` gives, which is the part of a transcript that
    /// begins at the byte `from`. Problems have no line numbers then, and there
    /// is no fingerprint.
    ///
    /// # Errors
    /// If the reader fails.
    pub fn scan_reader(
        &mut self,
        reader: &mut dyn Read,
        origin: &Origin,
        from: u64,
        each: &mut dyn FnMut(Witness),
    ) -> io::Result<Scanned> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(BUFFER, 0);
        let span = trace_span!("scan", bytes = Empty, read_ns = Empty, parse_ns = Empty).entered();
        let mut scan = Scan {
            window: &mut self.window,
            origin,
            each,
            needle: memmem::Finder::new(NEEDLE),
            scanned: Scanned { end: from, ..Scanned::default() },
            times: (!span.is_disabled()).then(Times::default),
        };
        let result = scan.all(reader, &mut buffer, &mut self.giant, self.progress.as_deref());
        let scanned = scan.scanned;
        if let Some(times) = scan.times {
            span.record("bytes", scanned.end.saturating_sub(from));
            span.record("read_ns", nanos(times.read)).record("parse_ns", nanos(times.parse));
        }
        self.window.flush(each);
        self.buffer = buffer;
        result.map(|()| scanned)
    }
}

/// Adds what takes another look at the file.
pub(super) fn finish(file: &File, scanned: &mut Scanned) -> io::Result<()> {
    number_lines(file, &mut scanned.problems)?;
    scanned.fingerprint = match Fingerprint::of(file, scanned.end) {
        // Cut short since it was read: whoever looks next will see.
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Fingerprint::default(),
        fingerprint => fingerprint?,
    };
    Ok(())
}

/// Problems are rare: their line numbers are counted afterwards.
fn number_lines(file: &File, problems: &mut [Problem]) -> io::Result<()> {
    let Some(last) = problems.iter().filter_map(|problem| problem.offset).max() else { return Ok(()) };
    let mut buffer = vec![0; BUFFER.min(last as usize + 1)];
    let (mut at, mut line) = (0, 1);
    let mut waiting = problems.iter_mut().filter(|problem| problem.offset.is_some()).peekable();
    while let Some(problem) = waiting.peek_mut() {
        let offset = problem.offset.unwrap_or(0);
        let wanted = buffer.len().min((offset - at) as usize);
        let n = file.read_at(&mut buffer[..wanted], at)?;
        line += memchr_iter(b'\n', &buffer[..n]).count() as u64;
        at += n as u64;
        if at == offset || n == 0 {
            problem.line = Some(line);
            waiting.next();
        }
    }
    Ok(())
}

/// A part of a file.
pub(super) struct Piece<'a> {
    pub(super) file: &'a File,
    pub(super) at: u64,
    pub(super) until: u64,
}

impl Read for Piece<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.until.saturating_sub(self.at)).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

struct Scan<'a> {
    window: &'a mut Window,
    origin: &'a Origin,
    each: &'a mut dyn FnMut(Witness),
    needle: memmem::Finder<'static>,
    scanned: Scanned,
    /// Where the time goes, if somebody listens: there are too many reads and
    /// lines for spans of their own.
    times: Option<Times>,
}

#[derive(Default)]
struct Times {
    read: Duration,
    parse: Duration,
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Scan<'_> {
    /// Reads to the end. `scanned.end` is always where the line begins that
    /// stands at the start of the buffer, or in `giant`.
    fn all(
        &mut self,
        reader: &mut dyn Read,
        buffer: &mut [u8],
        giant: &mut Giant,
        progress: Option<&AtomicU64>,
    ) -> io::Result<()> {
        let mut filled = 0;
        let mut in_giant = false;
        loop {
            let started = self.times.as_ref().map(|_| Instant::now());
            let read = reader.read(&mut buffer[filled..]);
            if let (Some(times), Some(started)) = (&mut self.times, started) {
                times.read += started.elapsed();
            }
            let n = match read {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            if let Some(progress) = progress {
                progress.fetch_add(n as u64, Ordering::Relaxed);
            }
            let before = filled;
            filled += n;
            let mut begin = 0;
            if in_giant {
                let Some(end) = memchr(b'\n', &buffer[..filled]) else {
                    giant.push(&buffer[..filled]);
                    filled = 0;
                    continue;
                };
                giant.push(&buffer[..end]);
                self.giant_line(giant);
                self.scanned.end += giant.length() + 1;
                in_giant = false;
                begin = end + 1;
            }
            if let Some(last) = memrchr(b'\n', &buffer[before.max(begin)..filled]) {
                let end = before.max(begin) + last + 1;
                self.lines(&buffer[begin..end]);
                self.scanned.end += (end - begin) as u64;
                begin = end;
            }
            if begin == 0 && filled == buffer.len() {
                giant.clear();
                giant.push(buffer);
                in_giant = true;
                filled = 0;
            } else {
                buffer.copy_within(begin..filled, 0);
                filled -= begin;
            }
        }
        // A last line without a line end may still be being written. If it is
        // whole, its brackets say so.
        if in_giant {
            if let Some(Reading::Usage(_)) = giant.line().map(line::read) {
                self.giant_line(giant);
                self.scanned.end += giant.length();
            }
        } else if self.needle.find(&buffer[..filled]).is_some()
            && let Reading::Usage(_) = line::read(&buffer[..filled])
        {
            self.line(&buffer[..filled], self.scanned.end);
            self.scanned.end += filled as u64;
        }
        Ok(())
    }

    /// Reads the usage lines among complete lines.
    fn lines(&mut self, lines: &[u8]) {
        let mut at = 0;
        while let Some(hit) = self.needle.find(&lines[at..]) {
            let hit = at + hit;
            let start = memrchr(b'\n', &lines[at..hit]).map_or(at, |end| at + end + 1);
            let end = memchr(b'\n', &lines[hit..]).map_or(lines.len(), |end| hit + end);
            self.line(&lines[start..end], self.scanned.end + start as u64);
            at = lines.len().min(end + 1);
        }
    }

    fn giant_line(&mut self, giant: &Giant) {
        let offset = self.scanned.end;
        match giant.line() {
            Some(line) if self.needle.find(line).is_some() => self.line(line, offset),
            Some(_) => {}
            None => {
                let message = format!("a line of {} bytes is too intricate; it was left out", giant.length());
                self.skip(offset, message);
            }
        }
    }

    fn line(&mut self, line: &[u8], offset: u64) {
        let started = self.times.as_ref().map(|_| Instant::now());
        let read = line::read(line);
        if let (Some(times), Some(started)) = (&mut self.times, started) {
            times.parse += started.elapsed();
        }
        let found = match read {
            Reading::Other => return,
            Reading::Bad(why) => return self.skip(offset, format!("{why}; the line was left out")),
            Reading::Usage(found) => found,
        };
        let ts = match found.timestamp.map(Text::decode) {
            Some(text) => match parse_millis(&text) {
                Some(ts) => ts,
                None => return self.skip(offset, format!("`{text}` is no time; the line was left out")),
            },
            None => return self.skip(offset, "it has no `timestamp`; the line was left out".to_owned()),
        };
        if let Some(name) = found.odd {
            self.problem(offset, format!("the value of `{name}` is of the wrong type; it was left out"));
        }
        self.scanned.usage_lines += 1;
        if let Some(witness) = self.window.add(found, ts, self.origin) {
            (self.each)(witness);
        }
    }

    fn skip(&mut self, offset: u64, message: String) {
        self.scanned.skipped += 1;
        self.problem(offset, message);
    }

    fn problem(&mut self, offset: u64, message: String) {
        self.scanned.problem_count += 1;
        if self.scanned.problems.len() < PROBLEMS {
            let path = self.origin.path.clone();
            self.scanned.problems.push(Problem { path, line: None, offset: Some(offset), message });
        }
    }
}
