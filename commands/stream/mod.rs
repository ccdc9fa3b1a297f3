//! `claude-cli stream`: run a prompt and print its answer as it comes, or
//! record a stream that comes on stdin.

mod ask;
mod judge;
mod once;
mod passthrough;
mod render;

use std::{
    io::{self, IsTerminal, stderr},
    process::ExitCode,
};

use anyhow::Context as _;
use claude_cli::{Error, Event, client::Secrets, store::Outcome};
use tracing::trace_span;

use self::render::Renderer;
pub(crate) use self::{
    ask::{Earlier, ask},
    once::{Audience, Ran, Terms},
};
use crate::{
    answers::{self, Answers, Kept},
    context::Context,
    prompt::{Prepared, PromptArgs, show_plan},
    recording::{Label, Unwritten, writer},
    signals::Interrupts,
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
    let prepared = trace_span!("prepare").in_scope(|| args.prepare(context))?;
    if args.dry_run {
        show_plan(&prepared, args, &context.prices())?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = trace_span!("start runtime").in_scope(|| {
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")
    })?;
    let code = runtime.block_on(drive(command, &prepared, args, context));
    trace_span!("end runtime").in_scope(|| drop(runtime));
    code
}

async fn drive(
    command: &'static str,
    prepared: &Prepared,
    args: &PromptArgs,
    context: &Context,
) -> anyhow::Result<ExitCode> {
    let setting_up = trace_span!("set up").entered();
    // An answer that is checked is shown when it has passed.
    let live = command == "stream" && prepared.schema.is_none();
    let mut user = User {
        renderer: Renderer::new(args, live, context),
        interrupts: Interrupts::catch()?,
        max_cost: args.max_cost,
    };
    let terms = Terms { args, context, writer: writer(args, context) };
    let label = Label::of(command, args)?;
    let answers = Answers::open(args, context);
    let key = answers.as_ref().map(|answers| answers.key(prepared)).transpose()?;
    if let (Some(answers), Some(key)) = (&answers, &key)
        && let Some(kept) = answers.get(key)
    {
        let (outcome, record) = answers::record(&kept, &label, prepared.backend_name()?, &terms);
        drop(terms);
        return show_kept(command, &kept, &outcome, record, &mut user.renderer, args, context);
    }
    drop(setting_up);
    let (mut ran, earlier) = ask(&label, prepared, args.max_cost, &mut user, &terms).await?;
    drop(terms);
    if let (Some(answers), Some(key)) = (&answers, &key) {
        ran.keep(answers, key);
    }
    if let (Some(Error::OverBudget { spent, limit }), Some(most)) = (&mut ran.error, args.max_cost)
        && *limit != most
    {
        *spent += earlier.cost;
        *limit = most;
    }
    show(command, ran, &earlier, prepared, &mut user.renderer, args, context)
}

/// Who runs one prompt and waits for it.
struct User {
    renderer: Renderer,
    interrupts: Interrupts,
    max_cost: Option<i64>,
}

impl Audience for User {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.renderer.event(event)
    }

    fn spent(&mut self, spent: i64) -> Result<(), Error> {
        match self.max_cost {
            Some(limit) if spent > limit => Err(Error::OverBudget { spent, limit }),
            _ => Ok(()),
        }
    }

    async fn interrupted(&mut self) {
        self.interrupts.next().await;
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
    let rendering = trace_span!("render").entered();
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
    drop(rendering);
    trace_span!("commit").in_scope(|| record.wait(context));
    written.context("cannot write the answer")?;
    if args.stats || (command == "stream" && stderr().is_terminal() && !context.quiet()) {
        eprintln!("{}", status::line(&outcome));
    }
    finish(ran.error)
}

/// Shows an answer from the cache.
fn show_kept(
    command: &str,
    kept: &Kept,
    outcome: &Outcome,
    record: Unwritten,
    renderer: &mut Renderer,
    args: &PromptArgs,
    context: &Context,
) -> anyhow::Result<ExitCode> {
    let json = status::json(outcome, Some(&kept.answer), None);
    let written = renderer.kept(&kept.answer, &json);
    record.wait(context);
    written.context("cannot write the answer")?;
    if args.stats || (command == "stream" && stderr().is_terminal() && !context.quiet()) {
        eprintln!("{}", status::line(outcome));
    }
    Ok(ExitCode::SUCCESS)
}

/// The exit code of a run; its error goes the way of all errors.
fn finish(error: Option<Error>) -> anyhow::Result<ExitCode> {
    error.map_or(Ok(ExitCode::SUCCESS), |e| Err(e.into()))
}
