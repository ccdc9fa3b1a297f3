//! One query, and the stream that answers it.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Attachment, Client, Limits, Request, Response, Session, response::Collector};
use crate::{
    BackpressureMonitor, Error, Event, Result,
    stream::{Receiver, channel, stream_config},
};

/// The window over which a stream's rate is told.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// A query that is not sent yet.
#[derive(Clone, Debug)]
#[must_use = "a query does nothing until it is sent or streamed"]
pub struct QueryBuilder {
    client: Client,
    request: Request,
}

impl QueryBuilder {
    pub(super) const fn new(client: Client, request: Request) -> Self {
        Self { client, request }
    }

    /// Another prompt.
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.request.prompt = prompt.into();
        self
    }

    /// The model, instead of the client's.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.request.model = Some(model.into());
        self
    }

    /// The system prompt, instead of the client's.
    pub fn system(mut self, system: impl Into<String>) -> Self {
        self.request.system = Some(system.into());
        self
    }

    /// The time limits, instead of the client's.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.request.limits = limits;
        self
    }

    /// Sends a file along. Images and PDFs need the Messages API.
    pub fn file(mut self, file: Attachment) -> Self {
        self.request.files.push(file);
        self
    }

    /// Goes on with a conversation (`claude` program only).
    pub fn session(mut self, session: Session) -> Self {
        self.request.session = session;
        self
    }

    /// Asks for an answer that follows a JSON schema. What comes may break it
    /// all the same: check it.
    pub fn json_schema(mut self, schema: serde_json::Value) -> Self {
        self.request.json_schema = Some(schema);
        self
    }

    /// The most that the run may cost, in nano-dollars.
    pub const fn max_cost(mut self, nanos: i64) -> Self {
        self.request.max_cost = Some(nanos);
        self
    }

    /// No limit on what the run may cost.
    pub const fn no_max_cost(mut self) -> Self {
        self.request.max_cost = None;
        self
    }

    /// The name of the backend it will run on.
    ///
    /// # Errors
    /// If there is none.
    pub fn backend_name(&self) -> Result<&'static str> {
        Ok(self.client.backend()?.name())
    }

    /// What will be run.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// Runs the query and waits for its whole answer.
    ///
    /// # Errors
    /// Whatever the run failed with; also if it ended, but the answer says
    /// that it failed (see [`verdict`](super::verdict)).
    pub async fn send(self) -> Result<Response> {
        let mut collector = Collector::start();
        let mut stream = self.stream().await?;
        while let Some(event) = stream.next_event().await {
            collector.take(&event?);
        }
        collector.finish()
    }

    /// Runs the query and returns its events as they come.
    ///
    /// # Errors
    /// If there is no backend to run it on. Later failures are items of the stream.
    pub async fn stream(self) -> Result<MessageStream> {
        let backend = self.client.backend()?;
        let (sender, events) = channel(&stream_config())?;
        let cancel = CancellationToken::new();
        let name = backend.name();
        let task = tokio::spawn(backend.run(self.request, sender, cancel.clone()));
        Ok(MessageStream { name, events, task: Some(task), _cancel_on_drop: cancel.clone().drop_guard(), cancel })
    }
}

/// The events of a run, the last of them an error if it failed.
///
/// The stream ends only when everything the run started is gone. Dropping it
/// cancels the run; [`cancel`](Self::cancel) does so and lets one wait for the end.
#[derive(Debug)]
pub struct MessageStream {
    name: &'static str,
    events: Receiver<Event>,
    task: Option<JoinHandle<Result<()>>>,
    cancel: CancellationToken,
    _cancel_on_drop: DropGuard,
}

impl MessageStream {
    /// The next event; `None` at the end.
    pub async fn next_event(&mut self) -> Option<Result<Event>> {
        std::future::poll_fn(|context| self.poll_event(context)).await
    }

    /// The name of the backend that runs it.
    #[must_use]
    pub const fn backend_name(&self) -> &'static str {
        self.name
    }

    /// How many of its messages were sent and read, and how fast they are read.
    #[must_use]
    pub fn monitor(&self) -> &BackpressureMonitor {
        self.events.monitor()
    }

    /// Asks the run to end. The stream then ends with [`Error::Interrupted`],
    /// once nothing of the run is left.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Cancels the run when it is called or dropped; for signal handlers.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.cancel.clone()
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        // The sender is gone before the task ends: first all events, then its word.
        if let Some(event) = std::task::ready!(self.events.poll_recv(context)) {
            return Poll::Ready(Some(Ok(event)));
        }
        let Some(task) = &mut self.task else { return Poll::Ready(None) };
        let outcome = std::task::ready!(Pin::new(task).poll(context));
        self.task = None;
        let monitor = self.monitor();
        tracing::debug!(
            messages = monitor.sent(),
            most_behind = monitor.most_behind(),
            buffer = self.events.capacity(),
            waits_for_reader = monitor.waits(),
            read_per_second = monitor.get_consumption_rate(RATE_WINDOW).round(),
            "the stream has ended"
        );
        Poll::Ready(match outcome.unwrap_or_else(|e| Err(broken(&e))) {
            Ok(()) => None,
            Err(e) => Some(Err(e)),
        })
    }
}

impl Stream for MessageStream {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_event(context)
    }
}

/// The backend's task panicked, or its runtime shut down.
fn broken(e: &JoinError) -> Error {
    if e.is_cancelled() {
        return Error::Interrupted;
    }
    Error::process("backend", e.to_string())
}
