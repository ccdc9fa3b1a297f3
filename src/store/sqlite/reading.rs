//! Opening a ledger only to read it, also where nothing can be written.

use std::{fs, os::unix::ffi::OsStrExt, path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema::{self, MigrateError};

const READ_ONLY: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Opens the ledger at `path`, waiting no longer than `wait` for a lock, and
/// says whether it is of the current version.
pub(crate) fn open(path: &Path, wait: Duration) -> Result<(Connection, bool), MigrateError> {
    let try_open = || {
        let db = Connection::open_with_flags(path, READ_ONLY)?;
        db.busy_timeout(wait)?;
        let current = schema::is_current(&db)?;
        Ok((db, current))
    };
    match try_open() {
        Err(MigrateError::Sqlite(e)) if is_unwritable(&e) && !has_log(path) => open_as_it_is(path),
        opened => opened,
    }
}

/// Even a reader makes files beside the ledger, which is not to be had on a
/// read-only or full disk. Where there is no write-ahead log, the ledger can do
/// without: whoever writes it makes one.
fn open_as_it_is(path: &Path) -> Result<(Connection, bool), MigrateError> {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' => uri.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    let db = Connection::open_with_flags(uri, READ_ONLY.union(OpenFlags::SQLITE_OPEN_URI))?;
    let current = schema::is_current(&db)?;
    Ok((db, current))
}

fn is_unwritable(e: &rusqlite::Error) -> bool {
    matches!(
        e.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::DiskFull | ErrorCode::SystemIoFailure)
    )
}

/// Whether there is a write-ahead log with anything in it.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    fs::metadata(log).is_ok_and(|metadata| metadata.len() > 0)
}
