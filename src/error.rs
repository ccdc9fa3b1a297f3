//! The one error type of the crate.
//!
//! Errors are values: the common ones are made without an allocation, of what is
//! at hand, and become words where they are shown.

use std::{
    borrow::Cow,
    collections::HashSet,
    fmt,
    process::ExitStatus,
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

use crate::pricing::format_usd;

/// The result of anything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a program should exit with, by the kind of failure.
///
/// The numbers are a contract with shell scripts and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum ExitClass {
    /// Everything worked.
    Ok = 0,
    /// A failure with no class of its own.
    Failure = 1,
    /// The caller asked for something impossible.
    Usage = 2,
    /// A gate tripped: a budget, a threshold, or no data where some is needed.
    Gate = 3,
    /// The credentials are missing or were refused.
    Auth = 4,
    /// Rate limited or overloaded, after the retries.
    Overloaded = 5,
    /// One of our own time limits was reached.
    Timeout = 6,
    /// The model answered, but did not deliver what was asked.
    NotDelivered = 7,
    /// Interrupted by the user.
    Interrupted = 130,
}

impl ExitClass {
    /// The process exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Where two apply, the one of the lower rank counts: 130, 6, 4, 5, 3, 7, 2, 1, 0.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Interrupted => 0,
            Self::Timeout => 1,
            Self::Auth => 2,
            Self::Overloaded => 3,
            Self::Gate => 4,
            Self::NotDelivered => 5,
            Self::Usage => 6,
            Self::Failure => 7,
            Self::Ok => 8,
        }
    }

    /// A stable lower-case name, as stored in the ledger.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failure => "failure",
            Self::Usage => "usage",
            Self::Gate => "gate",
            Self::Auth => "auth",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
            Self::NotDelivered => "not_delivered",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Which time limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// From the start to the first token.
    FirstToken,
    /// Between two messages.
    Idle,
    /// The whole run.
    Total,
}

impl Limit {
    const fn describe(self) -> &'static str {
        match self {
            Self::FirstToken => "no first token",
            Self::Idle => "no further message",
            Self::Total => "no end",
        }
    }

    /// The command-line option that sets this limit.
    #[must_use]
    pub const fn option(self) -> &'static str {
        match self {
            Self::FirstToken => "--first-token-timeout",
            Self::Idle => "--idle-timeout",
            Self::Total => "--timeout",
        }
    }
}

/// Everything that can go wrong, in one type.
///
/// Match on the predicates ([`is_timeout`](Self::is_timeout),
/// [`is_auth`](Self::is_auth), …) rather than on the variants: variants are
/// added as the world invents new failures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One of the limits of the run was reached.
    #[error("timed out: {} within {:?} (raise {})", .limit.describe(), .after, .limit.option())]
    Timeout {
        /// The limit that was reached.
        limit: Limit,
        /// Its value.
        after: Duration,
    },
    /// The run was cancelled by its caller.
    #[error("interrupted")]
    Interrupted,
    /// The API refused a request, or ended a stream with an error.
    #[error("the API answered {}: {message}{}", .status.map_or_else(|| kind.clone(), |s| format!("{s} {kind}")), .request_id.as_deref().map(|id| format!(" (request {id})")).unwrap_or_default())]
    Api {
        /// HTTP status, if the error came as one.
        status: Option<u16>,
        /// The API's error type, such as `overloaded_error`.
        kind: String,
        /// The API's own words.
        message: String,
        /// The request id to quote to support.
        request_id: Option<String>,
    },
    /// The connection failed before or in the middle of an answer.
    #[error("cannot reach {url}: {message}")]
    Connection {
        /// Where we tried to connect.
        url: String,
        /// What happened, without secrets.
        message: String,
    },
    /// The `claude` program could not be started, or ended without an answer.
    #[error("{program}: {failure}{}{stderr}", if .stderr.is_empty() { "" } else { "\n" })]
    Process {
        /// The program.
        program: &'static str,
        /// What happened.
        failure: ProcessFailure,
        /// The end of what it wrote to stderr.
        stderr: Box<str>,
    },
    /// The answer arrived, but is not what was asked for.
    #[error("the model did not deliver: {0}")]
    NotDelivered(String),
    /// The run was ended, or not begun, because it would have cost too much.
    #[error("over budget: {} USD of {} (raise --max-cost)", format_usd(*.spent, 4, *.spent < 100_000), format_usd(*.limit, 2, true))]
    OverBudget {
        /// What it has cost, or would have, in nano-dollars.
        spent: i64,
        /// What it may cost, in nano-dollars.
        limit: i64,
    },
    /// Neither a program nor a key to run a prompt with.
    #[error(
        "no backend: the `claude` program is not on PATH and ANTHROPIC_API_KEY is not set\n\
         - install the program: npm install -g @anthropic-ai/claude-code\n\
         - or set ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN) to use the Messages API\n\
         - or try `--backend simulated`, which needs neither"
    )]
    NoBackend,
    /// Credentials are missing.
    #[error("no credentials: {0}")]
    MissingCredentials(String),
    /// Bytes that do not follow the protocol.
    #[error("line {line}: {message}")]
    Parse {
        /// 1-based line (or SSE message) number in the stream.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
    /// A line longer than the stated limit.
    #[error("line {line} is longer than the limit of {limit} bytes")]
    LineTooLong {
        /// 1-based line number in the stream.
        line: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// A value that cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// The ledger could not be read or written.
    #[error("ledger {path}: {message}")]
    Store {
        /// The ledger's file.
        path: String,
        /// What happened.
        message: String,
    },
    /// Reading or writing failed.
    #[error("{context}: {source}")]
    Io {
        /// What we were doing, with what.
        context: String,
        /// The operating system's error.
        source: std::io::Error,
    },
}

/// How a program failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessFailure {
    /// It ended without a result.
    NoResult {
        /// How it exited; `None` if it had closed its output and had to be killed.
        status: Option<ExitStatus>,
        /// So many lines of its output were no JSON.
        skipped: u64,
    },
    /// It reported success, and then exited as if there were none.
    AfterSuccess(ExitStatus),
    /// Anything else, in words.
    Other(Cow<'static, str>),
}

impl fmt::Display for ProcessFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exited = |f: &mut fmt::Formatter<'_>, status: &ExitStatus| match status.code() {
            Some(code) => write!(f, "exited with code {code}"),
            None => write!(f, "{status}"),
        };
        match self {
            Self::NoResult { status, skipped } => {
                match status {
                    Some(status) => exited(f, status)?,
                    None => f.write_str("closed its output")?,
                }
                f.write_str(" without a result")?;
                if status.is_none() {
                    f.write_str(" and had to be killed")?;
                }
                match skipped {
                    0 => Ok(()),
                    n => write!(f, " ({n} lines of its output were no JSON)"),
                }
            }
            Self::AfterSuccess(status) => {
                f.write_str("reported success, but ")?;
                exited(f, status)
            }
            Self::Other(words) => f.write_str(words),
        }
    }
}

impl From<String> for ProcessFailure {
    fn from(words: String) -> Self {
        Self::Other(words.into())
    }
}

impl From<&'static str> for ProcessFailure {
    fn from(words: &'static str) -> Self {
        Self::Other(words.into())
    }
}

impl Error {
    /// A program's failure, of which nothing was written to stderr.
    #[must_use]
    pub fn process(program: &'static str, failure: impl Into<ProcessFailure>) -> Self {
        Self::Process { program, failure: failure.into(), stderr: Box::default() }
    }

    /// An I/O error with what we were doing.
    pub fn io(context: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { context: context.into(), source }
    }

    /// One of our own time limits was reached.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }

    /// The run was interrupted.
    #[must_use]
    pub const fn is_interrupted(&self) -> bool {
        matches!(self, Self::Interrupted)
    }

    /// Credentials are missing or were refused.
    #[must_use]
    pub fn is_auth(&self) -> bool {
        match self {
            Self::MissingCredentials(_) => true,
            Self::Api { status, kind, .. } => {
                matches!(status, Some(401 | 403))
                    || matches!(
                        kind.as_str(),
                        "authentication_error" | "permission_error" | "authentication_failed"
                    )
            }
            _ => false,
        }
    }

    /// Rate limited or overloaded.
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        match self {
            Self::Api { status, kind, .. } => {
                matches!(status, Some(429 | 529))
                    || matches!(
                        kind.as_str(),
                        "rate_limit_error" | "overloaded_error" | "rate_limit" | "overloaded"
                    )
            }
            _ => false,
        }
    }

    /// The model answered but did not deliver.
    #[must_use]
    pub const fn is_not_delivered(&self) -> bool {
        matches!(self, Self::NotDelivered(_))
    }

    /// What a program that ends with this error should exit with.
    #[must_use]
    pub fn exit_class(&self) -> ExitClass {
        match self {
            Self::Interrupted => ExitClass::Interrupted,
            Self::Timeout { .. } => ExitClass::Timeout,
            Self::NoBackend => ExitClass::Auth,
            Self::NotDelivered(_) => ExitClass::NotDelivered,
            Self::OverBudget { .. } => ExitClass::Gate,
            Self::Invalid(_) => ExitClass::Usage,
            _ if self.is_auth() => ExitClass::Auth,
            _ if self.is_overloaded() => ExitClass::Overloaded,
            _ => ExitClass::Failure,
        }
    }

    /// The exit code of [`exit_class`](Self::exit_class).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.exit_class().code()
    }
}

/// A program's name for an [`Error::Process`]: kept for as long as we run, as there
/// are few of them, and errors that share it count no references.
pub(crate) fn program_name(name: &str) -> &'static str {
    static NAMES: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return known;
    }
    let name: &'static str = Box::leak(name.into());
    names.insert(name);
    name
}
