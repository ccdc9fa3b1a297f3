//! One run of a prompt, watched and recorded.

use std::io;

use anyhow::Context as _;
use claude_cli::{
    Error, QueryBuilder,
    client::verdict,
    store::{Outcome, RunText},
    stream::RunResult,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::render::Renderer;
use crate::{
    context::Context,
    prompt::PromptArgs,
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
        let text = args.log_text.then(|| RunText {
            run: recording.recorder().run_id().to_owned(),
            prompt: prompt.to_owned(),
            answer: self.answer.clone().unwrap_or_default(),
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
    let mut stream = query.stream().await?;
    let mut recording = Recording::start(command, stream.backend_name(), args, context)?;
    let mut error = None;
    let mut over_budget = None;
    let mut unwritten = None;
    loop {
        let item = tokio::select! {
            biased;
            item = stream.next_event() => item,
            () = interrupts.next() => { stream.cancel(); continue }
        };
        match item {
            None => break,
            Some(Ok(event)) => {
                recording.observe(&event);
                if let Some(limit) = max_cost.filter(|_| event.changes_usage()) {
                    let spent = recording.recorder().cost_so_far();
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
            Some(Err(e)) => error = Some(e),
        }
    }
    let result = recording.recorder().result().cloned();
    let error = over_budget.or(error).or_else(|| result.as_ref().and_then(|result| judge(result, max_cost, args)));
    let answer = result.as_ref().and_then(|result| result.result.clone());
    Ok(Ran { recording: Some(recording), result, answer, error, unwritten })
}

/// What is wrong with a run that ended by itself.
fn judge(result: &RunResult, max_cost: Option<i64>, args: &PromptArgs) -> Option<Error> {
    if let (Some(limit), "error_max_budget_usd") = (max_cost, result.subtype.as_str()) {
        return Some(Error::OverBudget { spent: result.cost_nanos.unwrap_or(limit), limit });
    }
    if let Err(e) = verdict(result) {
        // An answer by schema need not say anything besides.
        let answered = e.is_not_delivered() && !result.is_error && result.structured_output.is_some();
        return (!answered).then_some(e);
    }
    let denied = result.permission_denials;
    (args.fail_on_denied && denied > 0)
        .then(|| Error::NotDelivered(format!("{denied} uses of tools were denied (--allowedTools=… after `--`)")))
}
