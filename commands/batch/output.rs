//! The lines that come out of a batch, in the order that is wanted.

use std::{
    collections::BTreeMap,
    io::{self, Write, stdout},
};

use serde_json::Value;

/// So many lines may wait for an earlier one, and no prompt further on starts.
const WINDOW: usize = 1024;

/// Writes results: in the order of their lines, or as they come.
#[derive(Debug)]
pub(super) struct Output {
    ordered: bool,
    /// Lines that were begun and not written: their results once they are there,
    /// `None` inside for those that are left out.
    waiting: BTreeMap<u64, Option<Option<Value>>>,
}

impl Output {
    pub(super) const fn new(ordered: bool) -> Self {
        Self { ordered, waiting: BTreeMap::new() }
    }

    /// Whether a further line may begin.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WINDOW
    }

    /// A line begins.
    pub(super) fn begin(&mut self, index: u64) {
        self.waiting.insert(index, None);
    }

    /// A line has ended, with something to write or not.
    pub(super) fn end(&mut self, index: u64, result: Option<Value>) -> io::Result<()> {
        if !self.ordered {
            self.waiting.remove(&index);
            return result.map_or(Ok(()), |result| write(&[result]));
        }
        self.waiting.insert(index, Some(result));
        let mut ready = Vec::new();
        while let Some(first) = self.waiting.first_entry()
            && first.get().is_some()
        {
            ready.extend(first.remove().flatten());
        }
        write(&ready)
    }
}

fn write(results: &[Value]) -> io::Result<()> {
    if results.is_empty() {
        return Ok(());
    }
    let mut lines = Vec::new();
    for result in results {
        serde_json::to_writer(&mut lines, result)?;
        lines.push(b'\n');
    }
    // In one piece: whoever kills us finds whole lines.
    let mut out = stdout().lock();
    out.write_all(&lines)?;
    out.flush()
}
