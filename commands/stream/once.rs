//! One run of a prompt, watched and recorded.

use std::io;

use anyhow::Context as _;
use claude_cli::{
    Error, QueryBuilder,
    client::{Secrets, estimate, told_error, within_budget},
    store::{Outcome, RunText},
    stream::RunResult,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{
    judge::{gravest, is_cut_off, judge},
    render::Renderer,
};
use crate::{
    context::Context,
    prompt::{PromptArgs, USUAL_MODEL},
    recording::{Recording, Unwritten},
};

/// The signals that end a run.
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    pub(super) fn catch() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("cannot catch SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("cannot catch SIGTERM")?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// What a run came to.
pub(super) struct Ran {
    recording: Option<Recording>,
    pub(super) result: Option<RunResult>,
    pub(super) answer: Option<String>,
    pub(super) error: Option<Error>,
    /// The answer is what there is of one.
    pub(super) cut_off: bool,
    /// Why the answer could not be written, if it could not.
    pub(super) unwritten: Option<io::Error>,
}

impl Ran {
    pub(super) const fn is_unwritten(&self) -> bool {
        self.unwritten.is_some()
    }

    /// Ends the recording; what was said is kept if that is wanted.
    pub(super) fn finish(&mut self, prompt: &str, args: &PromptArgs) -> (Outcome, Unwritten) {
        let Some(recording) = self.recording.take() else { return Default::default() };
        let text = args.log_text.then(|| {
            let secrets = Secrets::of_environment();
            RunText {
                run: recording.recorder().run_id().to_owned(),
                prompt: secrets.mask(prompt).into_owned(),
                answer: secrets.mask(self.answer.as_deref().unwrap_or_default()).into_owned(),
            }
        });
        recording.finish(self.error.as_ref(), text)
    }

    /// Ends the recording and waits until it is written.
    pub(super) fn end(mut self, prompt: &str, args: &PromptArgs, context: &Context) -> Outcome {
        let (outcome, record) = self.finish(prompt, args);
        record.wait(context);
        outcome
    }
}

/// Runs a query and hands its events to the ledger and the renderer. Ends it
/// on a signal, when nobody reads on, and when it costs too much.
pub(super) async fn run_once(
    command: &str,
    query: QueryBuilder,
    max_cost: Option<i64>,
    renderer: &mut Renderer,
    interrupts: &mut Interrupts,
    args: &PromptArgs,
    context: &Context,
) -> anyhow::Result<Ran> {
    let cut = max_cost.and_then(|limit| cut_by_budget(&query, limit, context));
    let prices = context.prices();
    let mut stream = query.stream().await?;
    let mut recording = Recording::start(command, stream.backend_name(), args, context)?;
    let mut errors = Vec::new();
    let mut over_budget = None;
    let mut interrupted = false;
    let mut told = None;
    let mut unwritten = None;
    loop {
        let item = tokio::select! {
            biased;
            item = stream.next_event() => item,
            () = interrupts.next() => {
                interrupted = true;
                stream.cancel();
                continue
            }
        };
        match item {
            None => break,
            Some(Ok(event)) => {
                recording.observe(&event);
                told = told_error(&event).map(str::to_owned).or(told);
                if let Some(limit) = max_cost.filter(|_| over_budget.is_none() && event.changes_usage()) {
                    let spent = recording.recorder().cost_so_far(&prices);
                    if spent > limit {
                        over_budget = Some(Error::OverBudget { spent, limit });
                        stream.cancel();
                    }
                }
                if unwritten.is_none()
                    && let Err(e) = renderer.event(&event)
                {
                    // Nobody reads on: no reason to pay for more.
                    stream.cancel();
                    unwritten = Some(e);
                }
            }
            // That we ended it ourselves for its cost is told as that.
            Some(Err(e)) if e.is_interrupted() && over_budget.is_some() && !interrupted => {}
            Some(Err(e)) => errors.push(e),
        }
    }
    let result = recording.recorder().result().cloned();
    let cut_off = result.as_ref().is_some_and(is_cut_off);
    if cut_off {
        let longest =
            || Error::NotDelivered(format!("the answer was cut off (raise --max-tokens {})", args.max_tokens));
        errors.push(cut.unwrap_or_else(longest));
    }
    errors.extend(over_budget);
    errors.extend(result.iter().flat_map(|result| judge(result, told.as_deref(), max_cost, args)));
    let error = gravest(errors).map(|error| Secrets::of_environment().mask_error(error));
    let answer = result.as_ref().and_then(|result| result.result.as_deref()).map(str::to_owned);
    Ok(Ran { recording: Some(recording), result, answer, error, cut_off, unwritten })
}

/// What the answer of the Messages API would be too dear for, if its budget
/// has it cut short.
fn cut_by_budget(query: &QueryBuilder, limit: i64, context: &Context) -> Option<Error> {
    let (request, prices) = (query.request(), context.prices());
    let model = prices.resolve_alias(request.model.as_deref().unwrap_or(USUAL_MODEL));
    let within = within_budget(request, model, &prices).ok()?;
    let spent = estimate(request, model, &prices).ceiling?;
    (within.max_tokens < request.max_tokens).then_some(Error::OverBudget { spent, limit })
}
