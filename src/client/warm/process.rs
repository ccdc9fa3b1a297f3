//! One `claude` program that answers prompt after prompt.

use std::{collections::HashSet, path::Path, time::Duration};

use rustix::process::Signal;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStdin, ChildStdout},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{pool::Shape, totals::Totals};
use crate::{
    Error, Event, EventKind, ProcessFailure, Result, StreamFormat,
    client::{
        EventSender, Limits, Request, Secrets,
        child::{ChildProcess, GRACE_FOR_PIPES},
        limits::Deadlines,
    },
    stream::{ApiEvent, ByteString, ContentBlock, Decoder, RunResult, StreamEvent},
};

/// How long it may take to begin a new conversation; it takes some 10 ms.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it may take to exit once nothing more can come.
const GRACE_AFTER_END: Duration = Duration::from_secs(2);
/// What may be said about a session that ends or begins. Anything else is no
/// reason to trust the next one.
const EXPECTED: [&str; 8] = [
    "status",
    "hook_started",
    "hook_progress",
    "hook_response",
    "session_state_changed",
    "post_turn_summary",
    "turn_duration",
    "notification",
];
/// The tool by which an answer by a schema comes; it does nothing else.
const ANSWER_TOOL: &str = "StructuredOutput";

/// How a prompt went.
#[derive(Debug)]
pub(super) enum Turn {
    /// Its result was passed on.
    Answered,
    /// The process did not take it up, and nothing was passed on.
    Lost,
}

#[derive(Debug)]
pub(super) struct WarmProcess {
    child: ChildProcess,
    shape: Shape,
    /// Away while a prompt is being written.
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    decoder: Decoder,
    totals: Totals,
    /// The session that was begun for the next prompt.
    session: Option<ByteString>,
    sessions: HashSet<ByteString>,
    prompts: u32,
    doubtful: bool,
    has_exited: bool,
}

impl WarmProcess {
    pub(super) fn start(program: &Path, shape: Shape, request: &Request, secrets: &Secrets) -> Result<Self> {
        let (child, stdin, stdout) = ChildProcess::start(program, &shape.args, request, secrets)?;
        Ok(Self {
            child,
            shape,
            stdin: Some(stdin),
            stdout,
            decoder: Decoder::new(StreamFormat::StreamJson),
            totals: Totals::default(),
            session: None,
            sessions: HashSet::new(),
            prompts: 0,
            doubtful: false,
            has_exited: false,
        })
    }

    pub(super) const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether it answered a prompt before.
    pub(super) const fn was_used(&self) -> bool {
        self.prompts > 0
    }

    /// Whether it is not to be used again.
    pub(super) const fn is_spent(&self, uses: u32) -> bool {
        self.doubtful || self.has_exited || self.prompts >= uses
    }

    /// Runs a prompt and passes its events on.
    pub(super) async fn turn(
        &mut self,
        prompt: &str,
        limits: Limits,
        events: &EventSender,
        cancel: &CancellationToken,
    ) -> Result<Turn> {
        let Some(mut stdin) = self.stdin.take() else { return Ok(Turn::Lost) };
        let line = message(prompt);
        // Beside the reading: a program that fills its output before it reads on would wait for ever.
        let writing = tokio::spawn(async move {
            let written = stdin.write_all(&line).await;
            written.is_ok().then_some(stdin)
        });
        let mut deadlines = Deadlines::start(limits);
        let mut passed_on = false;
        loop {
            while let Some(next) = self.next_event() {
                let event = next?;
                deadlines.saw(&event);
                if !self.is_of_this_session(&event) {
                    // Not the conversation that was begun: nothing of it may be shown.
                    if passed_on {
                        return Err(self.child.failure("answered in another conversation").await);
                    }
                    return Ok(Turn::Lost);
                }
                self.doubt(&event);
                let ended = matches!(event.kind(), EventKind::Result(_));
                let event = if ended { self.totals.of_this_run(event) } else { event };
                tokio::select! {
                    biased;
                    sent = events.send(event) => sent.map_err(|_| Error::Interrupted)?,
                    () = cancel.cancelled() => return Err(Error::Interrupted),
                    error = deadlines.total_reached() => return Err(error),
                }
                passed_on = true;
                if ended {
                    self.prompts += 1;
                    self.session = None;
                    self.stdin = writing.await.ok().flatten();
                    return Ok(Turn::Answered);
                }
            }
            let open = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(Error::Interrupted),
                () = events.closed() => return Err(Error::Interrupted),
                open = self.read() => open?,
                error = deadlines.reached() => return Err(error),
            };
            if !open {
                self.has_exited = true;
                let status = timeout(GRACE_FOR_PIPES, self.child.wait()).await;
                if !passed_on {
                    return Ok(Turn::Lost);
                }
                let how = status.ok().and_then(std::result::Result::ok).map_or_else(
                    || ProcessFailure::from("closed its output without a result"),
                    |status| ProcessFailure::NoResult { status: Some(status), skipped: 0 },
                );
                self.child.signal(Signal::KILL);
                return Err(self.child.failure(how).await);
            }
        }
    }

    /// Begins a new conversation, of which nothing is known but that it is new.
    pub(super) async fn clear(&mut self) -> std::result::Result<(), &'static str> {
        timeout(PATIENCE, self.begin_anew()).await.unwrap_or(Err("it took too long"))
    }

    async fn begin_anew(&mut self) -> std::result::Result<(), &'static str> {
        let Some(stdin) = &mut self.stdin else { return Err("it does not read") };
        stdin.write_all(&message("/clear")).await.map_err(|_| "it does not read")?;
        let mut begun = None;
        loop {
            while let Some(next) = self.next_event() {
                let event = next.map_err(|_| "it said something unexpected")?;
                match event.kind() {
                    EventKind::Init(init) => begun.clone_from(&init.session_id),
                    EventKind::System { subtype } if EXPECTED.contains(&&**subtype) => {}
                    EventKind::Assistant(line) if line.message.model.as_deref() == Some("<synthetic>") => {}
                    EventKind::User(_) => {}
                    EventKind::Result(result) => return self.begun(begun, result),
                    _ => return Err("it said something unexpected"),
                }
            }
            if !self.read().await.map_err(|_| "it cannot be read")? {
                self.has_exited = true;
                return Err("it exited");
            }
        }
    }

    fn begun(&mut self, begun: Option<ByteString>, result: &RunResult) -> std::result::Result<(), &'static str> {
        match begun {
            _ if result.is_error || result.num_turns.unwrap_or(0) > 0 => Err("it took the command for a prompt"),
            Some(session) if result.session_id.as_ref() != Some(&session) => Err("it names two sessions"),
            Some(session) if self.sessions.contains(&session) => Err("it stayed in its conversation"),
            Some(session) => {
                self.session = Some(session);
                Ok(())
            }
            None => Err("it names no session"),
        }
    }

    /// Whether an event is of the conversation that was begun for this prompt; of
    /// a process without a past, any is.
    fn is_of_this_session(&mut self, event: &Event) -> bool {
        let session = match event.kind() {
            EventKind::Init(init) => &init.session_id,
            EventKind::Result(result) => &result.session_id,
            _ => return true,
        };
        let Some(session) = session else { return !self.was_used() };
        if self.session.is_none() && !self.was_used() {
            self.session = Some(session.clone());
        }
        // A text of its own: it is kept for longer than the buffer it came in.
        self.sessions.insert(ByteString::from(&**session));
        self.session.as_ref() == Some(session)
    }

    /// Notes what may have an effect beyond this prompt.
    fn doubt(&mut self, event: &Event) {
        let is_tool =
            |block: &ContentBlock| matches!(block, ContentBlock::ToolUse { name, .. } if name != ANSWER_TOOL);
        self.doubtful |= match event.kind() {
            EventKind::Assistant(line) => line.message.content.blocks().iter().any(is_tool),
            EventKind::Stream(StreamEvent { event: ApiEvent::ContentBlockStart { block, .. }, .. }) => {
                is_tool(block)
            }
            EventKind::System { subtype } => !EXPECTED.contains(&&**subtype),
            EventKind::Result(result) => result.is_error || result.permission_denials > 0,
            EventKind::Unknown { .. } | EventKind::Text(_) => true,
            _ => false,
        };
    }

    /// The next event; lines that are none are a reason for doubt.
    fn next_event(&mut self) -> Option<Result<Event>> {
        loop {
            match self.decoder.next_event() {
                Some(Err(Error::Parse { .. })) => self.doubtful = true,
                other => return other,
            }
        }
    }

    /// Reads what there is; whether more may come.
    async fn read(&mut self) -> Result<bool> {
        let read = self.stdout.read_buf(self.decoder.buffer_mut()).await;
        Ok(read.map_err(|e| Error::io(format!("reading from {}", self.child.program), e))? > 0)
    }

    /// Ends it: nothing more comes, then the usual ladder.
    pub(super) async fn end(mut self) {
        self.stdin = None;
        if !self.has_exited {
            self.has_exited = timeout(GRACE_AFTER_END, self.child.wait()).await.is_ok();
        }
        self.child.end(self.has_exited).await;
    }

    /// Ends it at once after a run that failed.
    pub(super) async fn fail(mut self, error: Error) -> Error {
        self.child.end(self.has_exited).await;
        error
    }
}

fn message(content: &str) -> Vec<u8> {
    let mut line = json!({ "type": "user", "message": { "role": "user", "content": content } }).to_string();
    line.push('\n');
    line.into_bytes()
}
