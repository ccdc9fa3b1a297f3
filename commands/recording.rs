//! Recording a run without ever being in its way.

use std::{collections::BTreeSet, env, rc::Rc, time::Duration};

use claude_cli::{
    Error, Event,
    pricing::normalize,
    store::{Closed, Outcome, Recorder, RunStart, RunText, Writer},
};

use crate::{
    context::{Context, variable},
    prompt::PromptArgs,
};

/// How long the end of a run may wait for the ledger.
const PATIENCE: Duration = Duration::from_millis(250);

/// The ledger's writer for one run or many; `None` where nothing is recorded.
pub(crate) fn writer(args: &PromptArgs, context: &Context) -> Option<Rc<Writer>> {
    match (args.no_record, context.ledger_path()) {
        (true, _) => None,
        (false, Ok(path)) => Some(Rc::new(Writer::start(&path, context.prices()))),
        (false, Err(error)) => {
            context.note(&format!("warning: this run is not recorded: {error:#}"));
            None
        }
    }
}

/// What a run is recorded as.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) command: &'static str,
    /// The model asked for.
    pub(crate) model: Option<String>,
    pub(crate) tags: BTreeSet<String>,
}

impl Label {
    pub(crate) fn of(command: &'static str, args: &PromptArgs) -> anyhow::Result<Self> {
        Ok(Self { command, model: args.model.clone(), tags: args.tags()? })
    }
}

/// A run that is being recorded, or only watched.
pub(crate) struct Recording {
    recorder: Recorder,
    writer: Option<Rc<Writer>>,
}

impl Recording {
    pub(crate) fn start(label: &Label, backend: &str, writer: Option<Rc<Writer>>) -> Self {
        let here = env::current_dir().ok();
        let recorder = Recorder::start(RunStart {
            command: label.command.to_owned(),
            backend: backend.to_owned(),
            model: label.model.as_deref().map(|model| normalize(model).name),
            project: here.map(|path| path.display().to_string()),
            user: user(),
            host: host(),
            tags: label.tags.clone(),
            simulated: backend == "simulated",
            reports_cost: matches!(backend, "claude" | "stdin"),
        });
        let mut recording = Self { recorder, writer };
        recording.submit();
        recording
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// No backend is asked: the answer, by `model`, is in the cache.
    pub(crate) fn answered_from_cache(&mut self, model: Option<String>) {
        self.recorder.answered_from_cache(model);
    }

    pub(crate) fn observe(&mut self, event: &Event) {
        self.recorder.observe(event);
        self.submit();
    }

    fn submit(&mut self) {
        let batch = self.recorder.take_batch();
        if let Some(writer) = &self.writer {
            writer.submit(batch);
        }
    }

    /// Ends the recording: says what the run amounted to while that is written.
    pub(crate) fn finish(self, error: Option<&Error>, text: Option<RunText>) -> (Outcome, Unwritten) {
        let (outcome, mut batch) = self.recorder.finish(error);
        batch.texts.extend(text);
        if let Some(writer) = &self.writer {
            writer.submit(batch);
        }
        (outcome, Unwritten { writer: self.writer })
    }
}

/// Who works here.
pub(crate) fn user() -> Option<String> {
    variable("USER").or_else(|| variable("LOGNAME"))
}

/// The name of this machine.
pub(crate) fn host() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
}

/// A record on its way into the ledger.
#[derive(Default)]
#[must_use = "the process must not end before the record is written"]
pub(crate) struct Unwritten {
    writer: Option<Rc<Writer>>,
}

impl Unwritten {
    /// What a writer still has to write.
    pub(crate) const fn of(writer: Option<Rc<Writer>>) -> Self {
        Self { writer }
    }

    /// Waits for it, but not for long. What goes wrong is told, and changes
    /// nothing about the run. Where others write on, they wait.
    pub(crate) fn wait(self, context: &Context) {
        match self.writer.and_then(Rc::into_inner).map(|writer| writer.close(PATIENCE)) {
            Some(Closed::Spooled { file, reason: Some(reason) }) => {
                context.note(&format!("warning: {reason}; recorded in {} instead", file.display()));
            }
            Some(Closed::Lost(e)) => context.note(&format!("warning: this run is not recorded: {e}")),
            _ => {}
        }
    }
}
