//! `claude-cli completions`: a shell's completion script.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::cli::Cli;

/// Print a shell's completion script.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "claude-cli", &mut script);
    stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
