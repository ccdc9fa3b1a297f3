//! One client: it sends a request, reads the answer and notes the times.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    http::{Broken, Connection, Endpoint, Head},
    sample::{Outcome, Sample},
    work::{Dashboards, Work},
};
use crate::{
    EventKind, StreamFormat,
    pricing::PriceTable,
    stream::{ApiEvent, Decoder, Delta, StreamEvent, Usage},
};

/// A client and the connection that it keeps.
pub(super) struct Client {
    work: Arc<Work>,
    connection: Option<Connection>,
    begin: Instant,
}

impl Client {
    pub(super) const fn new(work: Arc<Work>, begin: Instant) -> Self {
        Self { work, connection: None, begin }
    }

    /// Gives the connection up, with whatever is still to come over it.
    pub(super) fn hang_up(&mut self) {
        self.connection = None;
    }

    fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Runs one attempt. Returns how long the server asked to wait, if it did.
    pub(super) async fn attempt(&mut self, sample: &mut Sample) -> Option<Duration> {
        let work = Arc::clone(&self.work);
        let result = match &*work {
            Work::Messages(messages) => {
                let request = messages.request(sample.n);
                match self.open_answer(&messages.endpoint, request, sample).await {
                    Ok(head) => {
                        self.read_message(&head, sample, &messages.model, &messages.prices).await.map(|()| head)
                    }
                    Err(broken) => Err(broken),
                }
            }
            Work::Get(requests) => {
                let request = requests.request(sample.n);
                match self.open_answer(&requests.endpoint, request, sample).await {
                    Ok(head) => self.read_all(sample).await.map(|()| head),
                    Err(broken) => Err(broken),
                }
            }
            Work::Subscribe(subscription) => {
                sample.is_subscription = true;
                match self.open_answer(&subscription.endpoint, &subscription.request, sample).await {
                    Ok(head) => self.read_events(&head, subscription.hold, sample).await.map(|()| head),
                    Err(broken) => Err(broken),
                }
            }
            Work::Dashboards(dashboards) => {
                self.draw_up(dashboards, sample).await;
                Ok(Head { status: 200, ..Head::default() })
            }
        };
        sample.end = sample.end.max(self.now());
        if self.connection.as_ref().is_some_and(|connection| !connection.is_reusable()) {
            self.connection = None;
        }
        match result {
            Ok(head) => head.retry_after_ms.map(Duration::from_millis),
            Err(broken) => {
                self.connection = None;
                sample.outcome = match broken {
                    Broken::Malformed(_) => Outcome::Malformed,
                    _ if sample.connect == Some(Duration::MAX) => Outcome::Unconnected,
                    _ => Outcome::Cut,
                };
                None
            }
        }
    }

    /// Sends a request and reads the head of its answer. A connection that was
    /// kept and has been closed meanwhile costs the request nothing but the time
    /// for another one.
    async fn open_answer(
        &mut self,
        endpoint: &Endpoint,
        request: &[u8],
        sample: &mut Sample,
    ) -> Result<Head, Broken> {
        if let Some(mut connection) = self.connection.take() {
            sample.sent = self.now();
            let answer = match connection.send(request).await {
                Ok(()) => connection.head().await,
                Err(e) => Err(e.into()),
            };
            match answer {
                Ok(head) => return Ok(self.keep(connection, head, sample)),
                Err(Broken::Malformed(why)) => return Err(Broken::Malformed(why)),
                Err(Broken::Ended("within the answer's head")) => return Err(Broken::Ended("within its head")),
                Err(_) => {}
            }
        }
        let begun = self.now();
        sample.connect = Some(Duration::MAX);
        let mut connection = Connection::open(endpoint).await?;
        sample.sent = self.now();
        sample.connect = Some(sample.sent - begun);
        connection.send(request).await?;
        let head = connection.head().await?;
        Ok(self.keep(connection, head, sample))
    }

    fn keep(&mut self, connection: Connection, head: Head, sample: &mut Sample) -> Head {
        sample.status = head.status;
        sample.outcome = Outcome::of_status(head.status);
        sample.request_id.clone_from(&head.request_id);
        self.connection = Some(connection);
        head
    }

    async fn read_all(&mut self, sample: &mut Sample) -> Result<(), Broken> {
        if let Some(connection) = &mut self.connection {
            sample.bytes = connection.drain().await?;
            sample.end = connection.read_at - self.begin;
        }
        Ok(())
    }

    /// Reads a streamed message.
    async fn read_message(
        &mut self,
        head: &Head,
        sample: &mut Sample,
        model: &str,
        prices: &PriceTable,
    ) -> Result<(), Broken> {
        if head.status != 200 {
            return self.read_all(sample).await;
        }
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let mut decoder = Decoder::new(StreamFormat::Sse);
        let (mut usage, mut ended) = (Usage::default(), false);
        while let Some(bytes) = connection.data().await? {
            sample.bytes += bytes.len() as u64;
            let at = connection.read_at - self.begin;
            decoder.push(&bytes);
            while let Some(event) = decoder.next_event() {
                let Ok(event) = event else { return Err(Broken::Malformed("an event cannot be read")) };
                let EventKind::Stream(StreamEvent { event, .. }) = event.into_kind() else { continue };
                match event {
                    ApiEvent::ContentBlockDelta { delta, .. } => match delta {
                        Delta::Text(_) | Delta::InputJson(_) => sample.piece(at, false),
                        Delta::Thinking(_) => sample.piece(at, true),
                        _ => {}
                    },
                    ApiEvent::MessageStart(message) => usage = message.usage.unwrap_or_default(),
                    ApiEvent::MessageDelta { usage: last, .. } => usage.finalise(&last),
                    ApiEvent::MessageStop => {
                        ended = true;
                        sample.end = at;
                    }
                    ApiEvent::Error { kind, .. } => {
                        sample.outcome = Outcome::ErrorEvent;
                        sample.status = if &*kind == "overloaded_error" { 529 } else { 500 };
                    }
                    _ => {}
                }
            }
        }
        if !ended {
            return if sample.outcome == Outcome::ErrorEvent {
                Ok(())
            } else {
                Err(Broken::Ended("within the answer"))
            };
        }
        sample.input_tokens = usage.prompt_tokens();
        sample.output_tokens = usage.output_tokens;
        sample.cost = prices.cost(model, &usage);
        Ok(())
    }

    /// Reads events for as long as the subscription is held.
    async fn read_events(&mut self, head: &Head, hold: Duration, sample: &mut Sample) -> Result<(), Broken> {
        if head.status != 200 {
            return self.read_all(sample).await;
        }
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let until = tokio::time::Instant::now() + hold;
        let mut rest = Vec::new();
        loop {
            let Ok(read) = tokio::time::timeout_at(until, connection.data()).await else { break };
            let Some(bytes) = read? else { return Err(Broken::Ended("before the subscription did")) };
            sample.bytes += bytes.len() as u64;
            let at = connection.read_at - self.begin;
            for _ in 0..events(&mut rest, &bytes) {
                sample.piece(at, false);
            }
        }
        // There is more to come that nobody reads.
        self.connection = None;
        Ok(())
    }

    /// Draws up an answer from a ledger in this process.
    async fn draw_up(&self, dashboards: &Arc<Dashboards>, sample: &mut Sample) {
        sample.sent = self.now();
        let (asked, n) = (Arc::clone(dashboards), sample.n);
        let done = tokio::task::spawn_blocking(move || asked.draw_up(n)).await;
        sample.end = self.now();
        match done {
            Ok(Ok(())) => sample.status = 200,
            _ => sample.outcome = Outcome::Refused,
        }
    }
}

/// How many events end within these bytes, behind what an earlier call left.
fn events(rest: &mut Vec<u8>, bytes: &[u8]) -> usize {
    rest.extend_from_slice(bytes);
    let (mut count, mut begin) = (0, 0);
    while let Some(at) = memchr::memmem::find(&rest[begin..], b"\n\n") {
        // Comments keep a connection open and are no events.
        let event = &rest[begin..begin + at];
        count += usize::from(event.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"data:")));
        begin += at + 2;
    }
    rest.drain(..begin);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_however_they_come() {
        let wire = b"retry: 5\n\nid: 1\nevent: a\ndata: {}\n\n: alive\n\ndata: 1\ndata: 2\n\ndata: unfinished";
        for size in 1..wire.len() {
            let mut rest = Vec::new();
            let count: usize = wire.chunks(size).map(|bytes| events(&mut rest, bytes)).sum();
            assert_eq!(count, 2, "in pieces of {size}");
        }
    }
}
