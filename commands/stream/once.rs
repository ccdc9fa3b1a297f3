//! One run of a prompt, watched and recorded.

use std::{io, rc::Rc};

use claude_cli::{
    Error, Event, QueryBuilder,
    cache::CacheKey,
    client::{Secrets, estimate, told_error, within_budget},
    store::{Outcome, RunText, Writer},
    stream::RunResult,
};

use super::judge::{gravest, is_cut_off, judge};
use crate::{
    answers::Answers,
    context::Context,
    prompt::{PromptArgs, USUAL_MODEL},
    recording::{Label, Recording, Unwritten},
};

/// Whoever a run is for.
pub(crate) trait Audience {
    /// Shows an event; an error says that nobody reads on.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// Hears what the run has cost so far, in nano-dollars; an error ends it.
    fn spent(&mut self, nanos: i64) -> Result<(), Error>;

    /// Waits until an end is wanted.
    async fn interrupted(&mut self);
}

/// What a run came to.
pub(crate) struct Ran {
    recording: Option<Recording>,
    pub(crate) result: Option<RunResult>,
    pub(crate) answer: Option<String>,
    pub(crate) error: Option<Error>,
    /// The answer is what there is of one.
    pub(crate) cut_off: bool,
    /// Why the answer could not be written, if it could not.
    pub(crate) unwritten: Option<io::Error>,
}

impl Ran {
    pub(crate) const fn is_unwritten(&self) -> bool {
        self.unwritten.is_some()
    }

    /// Keeps the answer for the next who asks, if it is one.
    pub(crate) fn keep(&self, answers: &Answers<'_>, key: &CacheKey) {
        if let (None, false, Some(answer), Some(result)) = (&self.error, self.cut_off, &self.answer, &self.result)
        {
            let model = self.recording.as_ref().and_then(|recording| recording.recorder().model());
            answers.put(key, answer, result, model.map(str::to_owned));
        }
    }

    /// Ends the recording; what was said is kept if that is wanted.
    pub(crate) fn finish(&mut self, prompt: &str, args: &PromptArgs) -> (Outcome, Unwritten) {
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
    pub(crate) fn end(mut self, prompt: &str, args: &PromptArgs, context: &Context) -> Outcome {
        let (outcome, record) = self.finish(prompt, args);
        record.wait(context);
        outcome
    }
}

/// How a query is run: the same for all that a command runs.
pub(crate) struct Terms<'a> {
    pub(crate) args: &'a PromptArgs,
    pub(crate) context: &'a Context,
    /// The ledger's writer, if the run is recorded.
    pub(crate) writer: Option<Rc<Writer>>,
}

/// Runs a query and hands its events to the ledger and its audience. Ends it
/// when that wants an end, when nobody reads on, and when it costs too much.
pub(crate) async fn run_once(
    label: &Label,
    query: QueryBuilder,
    max_cost: Option<i64>,
    audience: &mut impl Audience,
    terms: &Terms<'_>,
) -> anyhow::Result<Ran> {
    let Terms { args, context, writer } = terms;
    let cut = max_cost.and_then(|limit| cut_by_budget(&query, limit, context));
    let prices = context.prices();
    let mut stream = query.stream().await?;
    let mut recording = Recording::start(label, stream.backend_name(), writer.clone());
    let mut errors = Vec::new();
    let mut over_budget = None;
    let mut interrupted = false;
    let mut told = None;
    let mut unwritten = None;
    loop {
        let item = tokio::select! {
            biased;
            item = stream.next_event() => item,
            () = audience.interrupted(), if !interrupted => {
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
                if over_budget.is_none() && event.changes_usage() {
                    let spent = recording.recorder().cost_so_far(&prices);
                    if let Err(e) = audience.spent(spent) {
                        over_budget = Some(e);
                        stream.cancel();
                    }
                }
                if unwritten.is_none()
                    && let Err(e) = audience.event(&event)
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
