//! How far a transcript has been read.

use serde::{Deserialize, Serialize};

/// A transcript and how far it has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Its path, as the bytes that the operating system knows it by.
    pub path: Vec<u8>,
    /// The device it is on.
    pub device: u64,
    /// Its number on the device: it stays the same when the file is moved.
    pub inode: u64,
    /// Its size when it was read, in bytes.
    pub size: u64,
    /// When it had been changed, in nanoseconds since 1970 UTC.
    pub modified: i64,
    /// Everything before this offset has been read.
    pub read_to: u64,
    /// Tells whether what was read still stands there.
    pub fingerprint: Vec<u8>,
}
