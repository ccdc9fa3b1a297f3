//! The request log: a JSON line for every request, without secrets.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

use crate::{Error, Result};

/// A line of the log. Times are UTC milliseconds, or milliseconds from the request.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Entry {
    pub(super) n: u64,
    pub(super) time: i64,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) status: u16,
    pub(super) request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    pub(super) stream: bool,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_token_ms: Option<f64>,
    /// The first piece that is no thinking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_text_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_token_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end_ms: Option<f64>,
    /// Pieces of content that were sent.
    pub(super) pieces: usize,
    /// When each of them was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) token_ms: Vec<f64>,
    /// Whether the client was sent all of it.
    pub(super) complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) messages: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) system: Option<serde_json::Value>,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    file: Option<Mutex<File>>,
}

impl Log {
    pub(super) fn open(path: Option<&Path>) -> Result<Self> {
        let file = path
            .map(|path| {
                OpenOptions::new()
                    .create(true)
                    .append(true)
                    .mode(0o600)
                    .open(path)
                    .map_err(|e| Error::io(format!("cannot write the log {}", path.display()), e))
            })
            .transpose()?;
        Ok(Self { file: file.map(Mutex::new) })
    }

    /// Writes a line in one piece. A full disk must not stop the server.
    pub(super) fn write(&self, entry: &Entry) {
        if let Some(file) = &self.file
            && let Ok(mut line) = serde_json::to_vec(entry)
        {
            line.push(b'\n');
            let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
        }
    }
}
