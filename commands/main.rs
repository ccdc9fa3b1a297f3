//! `claude-cli`: run Claude from scripts and CI, and know what it cost.

mod analytics;
mod answers;
mod asked;
mod batch;
mod bench;
mod candidates;
mod chart;
mod cli;
mod completions;
mod config;
mod context;
mod doctor;
mod duration;
mod external;
mod help;
mod import;
mod loadtest;
mod man;
mod output;
mod profile;
mod prompt;
mod query;
mod recording;
mod report;
mod serve;
mod signals;
mod simulate;
mod status;
mod statusline;
mod stream;
mod timeseries;

use std::{io, process::ExitCode};

use claude_cli::client::Secrets;

/// Counts what is allocated, for `profile`.
#[cfg(feature = "count-allocations")]
#[global_allocator]
static ALLOCATOR: claude_cli::measure::CountingAllocator = claude_cli::measure::CountingAllocator;

fn main() -> ExitCode {
    completions::answer_shell();
    let run = || {
        let (cli, config) = cli::parse()?;
        let context = context::Context::new(cli.global.clone(), config)?;
        cli.run(&context)
    };
    run().unwrap_or_else(|error| fail(&error))
}

/// The one place where an error becomes an exit code.
fn fail(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(is_broken_pipe) {
        // Whoever read our output has seen enough.
        return ExitCode::SUCCESS;
    }
    // Whatever the error quotes, keys are not told.
    eprintln!("claude-cli: error: {}", Secrets::of_environment().mask(&format!("{error:#}")));
    let known = error.chain().find_map(|cause| cause.downcast_ref::<claude_cli::Error>());
    ExitCode::from(known.map_or(1, claude_cli::Error::exit_code))
}

fn is_broken_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}
