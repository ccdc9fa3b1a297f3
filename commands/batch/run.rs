//! One line of a batch, from its prompt to its result.

use std::{io, rc::Rc};

use claude_cli::{
    Error, Event, ExitClass,
    client::Secrets,
    store::{Outcome, Writer},
};
use serde_json::{Value, json};

use super::{
    input::{Item, Line},
    spending::Spending,
};
use crate::{
    answers::{self, Answers},
    context::Context,
    prompt::{Frame, PromptArgs},
    recording::Label,
    status,
    stream::{Audience, Terms, ask},
};

/// What all lines share.
pub(super) struct Batch<'a> {
    pub(super) args: &'a PromptArgs,
    pub(super) context: &'a Context,
    pub(super) frame: Frame<'a>,
    pub(super) label: Label,
    pub(super) writer: Option<Rc<Writer>>,
    pub(super) spending: Spending,
    /// Answers that were given before, if they may be given again.
    pub(super) answers: Option<Answers<'a>>,
}

/// What became of a line.
pub(super) struct Finished {
    pub(super) index: u64,
    pub(super) outcome: Outcome,
    pub(super) error: Option<Error>,
    pub(super) result: Value,
}

/// A prompt of a batch hears of nothing but the whole batch's end.
struct Listener<'a> {
    index: u64,
    spending: &'a Spending,
}

impl Audience for Listener<'_> {
    fn event(&mut self, _: &Event) -> io::Result<()> {
        Ok(())
    }

    fn spent(&mut self, nanos: i64) -> Result<(), Error> {
        self.spending.running(self.index, nanos)
    }

    async fn interrupted(&mut self) {
        self.spending.stop.cancelled().await;
    }
}

impl Batch<'_> {
    /// Runs a line. Whatever goes wrong is its result, and stops no other.
    pub(super) async fn run(&self, line: Line) -> Finished {
        let (outcome, answer, error) = match &line.item {
            Ok(item) => {
                self.ask(line.index, item).await.unwrap_or_else(|e| (Outcome::default(), None, Some(known(e))))
            }
            Err(why) => (Outcome::default(), None, Some(Error::Invalid(why.clone()))),
        };
        let outcome_cost = outcome.run.cost.unwrap_or(0);
        self.spending.ended(line.index, outcome_cost);
        if matches!(error, Some(Error::OverBudget { .. })) {
            self.spending.refused();
        }
        // That another line's cost ended it is told as that.
        let error = match error {
            Some(e)
                if self.spending.is_over() && (e.is_interrupted() || matches!(e, Error::OverBudget { .. })) =>
            {
                self.spending.error().or(Some(e))
            }
            other => other,
        };
        // What failed may repeat the key it was refused with.
        let secrets = Secrets::of_environment();
        let error = error.map(|e| secrets.mask_error(e));
        let answer = answer.map(|text| if error.is_some() { secrets.mask(&text).into_owned() } else { text });
        let result = self.result(&line, &outcome, answer.as_deref(), error.as_ref());
        Finished { index: line.index, outcome, error, result }
    }

    /// The result of a line that was not run, for the batch is at its end.
    pub(super) fn not_run(&self, line: &Line) -> Finished {
        let error = self.spending.error().unwrap_or(Error::Interrupted);
        let mut result = self.result(line, &Outcome::default(), None, Some(&error));
        result["error"] = json!(format!("not run: {error}"));
        Finished { index: line.index, outcome: Outcome::default(), error: Some(error), result }
    }

    async fn ask(&self, index: u64, item: &Item) -> anyhow::Result<(Outcome, Option<String>, Option<Error>)> {
        let Self { args, context, spending, .. } = self;
        let model = item.model.as_deref().map(|model| context.config.alias(model).unwrap_or(model));
        let prepared = self.frame.prepare(item.prompt.clone())?.with(model, item.system.as_deref());
        // The program would keep to it run by run, and be another one for each.
        let by_program = prepared.backend_name()? == "claude";
        let (prepared, left) =
            if by_program { (prepared.without_budget(), None) } else { (prepared, spending.left()) };
        let mut label = self.label.clone();
        label.model = item.model.clone().or(label.model);
        label.tags.extend(item.tags.iter().cloned());
        let terms = Terms { args, context, writer: self.writer.clone() };
        let key = self.answers.as_ref().map(|answers| answers.key(&prepared)).transpose()?;
        if let (Some(answers), Some(key)) = (&self.answers, &key)
            && let Some(kept) = answers.get(key)
        {
            let (outcome, record) = answers::record(&kept, &label, prepared.backend_name()?, &terms);
            record.wait(context);
            return Ok((outcome, Some(kept.answer), None));
        }
        let mut listener = Listener { index, spending };
        let (mut ran, earlier) = ask(&label, &prepared, left, &mut listener, &terms).await?;
        if let (Some(answers), Some(key)) = (&self.answers, &key) {
            ran.keep(answers, key);
        }
        let (outcome, record) = ran.finish(prepared.prompt(), args);
        record.wait(context);
        Ok((earlier.with(outcome), ran.answer.take(), ran.error.take()))
    }

    /// A result as it is written: that of `query`, and which line it is of.
    fn result(&self, line: &Line, outcome: &Outcome, answer: Option<&str>, error: Option<&Error>) -> Value {
        let mut result = status::json(outcome, answer, error);
        if outcome.run.id.is_empty() {
            result["id"] = Value::Null;
        }
        result["index"] = json!(line.index);
        result["custom_id"] = json!(line.custom_id);
        result["input_hash"] = json!(Some(&line.hash).filter(|hash| !hash.is_empty()));
        result
    }
}

/// The error that decides the exit code.
fn known(error: anyhow::Error) -> Error {
    error
        .downcast::<Error>()
        .unwrap_or_else(|other| Error::io("this prompt could not be run", io::Error::other(format!("{other:#}"))))
}

impl Finished {
    pub(super) fn class(&self) -> ExitClass {
        self.error.as_ref().map_or(ExitClass::Ok, Error::exit_class)
    }
}
