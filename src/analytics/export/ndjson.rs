//! The export that other ledgers take in: one JSON object a line.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::{ExportOutput, ExportWriter, Exported, row::Flat};
use crate::{
    Error, Result,
    analytics::{MemoryOptimizer, iso},
    store::{CostMode, Entry, Record, RowQuery, Run, Simulated},
};

/// The `schema` in the first line of an export.
pub const EXPORT_SCHEMA: &str = "claude-cli/export@1";

/// What the first line says of an export.
#[derive(Clone, Debug)]
pub struct ExportHeader {
    /// What was asked for.
    pub query: RowQuery,
    /// Which cost of a request is its `cost_usd`.
    pub cost: CostMode,
    /// Rows of days before this time (UTC milliseconds) were dropped from the
    /// ledger, and are not in the export.
    pub pruned_before: Option<i64>,
}

impl ExportHeader {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "schema": EXPORT_SCHEMA,
            "program": concat!("claude-cli ", env!("CARGO_PKG_VERSION")),
            "since": self.query.since.map(iso),
            "until": self.query.until.map(iso),
            "filter": self.query.filter,
            "include_simulated": self.query.simulated == Simulated::Include,
            "cost_mode": match self.cost {
                CostMode::Auto => "auto",
                CostMode::Calculate => "calculate",
                CostMode::Display => "display",
            },
            "pruned_before": self.pruned_before.map(iso),
        })
    }
}

/// A header, a line per run, a line per row that counts with the records of
/// it, and a last line that says how many there are.
#[derive(Debug)]
pub struct NdjsonExport {
    out: ExportOutput,
    cost: CostMode,
    memory: MemoryOptimizer,
    written: Exported,
}

#[derive(Serialize)]
struct RunLine<'a> {
    run: &'a Run,
}

#[derive(Serialize)]
struct RequestLine<'a> {
    request: Flat<'a>,
    records: &'a [Record],
}

#[derive(Serialize)]
struct RecordsLine<'a> {
    records: &'a [Record],
}

impl NdjsonExport {
    /// Begins an export with its header.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn begin(out: ExportOutput, header: &ExportHeader, memory: &MemoryOptimizer) -> Result<Self> {
        let written = Exported { files: 1, ..Exported::default() };
        let mut export = Self { out, cost: header.cost, memory: memory.clone(), written };
        export.line(&header.to_json())?;
        Ok(export)
    }

    fn line(&mut self, line: &impl Serialize) -> Result<()> {
        let mut text = self.memory.buffer();
        serde_json::to_writer(&mut *text, line)
            .map_err(io::Error::from)
            .and_then(|()| {
                text.push(b'\n');
                self.out.write_all(&text)
            })
            .map_err(|e| Error::io("cannot write the export", e))
    }
}

impl ExportWriter for NdjsonExport {
    fn entry(&mut self, entry: &Entry) -> Result<()> {
        match entry {
            Entry::Run(run) => {
                self.written.runs += 1;
                self.line(&RunLine { run })
            }
            Entry::Request(row, records) => {
                self.written.requests += 1;
                self.written.records += records.len() as u64;
                self.line(&RequestLine { request: Flat::of(row, self.cost), records })
            }
            Entry::Uncounted(records) if records.is_empty() => Ok(()),
            Entry::Uncounted(records) => {
                self.written.records += records.len() as u64;
                self.line(&RecordsLine { records })
            }
        }
    }

    fn finish(mut self: Box<Self>) -> Result<Exported> {
        let Exported { runs, requests, records, .. } = self.written;
        self.line(&json!({ "end": { "runs": runs, "requests": requests, "records": records } }))?;
        self.out.finish()?;
        Ok(self.written)
    }
}
