//! Taking in what senders tell, whatever way it comes.

use std::{path::Path, sync::Arc, time::Duration};

use axum::body::Bytes;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::{
    Encoding, Logs, OtlpError, ReceiverFigures,
    body::{Room, Rooms},
    commits::Commits,
    figures::{Figures, Refusals, add},
    read_logs, read_metrics,
};
use crate::{Result, pricing::PriceTable};

/// What a witness takes in memory, with its texts: a generous guess.
const WITNESS: usize = 1 << 10;
/// A longer body is read beside the tasks that wait for the network.
const LONG: usize = 128 << 10;
/// So many bodies are read at a time: a record in reading may take a multiple of
/// its bytes.
const READERS: usize = 2;

/// How a [`Receiver`] is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverConfig {
    /// Bytes of a body, decompressed; a longer one is refused. 16 MiB by default.
    pub body: usize,
    /// Bytes that all bodies together may take until they are committed; what
    /// comes beyond is to come again. 64 MiB by default.
    pub waiting: usize,
    /// Events of one commit, unless a single body has more: others who write the
    /// ledger wait for it. 1,024 by default.
    pub batch: usize,
    /// The time for a body to come in. 20 s by default.
    pub body_time: Duration,
    /// The time for a commit. A sender that is told to come again by then has
    /// not given up yet; 8 s by default.
    pub answer_time: Duration,
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        Self {
            body: 16 << 20,
            waiting: 64 << 20,
            batch: 1024,
            body_time: Duration::from_secs(20),
            answer_time: Duration::from_secs(8),
        }
    }
}

/// Why a body was not taken in. Nothing of it counts then, or it may come again
/// without being counted twice.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It is not what it says it is.
    #[error("{0}")]
    Unreadable(Arc<OtlpError>),
    /// It did not come whole, or not as it was compressed.
    #[error("{0}")]
    Broken(String),
    /// It is longer than the limit in bytes.
    #[error("a body has at most {0} bytes, decompressed; send fewer records at a time")]
    TooLarge(usize),
    /// It took longer than this to come.
    #[error("the body did not come within {0:?}")]
    Slow(Duration),
    /// Too much waits to be committed already.
    #[error("too much waits to be committed; try again")]
    Full,
    /// The ledger cannot be written now.
    #[error("the ledger cannot be written now, so nothing was taken in; try again ({0})")]
    Unavailable(Arc<str>),
}

impl Refused {
    /// The HTTP status that says so.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Unreadable(_) | Self::Broken(_) => 400,
            Self::Slow(_) => 408,
            Self::TooLarge(_) => 413,
            Self::Full => 429,
            Self::Unavailable(_) => 503,
        }
    }

    /// After so long it is worth another try; `None` if it is not.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Full => Some(Duration::from_secs(1)),
            Self::Unavailable(_) => Some(Duration::from_secs(3)),
            _ => None,
        }
    }
}

impl From<OtlpError> for Refused {
    fn from(error: OtlpError) -> Self {
        Self::Unreadable(Arc::new(error))
    }
}

/// What became of a body that was taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// Events of requests that are in the ledger now.
    pub committed: u64,
    /// Events that could not be read, or lack something: sending them again
    /// would not help.
    pub rejected: u64,
    /// Which they are, and what they lack.
    pub problems: Vec<String>,
}

/// Takes in telemetry from any number of senders at once.
///
/// A sender is answered once all it told is in the ledger, durably. What is told
/// again, because an answer got lost, changes nothing: a request is known by its
/// id, and an event without one by its session, sequence and time.
#[derive(Clone, Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: ReceiverConfig,
    commits: Commits,
    rooms: Rooms,
    readers: Semaphore,
    figures: Arc<Figures>,
}

impl Receiver {
    /// Opens the ledger at `ledger`; its new requests are priced by `prices`.
    ///
    /// # Errors
    /// If the ledger cannot be opened for writing.
    pub fn start(ledger: &Path, prices: Arc<PriceTable>, config: ReceiverConfig) -> Result<Self> {
        let figures = Arc::new(Figures::new());
        let commits = Commits::start(ledger, prices, config.batch, Arc::clone(&figures))?;
        let rooms = Rooms::new(config.waiting);
        let shared = Shared { config, commits, rooms, readers: Semaphore::new(READERS), figures };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Takes in log events, and returns once they are committed.
    ///
    /// # Errors
    /// If they are not what they say they are, or cannot be committed now.
    pub async fn logs(&self, body: Bytes, encoding: Encoding) -> Result<Received, Refused> {
        self.counted(async {
            let mut room = self.room();
            room.hold(body.len())?;
            self.logs_in(body, encoding, room).await
        })
        .await
    }

    /// [`logs`](Self::logs) of a body that has its room already.
    pub(super) async fn logs_in(
        &self,
        body: Bytes,
        encoding: Encoding,
        mut room: Room,
    ) -> Result<Received, Refused> {
        let bytes = body.len();
        let mut logs = self.read(body, move |body| read_logs(body, encoding)).await?;
        room.hold(bytes.max(logs.witnesses.len() * WITNESS))?;
        let committed = logs.witnesses.len() as u64;
        if committed > 0 {
            let commit = self.shared.commits.commit(std::mem::take(&mut logs.witnesses), room);
            match timeout(self.shared.config.answer_time, commit).await {
                Ok(outcome) => outcome.map_err(Refused::Unavailable)?,
                Err(_) => return Err(Refused::Unavailable("it is slow".into())),
            }
        }
        self.shared.figures.taken_in(bytes, committed, &logs);
        let Logs { rejected, problems, .. } = logs;
        Ok(Received { committed, rejected, problems })
    }

    /// Counts the data points of metrics. They repeat what the events say, so
    /// nothing else is made of them.
    ///
    /// # Errors
    /// If they are not what they say they are.
    pub async fn metrics(&self, body: Bytes, encoding: Encoding) -> Result<(), Refused> {
        self.counted(self.metrics_in(body, encoding)).await
    }

    pub(super) async fn metrics_in(&self, body: Bytes, encoding: Encoding) -> Result<(), Refused> {
        let points = self.read(body, move |body| read_metrics(body, encoding)).await?;
        add(&self.shared.figures.metric_points, points);
        Ok(())
    }

    async fn read<T: Send + 'static>(
        &self,
        body: Bytes,
        read: impl FnOnce(&[u8]) -> Result<T, OtlpError> + Send + 'static,
    ) -> Result<T, Refused> {
        let _permit = self.shared.readers.acquire().await;
        if body.len() <= LONG {
            return Ok(read(&body)?);
        }
        let reading = spawn_blocking(move || read(&body)).await;
        Ok(reading.map_err(|e| Refused::Unavailable(e.to_string().into()))??)
    }

    /// What it did since it was started.
    #[must_use]
    pub fn figures(&self) -> ReceiverFigures {
        let waiting = self.shared.config.waiting.saturating_sub(self.shared.rooms.left());
        self.shared.figures.read(waiting)
    }

    /// Takes nothing more, and waits until all that was taken in is committed.
    pub fn close(&self) {
        self.shared.commits.close();
    }

    pub(super) fn config(&self) -> &ReceiverConfig {
        &self.shared.config
    }

    pub(super) fn room(&self) -> Room {
        self.shared.rooms.room()
    }

    /// Notes that a body of traces came, of which nothing is made.
    pub(super) fn traces(&self) {
        add(&self.shared.figures.traces, 1);
    }

    /// Counts a request and what refuses it.
    pub(super) async fn counted<T>(
        &self,
        request: impl Future<Output = Result<T, Refused>>,
    ) -> Result<T, Refused> {
        let figures = &self.shared.figures;
        add(&figures.bodies, 1);
        let outcome = request.await;
        if let Err(refused) = &outcome {
            figures.refused(match refused {
                Refused::Full => Refusals::Full,
                Refused::Unavailable(_) => Refusals::Unavailable,
                _ => Refusals::Unreadable,
            });
        }
        outcome
    }
}
