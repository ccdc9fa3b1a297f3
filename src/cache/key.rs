//! What a value is kept under: a hash, so that no question is stored in clear.

use std::fmt;

use ring::digest::{Context, SHA256};

/// The SHA-256 of everything that decides a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// Starts a key; `domain` names what is asked and the version of how it is
    /// answered, such as `answer@1`.
    pub fn builder(domain: &str) -> KeyBuilder {
        KeyBuilder(Context::new(&SHA256)).field("", domain)
    }

    pub(super) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Gathers what decides a value. Lengths are hashed with what they measure, so
/// that no two different sequences of fields run together into the same bytes.
#[derive(Clone)]
#[must_use = "it is a key when it is finished"]
pub struct KeyBuilder(Context);

impl fmt::Debug for KeyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBuilder")
    }
}

impl KeyBuilder {
    /// Something that decides the value.
    pub fn field(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.part(name.as_bytes()).part(value.as_ref())
    }

    /// Something that may be there; that it is not differs from its being empty.
    pub fn optional(self, name: &str, value: Option<impl AsRef<[u8]>>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self.part(name.as_bytes()).length(u64::MAX),
        }
    }

    /// Several of something, in their order.
    pub fn list(self, name: &str, values: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        let started = self.part(name.as_bytes()).length(values.len() as u64);
        values.iter().fold(started, |key, value| key.part(value.as_ref()))
    }

    /// The key.
    #[must_use]
    pub fn finish(self) -> CacheKey {
        let digest = self.0.finish();
        let mut key = [0; 32];
        key.copy_from_slice(digest.as_ref());
        CacheKey(key)
    }

    fn length(mut self, length: u64) -> Self {
        self.0.update(&length.to_le_bytes());
        self
    }

    fn part(self, bytes: &[u8]) -> Self {
        let mut key = self.length(bytes.len() as u64);
        key.0.update(bytes);
        key
    }
}
