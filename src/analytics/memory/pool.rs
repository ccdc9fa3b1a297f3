//! Buffers that are used again.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::Shed;

/// How often a buffer was used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Buffers that were used again.
    pub reused: u64,
    /// Buffers that had to be made.
    pub made: u64,
    /// Buffers that lie idle.
    pub idle: u64,
    /// Bytes that they hold.
    pub idle_bytes: u64,
}

#[derive(Debug)]
pub(super) struct Pool {
    most: usize,
    largest: usize,
    idle: Mutex<Vec<Vec<u8>>>,
    reused: AtomicU64,
    made: AtomicU64,
}

impl Pool {
    pub(super) fn new(most: usize, largest: usize) -> Self {
        Self { most, largest, idle: Mutex::default(), reused: AtomicU64::new(0), made: AtomicU64::new(0) }
    }

    pub(super) fn take(pool: &Arc<Self>) -> PooledBuffer {
        let idle = pool.idle().pop();
        let count = if idle.is_some() { &pool.reused } else { &pool.made };
        count.fetch_add(1, Ordering::Relaxed);
        PooledBuffer { bytes: idle.unwrap_or_default(), pool: Arc::clone(pool) }
    }

    pub(super) fn stats(&self) -> PoolStats {
        let idle = self.idle();
        PoolStats {
            reused: self.reused.load(Ordering::Relaxed),
            made: self.made.load(Ordering::Relaxed),
            idle: idle.len() as u64,
            idle_bytes: idle.iter().map(|buffer| buffer.capacity() as u64).sum(),
        }
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        if bytes.capacity() == 0 || bytes.capacity() > self.largest {
            return;
        }
        bytes.clear();
        let mut idle = self.idle();
        if idle.len() < self.most {
            idle.push(bytes);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        // A panic elsewhere leaves the list as valid as it was.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shed for Pool {
    fn shed(&self) -> Option<u64> {
        let idle = std::mem::take(&mut *self.idle());
        Some(idle.iter().map(|buffer| buffer.capacity() as u64).sum())
    }
}

/// A buffer from a pool, to which it returns.
#[derive(Debug)]
pub struct PooledBuffer {
    bytes: Vec<u8>,
    pool: Arc<Pool>,
}

impl Deref for PooledBuffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for PooledBuffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes));
    }
}
