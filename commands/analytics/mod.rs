//! `claude-cli analytics …`: questions to the ledger.

mod runs;
mod summary;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

use crate::{context::Context, timeseries};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what was spent, in all and by day, model, project, …
    Summary(summary::Args),
    /// Show how cost, requests and latency went over time
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

/// Options of every report over a range of time.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Up to this time; a date counts to its end
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Count what the simulated backend did, too
    #[arg(long)]
    pub(crate) include_simulated: bool,
    /// Which cost counts
    #[arg(long, value_enum, value_name = "MODE", default_value_t)]
    pub(crate) cost_mode: Cost,
}

/// Which cost of a request counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Cost {
    /// What the source reported, else what the price table says
    #[default]
    Auto,
    /// What the price table says
    Calculate,
    /// What the source reported
    Display,
}
