//! `claude-cli analytics …`: questions to the ledger.

mod alerts;
mod blocks;
mod budget;
mod cache;
pub(crate) mod dashboard;
mod export;
mod prune;
mod reprice;
mod runs;
mod sessions;
mod sql;
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
    /// Show how a range went, on one screen
    #[command(after_long_help = shown_examples("dashboard"))]
    Dashboard(dashboard::Args),
    /// List sessions, the newest or the costliest first
    #[command(after_long_help = shown_examples("sessions"))]
    Sessions(sessions::Args),
    /// Show 5-hour billing windows, and where the one in use leads
    #[command(after_long_help = shown_examples("blocks"))]
    Blocks(blocks::Args),
    /// Set what may be spent, and check whether it was
    #[command(subcommand, after_long_help = shown_examples("budget"))]
    Budget(budget::Command),
    /// List which budgets were crossed, and when
    Alerts(alerts::Args),
    /// List what this program ran
    Runs(runs::Args),
    /// Ask in SQL, over views whose names stay
    #[command(after_long_help = shown_examples("sql"))]
    Sql(sql::Args),
    /// Write the ledger's rows, for other programs and other ledgers
    #[command(after_long_help = shown_examples("export"))]
    Export(export::Args),
    /// Show what is kept of answers, and forget it
    #[command(subcommand, after_long_help = shown_examples("cache"))]
    Cache(cache::Command),
    /// Check the ledger and its rollups
    Verify(verify::Args),
    /// Calculate all costs anew, by the price table in force
    Reprice(reprice::Args),
    /// Drop the rows of old days; what they add up to stays counted
    #[command(after_long_help = shown_examples("prune"))]
    Prune(prune::Args),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        match self {
            Self::Summary(args) => summary::run(&args, context),
            Self::Timeseries(args) => timeseries::run(&args, context),
            Self::Dashboard(args) => dashboard::run(&args, context),
            Self::Sessions(args) => sessions::run(&args, context),
            Self::Blocks(args) => blocks::run(&args, context),
            Self::Budget(command) => command.run(context),
            Self::Alerts(args) => alerts::run(&args, context),
            Self::Runs(args) => runs::run(&args, context),
            Self::Sql(args) => sql::run(&args, context),
            Self::Export(args) => export::run(&args, context),
            Self::Cache(command) => command.run(context),
            Self::Verify(args) => verify::run(&args, context),
            Self::Reprice(args) => reprice::run(&args, context),
            Self::Prune(args) => prune::run(&args, context),
        }
    }
}
