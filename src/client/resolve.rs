//! Which backend a prompt runs on.

use std::{
    env, fmt, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use super::{Credentials, DEFAULT_BASE_URL};
use crate::{Error, Result};

/// The backends one can ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendKind {
    /// The `claude` program if it is there, else the Messages API if there is a key.
    #[default]
    Auto,
    /// The `claude` program.
    Claude,
    /// The Messages API.
    Api,
    /// A simulated API within the process.
    Simulated,
}

impl BackendKind {
    /// All kinds and their names.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Auto, "auto"), (Self::Claude, "claude"), (Self::Api, "api"), (Self::Simulated, "simulated")];
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Self::ALL.iter().find(|(kind, _)| kind == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for BackendKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(kind, _)| *kind)
            .ok_or_else(|| Error::Invalid(format!("`{name}` is no backend: use auto, claude, api or simulated")))
    }
}

/// A variable of the environment; one that is set but empty counts as unset.
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The `claude` program: `CLAUDE_CLI_CLAUDE` if that is set, else the first
/// executable file of that name on `PATH`.
#[must_use]
pub fn find_claude() -> Option<PathBuf> {
    if let Some(path) = variable("CLAUDE_CLI_CLAUDE") {
        return Some(path.into());
    }
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join("claude")).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// The API's credentials in the environment. A key wins over a token.
pub(super) fn credentials() -> Option<Credentials> {
    variable("ANTHROPIC_API_KEY")
        .map(Credentials::Key)
        .or_else(|| variable("ANTHROPIC_AUTH_TOKEN").map(Credentials::Token))
}

pub(super) fn base_url() -> String {
    variable("ANTHROPIC_BASE_URL").unwrap_or_else(|| DEFAULT_BASE_URL.to_owned())
}
