//! Other ledgers and exports.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use claude_cli::{
    Error, Result,
    store::{Batch, Entry, Ledger, LedgerReader, Record, RowQuery, Run, Simulated, SqliteLedger},
};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::unreadable;
use crate::context::Context;

/// Entries of one commit.
const COMMIT: usize = 4096;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What was merged.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) files: u64,
    pub(super) runs: u64,
    pub(super) requests: u64,
    batch: Batch,
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

/// A line of an export: a run, or a request with its records; other fields are
/// for other readers.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    run: Option<Box<Run>>,
    records: Vec<Record>,
}

impl Merged {
    /// Takes in another ledger.
    pub(super) fn ledger(&mut self, path: &Path, into: &mut SqliteLedger) -> Result<()> {
        if same_file(path, into.path()) {
            return Err(Error::Invalid(format!("{} is the ledger itself", path.display())));
        }
        let other =
            SqliteLedger::open_read_only(path)?.ok_or_else(|| unreadable(path, io::ErrorKind::NotFound.into()))?;
        let mut everything = RowQuery::default();
        everything.simulated = Simulated::Include;
        other.export(&everything, &mut |entry| match entry {
            Entry::Run(run) => self.run(*run, into),
            Entry::Request(_, records) => self.records(records, into),
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
        let reader = BufReader::with_capacity(1 << 18, opened(path, gzip).map_err(|e| unreadable(path, e))?);
        for (number, line) in (1_u64..).zip(reader.split(b'\n')) {
            let line = line.map_err(|e| unreadable(path, e))?;
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<Line>(&line) {
                Ok(line) => {
                    if let Some(run) = line.run {
                        self.run(*run, into)?;
                    }
                    self.records(line.records, into)?;
                }
                Err(e) => context.note(&format!("warning: {}:{number}: left out: {e}", path.display())),
            }
        }
        self.files += 1;
        self.commit(into)
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

fn same_file(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(a).is_some() && real(a) == real(b)
}
