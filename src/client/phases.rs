//! Where a run stands, as one `tracing` span after the other.
//!
//! A span begins where the one before it ends, so that no time lies between
//! them. None is made for a token: only the first and the last of an answer
//! change anything.

use tracing::{Span, trace_span};

use crate::{
    Event, EventKind,
    stream::{ApiEvent, StreamEvent},
};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The head of an HTTP answer.
    Head,
    /// The first byte of output.
    FirstByte,
    /// The `init` message.
    Init,
    /// The first token of an answer.
    FirstToken,
    /// The last token of it.
    LastToken,
    /// What follows an answer: what its tools do, or the result.
    Result,
    /// The end of the program.
    Exit,
}

/// The phase that a run is in.
#[derive(Debug)]
pub(super) struct Phases {
    /// The run itself, of which all phases are a part.
    run: Span,
    now: Phase,
    span: Span,
}

impl Phases {
    /// Begins with a phase.
    pub(super) fn begin(phase: Phase) -> Self {
        let run = Span::current();
        let span = span(phase, &run);
        Self { run, now: phase, span }
    }

    /// Another phase begins.
    pub(super) fn enter(&mut self, phase: Phase) {
        if self.now != phase {
            self.now = phase;
            // The old one ends first.
            self.span = Span::none();
            self.span = span(phase, &self.run);
        }
    }

    /// Another phase begins, if it is this one's turn.
    pub(super) fn pass(&mut self, from: Phase, to: Phase) {
        if self.now == from {
            self.enter(to);
        }
    }

    /// An event came.
    pub(super) fn saw(&mut self, event: &Event) {
        match event.kind() {
            EventKind::Init(_) => self.pass(Phase::Init, Phase::FirstToken),
            EventKind::Stream(StreamEvent { event, parent_tool_use_id: None, .. }) => match event {
                ApiEvent::MessageStart(_) => self.pass(Phase::Result, Phase::FirstToken),
                ApiEvent::ContentBlockDelta { .. } => self.enter(Phase::LastToken),
                ApiEvent::MessageStop => self.enter(Phase::Result),
                _ => {}
            },
            // Where answers do not stream, they come whole.
            EventKind::Assistant(line) if line.parent_tool_use_id.is_none() => {
                self.pass(Phase::FirstToken, Phase::LastToken);
            }
            EventKind::Text(_) => self.enter(Phase::LastToken),
            EventKind::Result(_) => self.enter(Phase::Exit),
            _ => {}
        }
    }
}

fn span(phase: Phase, run: &Span) -> Span {
    match phase {
        Phase::Head => trace_span!(parent: run, "response head"),
        Phase::FirstByte => trace_span!(parent: run, "first byte"),
        Phase::Init => trace_span!(parent: run, "init"),
        Phase::FirstToken => trace_span!(parent: run, "first token"),
        Phase::LastToken => trace_span!(parent: run, "last token"),
        Phase::Result => trace_span!(parent: run, "result"),
        Phase::Exit => trace_span!(parent: run, "child exit"),
    }
}
