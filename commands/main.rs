//! `claude-cli`: run Claude from scripts and CI, and know what it cost.

mod analytics;
mod cli;
mod completions;
mod context;
mod duration;
mod man;
mod output;
mod prompt;
mod query;
mod recording;
mod report;
mod simulate;
mod status;
mod stream;
mod timeseries;

use std::{io, process::ExitCode};

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let context = match context::Context::new(cli.global) {
        Ok(context) => context,
        Err(error) => return fail(&error),
    };
    match cli.command.run(&context) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

/// The one place where an error becomes an exit code.
fn fail(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(is_broken_pipe) {
        // Whoever read our output has seen enough.
        return ExitCode::SUCCESS;
    }
    eprintln!("claude-cli: error: {error:#}");
    let known = error.chain().find_map(|cause| cause.downcast_ref::<claude_cli::Error>());
    ExitCode::from(known.map_or(1, claude_cli::Error::exit_code))
}

fn is_broken_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}
