//! What an earlier run of a batch has answers to.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::Context as _;
use serde::Deserialize;

use super::input::Line;

/// Lines that were answered, by their id, else by their number, and the hash of
/// what was asked.
#[derive(Debug, Default)]
pub(super) struct Done {
    by_id: HashMap<String, String>,
    by_index: HashMap<u64, String>,
}

#[derive(Deserialize)]
struct Earlier {
    index: u64,
    #[serde(default)]
    custom_id: Option<String>,
    #[serde(default)]
    input_hash: Option<String>,
    exit: u8,
}

impl Done {
    /// Reads an earlier output. Also says how many of its lines were none: a
    /// run that was killed leaves half a line.
    pub(super) fn read(path: &Path) -> anyhow::Result<(Self, u64)> {
        let context = || format!("cannot read the earlier output {}", path.display());
        let mut file = BufReader::new(File::open(path).with_context(context)?);
        let (mut done, mut bad) = (Self::default(), 0);
        let mut text = Vec::new();
        while file.read_until(b'\n', &mut text).with_context(context)? > 0 {
            match serde_json::from_slice::<Earlier>(&text) {
                Ok(Earlier { index, custom_id, input_hash: Some(hash), exit: 0 }) => {
                    match custom_id {
                        Some(id) => done.by_id.insert(id, hash),
                        None => done.by_index.insert(index, hash),
                    };
                }
                Ok(_) => {}
                Err(_) if text.trim_ascii().is_empty() => {}
                Err(_) => bad += 1,
            }
            text.clear();
        }
        Ok((done, bad))
    }

    /// Whether a line was answered, and still asks the same.
    pub(super) fn has(&self, line: &Line) -> bool {
        let hash = match &line.custom_id {
            Some(id) => self.by_id.get(id),
            None => self.by_index.get(&line.index),
        };
        hash.is_some_and(|hash| *hash == line.hash)
    }
}
