//! A JSON line for each request, written by a thread of its own: a disk that is
//! slow for a moment must not delay what is due.

use std::{
    fs::OpenOptions,
    io::{BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{
        Mutex, PoisonError,
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use serde_json::json;

use super::sample::Sample;
use crate::{Error, Result};

/// Lines that may wait for the disk. More would take memory without a bound, so
/// then requests wait for it, and the generator's lag tells.
const WAITING: usize = 1 << 16;

/// The file of samples, if there is one.
#[derive(Debug, Default)]
pub(super) struct Samples {
    lines: Option<SyncSender<Vec<u8>>>,
    writer: Mutex<Option<JoinHandle<std::io::Result<()>>>>,
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

impl Samples {
    pub(super) fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .map_err(|e| Error::io(format!("cannot write the samples {}", path.display()), e))?;
        let (lines, all) = sync_channel::<Vec<u8>>(WAITING);
        let writer = std::thread::spawn(move || {
            let mut file = BufWriter::new(file);
            for line in all {
                file.write_all(&line)?;
            }
            file.flush()
        });
        Ok(Self { lines: Some(lines), writer: Mutex::new(Some(writer)) })
    }

    /// Times are milliseconds from the begin of the run.
    pub(super) fn write(&self, sample: &Sample) {
        let Some(lines) = &self.lines else { return };
        let line = json!({
            "n": sample.n,
            "intended_ms": millis(sample.intended),
            "sent_ms": millis(sample.sent),
            "connect_ms": sample.connect.filter(|time| *time != Duration::MAX).map(millis),
            "first_piece_ms": sample.first.map(millis),
            "first_token_ms": sample.first_content.map(millis),
            "last_token_ms": sample.last.map(millis),
            "end_ms": millis(sample.end),
            "outcome": sample.outcome,
            "status": sample.status,
            "attempts": sample.attempts,
            "pieces": sample.gaps.len() + usize::from(sample.first.is_some()),
            "input_tokens": sample.input_tokens,
            "output_tokens": sample.output_tokens,
            "cost_nanos": sample.cost,
            "bytes": sample.bytes,
            "request_id": sample.request_id,
        });
        let mut line = line.to_string().into_bytes();
        line.push(b'\n');
        // If the writer has failed, `finish` tells.
        let _ = lines.send(line);
    }

    /// Waits until all of them are written.
    pub(super) fn finish(mut self) -> Result<()> {
        drop(self.lines.take());
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        match writer.map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(e))) => Err(Error::io("cannot write the samples", e)),
            Some(Err(_)) => Err(Error::Invalid("the samples were not written: their writer failed".to_owned())),
        }
    }
}
