//! The table of commands.

use std::{
    env,
    ffi::{OsStr, OsString},
    process::ExitCode,
};

use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use claude_cli::client::Secrets;

use crate::{
    analytics, bench, completions, config,
    config::{ConfigFile, Key},
    context::{Context, Global},
    doctor, external, help, import, loadtest, man, profile, query, serve, simulate, statusline, stream,
    timeseries,
};

/// Run Claude from scripts and CI, stream its answers, and know what every request cost.
#[derive(Debug, Parser)]
#[command(
    name = "claude-cli",
    version,
    max_term_width = 100,
    after_help = help::exit_codes(),
    arg_required_else_help = true,
    args_conflicts_with_subcommands = false
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    /// List all commands, those of others (claude-cli-NAME on PATH) included
    #[arg(long)]
    list: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a prompt and print its answer
    #[command(after_long_help = help::shown_examples("query"))]
    Query(query::Args),
    /// Run a prompt and print its answer as it comes; `-` records a stream from stdin
    #[command(after_long_help = help::shown_examples("stream"))]
    Stream(stream::Args),
    /// Read transcripts, other ledgers and exports into the ledger
    Import(import::Args),
    /// Answer questions about what was spent
    #[command(subcommand)]
    Analytics(analytics::Command),
    /// Show how cost, requests and latency went over time
    #[command(after_long_help = help::shown_examples("timeseries"))]
    Timeseries(timeseries::Args),
    /// Print a line for Claude Code's status line
    #[command(after_long_help = help::shown_examples("statusline"))]
    Statusline(statusline::Args),
    /// Time the built-in benchmarks, or prompts, and compare
    #[command(after_long_help = help::shown_examples("bench"))]
    Bench(bench::Args),
    /// Show where the time of a command goes
    #[command(after_long_help = help::shown_examples("profile"))]
    Profile(profile::Args),
    /// Serve the dashboard, live, and its data
    #[command(after_long_help = help::shown_examples("serve"))]
    Serve(serve::Args),
    /// Put load on a Messages API or a dashboard, and measure how it does
    #[command(after_long_help = help::shown_examples("loadtest"))]
    Loadtest(Box<loadtest::Args>),
    /// Serve a simulated Messages API on loopback
    #[command(after_long_help = help::shown_examples("simulate"))]
    Simulate(simulate::Args),
    /// Read and change the config file, and show the prices
    #[command(subcommand, after_long_help = help::shown_examples("config"))]
    Config(config::Command),
    /// Check whether everything is in place, and say what to do where it is not
    Doctor(doctor::Args),
    /// Print a shell's completion script
    #[command(after_long_help = help::shown_examples("completions"))]
    Completions(completions::Args),
    /// Write the man pages
    Man(man::Args),
    #[command(external_subcommand)]
    External(Vec<OsString>),
}

/// Reads the command line over the config file. Ends the process for `--help`,
/// `--version` and what cannot be understood.
pub(crate) fn parse() -> claude_cli::Result<(Cli, ConfigFile)> {
    let args: Vec<OsString> = env::args_os().collect();
    parse_over(&args, &args)
}

/// `ours` are the arguments that may name the config file.
fn parse_over(args: &[OsString], ours: &[OsString]) -> claude_cli::Result<(Cli, ConfigFile)> {
    let (config, broken) = match ConfigFile::load(ours) {
        Ok(config) => (config, None),
        Err(e) => (ConfigFile::default(), Some(e)),
    };
    let command = config.defaults(Cli::command()).color(color(ours, &config));
    let cli = command.try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    match cli {
        // What follows the name of another's command is for that to read.
        Ok(Cli { command: Some(Command::External(theirs)), .. }) if args.len() == ours.len() => {
            parse_over(args, &args[..args.len() - theirs.len()])
        }
        Ok(cli) => match broken {
            // `config` and `doctor` are how one repairs it.
            Some(e) if !matches!(cli.command, Some(Command::Config(_) | Command::Doctor(_))) => Err(e),
            Some(_) => Ok((cli, ConfigFile::unread(ours))),
            None => Ok((cli, config)),
        },
        Err(e) if e.use_stderr() => {
            // If it was the file's value that an option did not take, say so.
            config.check(&Cli::command())?;
            refuse(&e)
        }
        Err(e) => e.exit(),
    }
}

/// When help and errors are coloured: as everything else is.
fn color(args: &[OsString], config: &ConfigFile) -> ColorChoice {
    let of_file = || config.get(Key::find("color")?)?.first().map(OsString::from);
    let asked = config::peek(args, "--color").or_else(of_file);
    match asked.as_deref().and_then(OsStr::to_str) {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

/// Ends the process for an error of the command line, and repeats no key that
/// was typed in the wrong place.
fn refuse(error: &clap::Error) -> ! {
    let text = error.to_string();
    let masked = Secrets::of_environment().mask(&text).into_owned();
    if masked == text {
        error.exit();
    }
    eprint!("{masked}");
    std::process::exit(claude_cli::ExitClass::Usage.code().into())
}

impl Cli {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        match self.command {
            _ if self.list => external::list(),
            Some(command) => {
                // A profile listens as well.
                if !matches!(command, Command::Profile(_)) {
                    context.trace(None);
                }
                command.run(context)
            }
            None => Ok(claude_cli::ExitClass::Usage.code().into()),
        }
    }
}

impl Command {
    fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        match self {
            Self::Query(args) => query::run(args, context),
            Self::Stream(args) => stream::run(args, context),
            Self::Import(args) => import::run(&args, context),
            Self::Analytics(command) => command.run(context),
            Self::Timeseries(args) => timeseries::run(&args, context),
            Self::Statusline(args) => statusline::run(&args, context),
            Self::Bench(args) => bench::run(args, context),
            Self::Profile(args) => profile::run(args, context),
            Self::Serve(args) => serve::run(&args, context),
            Self::Loadtest(args) => loadtest::run(*args, context),
            Self::Simulate(args) => simulate::run(args, context),
            Self::Config(command) => command.run(context),
            Self::Doctor(args) => doctor::run(&args, context),
            Self::Completions(args) => completions::run(&args),
            Self::Man(args) => man::run(&args),
            Self::External(args) => external::run(&args, context),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn every_key_of_the_config_file_is_an_option() {
        for key in &crate::config::KEYS {
            let command = Cli::command();
            let arg = key.of.command(&command).unwrap().get_arguments().find(|arg| arg.get_id() == key.name);
            assert_eq!(arg.unwrap().get_long(), Some(key.option().trim_start_matches("--")), "{}", key.name);
        }
    }

    #[test]
    fn the_table_is_sound_and_complete() {
        let command = Cli::command();
        command.clone().debug_assert();
        let names: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        let expected = [
            "query",
            "stream",
            "import",
            "analytics",
            "timeseries",
            "statusline",
            "bench",
            "profile",
            "serve",
            "loadtest",
            "simulate",
            "config",
            "doctor",
            "completions",
            "man",
        ];
        assert_eq!(names, expected);
    }
}
