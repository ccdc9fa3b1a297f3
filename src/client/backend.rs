//! The seam between the client and whatever answers a prompt.

use std::{future::Future, pin::Pin, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::Request;
use crate::{Error, Event, stream};

/// Where a backend puts its events.
///
/// Sending waits while the consumer is behind: that is the backpressure that
/// keeps a slow reader's memory flat.
pub type EventSender = stream::Sender<Event>;

/// What [`Backend::run`] returns.
pub type RunFuture = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// What [`Backend::close`] returns.
pub type CloseFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Something that answers a prompt with a stream of events.
///
/// All backends speak one language: the `stream-json` lines of the `claude`
/// program, ending in a `result`. A backend whose source speaks another one
/// translates, so that everything behind this seam has one way to read.
pub trait Backend: Send + Sync + std::fmt::Debug {
    /// A stable name, as stored in the ledger: `claude`, `api` or `simulated`.
    fn name(&self) -> &'static str;

    /// Runs `request` to its end and sends its events.
    ///
    /// Returns when everything it started is gone again: after the last event,
    /// on an error, when `cancel` fires, or when the receiver was dropped. An
    /// answer that says `is_error` is an event and not an error of this
    /// function; the client draws that conclusion.
    fn run(self: Arc<Self>, request: Request, events: EventSender, cancel: CancellationToken) -> RunFuture;

    /// Ends what it keeps running between two runs. Most keep nothing.
    fn close(self: Arc<Self>) -> CloseFuture {
        Box::pin(async {})
    }
}
