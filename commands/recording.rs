//! Recording a run without ever being in its way.

use std::{env, time::Duration};

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

/// A run that is being recorded, or only watched.
pub(crate) struct Recording {
    recorder: Recorder,
    writer: Option<Writer>,
}

impl Recording {
    pub(crate) fn start(
        command: &str,
        backend: &str,
        args: &PromptArgs,
        context: &Context,
    ) -> anyhow::Result<Self> {
        let writer = match (args.no_record, context.ledger_path()) {
            (true, _) => None,
            (false, Ok(path)) => Some(Writer::start(&path, context.prices())),
            (false, Err(error)) => {
                context.note(&format!("warning: this run is not recorded: {error:#}"));
                None
            }
        };
        let here = env::current_dir().ok();
        let recorder = Recorder::start(RunStart {
            command: command.to_owned(),
            backend: backend.to_owned(),
            model: args.model.as_deref().map(|model| normalize(model).name),
            project: here.map(|path| path.display().to_string()),
            user: user(),
            host: host(),
            tags: args.tags()?,
            simulated: backend == "simulated",
            reports_cost: matches!(backend, "claude" | "stdin"),
        });
        let mut recording = Self { recorder, writer };
        recording.submit();
        Ok(recording)
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
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
    writer: Option<Writer>,
}

impl Unwritten {
    /// Waits for it, but not for long. What goes wrong is told, and changes
    /// nothing about the run.
    pub(crate) fn wait(self, context: &Context) {
        match self.writer.map(|writer| writer.close(PATIENCE)) {
            Some(Closed::Spooled { file, reason: Some(reason) }) => {
                context.note(&format!("warning: {reason}; recorded in {} instead", file.display()));
            }
            Some(Closed::Lost(e)) => context.note(&format!("warning: this run is not recorded: {e}")),
            _ => {}
        }
    }
}
