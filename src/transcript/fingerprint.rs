//! Telling a file that was appended to from one that was rewritten.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use xxhash_rust::xxh3::xxh3_64;

/// How much of the start of a file is looked at.
const HEAD: u64 = 4096;
/// How much before the end of what was read is looked at.
const TAIL: u64 = 1024;

/// What stood at the start of a file, and at the end of what was read of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    head: u64,
    tail: u64,
}

impl Fingerprint {
    /// The fingerprint of what stands before `end`.
    ///
    /// # Errors
    /// If the file cannot be read, or is shorter.
    pub fn of(file: &File, end: u64) -> io::Result<Self> {
        let hash = |from: u64, to: u64| -> io::Result<u64> {
            let mut buffer = [0; HEAD as usize];
            let piece = &mut buffer[..(to - from) as usize];
            file.read_exact_at(piece, from)?;
            Ok(xxh3_64(piece))
        };
        Ok(Self { head: hash(0, end.min(HEAD))?, tail: hash(end.saturating_sub(TAIL), end)? })
    }

    /// As bytes, to be kept.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.head.to_le_bytes());
        bytes[8..].copy_from_slice(&self.tail.to_le_bytes());
        bytes
    }

    /// From the bytes that were kept; `None` if there are not 16.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, tail) = bytes.split_at_checked(8)?;
        Some(Self {
            head: u64::from_le_bytes(head.try_into().ok()?),
            tail: u64::from_le_bytes(tail.try_into().ok()?),
        })
    }
}

/// Whether what was read of `file`, up to `end`, still stands there, so that
/// only what follows is new.
///
/// # Errors
/// If the file cannot be read. One that is shorter than `end` was rewritten,
/// which is no error.
pub fn is_continuation(file: &Path, end: u64, fingerprint: Fingerprint) -> io::Result<bool> {
    match Fingerprint::of(&File::open(file)?, end) {
        Ok(found) => Ok(found == fingerprint),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}
