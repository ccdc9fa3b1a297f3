//! `claude-cli stream`: run a prompt and print its answer as it comes, or
//! record a stream that comes on stdin.

mod passthrough;
mod render;

use std::{
    io::{IsTerminal, stderr},
    process::ExitCode,
};

use anyhow::Context as _;
use claude_cli::{Error, client::verdict};
use tokio::signal::unix::{SignalKind, signal};

use self::render::Renderer;
use crate::{context::Context, prompt::PromptArgs, recording::Recording, status};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    prompt: PromptArgs,
}

pub(crate) fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    if args.prompt.prompt == ["-"] {
        return passthrough::run(&args.prompt, context);
    }
    run_prompt("stream", &args.prompt, context)
}

/// Runs a prompt for `query` and `stream`, which differ only in when they show
/// the answer.
pub(crate) fn run_prompt(command: &'static str, args: &PromptArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let prompt = args.text()?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(drive(command, prompt, args, context))
}

async fn drive(command: &str, prompt: String, args: &PromptArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let mut renderer = Renderer::new(args.output, command == "stream");
    let mut interrupts = signal(SignalKind::interrupt()).context("cannot catch SIGINT")?;
    let mut terminations = signal(SignalKind::terminate()).context("cannot catch SIGTERM")?;
    let mut stream = args.client().query(prompt).stream().await?;
    let mut recording = Recording::start(command, stream.backend_name(), args, context)?;
    let mut error = None;
    let mut unwritten = None;
    loop {
        let item = tokio::select! {
            biased;
            item = stream.next_event() => item,
            _ = interrupts.recv() => { stream.cancel(); continue }
            _ = terminations.recv() => { stream.cancel(); continue }
        };
        match item {
            None => break,
            Some(Ok(event)) => {
                recording.observe(&event);
                if unwritten.is_none()
                    && let Err(e) = renderer.event(&event)
                {
                    // Nobody reads on: no reason to pay for more.
                    stream.cancel();
                    unwritten = Some(e);
                }
            }
            Some(Err(e)) => error = Some(e),
        }
    }
    let result = recording.recorder().result().cloned();
    if error.is_none() {
        error = result.as_ref().and_then(|result| verdict(result).err());
    }
    let (outcome, record) = recording.finish(error.as_ref());
    // The answer first: its reader does not wait for the ledger.
    let written = match unwritten {
        Some(e) => Err(e),
        None => renderer.finish(
            result.as_ref(),
            &status::json(&outcome, result.as_ref(), error.as_ref()),
            error.is_some(),
        ),
    };
    record.wait(context);
    written.context("cannot write the answer")?;
    if args.stats || (command == "stream" && stderr().is_terminal() && !context.quiet()) {
        eprintln!("{}", status::line(&outcome));
    }
    finish(error)
}

/// The exit code of a run; its error goes the way of all errors.
fn finish(error: Option<Error>) -> anyhow::Result<ExitCode> {
    error.map_or(Ok(ExitCode::SUCCESS), |e| Err(e.into()))
}
