//! The token that clients have to know.

use std::{fmt, fs, os::unix::fs::MetadataExt, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{digest, hmac};
use subtle::ConstantTimeEq;

use crate::{Error, Result};

/// Shorter ones can be guessed.
const LEAST: usize = 16;
/// Changes with what is signed.
const COOKIE_DOMAIN: &[u8] = b"claude-cli cookie@1";

/// What a client has to know. It is not kept, only what it is recognised by.
#[derive(Clone)]
pub struct Token {
    digest: [u8; 32],
    cookie: String,
}

impl Token {
    /// A token of at least 16 printable characters without spaces.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is none; the error does not repeat it.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.len() < LEAST || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::Invalid(format!(
                "a token has at least {LEAST} printable characters and no spaces: `head -c 24 /dev/urandom | base64` makes one"
            )));
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes());
        let cookie = URL_SAFE_NO_PAD.encode(hmac::sign(&key, COOKIE_DOMAIN));
        Ok(Self { digest: digest_of(text.as_bytes()), cookie })
    }

    /// Reads a token from a file, which should be readable to its owner alone;
    /// says whether it is.
    ///
    /// # Errors
    /// If it cannot be read, or is no token.
    pub fn read(path: &Path) -> Result<(Self, bool)> {
        let failed = |e| Error::io(format!("cannot read the token in {}", path.display()), e);
        let text = fs::read_to_string(path).map_err(failed)?;
        let private = fs::metadata(path).map_err(failed)?.mode() & 0o077 == 0;
        let token = Self::new(&text).map_err(|e| Error::Invalid(format!("{}: {e}", path.display())))?;
        Ok((token, private))
    }

    /// Whether this is it. How long that takes tells nothing about it.
    pub(crate) fn is(&self, presented: &str) -> bool {
        digest_of(presented.as_bytes()).ct_eq(&self.digest).into()
    }

    /// What a browser keeps in its place: it says that the token was known,
    /// until there is another one.
    pub(super) fn cookie(&self) -> &str {
        &self.cookie
    }

    pub(super) fn is_cookie(&self, presented: &str) -> bool {
        digest_of(presented.as_bytes()).ct_eq(&digest_of(self.cookie.as_bytes())).into()
    }
}

/// Digests are of one length, so that comparing them does not tell a length.
fn digest_of(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
