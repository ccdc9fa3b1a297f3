//! The `claude` program as a backend.
//!
//! The program can hang before, in the middle of and after its answer, ignore
//! signals, and leave processes behind. So it runs in a process group of its
//! own under our own time limits, and when a run ends, the whole group is gone.

use std::{
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::Arc,
    time::Duration,
};

use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::ChildStdout,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    Backend, EventSender, Request, RunFuture, Secrets, Session,
    child::{ChildProcess, GRACE_FOR_PIPES},
    limits::Deadlines,
    outbox::Outbox,
    phases::{Phase, Phases},
};
use crate::{
    Error, EventKind, ProcessFailure, Result,
    pricing::format_usd,
    stream::{Decoder, StreamFormat},
};

/// How long the program may take to exit once its result is there.
const GRACE_AFTER_RESULT: Duration = Duration::from_secs(5);

/// Runs prompts through the `claude` program.
#[derive(Debug)]
pub struct ClaudeBackend {
    program: PathBuf,
}

impl ClaudeBackend {
    /// A backend that runs `program`.
    #[must_use]
    pub const fn new(program: PathBuf) -> Self {
        Self { program }
    }
}

/// The arguments for the program: every option a single token, so that no
/// value can be taken for an option; the prompt goes to its standard input.
#[must_use]
pub fn claude_args(request: &Request) -> Vec<String> {
    let mut args = vec!["-p".to_owned()];
    args.push(match request.format {
        StreamFormat::Text => "--output-format=text".to_owned(),
        StreamFormat::Json => "--output-format=json".to_owned(),
        _ => "--output-format=stream-json".to_owned(),
    });
    if !matches!(request.format, StreamFormat::Text | StreamFormat::Json) {
        args.extend(["--verbose".to_owned(), "--include-partial-messages".to_owned()]);
    }
    args.extend(request.model.iter().map(|model| format!("--model={model}")));
    args.extend(request.system.iter().map(|system| format!("--system-prompt={system}")));
    match &request.session {
        Session::New => {}
        Session::Continue { .. } => args.push("--continue".to_owned()),
        Session::Resume { id, .. } => args.push(format!("--resume={id}")),
    }
    if matches!(request.session, Session::Continue { fork: true } | Session::Resume { fork: true, .. }) {
        args.push("--fork-session".to_owned());
    }
    args.extend(request.json_schema.iter().map(|schema| format!("--json-schema={schema}")));
    args.extend(request.max_cost.map(|nanos| format!("--max-budget-usd={}", format_usd(nanos, 2, true))));
    args.extend(request.claude_args.iter().cloned());
    args
}

impl Backend for ClaudeBackend {
    fn name(&self) -> &'static str {
        "claude"
    }

    fn run(self: Arc<Self>, request: Request, events: EventSender, cancel: CancellationToken) -> RunFuture {
        Box::pin(async move {
            let secrets = secrets_of(&request);
            let run = async {
                let mut running = Running::start(&self.program, &request, &secrets)?;
                let mut phases = Phases::begin(Phase::FirstByte);
                let outcome = running.stream(&request, &events, &cancel, &mut phases).await;
                phases.enter(Phase::Exit);
                running.end(outcome).await
            };
            // What the program wrote to stderr may hold the key it was refused with.
            run.await.map_err(|e| secrets.mask_error(e))
        })
    }
}

/// The secrets that the program is told for a request.
pub(super) fn secrets_of(request: &Request) -> Secrets {
    let mut secrets = Secrets::of_environment();
    secrets.take_variables(|name| request.env.get(name).cloned());
    secrets
}

/// What the reading of the program's output came to.
struct Reading {
    /// Whether a result line came; whether it says that the run succeeded.
    result: Option<bool>,
    /// The program ended by itself.
    status: Option<ExitStatus>,
    /// Lines that were no JSON.
    skipped: u64,
}

struct Running {
    child: ChildProcess,
    stdout: ChildStdout,
    format: StreamFormat,
}

impl Running {
    fn start(program: &Path, request: &Request, secrets: &Secrets) -> Result<Self> {
        let spawn = tracing::trace_span!("spawn", pid = tracing::field::Empty).entered();
        let prompt = request.prompt_with_files()?;
        let (child, mut stdin, stdout) = ChildProcess::start(program, &claude_args(request), request, secrets)?;
        spawn.record("pid", child.id());
        // A program that does not read its prompt closes the pipe: not an error here.
        tokio::spawn(async move {
            let _ = stdin.write_all(prompt.as_bytes()).await;
        });
        Ok(Self { child, stdout, format: request.format })
    }

    /// Reads events until the program ends or has to be ended.
    async fn stream(
        &mut self,
        request: &Request,
        events: &EventSender,
        cancel: &CancellationToken,
        phases: &mut Phases,
    ) -> Result<Reading> {
        let mut reading = Reading { result: None, status: None, skipped: 0 };
        let mut decoder = Decoder::new(self.format);
        let mut deadlines = Deadlines::start(request.limits);
        let mut outbox = Outbox::default();
        let mut open = true;
        while open {
            let after_result = reading.result.is_some();
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(Error::Interrupted),
                () = events.closed() => return Err(Error::Interrupted),
                read = self.stdout.read_buf(decoder.buffer_mut()) => {
                    open = read.map_err(|e| Error::io(format!("reading from {}", self.child.program), e))? > 0;
                    phases.pass(Phase::FirstByte, Phase::Init);
                }
                status = self.child.wait(), if reading.status.is_none() => {
                    reading.status = Some(status.map_err(|e| Error::io(format!("waiting for {}", self.child.program), e))?);
                    // What it left behind may hold the pipes open.
                    self.child.signal(Signal::KILL);
                    deadlines.finish_within(GRACE_FOR_PIPES);
                }
                error = deadlines.reached() => {
                    // Its result is there, or it is gone: no limit was missed.
                    if after_result || reading.status.is_some() { break }
                    return Err(error);
                }
            }
            outbox.begin();
            let mut failed = None;
            loop {
                let next = if open { decoder.next_event() } else { decoder.finish() };
                let more = matches!(next, Some(Ok(_)));
                match next {
                    Some(Ok(event)) => {
                        deadlines.saw(&event);
                        phases.saw(&event);
                        if let EventKind::Result(result) = event.kind() {
                            reading.result = Some(!result.is_error);
                            deadlines.finish_within(GRACE_AFTER_RESULT);
                        }
                        if !outbox.put(event, events) {
                            continue;
                        }
                    }
                    Some(Err(Error::Parse { .. })) => {
                        reading.skipped += 1;
                        continue;
                    }
                    Some(Err(e)) => failed = Some(e),
                    None => {}
                }
                tokio::select! {
                    biased;
                    sent = outbox.flush(events) => sent?,
                    () = cancel.cancelled() => return Err(Error::Interrupted),
                    error = deadlines.total_reached() => return Err(error),
                }
                if !more {
                    break;
                }
            }
            if let Some(e) = failed {
                return Err(e);
            }
        }
        if reading.status.is_none() {
            // Its output is closed: it is about to exit, or never will.
            let until = deadlines.end().unwrap_or_else(|| Instant::now() + GRACE_AFTER_RESULT);
            if let Ok(status) = timeout_at(until.max(Instant::now()), self.child.wait()).await {
                reading.status =
                    Some(status.map_err(|e| Error::io(format!("waiting for {}", self.child.program), e))?);
            }
        }
        Ok(reading)
    }

    /// Makes sure that nothing is left, and says how it went.
    async fn end(mut self, outcome: Result<Reading>) -> Result<()> {
        self.child.end(matches!(&outcome, Ok(Reading { status: Some(_), .. }))).await;
        tracing::debug!(ok = outcome.is_ok(), "the program has ended");
        let reading = outcome?;
        let (result, status, skipped) = (reading.result, reading.status, reading.skipped);
        let failure = match (result, status) {
            // Killed after its result, or an error it has told of: the result stands.
            (Some(_), None) | (Some(false), _) => return Ok(()),
            (Some(true), Some(status)) if status.success() => return Ok(()),
            (Some(true), Some(status)) => ProcessFailure::AfterSuccess(status),
            (None, Some(_)) if !matches!(self.format, StreamFormat::StreamJson) => return Ok(()),
            (None, status) => ProcessFailure::NoResult { status, skipped },
        };
        Err(self.child.failure(failure).await)
    }
}
