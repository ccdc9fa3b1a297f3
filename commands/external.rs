//! Commands of others: `claude-cli foo` runs `claude-cli-foo` from PATH.
//!
//! It gets the ledger, the config file, the format and this program in its
//! environment: CLAUDE_CLI_DB, CLAUDE_CLI_CONFIG, CLAUDE_CLI_FORMAT, CLAUDE_CLI.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    io::{Write, stdout},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::Context as _;
use clap::{CommandFactory, ValueEnum};
use claude_cli::Error;

use crate::{cli::Cli, config::closest, context::Context};

const PREFIX: &str = "claude-cli-";

/// All commands of others, by name.
fn found() -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for folder in env::var_os("PATH").iter().flat_map(env::split_paths) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_str().and_then(|name| name.strip_prefix(PREFIX)).map(str::to_owned);
            let runs = || fs::metadata(&path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
            if let Some(name) = name.filter(|_| runs()) {
                // The first on PATH wins, as in a shell.
                found.entry(name).or_insert(path);
            }
        }
    }
    found
}

pub(crate) fn run(args: &[OsString], context: &Context) -> anyhow::Result<ExitCode> {
    let name = args.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(program) = found().remove(&name) else {
        let root = Cli::command();
        let known: Vec<String> =
            root.get_subcommands().map(|c| c.get_name().to_owned()).chain(found().into_keys()).collect();
        let meant = closest(&name, known.iter().map(String::as_str));
        let meant = meant.map_or_else(String::new, |command| format!("; did you mean `{command}`?"));
        return Err(Error::Invalid(format!(
            "there is no command `{name}`, and no {PREFIX}{name} on PATH{meant} (`claude-cli --list` shows all)"
        ))
        .into());
    };
    let mut command = Command::new(&program);
    command.args(&args[1..]).env("CLAUDE_CLI_DB", context.ledger_path()?);
    command.env("CLAUDE_CLI_CONFIG", context.config.path());
    if let Some(format) = context.asked_format().and_then(|format| format.to_possible_value()) {
        command.env("CLAUDE_CLI_FORMAT", format.get_name());
    }
    if let Ok(us) = env::current_exe() {
        command.env("CLAUDE_CLI", us);
    }
    // It takes our place: its signals, its terminal and its exit code are its own.
    Err(command.exec()).with_context(|| format!("cannot run {}", program.display()))
}

pub(crate) fn list() -> anyhow::Result<ExitCode> {
    let mut out = stdout().lock();
    for command in Cli::command().get_subcommands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        writeln!(out, "{:<14} {about}", command.get_name())?;
    }
    // Where a command of ours has the same name, it is ours that runs.
    let ours = |name: &str| Cli::command().find_subcommand(name).is_some();
    for (name, path) in found().into_iter().filter(|(name, _)| !ours(name)) {
        writeln!(out, "{name:<14} {}", path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
