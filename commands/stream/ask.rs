//! Asking until an answer is one: again where it does not follow its schema.

use claude_cli::{Error, Usage, store::Outcome};

use super::once::{Audience, Ran, Terms, run_once};
use crate::{prompt::Prepared, recording::Label};

/// What asking before cost, where an answer did not follow its schema.
#[derive(Default)]
pub(crate) struct Earlier {
    pub(crate) cost: i64,
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
    pub(crate) fn with(&self, mut outcome: Outcome) -> Outcome {
        let run = &mut outcome.run;
        run.cost = run.cost.filter(|_| !self.unpriced).map(|cost| cost + self.cost);
        run.attempts += self.attempts;
        run.duration_ms = run.duration_ms.map(|millis| millis + self.duration_ms);
        outcome.usage.add_counts(&self.usage);
        outcome
    }
}

/// Runs a prompt, and again for as long as its answer does not follow its
/// schema and that may be said; within `max_cost` nano-dollars in all.
pub(crate) async fn ask(
    label: &Label,
    prepared: &Prepared,
    max_cost: Option<i64>,
    audience: &mut impl Audience,
    terms: &Terms<'_>,
) -> anyhow::Result<(Ran, Earlier)> {
    let mut earlier = Earlier::default();
    let mut complaint: Option<String> = None;
    let mut asked_again = 0;
    loop {
        let left = max_cost.map(|most| most - earlier.cost);
        let query = prepared.query(complaint.as_deref(), left);
        let mut audience = Spending { audience: &mut *audience, before: earlier.cost };
        let mut ran = run_once(label, query, left, &mut audience, terms).await?;
        let Some(schema) = &prepared.schema else { return Ok((ran, earlier)) };
        let (None, Some(result)) = (&ran.error, &ran.result) else { return Ok((ran, earlier)) };
        let why = match schema.check(result) {
            Ok(answer) => {
                ran.answer = Some(answer.to_string());
                return Ok((ran, earlier));
            }
            Err(why) => why,
        };
        ran.error = Some(Error::NotDelivered(format!("the answer does not follow the schema: {why}")));
        if asked_again >= terms.args.schema_retries || ran.is_unwritten() {
            return Ok((ran, earlier));
        }
        asked_again += 1;
        terms.context.note(&format!("the answer does not follow the schema, asking again: {why}"));
        earlier.add(&ran.end(prepared.prompt(), terms.args, terms.context));
        if let Some(limit) = max_cost.filter(|most| earlier.cost >= *most) {
            return Err(Error::OverBudget { spent: earlier.cost, limit }.into());
        }
        complaint = Some(why);
    }
}

/// An audience that hears what all runs cost together.
struct Spending<'a, A> {
    audience: &'a mut A,
    before: i64,
}

impl<A: Audience> Audience for Spending<'_, A> {
    fn event(&mut self, event: &claude_cli::Event) -> std::io::Result<()> {
        self.audience.event(event)
    }

    fn spent(&mut self, nanos: i64) -> Result<(), Error> {
        self.audience.spent(self.before + nanos)
    }

    async fn interrupted(&mut self) {
        self.audience.interrupted().await;
    }
}
