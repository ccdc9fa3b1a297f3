//! The file of a cache: made whole or not at all, replaced when it is damaged.
//!
//! What SQLite keeps beside a database (its write-ahead log and the log's index)
//! is found by name. So that nobody takes what belongs to a deleted file for
//! that of a new one, a file is made aside and put in place under a lock, after
//! such remains are gone; and who has one open looks at each use whether it is
//! still the one in place.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{FlockOperation, flock};

use super::table;
use crate::store::files::create_folder;

/// What tells a cache from other databases: "clca".
const APPLICATION: i64 = 0x636c_6361;
/// Counted up whenever the tables change; an older file is replaced.
const VERSION: i64 = 2;
/// How long to wait for another process that writes.
const PATIENCE: Duration = Duration::from_secs(2);
/// So large the write-ahead log stays after it was put into the file.
const LOG_BYTES: i64 = 4 << 20;

/// Which file it is, whatever its name.
pub(super) type Identity = (u64, u64);

/// An open cache file.
#[derive(Debug)]
pub(super) struct CacheFile {
    pub(super) db: Connection,
    identity: Identity,
}

/// Why a cache file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("{why}")]
    Damaged { why: String, identity: Identity },
    #[error("it was written by a newer claude-cli (version {0}, this program knows {VERSION})")]
    Newer(i64),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl CacheFile {
    /// Opens the file at `path`, and makes it where there is none.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        const TRIES: u32 = 20;
        for _ in 0..TRIES {
            let Some(identity) = identify(path)? else {
                create(path)?;
                continue;
            };
            match Self::open_existing(path, identity) {
                // Deleted or replaced at this very moment.
                Ok(file) if file.is_gone(path) => {}
                Err(_) if identify(path)? != Some(identity) => {}
                opened => return opened,
            }
        }
        Err(io::Error::other("it is deleted as often as it is made").into())
    }

    fn open_existing(path: &Path, identity: Identity) -> Result<Self, OpenError> {
        let opened = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let db = Connection::open_with_flags(path, flags)?;
            configure(&db)?;
            let number = |pragma: &str| db.query_row(pragma, [], |row| row.get::<_, i64>(0));
            let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
            Ok((db, application, version))
        };
        match opened() {
            Ok((db, APPLICATION, VERSION)) => Ok(Self { db, identity }),
            Ok((_, APPLICATION, version)) if version > VERSION => Err(OpenError::Newer(version)),
            Ok((_, APPLICATION, _)) => {
                Err(OpenError::Damaged { why: "it is of an older version".into(), identity })
            }
            Ok(_) => Err(OpenError::Damaged { why: "it is no cache".into(), identity }),
            Err(e) if is_damage(&e) => Err(OpenError::Damaged { why: e.to_string(), identity }),
            Err(e) => Err(e.into()),
        }
    }

    /// Whether this is no longer the file at `path`.
    pub(super) fn is_gone(&self, path: &Path) -> bool {
        !matches!(identify(path), Ok(Some(identity)) if identity == self.identity)
    }

    pub(super) fn close(self) -> Identity {
        // Closing cannot be tried again, and the file is about to go.
        let _ = self.db.close();
        self.identity
    }
}

/// Whether an error says that the file does not hold what it should.
pub(super) fn is_damage(e: &rusqlite::Error) -> bool {
    match e {
        rusqlite::Error::SqliteFailure(..) => {
            // What is missing or does not fit comes as SQLITE_ERROR, constraints and mismatches.
            let code = e.sqlite_error_code();
            matches!(
                code,
                Some(
                    ErrorCode::DatabaseCorrupt
                        | ErrorCode::NotADatabase
                        | ErrorCode::ConstraintViolation
                        | ErrorCode::TypeMismatch
                        | ErrorCode::Unknown
                )
            )
        }
        rusqlite::Error::SqlInputError { .. }
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => true,
        _ => false,
    }
}

fn identify(path: &Path) -> io::Result<Option<Identity>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some((metadata.dev(), metadata.ino()))),
        Ok(_) => Err(io::Error::other("it is no file")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Every connection, however short, behaves the same.
fn configure(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(PATIENCE)?;
    // A crash of the machine may damage the file; then it is replaced.
    db.pragma_update(None, "synchronous", "OFF")?;
    db.pragma_update(None, "journal_size_limit", LOG_BYTES)
}

/// Makes the file, unless someone else is faster.
fn create(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        create_folder(folder)?;
    }
    locked(path, || match identify(path)? {
        Some(_) => Ok(()),
        None => put_in_place(path),
    })
}

/// Replaces a damaged file, unless someone else has done so.
pub(super) fn replace(path: &Path, damaged: Identity) -> Result<(), OpenError> {
    locked(path, || {
        if identify(path)? == Some(damaged) {
            remove(path)?;
            put_in_place(path)?;
        }
        Ok(())
    })?;
    Ok(())
}

fn put_in_place(path: &Path) -> io::Result<()> {
    for suffix in ["-wal", "-shm", "-journal"] {
        remove(&beside(path, suffix))?;
    }
    let aside = beside(path, &format!(".{}.part", uuid::Uuid::now_v7()));
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    let made = make(&aside).map_err(io::Error::other).and_then(|()| fs::rename(&aside, path));
    if made.is_err() {
        let _ = fs::remove_file(&aside);
    }
    made
}

fn make(path: &Path) -> rusqlite::Result<()> {
    let db = Connection::open(path)?;
    configure(&db)?;
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    db.execute_batch(table::SCHEMA)?;
    db.pragma_update(None, "application_id", APPLICATION)?;
    db.pragma_update(None, "user_version", VERSION)?;
    // Closed for good, so that it is one file when it is moved.
    db.close().map_err(|(_, e)| e)
}

fn locked<T>(path: &Path, what: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let lock =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(beside(path, ".lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    what()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
