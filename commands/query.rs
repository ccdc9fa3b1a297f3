//! `claude-cli query`: run a prompt and print its answer, or run a batch of them.

use std::process::ExitCode;

use claude_cli::Error;

use crate::{
    batch::{self, BatchArgs},
    context::Context,
    prompt::PromptArgs,
    stream,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    prompt: PromptArgs,
    #[command(flatten)]
    batch: BatchArgs,
}

pub(crate) fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    if let Some(option) = args.batch.meaningless_alone() {
        return Err(Error::Invalid(format!("{option} needs --batch")).into());
    }
    match &args.batch.batch {
        Some(file) => batch::run(file, &args.batch, &args.prompt, context),
        None => stream::run_prompt("query", &args.prompt, context),
    }
}
