//! `claude-cli stream`: run a prompt and print its answer as it comes, or
//! record a stream that comes on stdin.

mod judge;
mod once;
mod passthrough;
mod render;

use std::{
    io::{IsTerminal, stderr},
    process::ExitCode,
};

use anyhow::Context as _;
use claude_cli::{Error, Usage, client::Secrets, store::Outcome};

use self::{
    once::{Interrupts, Ran, run_once},
    render::Renderer,
};
use crate::{
    context::Context,
    prompt::{Prepared, PromptArgs, show_plan},
    status,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    prompt: PromptArgs,
}

pub(crate) fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    if args.prompt.is_stdin() {
        return passthrough::run(&args.prompt, context);
    }
    run_prompt("stream", &args.prompt, context)
}

/// Runs a prompt for `query` and `stream`, which differ only in when they show
/// the answer.
pub(crate) fn run_prompt(command: &'static str, args: &PromptArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let prepared = args.prepare(context)?;
    if args.dry_run {
        show_plan(&prepared, args, &context.prices())?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(drive(command, &prepared, args, context))
}

async fn drive(
    command: &str,
    prepared: &Prepared,
    args: &PromptArgs,
    context: &Context,
) -> anyhow::Result<ExitCode> {
    // An answer that is checked is shown when it has passed.
    let live = command == "stream" && prepared.schema.is_none();
    let mut renderer = Renderer::new(args, live, context);
    let mut interrupts = Interrupts::catch()?;
    let mut earlier = Earlier::default();
    let mut complaint: Option<String> = None;
    let mut asked_again = 0;
    loop {
        let left = args.max_cost.map(|most| most - earlier.cost);
        let query = prepared.query(complaint.as_deref(), left);
        let mut ran = run_once(command, query, left, &mut renderer, &mut interrupts, args, context).await?;
        if let (Some(Error::OverBudget { spent, limit }), Some(most)) = (&mut ran.error, args.max_cost) {
            *spent += earlier.cost;
            *limit = most;
        }
        if let (Some(schema), None, Some(result)) = (&prepared.schema, &ran.error, &ran.result) {
            match schema.check(result) {
                Ok(answer) => ran.answer = Some(answer.to_string()),
                Err(why) => {
                    ran.error = Some(Error::NotDelivered(format!("the answer does not follow the schema: {why}")));
                    if asked_again < args.schema_retries && !ran.is_unwritten() {
                        asked_again += 1;
                        context.note(&format!("the answer does not follow the schema, asking again: {why}"));
                        earlier.add(&ran.end(prepared.prompt(), args, context));
                        if let Some(limit) = args.max_cost.filter(|most| earlier.cost >= *most) {
                            return Err(Error::OverBudget { spent: earlier.cost, limit }.into());
                        }
                        complaint = Some(why);
                        continue;
                    }
                }
            }
        }
        return show(command, ran, &earlier, prepared, &mut renderer, args, context);
    }
}

/// What asking before cost, where an answer did not follow its schema.
#[derive(Default)]
struct Earlier {
    cost: i64,
    /// Whether a part of that cost is unknown.
    unpriced: bool,
    usage: Usage,
    attempts: u32,
    duration_ms: i64,
}

impl Earlier {
    fn add(&mut self, outcome: &Outcome) {
        self.cost += outcome.run.cost.unwrap_or(0);
        self.unpriced |= outcome.run.cost.is_none();
        self.usage.add_counts(&outcome.usage);
        self.attempts += outcome.run.attempts;
        self.duration_ms += outcome.run.duration_ms.unwrap_or(0);
    }

    /// The figures of the last run and of those before it.
    fn with(&self, mut outcome: Outcome) -> Outcome {
        let run = &mut outcome.run;
        run.cost = run.cost.filter(|_| !self.unpriced).map(|cost| cost + self.cost);
        run.attempts += self.attempts;
        run.duration_ms = run.duration_ms.map(|millis| millis + self.duration_ms);
        outcome.usage.add_counts(&self.usage);
        outcome
    }
}

/// Shows how the last run went, and makes it the exit code.
fn show(
    command: &str,
    mut ran: Ran,
    earlier: &Earlier,
    prepared: &Prepared,
    renderer: &mut Renderer,
    args: &PromptArgs,
    context: &Context,
) -> anyhow::Result<ExitCode> {
    let (outcome, record) = ran.finish(prepared.prompt(), args);
    let outcome = earlier.with(outcome);
    let failed = ran.error.is_some() && !ran.cut_off;
    // What a failed run says instead of an answer may be an error that repeats a key.
    let secrets = Secrets::of_environment();
    let answer = ran.answer.as_deref().map(|answer| if failed { secrets.mask(answer) } else { answer.into() });
    let json = status::json(&outcome, answer.as_deref(), ran.error.as_ref());
    // The answer first: its reader does not wait for the ledger.
    let written = match ran.unwritten.take() {
        Some(e) => Err(e),
        None => renderer.finish(answer.as_deref(), &json, failed),
    };
    record.wait(context);
    written.context("cannot write the answer")?;
    if args.stats || (command == "stream" && stderr().is_terminal() && !context.quiet()) {
        eprintln!("{}", status::line(&outcome));
    }
    finish(ran.error)
}

/// The exit code of a run; its error goes the way of all errors.
fn finish(error: Option<Error>) -> anyhow::Result<ExitCode> {
    error.map_or(Ok(ExitCode::SUCCESS), |e| Err(e.into()))
}
