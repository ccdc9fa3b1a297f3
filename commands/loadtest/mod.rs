//! `claude-cli loadtest`: load on an API or a dashboard, and what came of it.

mod args;
mod kept;
mod plan;
mod progress;
mod run;
mod show;
mod target;

use std::process::ExitCode;

use crate::context::Context;

/// Put load on a Messages API or a dashboard, and measure how it does.
///
/// Requests are sent when they are due, whether or not the ones before were
/// answered, and times are measured from then: a server that stands still for a
/// second is charged with every request that came meanwhile.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    kept: Option<Command>,
    #[command(flatten)]
    run: args::RunArgs,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the load tests that were kept
    List,
    /// Show one again, by its id, the begin of it, its name, or `last`
    Show(kept::ShowArgs),
    /// Show two side by side
    Compare(kept::CompareArgs),
    /// Print the JSON schema of a result
    Schema,
}

pub(crate) fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    match args.kept {
        None => run::run(&args.run, context),
        Some(Command::List) => kept::list(context),
        Some(Command::Show(args)) => kept::show(&args, context),
        Some(Command::Compare(args)) => kept::compare(&args, context),
        Some(Command::Schema) => {
            print!("{}", claude_cli::load::LOADTEST_JSON_SCHEMA);
            Ok(ExitCode::SUCCESS)
        }
    }
}
