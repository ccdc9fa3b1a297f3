//! Other ledgers and exports.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use claude_cli::{
    Error, Result,
    analytics::{EXPORT_SCHEMA, iso},
    store::{Batch, Entry, Ledger, LedgerReader, Record, RowQuery, Run, Simulated, SqliteLedger},
};
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, de::IgnoredAny};

use super::unreadable;
use crate::context::Context;

/// Entries of one commit.
const COMMIT: usize = 4096;
/// A line that is longer is no line of an export.
const LONGEST_LINE: u64 = 64 << 20;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What was merged.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) files: u64,
    pub(super) runs: u64,
    pub(super) requests: u64,
    /// What could not be read of exports, the first of them.
    pub(super) problems: Vec<Problem>,
    pub(super) problem_count: u64,
    batch: Batch,
}

/// Something in an export that could not be read.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) path: PathBuf,
    /// 1-based number of the line.
    pub(super) line: u64,
    pub(super) message: String,
}

/// The first bytes of a file, unpacked.
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
    pub(super) gzip: bool,
}

pub(super) fn head(path: &Path) -> io::Result<Head> {
    const ENOUGH: u64 = 64;
    let mut magic = Vec::new();
    File::open(path)?.take(2).read_to_end(&mut magic)?;
    let gzip = magic == GZIP;
    let mut bytes = Vec::new();
    opened(path, gzip)?.take(ENOUGH).read_to_end(&mut bytes)?;
    Ok(Head { bytes, gzip })
}

fn opened(path: &Path, gzip: bool) -> io::Result<Box<dyn Read>> {
    let file = File::open(path)?;
    Ok(if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// A line of an export: its header, a run, a request with its records, or its
/// end; other fields are for other readers.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    schema: Option<String>,
    pruned_before: Option<String>,
    run: Option<Box<Run>>,
    request: Option<IgnoredAny>,
    records: Vec<Record>,
    end: Option<Counts>,
}

impl Line {
    fn is_plausible(&self) -> bool {
        self.run.as_ref().is_none_or(|run| run.is_plausible()) && self.records.iter().all(Record::is_plausible)
    }
}

/// How many lines and records there are, or were found.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
struct Counts {
    runs: u64,
    requests: u64,
    records: u64,
}

/// The export that is being read; a file may hold several, one after the other.
#[derive(Default)]
struct Part {
    found: Counts,
    /// Lines were left out.
    damaged: bool,
    ended: bool,
}

impl Merged {
    /// Takes in another ledger.
    pub(super) fn ledger(&mut self, path: &Path, into: &mut SqliteLedger, context: &Context) -> Result<()> {
        if same_file(path, into.path()) {
            return Err(Error::Invalid(format!("{} is the ledger itself", path.display())));
        }
        let other =
            SqliteLedger::open_read_only(path)?.ok_or_else(|| unreadable(path, io::ErrorKind::NotFound.into()))?;
        if let Some(before) = other.pruned_before()? {
            tell_pruned(path, &iso(before), context);
        }
        let mut everything = RowQuery::default();
        everything.simulated = Simulated::Include;
        other.export(&everything, &mut |entry| match entry {
            Entry::Run(run) => self.run(*run, into),
            Entry::Request(_, records) | Entry::Uncounted(records) => self.records(records, into),
            _ => Ok(()),
        })?;
        self.files += 1;
        self.commit(into)
    }

    /// Takes in an export. A line that cannot be read is told of and left out.
    pub(super) fn export(
        &mut self,
        path: &Path,
        gzip: bool,
        into: &mut SqliteLedger,
        context: &Context,
    ) -> Result<()> {
        let mut reader = BufReader::with_capacity(1 << 18, opened(path, gzip).map_err(|e| unreadable(path, e))?);
        let mut part = Part::default();
        let mut bytes = Vec::new();
        let mut number = 0;
        loop {
            number += 1;
            bytes.clear();
            match (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut bytes) {
                Ok(0) => break,
                Ok(n) if n as u64 == LONGEST_LINE && bytes.last() != Some(&b'\n') => {
                    part.damaged = true;
                    self.problem(path, number, "left out: the line is too long for one of an export", context);
                    if reader.skip_until(b'\n').is_err() {
                        break;
                    }
                    continue;
                }
                Ok(_) => {}
                Err(e) => {
                    part.damaged = true;
                    self.problem(path, number, &format!("cannot be read from here on: {e}"), context);
                    break;
                }
            }
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<Line>(&bytes) {
                Ok(line) if !line.is_plausible() => {
                    part.damaged = true;
                    self.problem(path, number, "left out: it says what cannot be of times or figures", context);
                }
                Ok(line) => self.line(line, &mut part, (path, number), into, context)?,
                Err(e) => {
                    part.damaged = true;
                    self.problem(path, number, &format!("left out: {e}"), context);
                }
            }
        }
        self.close(&part, (path, number), context);
        self.files += 1;
        self.commit(into)
    }

    fn line(
        &mut self,
        line: Line,
        part: &mut Part,
        at: (&Path, u64),
        into: &mut SqliteLedger,
        context: &Context,
    ) -> Result<()> {
        if let Some(schema) = line.schema {
            if schema != EXPORT_SCHEMA {
                let path = at.0.display();
                return Err(Error::Invalid(format!(
                    "{path}: its schema is {schema}, this program knows {EXPORT_SCHEMA}: upgrade claude-cli"
                )));
            }
            if at.1 > 1 {
                self.close(part, at, context);
                *part = Part::default();
            }
            if let Some(before) = line.pruned_before {
                tell_pruned(at.0, &before, context);
            }
        }
        if let Some(end) = line.end {
            part.ended = true;
            if end != part.found && !part.damaged {
                let message = format!(
                    "the export says that it has {} runs, {} requests and {} records, but {}, {} and {} were found",
                    end.runs, end.requests, end.records, part.found.runs, part.found.requests, part.found.records
                );
                self.problem(at.0, at.1, &message, context);
            }
        }
        part.found.requests += u64::from(line.request.is_some());
        part.found.records += line.records.len() as u64;
        if let Some(run) = line.run {
            part.found.runs += 1;
            self.run(*run, into)?;
        }
        self.records(line.records, into)
    }

    /// Says so if an export has no end.
    fn close(&mut self, part: &Part, at: (&Path, u64), context: &Context) {
        if !part.ended {
            let Counts { runs, requests, .. } = part.found;
            let message = format!(
                "the export ends early: {runs} runs and {requests} requests were read, and what came after them is missing"
            );
            self.problem(at.0, at.1, &message, context);
        }
    }

    fn problem(&mut self, path: &Path, line: u64, message: &str, context: &Context) {
        self.problem_count += 1;
        if self.problem_count <= super::TOLD as u64 {
            context.note(&format!("warning: {}:{line}: {message}", path.display()));
        }
        if self.problems.len() < super::LISTED {
            self.problems.push(Problem { path: path.to_owned(), line, message: message.to_owned() });
        }
    }

    fn run(&mut self, run: Run, into: &mut SqliteLedger) -> Result<()> {
        self.runs += 1;
        self.batch.runs.push(run);
        self.commit_if_full(into)
    }

    fn records(&mut self, records: Vec<Record>, into: &mut SqliteLedger) -> Result<()> {
        self.requests += u64::from(!records.is_empty());
        self.batch.records.extend(records);
        self.commit_if_full(into)
    }

    fn commit_if_full(&mut self, into: &mut SqliteLedger) -> Result<()> {
        if self.batch.runs.len() + self.batch.records.len() < COMMIT { Ok(()) } else { self.commit(into) }
    }

    fn commit(&mut self, into: &mut SqliteLedger) -> Result<()> {
        into.append(&std::mem::take(&mut self.batch))
    }
}

fn tell_pruned(path: &Path, before: &str, context: &Context) {
    context.note(&format!(
        "{}: rows before {before} were pruned from that ledger, and cannot be merged",
        path.display()
    ));
}

pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(a).is_some() && real(a) == real(b)
}
