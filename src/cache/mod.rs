//! An on-disk cache with lifetimes, shared by all processes of a user.
//!
//! [`DiskCache`] keeps opaque bytes under a kind and a [`CacheKey`], within a
//! bound on their bytes: where there is no more room, what was used least
//! recently goes. It serves answers of prompts as well as reports, and knows
//! nothing of either.
//!
//! It is only a cache: no operation fails. A file that is damaged is replaced,
//! one of a newer program is left alone and not used, and what happened is told
//! by [`DiskCache::take_warning`]. Deleting the file or its folder is safe at
//! any time, also while processes use it: they notice, and start a new one.
//! Whatever becomes of the file, a value comes back as it was put or not at all:
//! each has a checksum over itself, its key and its times.

mod counts;
mod file;
mod key;
mod pack;
mod table;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use self::{
    counts::Pending,
    file::{CacheFile, OpenError},
};
pub use self::{
    counts::{CacheCounts, CacheStats},
    key::{CacheKey, KeyBuilder},
};
use crate::store::size_on_disk;

/// How many bytes a cache keeps by default: 256 MiB.
pub const DEFAULT_CACHE_BYTES: u64 = 256 << 20;

/// How fresh a value is to be: on [`put`](DiskCache::put), for how long it is
/// good, and on [`get`](DiskCache::get), how old it may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness<'a> {
    /// The age in time; `None` for any.
    pub age: Option<Duration>,
    /// What the value was made from, such as a generation: another stamp is
    /// another state of the world, and what was put under it is stale.
    pub stamp: &'a [u8],
}

impl Freshness<'_> {
    /// Good for so long, whatever becomes of the world.
    #[must_use]
    pub const fn within(age: Duration) -> Self {
        Self { age: Some(age), stamp: &[] }
    }
}

impl<'a> Freshness<'a> {
    /// Good for as long as the stamp stays.
    #[must_use]
    pub const fn of_stamp(stamp: &'a [u8]) -> Self {
        Self { age: None, stamp }
    }
}

/// What a cache says to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lookup {
    /// It is there, and fresh.
    Hit(CachedValue),
    /// It is there, and no longer good.
    Stale(Staleness),
    /// It is not there.
    Miss,
}

impl Lookup {
    /// The value, if it is there and fresh.
    #[must_use]
    pub fn hit(self) -> Option<CachedValue> {
        match self {
            Self::Hit(value) => Some(value),
            Self::Stale(_) | Self::Miss => None,
        }
    }
}

/// A value out of a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedValue {
    /// The bytes, as they were put.
    pub bytes: Vec<u8>,
    /// When they were put, UTC milliseconds.
    pub created_at: i64,
    /// When they were last asked for before, UTC milliseconds.
    pub used_at: i64,
}

/// Why a value is no longer good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Staleness {
    /// It is too old, by its own lifetime or by what was asked for.
    Expired,
    /// It was made from another state of the world.
    Stamp,
}

/// A cache in a file. Cheap to open: the file is opened when it is first used.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// use std::time::Duration;
/// use claude_cli::cache::{CacheKey, DEFAULT_CACHE_BYTES, DiskCache, Freshness, Lookup};
///
/// let cache = DiskCache::open(&folder.path().join("cache.db"), DEFAULT_CACHE_BYTES);
/// let key = CacheKey::builder("greeting@1").field("language", "en").finish();
/// let hour = Freshness::within(Duration::from_secs(3600));
/// assert_eq!(cache.get("greetings", &key, hour), Lookup::Miss);
/// cache.put("greetings", &key, b"hello", hour);
/// assert_eq!(cache.get("greetings", &key, hour).hit().unwrap().bytes, b"hello");
/// ```
#[derive(Debug)]
pub struct DiskCache {
    path: PathBuf,
    max_bytes: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    file: Option<CacheFile>,
    /// Not to be used any more: that did not work, or must not be.
    bypassed: bool,
    pending: Pending,
    warning: Option<String>,
}

impl DiskCache {
    /// The cache at `path`, which is created (mode 0600, its folder 0700) when
    /// it is first used. It keeps at most `max_bytes` bytes.
    #[must_use]
    pub fn open(path: &Path, max_bytes: u64) -> Self {
        Self { path: path.to_owned(), max_bytes, inner: Mutex::default() }
    }

    /// The cache's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks up a value, and counts whether it was there.
    pub fn get(&self, kind: &str, key: &CacheKey, wanted: Freshness<'_>) -> Lookup {
        self.get_at(kind, key, wanted, now())
    }

    fn get_at(&self, kind: &str, key: &CacheKey, wanted: Freshness<'_>, now: i64) -> Lookup {
        let mut inner = self.lock();
        let found = inner.with(&self.path, |db| table::get(db, kind, key, wanted, now));
        let Some((lookup, id)) = found else { return Lookup::Miss };
        inner.pending.note(kind, &lookup, id, now);
        inner.flush(&self.path);
        lookup
    }

    /// Keeps a value, instead of the one that is there under this key, and says
    /// whether it did. What is larger than the whole cache may be is not kept.
    pub fn put(&self, kind: &str, key: &CacheKey, value: &[u8], good: Freshness<'_>) -> bool {
        self.put_at(kind, key, value, good, now())
    }

    fn put_at(&self, kind: &str, key: &CacheKey, value: &[u8], good: Freshness<'_>, now: i64) -> bool {
        let new = table::New::pack(kind, key, value, good, now);
        let mut inner = self.lock();
        inner.with(&self.path, |db| table::put(db, &new, self.max_bytes)).unwrap_or(false)
    }

    /// Forgets a value, and says whether it was there.
    pub fn remove(&self, kind: &str, key: &CacheKey) -> bool {
        self.lock().with(&self.path, |db| table::remove(db, kind, key)).unwrap_or(false)
    }

    /// Forgets all values of a kind, or all there are, and what was counted of
    /// them. Says how many values that were; the room they took is given back.
    pub fn clear(&self, kind: Option<&str>) -> u64 {
        let mut inner = self.lock();
        inner.pending = Pending::default();
        inner.with(&self.path, |db| table::clear(db, kind)).unwrap_or(0)
    }

    /// Counts the time that a value of a kind saved whoever used it.
    pub fn note_saved(&self, kind: &str, saved: Duration) {
        let micros = i64::try_from(saved.as_micros()).unwrap_or(i64::MAX);
        self.lock().with(&self.path, |db| table::saved(db, kind, micros));
    }

    /// What was counted by all processes that used this file.
    pub fn stats(&self) -> CacheStats {
        let mut inner = self.lock();
        let kinds = inner.with(&self.path, |db| table::counts(db)).unwrap_or_default();
        CacheStats { kinds, max_bytes: self.max_bytes, file_bytes: size_on_disk(&self.path) }
    }

    /// What went wrong since this was last asked, once each: the cache was
    /// damaged and is replaced, or cannot be used.
    pub fn take_warning(&self) -> Option<String> {
        self.lock().warning.take()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves the file as valid as it was.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Does something with the file; `None` where that is not to be had. A
    /// damaged file is replaced, and one that was deleted made anew.
    fn with<T>(
        &mut self,
        path: &Path,
        mut what: impl FnMut(&mut rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Option<T> {
        const TRIES: u32 = 3;
        for _ in 0..TRIES {
            let file = self.usable(path)?;
            match what(&mut file.db) {
                Ok(value) => return Some(value),
                Err(e) if file.is_gone(path) => {
                    tracing::debug!(%e, "the cache was deleted while it was used");
                    self.file = None;
                }
                Err(e) if file::is_damage(&e) => self.replace(path, &e.to_string()),
                Err(e) => {
                    // Full disk, or locked for long: what is cached can wait.
                    self.warn(format!("the cache {} is not used: {e}", path.display()));
                    return None;
                }
            }
        }
        None
    }

    /// The file, opened; another one than before if that was deleted.
    fn usable(&mut self, path: &Path) -> Option<&mut CacheFile> {
        if self.file.as_ref().is_some_and(|file| file.is_gone(path)) {
            self.file = None;
            self.bypassed = false;
        }
        if self.bypassed {
            return None;
        }
        if self.file.is_none() {
            let opened = match CacheFile::open(path) {
                Err(OpenError::Damaged { why, identity }) => {
                    self.warn(format!("the cache {} was damaged and is replaced: {why}", path.display()));
                    file::replace(path, identity).and_then(|()| CacheFile::open(path))
                }
                opened => opened,
            };
            match opened {
                Ok(file) => self.file = Some(file),
                Err(e) => {
                    self.warn(format!("the cache {} is not used: {e}", path.display()));
                    self.bypassed = true;
                }
            }
        }
        self.file.as_mut()
    }

    fn replace(&mut self, path: &Path, why: &str) {
        self.warn(format!("the cache {} was damaged and is replaced: {why}", path.display()));
        if let Some(file) = self.file.take()
            && let Err(e) = file::replace(path, file.close())
        {
            self.warn(format!("the cache {} is not used: {e}", path.display()));
            self.bypassed = true;
        }
    }

    /// Writes down what was counted; what cannot be now is with the next one.
    fn flush(&mut self, path: &Path) {
        if self.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        if self.with(path, |db| table::count(db, &pending)).is_none() && !self.bypassed {
            self.pending = pending;
        }
    }

    fn warn(&mut self, warning: String) {
        tracing::debug!("{warning}");
        self.warning.get_or_insert(warning);
    }
}

impl Drop for DiskCache {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        self.lock().flush(&path);
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
