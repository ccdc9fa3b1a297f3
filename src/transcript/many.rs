//! Scanning many transcripts at once.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use memchr::memchr;

use tracing::trace_span;

use super::{
    Scanned, Scanner, TranscriptFile,
    scanner::{Origin, PROBLEMS, Piece, finish},
};
use crate::{Error, Result, store::Witness};

/// So many witnesses are handed over at a time.
const BATCH: usize = 2048;
/// So many requests may wait to be taken: about as many as go into a commit, so
/// that there is work for both sides while the other has none. Files count, too,
/// each as one.
const WAITING: usize = 8 << 10;
/// A file is divided among threads in pieces of about this size.
const PIECE: u64 = 8 << 20;
/// How far a line start is looked for where a file is to be divided.
const LOOKED_FOR: u64 = 4 << 20;

/// News of a scan.
#[derive(Debug)]
pub enum ScanEvent {
    /// Requests in a file.
    Witnesses {
        /// The file's place in the list that was given.
        file: usize,
        /// The requests, about 2,000 or what is left.
        witnesses: Vec<Witness>,
    },
    /// A file is done, and all its requests were handed over.
    Done {
        /// The file's place in the list that was given.
        file: usize,
        /// What came of it, or why it could not be read. Requests that were
        /// handed over before it failed are sound.
        scanned: Result<Scanned>,
    },
}

/// A scan of many transcripts: the events, as they come.
///
/// At most a few batches wait, and the threads with them. Dropping it ends the
/// threads.
#[derive(Debug)]
pub struct ScanAll {
    events: Option<Receiver<ScanEvent>>,
    threads: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    room: Arc<Room>,
    read: Arc<AtomicU64>,
}

/// The room that is left for events. A channel alone counts those, and they
/// differ a thousandfold in size.
#[derive(Debug, Default)]
struct Room {
    taken: Mutex<usize>,
    left: Condvar,
}

impl Room {
    fn taken(&self) -> MutexGuard<'_, usize> {
        // A panic elsewhere leaves the count as it was.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room, or the scan is to end.
    fn take(&self, size: usize, stop: &AtomicBool) {
        let mut taken = self.taken();
        while *taken > 0 && *taken + size > WAITING && !stop.load(Ordering::Relaxed) {
            taken = self.left.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += size;
    }

    fn give_back(&self, size: usize) {
        *self.taken() -= size;
        self.left.notify_all();
    }

    /// Lets everybody look whether the scan is to end.
    fn wake(&self) {
        // Nobody is between looking and waiting while the lock is held.
        drop(self.taken());
        self.left.notify_all();
    }
}

/// Where the threads put their events.
#[derive(Clone, Debug)]
struct Outbox {
    events: Sender<ScanEvent>,
    room: Arc<Room>,
    stop: Arc<AtomicBool>,
}

impl Outbox {
    /// Puts an event there once there is room; `false` if nobody wants it.
    fn put(&self, event: ScanEvent) -> bool {
        self.room.take(event.size(), &self.stop);
        self.events.send(event).is_ok()
    }
}

impl ScanEvent {
    const fn size(&self) -> usize {
        match self {
            Self::Witnesses { witnesses, .. } => witnesses.len(),
            Self::Done { .. } => 1,
        }
    }
}

/// Scans transcripts, each from its offset, where a line begins, on so many
/// threads. Large files come first, and very large ones are divided.
#[must_use]
pub fn scan_all(files: Vec<(TranscriptFile, u64)>, threads: usize) -> ScanAll {
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|at| files[*at].0.modified);
    let stop = Arc::new(AtomicBool::new(false));
    let read = Arc::new(AtomicU64::new(0));
    let room = Arc::new(Room::default());
    let (sender, events) = channel();
    let outbox = Outbox { events: sender, room: Arc::clone(&room), stop: Arc::clone(&stop) };
    let mut jobs = Vec::with_capacity(files.len());
    for at in order {
        jobs.extend(divide(at, &files[at].0, files[at].1, if threads > 1 { PIECE } else { u64::MAX }));
    }
    let jobs = Arc::new(Jobs { jobs, next: AtomicUsize::new(0) });
    let threads = (0..threads.clamp(1, jobs.jobs.len().max(1)))
        .map(|_| {
            let (jobs, outbox, read) = (jobs.clone(), outbox.clone(), read.clone());
            thread::spawn(move || {
                step_back();
                work(&jobs, &outbox, read);
            })
        })
        .collect();
    ScanAll { events: Some(events), threads, stop, room, read }
}

impl ScanAll {
    /// Bytes read so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The next event, if it comes in time.
    pub(super) fn next_within(&mut self, time: Duration) -> std::result::Result<ScanEvent, RecvTimeoutError> {
        let events = self.events.as_ref().ok_or(RecvTimeoutError::Disconnected)?;
        let event = events.recv_timeout(time)?;
        self.room.give_back(event.size());
        Ok(event)
    }
}

impl Iterator for ScanAll {
    type Item = ScanEvent;

    fn next(&mut self) -> Option<ScanEvent> {
        let event = self.events.as_ref()?.recv().ok()?;
        self.room.give_back(event.size());
        Some(event)
    }
}

impl Drop for ScanAll {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.room.wake();
        self.events = None;
        for thread in self.threads.drain(..) {
            // Its panic has been printed.
            let _ = thread.join();
        }
    }
}

/// Lets whoever takes the requests go first: scanning is the faster part.
fn step_back() {
    // On Linux each thread has a priority of its own.
    #[cfg(target_os = "linux")]
    if let Ok(now) = rustix::process::getpriority_process(None) {
        let _ = rustix::process::setpriority_process(None, now + 5);
    }
}

struct Jobs {
    jobs: Vec<Job>,
    next: AtomicUsize,
}

/// A piece of a file to be scanned.
struct Job {
    file: Arc<Divided>,
    number: usize,
    from: u64,
    until: u64,
}

/// A file, and what came of its pieces.
struct Divided {
    at: usize,
    origin: Origin,
    pieces: Mutex<Vec<Option<Piecewise>>>,
}

/// What came of a piece, and the file that it was read from.
type Piecewise = io::Result<(File, Scanned)>;

/// The pieces of a file. They begin at line starts; where none can be found,
/// the rest stays whole, and whoever scans it will say what is wrong.
fn divide(at: usize, file: &TranscriptFile, from: u64, piece: u64) -> Vec<Job> {
    let mut starts = vec![from];
    if file.size.saturating_sub(from) > piece.saturating_mul(2)
        && let Ok(opened) = File::open(&file.path)
    {
        let mut start = from;
        while file.size - start > piece.saturating_mul(2) {
            match next_line(&opened, start + piece) {
                Ok(Some(next)) if next < file.size => {
                    starts.push(next);
                    start = next;
                }
                _ => break,
            }
        }
    }
    let origin = Origin::of(&file.path);
    let pieces = Mutex::new(starts.iter().map(|_| None).collect());
    let divided = Arc::new(Divided { at, origin, pieces });
    let ends = starts.iter().skip(1).copied().chain([u64::MAX]);
    let jobs = starts.iter().zip(ends).enumerate();
    jobs.map(|(number, (&from, until))| Job { file: divided.clone(), number, from, until }).collect()
}

/// Where the first line begins behind `from`, if that is not far.
fn next_line(file: &File, from: u64) -> io::Result<Option<u64>> {
    let mut buffer = vec![0; 64 << 10];
    let mut at = from;
    while at < from + LOOKED_FOR {
        let n = file.read_at(&mut buffer, at)?;
        if n == 0 {
            break;
        }
        if let Some(end) = memchr(b'\n', &buffer[..n]) {
            return Ok(Some(at + end as u64 + 1));
        }
        at += n as u64;
    }
    Ok(None)
}

fn work(jobs: &Jobs, outbox: &Outbox, read: Arc<AtomicU64>) {
    let stop: &AtomicBool = &outbox.stop;
    let mut scanner = Scanner::counting(read);
    while let Some(job) = jobs.jobs.get(jobs.next.fetch_add(1, Ordering::Relaxed)) {
        let path = &job.file.origin.path;
        let scanned = File::open(path).and_then(|file| {
            let scanned = scan(&mut scanner, &file, job, outbox)?;
            Ok((file, scanned))
        });
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut pieces = job.file.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        pieces[job.number] = Some(scanned);
        if pieces.iter().all(Option::is_some) {
            let scanned = whole(pieces.drain(..).flatten())
                .map_err(|e| Error::io(format!("cannot read {}", path.display()), e));
            if !outbox.put(ScanEvent::Done { file: job.file.at, scanned }) {
                return;
            }
        }
    }
}

fn scan(scanner: &mut Scanner, file: &File, job: &Job, outbox: &Outbox) -> io::Result<Scanned> {
    let stop: &AtomicBool = &outbox.stop;
    let piece = Piece { file, at: job.from, until: job.until };
    let mut witnesses = Vec::new();
    let hand_over = |witnesses: Vec<Witness>| {
        let _span = trace_span!("hand over").entered();
        if !witnesses.is_empty() && !outbox.put(ScanEvent::Witnesses { file: job.file.at, witnesses }) {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let scanned =
        scanner.scan_reader(&mut Stoppable { piece, stop }, &job.file.origin, job.from, &mut |witness| {
            witnesses.push(witness);
            if witnesses.len() == BATCH {
                hand_over(std::mem::take(&mut witnesses));
            }
        });
    hand_over(witnesses);
    scanned
}

/// Puts together what came of the pieces of a file.
fn whole(pieces: impl Iterator<Item = Piecewise>) -> io::Result<Scanned> {
    let mut all: Option<(File, Scanned)> = None;
    for piece in pieces {
        let (file, piece) = piece?;
        let Some((_, all)) = &mut all else {
            all = Some((file, piece));
            continue;
        };
        all.end = piece.end;
        all.usage_lines += piece.usage_lines;
        all.skipped += piece.skipped;
        all.problem_count += piece.problem_count;
        all.problems.extend(piece.problems);
        all.problems.truncate(PROBLEMS);
    }
    let Some((file, mut all)) = all else { return Ok(Scanned::default()) };
    finish(&file, &mut all)?;
    Ok(all)
}

/// A reader that ends when it is told to.
struct Stoppable<'a> {
    piece: Piece<'a>,
    stop: &'a AtomicBool,
}

impl Read for Stoppable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) { Ok(0) } else { self.piece.read(buffer) }
    }
}
