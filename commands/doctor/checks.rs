//! The checks, one by one.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use clap::CommandFactory;
use claude_cli::{
    client::{find_claude, without_secrets},
    pricing::PriceTable,
    store::{SqliteLedger, size_on_disk, spool},
    transcript::{config_folders, projects_folder},
};

use super::{Check, bad, good, note};
use crate::{
    cli::Cli,
    config::{ConfigFile, KEYS},
    context::{Context, cache_folder, config_folder, variable},
    output::thousands,
};

/// How long `claude --version` may take.
const VERSION_PATIENCE: Duration = Duration::from_secs(10);
/// Less room than this on the ledger's disk is worth a warning.
const LITTLE_ROOM: u64 = 512 << 20;

/// The program that prompts would run on: by the environment, the config file, PATH.
pub(super) fn program(context: &Context) -> Option<PathBuf> {
    let key = KEYS.iter().find(|key| key.name == "claude");
    let configured = key.and_then(|key| context.config.get(key)?.first()).map(PathBuf::from);
    let named = variable("CLAUDE_CLI_CLAUDE").map(PathBuf::from);
    named.or(configured).or_else(find_claude)
}

pub(super) fn claude(program: Option<&Path>, has_key: bool) -> Check {
    let advice = "npm install -g @anthropic-ai/claude-code, or name it in CLAUDE_CLI_CLAUDE";
    let Some(program) = program else {
        let check = if has_key { note } else { bad };
        return check("claude", "not on PATH".to_owned(), advice.to_owned());
    };
    match version(program) {
        Ok(version) => good("claude", format!("{} at {}", version, program.display())),
        Err(e) => bad("claude", format!("{}: {e}", program.display()), advice),
    }
}

/// What `claude --version` says, within a limit: a broken one hangs.
fn version(program: &Path) -> Result<String, String> {
    let mut child = Command::new(program)
        .arg("--version")
        .env_remove("CLAUDECODE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())?;
    let until = Instant::now() + VERSION_PATIENCE;
    while child.try_wait().map_err(|e| e.to_string())?.is_none() {
        if Instant::now() > until {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("--version took longer than {} s", VERSION_PATIENCE.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && !text.is_empty() {
        Ok(text)
    } else {
        Err(format!("--version: {}", output.status))
    }
}

pub(super) fn credentials(key: Option<&str>, has_program: bool) -> Check {
    match key {
        Some(name) => good("credentials", format!("{name} is set")),
        None if has_program => note("credentials", "none in the environment", "only the `api` backend needs them"),
        None => bad("credentials", "none in the environment", "set ANTHROPIC_API_KEY for the `api` backend"),
    }
}

pub(super) fn endpoint() -> Check {
    let proxy = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"]
        .into_iter()
        .find_map(|name| Some(format!("; {name}={}", without_secrets(&variable(name)?))))
        .unwrap_or_default();
    match variable("ANTHROPIC_BASE_URL") {
        Some(url) => good("endpoint", format!("{}{proxy}", without_secrets(&url))),
        None => good("endpoint", format!("{}{proxy}", claude_cli::client::DEFAULT_BASE_URL)),
    }
}

pub(super) fn config(context: &Context) -> Check {
    let path = context.config.path();
    if !path.exists() {
        return good("config", format!("none at {}", path.display()));
    }
    match ConfigFile::read(path).and_then(|config| config.check(&Cli::command())) {
        Ok(()) => good("config", path.display().to_string()),
        Err(e) => bad("config", e.to_string(), "`claude-cli config edit` opens it"),
    }
}

pub(super) fn prices() -> Check {
    match config_folder().map(|folder| PriceTable::load(&folder)) {
        Ok(Ok(table)) => good("prices", format!("as of {}, {} models", table.as_of(), table.models().count())),
        Ok(Err(e)) => bad("prices", e.to_string(), "mend or delete that file; the built-in prices are used"),
        Err(e) => bad("prices", e.to_string(), "set HOME"),
    }
}

pub(super) fn ledger(path: &Path) -> Check {
    let shown = path.display();
    match SqliteLedger::open_read_only(path) {
        Ok(None) => good("ledger", format!("none yet at {shown}")),
        Err(e) => bad("ledger", e.to_string(), "move it away, or name another one with --db"),
        Ok(Some(_)) => {
            let mode = fs::metadata(path).map_or(0, |m| m.permissions().mode() & 0o777);
            let found = format!("{shown}, {} bytes", thousands(size_on_disk(path) as i64));
            if mode & 0o077 == 0 {
                good("ledger", found)
            } else {
                note("ledger", format!("{found}, mode {mode:o}"), format!("others may read it: chmod 600 {shown}"))
            }
        }
    }
}

pub(super) fn waiting(ledger: &Path) -> Check {
    let folder = spool::folder(ledger);
    let count = |ending: &str| {
        fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|e| e == ending))
            .count()
    };
    match (count("json"), count("damaged")) {
        (0, 0) => good("spool", "empty"),
        (waiting, 0) => {
            note("spool", format!("{waiting} waiting"), "the next command that can write the ledger takes them in")
        }
        (_, damaged) => {
            bad("spool", format!("{damaged} damaged in {}", folder.display()), "look at them, and delete them")
        }
    }
}

pub(super) fn disk(ledger: &Path) -> Check {
    // The nearest folder that is there.
    let mut folder: PathBuf = ledger.to_owned();
    while !folder.exists() && folder.pop() {}
    match rustix::fs::statvfs(&folder) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let found = format!("{} MB free", thousands((free >> 20) as i64));
            if free < LITTLE_ROOM {
                note("disk", found, "make room, or move the ledger with --db")
            } else {
                good("disk", found)
            }
        }
        Err(e) => note("disk", format!("{}: {e}", folder.display()), "is the ledger's folder reachable?"),
    }
}

pub(super) fn cache() -> Check {
    match cache_folder() {
        Ok(folder) if folder.exists() => good("cache", folder.display().to_string()),
        Ok(folder) => good("cache", format!("none yet at {}", folder.display())),
        Err(e) => note("cache", e.to_string(), "set HOME or XDG_CACHE_HOME"),
    }
}

/// The folders in which Claude Code keeps its transcripts.
pub(super) fn transcripts() -> Check {
    let folders = config_folders();
    let with_projects: Vec<String> = folders
        .iter()
        .map(|folder| projects_folder(folder))
        .filter(|folder| folder.is_dir())
        .map(|folder| folder.display().to_string())
        .collect();
    if with_projects.is_empty() {
        let searched: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        return good("transcripts", format!("none in {}", searched.join(", ")));
    }
    good("transcripts", with_projects.join(", "))
}

pub(super) fn telemetry() -> Check {
    if variable("CLAUDE_CODE_ENABLE_TELEMETRY").is_none_or(|value| value == "0") {
        return good("telemetry", "off");
    }
    match variable("OTEL_EXPORTER_OTLP_ENDPOINT") {
        Some(endpoint) => good("telemetry", format!("on, to {}", without_secrets(&endpoint))),
        None => note("telemetry", "on, to nowhere", "set OTEL_EXPORTER_OTLP_ENDPOINT"),
    }
}
