//! Turning the events of a run into what the ledger keeps of it.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use super::{
    Batch, ModelTotal, Run, Witness, WitnessKind,
    settle::{Claim, settle},
};
use crate::{
    Error, Event, EventKind, ExitClass, Usage,
    client::kind_of,
    pricing::{self, PriceTable},
    stream::{ApiEvent, ApiMessage, AssistantMessage, ByteString, Delta, Retry, RunResult, StreamEvent},
};

/// The model name that the `claude` program gives its own error messages.
const SYNTHETIC: &str = "<synthetic>";

/// What is known of a run before it starts.
#[derive(Clone, Debug, Default)]
pub struct RunStart {
    /// `query`, `stream`, …
    pub command: String,
    /// The backend's name.
    pub backend: String,
    /// The model asked for.
    pub model: Option<String>,
    /// Working directory.
    pub project: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// The host.
    pub host: Option<String>,
    /// Tags, as `key=value`.
    pub tags: BTreeSet<String>,
    /// Made by the simulated backend.
    pub simulated: bool,
    /// Whether the costs in the `result` line are a report. Those of the
    /// `claude` program are; those our own backends write are calculated.
    pub reports_cost: bool,
}

/// What a run amounted to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// The run's record, as it goes into the ledger.
    pub run: Run,
    /// All tokens of the run.
    pub usage: Usage,
    /// Milliseconds between the first and the last piece of text.
    pub streamed_ms: i64,
}

impl Outcome {
    /// Output tokens a second while the answer streamed; `None` for an answer
    /// that came at once.
    #[must_use]
    pub fn tokens_per_second(&self) -> Option<f64> {
        (self.streamed_ms > 0).then(|| self.usage.output_tokens as f64 * 1000.0 / self.streamed_ms as f64)
    }
}

/// Watches a run's events and gathers witnesses of its requests.
///
/// It never waits and never fails: what it gathered is fetched with
/// [`take_batch`](Self::take_batch) as often as one likes, and the rest with
/// [`finish`](Self::finish).
#[derive(Debug)]
pub struct Recorder {
    run: Run,
    reports_cost: bool,
    clock: Clock,
    batch: Batch,
    /// The message being streamed, by the tool use it belongs to.
    open: HashMap<Option<ByteString>, Sight>,
    /// Messages already handed over, by message id: later lines may add to them.
    seen: HashMap<String, Sight>,
    /// When the main conversation's current request went out.
    asked_at: Option<Instant>,
    first_text: Option<Instant>,
    last_text: Option<Instant>,
    result: Option<RunResult>,
    failures: u32,
}

#[derive(Debug)]
struct Clock {
    started: Instant,
    started_at: i64,
}

impl Clock {
    fn now(&self) -> i64 {
        self.started_at + millis(self.started.elapsed())
    }
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A request while its lines come in.
#[derive(Clone, Debug)]
struct Sight {
    witness: Witness,
    asked_at: Option<Instant>,
}

impl Recorder {
    /// Starts recording a run, now.
    #[must_use]
    pub fn start(start: RunStart) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let clock = Clock { started: Instant::now(), started_at: millis(now) };
        let run = Run {
            id: uuid::Uuid::now_v7().to_string(),
            started_at: clock.started_at,
            command: start.command,
            backend: start.backend,
            model: start.model,
            project: start.project,
            user: start.user,
            host: start.host,
            tags: start.tags,
            simulated: start.simulated,
            ..Run::default()
        };
        Self {
            batch: Batch { runs: vec![run.clone()], ..Batch::default() },
            run,
            reports_cost: start.reports_cost,
            asked_at: Some(clock.started),
            clock,
            open: HashMap::new(),
            seen: HashMap::new(),
            first_text: None,
            last_text: None,
            result: None,
            failures: 0,
        }
    }

    /// The run's id.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run.id
    }

    /// The model that answers, or was asked for.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.run.model.as_deref()
    }

    /// The `result` line, once it came.
    #[must_use]
    pub const fn result(&self) -> Option<&RunResult> {
        self.result.as_ref()
    }

    /// What the requests seen so far cost by a price table, in nano-dollars;
    /// those of unknown price are left out.
    #[must_use]
    pub fn cost_so_far(&self, prices: &PriceTable) -> i64 {
        let sights = self.seen.values().chain(self.open.values()).map(|sight| &sight.witness);
        sights.filter_map(|w| prices.cost(w.model.as_deref()?, &w.usage)).sum()
    }

    /// The run is answered from the cache, by what `model` once said: it asks
    /// nobody, and costs nothing.
    pub fn answered_from_cache(&mut self, model: Option<String>) {
        self.run.cached = true;
        self.run.model = model.or(self.run.model.take());
    }

    /// Watches one event.
    pub fn observe(&mut self, event: &Event) {
        if event.text_delta().is_some_and(|text| !text.is_empty()) {
            self.text();
        }
        match event.kind() {
            EventKind::Init(init) => {
                self.session(init.session_id.as_ref());
                if let Some(model) = &init.model {
                    self.run.model = Some(pricing::normalize(model).name);
                }
            }
            EventKind::System { subtype } if subtype == "status" => self.asked_at = Some(Instant::now()),
            EventKind::Retry(retry) => self.retry(retry),
            EventKind::Stream(stream) => self.stream(stream),
            EventKind::Assistant(message) => self.assistant(message),
            EventKind::User(user) => {
                self.session(user.session_id.as_ref());
                if user.parent_tool_use_id.is_none() {
                    self.asked_at = Some(Instant::now());
                }
            }
            EventKind::Result(result) => {
                self.session(result.session_id.as_ref());
                // Totals are cumulative over the life of the process: the last
                // result line says it all.
                self.result = Some((**result).clone());
            }
            _ => {}
        }
    }

    /// What was gathered since the last call.
    pub fn take_batch(&mut self) -> Batch {
        std::mem::take(&mut self.batch)
    }

    /// Ends the recording; `error` is what the run failed with, if it did.
    #[must_use]
    pub fn finish(mut self, error: Option<&Error>) -> (Outcome, Batch) {
        for (_, mut sight) in std::mem::take(&mut self.open) {
            // Its tokens were spent, but the answer is not whole.
            sight.witness.error = Some(error.map_or("incomplete", |e| e.exit_class().name()).to_owned());
            self.hand_over(sight);
        }
        if let Some(Error::Api { status, kind, request_id, .. }) = error
            && !self.reports_cost
        {
            self.failure(kind.clone(), *status, request_id.clone(), None);
        }
        let usage = self.totals();
        self.run.ended_at = Some(self.clock.now());
        self.run.duration_ms = Some(millis(self.clock.started.elapsed()));
        self.run.exit = Some(error.map_or(ExitClass::Ok, Error::exit_class).name().to_owned());
        self.run.error = error.map(|e| first_line(&e.to_string()));
        self.run.attempts = u32::try_from(self.seen.len()).unwrap_or(u32::MAX).saturating_add(self.failures);
        self.batch.runs.push(self.run.clone());
        let streamed_ms = match (self.first_text, self.last_text) {
            (Some(first), Some(last)) => millis(last - first),
            _ => 0,
        };
        (Outcome { run: self.run, usage, streamed_ms }, self.batch)
    }

    fn text(&mut self) {
        let now = Instant::now();
        self.last_text = Some(now);
        if self.first_text.is_none() {
            self.first_text = Some(now);
            self.run.ttft_ms = Some(millis(now - self.clock.started));
        }
    }

    fn session(&mut self, session: Option<&ByteString>) {
        if let Some(session) = session
            && self.run.session.is_none()
        {
            self.run.session = Some(session.to_string());
            // Known from here on, so that a killed run can be found by it.
            self.batch.runs.push(self.run.clone());
        }
    }

    fn witness(&self, parent: Option<&ByteString>) -> Witness {
        let agent = if parent.is_some() { "subagent" } else { "main" };
        Witness {
            by: WitnessKind::Run,
            ts: self.clock.now(),
            session: self.run.session.as_deref().map(Into::into),
            run: Some(self.run.id.clone()),
            project: self.run.project.as_deref().map(Into::into),
            user: self.run.user.as_deref().map(Into::into),
            host: self.run.host.as_deref().map(Into::into),
            agent: Some(agent.into()),
            tags: self.run.tags.clone(),
            simulated: self.run.simulated,
            ..Witness::default()
        }
    }

    fn stream(&mut self, stream: &StreamEvent) {
        let parent = &stream.parent_tool_use_id;
        match &stream.event {
            ApiEvent::MessageStart(message) => {
                let mut sight = Sight {
                    witness: self.witness(parent.as_ref()),
                    asked_at: self.asked_at.filter(|_| parent.is_none()),
                };
                note(&mut sight.witness, message);
                sight.witness.request_id = owned(stream.request_id.as_ref());
                if let Some(unfinished) = self.open.insert(parent.clone(), sight) {
                    self.hand_over(unfinished);
                }
            }
            ApiEvent::ContentBlockDelta {
                delta: Delta::Text(_) | Delta::Thinking(_) | Delta::InputJson(_),
                ..
            } => {
                if let Some(sight) = self.open.get_mut(parent)
                    && sight.witness.ttft_ms.is_none()
                {
                    sight.witness.ttft_ms = sight.asked_at.map(|at| millis(at.elapsed()));
                }
            }
            ApiEvent::MessageDelta { usage, .. } => {
                if let Some(sight) = self.open.get_mut(parent) {
                    sight.witness.usage.finalise(usage);
                }
            }
            ApiEvent::MessageStop => {
                if let Some(mut sight) = self.open.remove(parent) {
                    sight.witness.duration_ms = sight.asked_at.map(|at| millis(at.elapsed()));
                    self.hand_over(sight);
                }
            }
            ApiEvent::Error { kind, .. } => {
                if let Some(mut sight) = self.open.remove(parent) {
                    sight.witness.error = Some(kind.to_string());
                    self.hand_over(sight);
                }
            }
            _ => {}
        }
    }

    fn assistant(&mut self, line: &AssistantMessage) {
        self.session(line.session_id.as_ref());
        let message = &line.message;
        if line.error.is_some() || message.model.as_deref() == Some(SYNTHETIC) {
            let kind = owned(line.error.as_ref()).unwrap_or_else(|| "api_error".to_owned());
            self.failure(kind, None, owned(line.request_id.as_ref()), owned(line.uuid.as_ref()));
            return;
        }
        let Some(id) = owned(message.id.as_ref()) else { return };
        let parent = &line.parent_tool_use_id;
        // With partial messages the stream's own events say more.
        if let Some(open) = self.open.get_mut(parent)
            && open.witness.message_id.as_ref() == Some(&id)
        {
            if open.witness.request_id.is_none() {
                open.witness.request_id = owned(line.request_id.as_ref());
            }
            return;
        }
        let known = self.seen.get(&id).cloned();
        let mut sight =
            known.clone().unwrap_or_else(|| Sight { witness: self.witness(parent.as_ref()), asked_at: None });
        if sight.witness.request_id.is_none() {
            sight.witness.request_id = owned(line.request_id.as_ref());
        }
        let before = sight.witness.usage.output_tokens;
        if known.is_none() || message.usage.as_ref().is_some_and(|u| u.output_tokens > before) {
            note(&mut sight.witness, message);
        }
        if known.is_none_or(|k| k.witness != sight.witness) {
            self.hand_over(sight);
        }
    }

    fn hand_over(&mut self, sight: Sight) {
        self.batch.witnesses.push(sight.witness.clone());
        if let Some(id) = sight.witness.message_id.clone() {
            self.seen.insert(id, sight);
        }
    }

    fn retry(&mut self, retry: &Retry) {
        let kind = if retry.error.is_empty() { "api_error".to_owned() } else { retry.error.to_string() };
        self.failure(kind, retry.status, owned(retry.request_id.as_ref()), owned(retry.uuid.as_ref()));
    }

    fn failure(&mut self, kind: String, status: Option<u16>, request_id: Option<String>, uuid: Option<String>) {
        self.failures += 1;
        let mut witness = self.witness(None);
        // The program has names of its own for what the API calls by its error types.
        witness.error = Some(match status.map(|status| (status, kind_of(status))) {
            Some((status, "api_error")) => format!("http_{status}"),
            Some((_, named)) => named.to_owned(),
            None => kind,
        });
        witness.uuid = Some(uuid.unwrap_or_else(|| format!("{}/{}", self.run.id, self.failures)));
        witness.request_id = request_id;
        self.batch.witnesses.push(witness);
    }

    /// Takes the run's totals from its result line, and adds up its tokens and
    /// cost: those of the requests seen, and what the totals say beyond them.
    fn totals(&mut self) -> Usage {
        let prices = PriceTable::embedded();
        let price = |model: &str, usage: &Usage| prices.cost(model, usage);
        let mut reported = None;
        if let Some(result) = &self.result {
            reported = result.cost_nanos.filter(|_| self.reports_cost);
            self.run.result_id = owned(result.uuid.as_ref());
            self.run.totals = result
                .model_usage
                .iter()
                .map(|m| ModelTotal {
                    model: pricing::normalize(&m.model).name,
                    usage: m.usage.clone(),
                    cost: m.cost_nanos.filter(|_| self.reports_cost),
                })
                .collect();
        }
        let seen: Vec<Claim> = self
            .seen
            .values()
            .map(|Sight { witness, .. }| Claim {
                model: witness.model.clone(),
                usage: witness.usage.clone(),
                reported: None,
                calculated: witness.model.as_deref().and_then(|model| price(model, &witness.usage)),
            })
            .collect();
        let rest = settle(&self.run.totals, &seen, &price).remainders;
        let mut usage = Usage::default();
        let mut calculated = Some(0);
        let parts = seen.iter().map(|claim| (&claim.usage, claim.calculated));
        for (part, cost) in parts.chain(rest.iter().map(|r| (&r.usage, price(&r.model, &r.usage)))) {
            usage.add_counts(part);
            if !part.is_zero() {
                calculated = calculated.zip(cost).map(|(sum, cost)| sum + cost);
            }
        }
        self.run.cost = reported.or(calculated);
        usage
    }
}

/// Takes in a message's ids, model and usage.
fn note(witness: &mut Witness, message: &ApiMessage) {
    witness.message_id = owned(message.id.as_ref());
    if let Some(model) = &message.model {
        let name = pricing::normalize(model);
        witness.usage.fast |= name.fast;
        witness.model = Some(name.name.into());
    }
    if let Some(usage) = &message.usage {
        let fast = witness.usage.fast;
        witness.usage = usage.clone();
        witness.usage.fast |= fast;
    }
}

/// A text of its own: what is kept must not keep a stream's buffers.
fn owned(text: Option<&ByteString>) -> Option<String> {
    text.map(ByteString::to_string)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}
