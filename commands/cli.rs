//! The table of commands.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    analytics, completions,
    context::{Context, Global},
    man, query, simulate, stream, timeseries,
};

/// Run Claude from scripts and CI, stream its answers, and know what every request cost.
#[derive(Debug, Parser)]
#[command(name = "claude-cli", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 failure, 2 usage, 3 a gate tripped, 4 authentication, \
5 rate limited or overloaded, 6 timed out, 7 the model did not deliver, 130 interrupted.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a prompt and print its answer
    Query(query::Args),
    /// Run a prompt and print its answer as it comes; `-` records a stream from stdin
    Stream(stream::Args),
    /// Answer questions about what was spent
    #[command(subcommand)]
    Analytics(analytics::Command),
    /// Show how cost, requests and latency went over time
    Timeseries(timeseries::Args),
    /// Serve a simulated Messages API on loopback
    Simulate(simulate::Args),
    /// Print a shell's completion script
    Completions(completions::Args),
    /// Write the man pages
    Man(man::Args),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        match self {
            Self::Query(args) => query::run(args, context),
            Self::Stream(args) => stream::run(args, context),
            Self::Analytics(command) => command.run(context),
            Self::Timeseries(args) => timeseries::run(&args, context),
            Self::Simulate(args) => simulate::run(args, context),
            Self::Completions(args) => completions::run(&args),
            Self::Man(args) => man::run(&args),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_table_is_sound_and_complete() {
        let command = Cli::command();
        command.clone().debug_assert();
        let names: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        assert_eq!(names, ["query", "stream", "analytics", "timeseries", "simulate", "completions", "man"]);
    }
}
