//! Where Claude Code keeps its files.

use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The folders in which Claude Code keeps its files, whether they exist or not:
/// those that `CLAUDE_CONFIG_DIR` names, else `$XDG_CONFIG_HOME/claude` and
/// `~/.claude`.
#[must_use]
pub fn config_folders() -> Vec<PathBuf> {
    config_folders_from(|name| env::var_os(name))
}

/// [`config_folders`] in an environment of one's own.
///
/// `CLAUDE_CONFIG_DIR` may name several folders, with commas between them and
/// `~` for the home folder. A variable that is set but blank counts as unset.
pub fn config_folders_from(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let variable = |name: &str| variable(name).filter(|value| !value.as_bytes().trim_ascii().is_empty());
    let home = variable("HOME").map(PathBuf::from);
    let folders = match variable("CLAUDE_CONFIG_DIR") {
        Some(named) => named
            .as_bytes()
            .split(|&b| b == b',')
            .map(|folder| Path::new(OsStr::from_bytes(folder.trim_ascii())))
            .filter(|folder| !folder.as_os_str().is_empty())
            .map(|folder| expand(folder, home.as_deref()))
            .collect(),
        None => {
            let config = variable("XDG_CONFIG_HOME").map(PathBuf::from);
            let config = config.or_else(|| Some(home.as_ref()?.join(".config")));
            let both = [config.map(|folder| folder.join("claude")), home.map(|folder| folder.join(".claude"))];
            both.into_iter().flatten().collect::<Vec<_>>()
        }
    };
    let mut unique = Vec::new();
    for folder in folders {
        if !unique.contains(&folder) {
            unique.push(folder);
        }
    }
    unique
}

fn expand(folder: &Path, home: Option<&Path>) -> PathBuf {
    match (folder.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) if rest.as_os_str().is_empty() => home.to_owned(),
        (Ok(rest), Some(home)) => home.join(rest),
        _ => folder.to_owned(),
    }
}

/// The folder of projects below a config folder, which may be given itself.
#[must_use]
pub fn projects_folder(config: &Path) -> PathBuf {
    if config.ends_with("projects") { config.to_owned() } else { config.join("projects") }
}
