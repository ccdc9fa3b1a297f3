//! `claude-cli query`: run a prompt and print its answer.

use std::process::ExitCode;

use crate::{context::Context, prompt::PromptArgs, stream};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    prompt: PromptArgs,
}

pub(crate) fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    stream::run_prompt("query", &args.prompt, context)
}
