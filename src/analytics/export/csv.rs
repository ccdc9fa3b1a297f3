//! The figures of every row as comma-separated values.

use std::{io, mem};

use csv::{Terminator, Writer, WriterBuilder};

use super::{ExportOutput, ExportWriter, Exported, row::Flat};
use crate::{
    Error, Result,
    pricing::format_usd,
    store::{CostMode, Entry},
};

/// In their order, which stays: new ones would come last.
const COLUMNS: [&str; 29] = [
    "time",
    "kind",
    "message_id",
    "request_id",
    "session_id",
    "run_id",
    "model",
    "project",
    "branch",
    "agent",
    "source",
    "user",
    "host",
    "tags",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "total_tokens",
    "web_searches",
    "cost_usd",
    "cost_nanos",
    "cost_reported_nanos",
    "cost_calculated_nanos",
    "duration_ms",
    "ttft_ms",
    "error",
    "simulated",
];

/// A header and a line per row. What is unknown is empty; tags are separated by
/// commas within their column.
#[derive(Debug)]
pub struct CsvExport {
    out: Writer<ExportOutput>,
    cost: CostMode,
    written: Exported,
}

fn failed(e: impl Into<io::Error>) -> Error {
    Error::io("cannot write the export", e.into())
}

impl CsvExport {
    /// Begins an export with its header.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn begin(out: ExportOutput, cost: CostMode) -> Result<Self> {
        let mut out = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        out.write_record(COLUMNS).map_err(failed)?;
        Ok(Self { out, cost, written: Exported { files: 1, ..Exported::default() } })
    }
}

impl ExportWriter for CsvExport {
    fn entry(&mut self, entry: &Entry) -> Result<()> {
        let Entry::Request(row, _) = entry else { return Ok(()) };
        self.written.requests += 1;
        let mut flat = Flat::of(row, self.cost);
        let time = mem::take(&mut flat.time);
        let tags = flat.tags.join(",");
        let number = |n: Option<i64>| n.map_or_else(String::new, |n| n.to_string());
        let numbers = [
            Some(flat.input_tokens),
            Some(flat.output_tokens),
            Some(flat.cache_read_tokens),
            Some(flat.cache_write_5m_tokens),
            Some(flat.cache_write_1h_tokens),
            Some(flat.total_tokens),
            Some(flat.web_searches),
        ]
        .map(number);
        let usd = flat.cost_nanos.map_or_else(String::new, |nanos| format_usd(nanos, 0, true));
        let money = [flat.cost_nanos, flat.cost_reported_nanos, flat.cost_calculated_nanos].map(number);
        let times = [flat.duration_ms, flat.ttft_ms].map(number);
        let text = |text: Option<&'_ str>| text.unwrap_or_default().to_owned();
        let texts = [
            time,
            flat.kind.to_owned(),
            text(flat.message_id),
            text(flat.request_id),
            text(flat.session_id),
            text(flat.run_id),
            text(flat.model),
            text(flat.project),
            text(flat.branch),
            text(flat.agent),
            flat.source.to_owned(),
            text(flat.user),
            text(flat.host),
            tags,
        ];
        let last = [text(flat.error), flat.simulated.to_string()];
        let fields = texts.iter().chain(&numbers).chain([&usd]).chain(&money).chain(&times).chain(&last);
        self.out.write_record(fields).map_err(failed)
    }

    fn finish(self: Box<Self>) -> Result<Exported> {
        let out = self.out.into_inner().map_err(|e| failed(e.into_error()))?;
        out.finish()?;
        Ok(self.written)
    }
}
