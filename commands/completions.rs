//! `claude-cli completions`: a shell's completion script.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use clap::{CommandFactory, builder::PossibleValuesParser};
use clap_complete::{CompleteEnv, env::Shells};
use claude_cli::Error;

use crate::cli::Cli;

/// The variable by which a completion script asks.
const ASKED_BY: &str = "COMPLETE";
const NAME: &str = "claude-cli";
/// zsh loads a file of its fpath when it is first asked to complete, and takes
/// what the file does for the answer: without this, the first Tab does nothing.
const ZSH_FIRST_TAB: &str = "
if [[ $funcstack[1] == _claude-cli ]]; then
    _clap_dynamic_completer_claude_cli \"$@\"
fi
";

/// Print a shell's completion script.
///
/// The script asks this program for what fits, so that it completes models,
/// sessions, tags and templates, too.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_parser = PossibleValuesParser::new(["bash", "zsh", "fish", "powershell", "elvish"]))]
    shell: String,
}

/// Answers a completion script that asks, and ends the process then.
pub(crate) fn answer_shell() {
    CompleteEnv::with_factory(Cli::command).var(ASKED_BY).complete();
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let shells = Shells::builtins();
    let shell = shells
        .completer(&args.shell)
        .ok_or_else(|| Error::Invalid(format!("`{}` has no completions", args.shell)))?;
    let mut script = Vec::new();
    shell.write_registration(ASKED_BY, NAME, NAME, NAME, &mut script)?;
    if args.shell == "zsh" {
        script.extend_from_slice(ZSH_FIRST_TAB.as_bytes());
    }
    stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
