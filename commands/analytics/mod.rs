//! `claude-cli analytics …`: questions to the ledger.

mod runs;
mod summary;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

use crate::{context::Context, help::shown_examples, timeseries};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what was spent, in all and by day, model, project, …
    #[command(after_long_help = shown_examples("summary"))]
    Summary(summary::Args),
    /// Show how cost, requests and latency went over time
    #[command(after_long_help = shown_examples("timeseries"))]
    Timeseries(timeseries::Args),
    /// List what this program ran
    Runs(runs::Args),
    /// Check the ledger and its rollups
    Verify(verify::Args),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        match self {
            Self::Summary(args) => summary::run(&args, context),
            Self::Timeseries(args) => timeseries::run(&args, context),
            Self::Runs(args) => runs::run(&args, context),
            Self::Verify(args) => verify::run(&args, context),
        }
    }
}
