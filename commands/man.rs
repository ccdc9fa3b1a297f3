//! `claude-cli man`: the man pages, one for each command.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Command, CommandFactory};

use crate::cli::Cli;

/// Write the man pages, one for each command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to write them to
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(&args.folder).with_context(|| format!("cannot create {}", args.folder.display()))?;
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    write(&root, "claude-cli", &args.folder)?;
    Ok(ExitCode::SUCCESS)
}

fn write(command: &Command, name: &str, folder: &Path) -> anyhow::Result<()> {
    let mut page = Vec::new();
    let command = command.clone();
    // The date would make every build differ.
    clap_mangen::Man::new(command.clone().name(name.to_owned())).date("").render(&mut page)?;
    let path = folder.join(format!("{name}.1"));
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        write(sub, &format!("{name}-{}", sub.get_name()), folder)?;
    }
    Ok(())
}
