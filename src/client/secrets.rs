//! Keeping credentials out of what is said and written.

use std::{borrow::Cow, collections::BTreeSet, env};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::Credentials;
use crate::{Error, ProcessFailure, error::program_name};

/// What stands in a credential's place.
const MASK: &str = "***";
/// Shorter values are no credentials, and masking them would garble texts.
const SHORTEST: usize = 6;
/// How the API's own keys and tokens begin, wherever they come from.
const KEY_PREFIX: &str = "sk-ant-";
/// Variables that are credentials.
const VARIABLES: [&str; 8] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "ANTHROPIC_CUSTOM_HEADERS",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
];
/// Variables that are URLs, which may hold a name and a password.
const URLS: [&str; 8] = [
    "ANTHROPIC_BASE_URL",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// The credentials that a run knows. An API's error and a program's stderr may
/// repeat them, and so they are masked in every error of a run.
#[derive(Clone, Default)]
pub struct Secrets {
    values: BTreeSet<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.values.len())
    }
}

impl Secrets {
    /// Those of the environment: keys, tokens, and passwords within URLs.
    #[must_use]
    pub fn of_environment() -> Self {
        let mut secrets = Self::default();
        secrets.take_variables(|name| env::var(name).ok());
        secrets
    }

    pub(super) fn take_variables(&mut self, variable: impl Fn(&str) -> Option<String>) {
        for value in VARIABLES.into_iter().filter_map(&variable) {
            // Custom headers are `Name: value` lines, or `name=value` pairs.
            for part in value.split(['\n', ',']) {
                self.add(part.split_once([':', '=']).map_or(part, |(_, header)| header));
            }
            self.add(&value);
        }
        for url in URLS.into_iter().filter_map(&variable) {
            self.add_url(&url);
        }
    }

    pub(super) fn add_credentials(&mut self, credentials: &Credentials) {
        match credentials {
            Credentials::Key(secret) | Credentials::Token(secret) => self.add(secret),
        }
    }

    /// The name and the password that stand in a URL, as they stand there and decoded.
    pub(super) fn add_url(&mut self, url: &str) {
        let Some(user) = user_info(url) else { return };
        let (name, password) = user.split_once(':').unwrap_or(("", user));
        for part in [name, password] {
            self.add(part);
            self.add(&percent_decoded(part));
        }
        // As HTTP sends them.
        self.add(&BASE64_STANDARD.encode(percent_decoded(&format!("{name}:{password}"))));
    }

    fn add(&mut self, value: &str) {
        let value = value.trim();
        if value.len() >= SHORTEST {
            self.values.insert(value.to_owned());
        }
    }

    /// A text with every credential masked.
    #[must_use]
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(text);
        // The longest first: one may be a part of another.
        let mut values: Vec<&String> = self.values.iter().collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        for value in values {
            if masked.contains(value.as_str()) {
                masked = masked.replace(value.as_str(), MASK).into();
            }
        }
        if masked.contains(KEY_PREFIX) { mask_keys(&masked).into() } else { masked }
    }

    /// Every text of a JSON value with its credentials masked.
    pub fn mask_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.mask(text).into_owned(),
            Value::Array(values) => values.iter_mut().for_each(|value| self.mask_json(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.mask_json(value)),
            _ => {}
        }
    }

    /// An error that tells no credential.
    #[must_use]
    pub fn mask_error(&self, mut error: Error) -> Error {
        let mask = |text: &mut String| {
            if let Cow::Owned(masked) = self.mask(text) {
                *text = masked;
            }
        };
        match &mut error {
            Error::Api { kind, message, request_id, .. } => {
                mask(kind);
                mask(message);
                request_id.as_mut().map(mask);
            }
            Error::Connection { url, message } => {
                mask(url);
                mask(message);
            }
            Error::Process { program, failure, stderr } => {
                if let Cow::Owned(masked) = self.mask(program) {
                    *program = program_name(&masked);
                }
                if let ProcessFailure::Other(words) = failure
                    && let Cow::Owned(masked) = self.mask(words)
                {
                    *words = masked.into();
                }
                if let Cow::Owned(masked) = self.mask(stderr) {
                    *stderr = masked.into();
                }
            }
            Error::NotDelivered(text) | Error::MissingCredentials(text) | Error::Invalid(text) => mask(text),
            Error::Parse { message, .. } | Error::Store { message, .. } => mask(message),
            Error::Io { context, .. } => mask(context),
            Error::Timeout { .. }
            | Error::Interrupted
            | Error::OverBudget { .. }
            | Error::NoBackend
            | Error::LineTooLong { .. } => {}
        }
        error
    }
}

/// Masks whatever looks like one of the API's keys.
fn mask_keys(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(KEY_PREFIX) {
        let (before, key) = rest.split_at(at);
        let end = key.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')).unwrap_or(key.len());
        masked.push_str(before);
        masked.push_str(MASK);
        rest = &key[end..];
    }
    masked.push_str(rest);
    masked
}

/// What stands before the host of a URL. A proxy's URL need not have a scheme,
/// and a password may hold any character, even one that it should not.
fn user_info(url: &str) -> Option<&str> {
    let from = url.find("://").map_or(0, |at| at + 3);
    url.rfind('@').filter(|at| *at >= from).map(|at| &url[from..at])
}

/// A URL without the name and password that some gateways want in it.
#[must_use]
pub fn without_secrets(url: &str) -> String {
    match user_info(url) {
        Some(user) => {
            let from = url.find("://").map_or(0, |at| at + 3);
            format!("{}{}", &url[..from], &url[from + user.len() + 1..])
        }
        None => url.to_owned(),
    }
}

fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let hex = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16));
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                bytes = ahead;
            }
            _ => decoded.push(byte),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_a_secret_is_masked() {
        let mut secrets = Secrets::default();
        secrets.take_variables(|name| {
            let value = match name {
                "ANTHROPIC_API_KEY" => "key-in-the-environment",
                "ANTHROPIC_CUSTOM_HEADERS" => "X-Team: blue-team-secret\nX-B: other-secret",
                "HTTPS_PROXY" => "joe-user:p%40ss-word@proxy:8080",
                "ANTHROPIC_BASE_URL" => "https://token-only@gateway/v1",
                _ => return None,
            };
            Some(value.to_owned())
        });
        for text in [
            "bad key-in-the-environment!",
            "X-Team=blue-team-secret",
            "other-secret",
            "joe-user",
            "p%40ss-word",
            "p@ss-word",
            "token-only",
            "sk-ant-api03-never_seen",
        ] {
            let masked = secrets.mask(text);
            assert!(masked.contains(MASK), "{masked}");
            assert!(!masked.contains("secret") && !masked.contains("sk-ant"), "{masked}");
        }
        assert_eq!(secrets.mask("is sk-ant-a-b, no?"), "is ***, no?");
        assert_eq!(secrets.mask("nothing to hide"), "nothing to hide");
        assert_eq!(format!("{secrets:?}"), format!("Secrets({})", secrets.values.len()));
        let mut json = serde_json::json!({ "a": ["key-in-the-environment", 1] });
        secrets.mask_json(&mut json);
        assert_eq!(json, serde_json::json!({ "a": [MASK, 1] }));
    }

    #[test]
    fn a_url_is_shown_without_what_stands_before_its_host() {
        for (url, shown) in [
            ("https://api.anthropic.com", "https://api.anthropic.com"),
            ("https://joe:secret@host:1/v1", "https://host:1/v1"),
            ("joe:secret@proxy:8080", "proxy:8080"),
            ("https://joe:pa@ss@host", "https://host"),
            ("http://@host", "http://host"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
