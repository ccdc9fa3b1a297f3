//! Listening, and the life of a server.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::Router;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument as _;

use super::{
    MetricsText, ServerConfig, Views,
    connection::Serving,
    figures::{ServerFigures, add},
    routes::{App, router},
};
use crate::{Error, Result, analytics::Engine};

/// Files that the process opens besides connections.
const OTHER_FILES: usize = 64;
/// Connections that wait to be taken in.
const BACKLOG: u32 = 1024;
/// After accepting failed, so long is waited, and twice as long each further time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// What a connection beyond the limit is told.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json\r\n\
    retry-after: 5\r\n\
    connection: close\r\n\
    content-length: 97\r\n\
    \r\n\
    {\"error\":{\"type\":\"busy\",\"message\":\"there are too many connections: try again in a few seconds\"}}\n";

/// Lets this process open as many files as the system allows it, and says how
/// many that are.
pub fn raise_file_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Where it cannot be raised, less are opened.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(current).unwrap_or(usize::MAX)
}

/// A dashboard server that listens already; see [the module](super).
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    addrs: Vec<SocketAddr>,
    config: Arc<ServerConfig>,
    app: App,
    more: Router,
}

impl Server {
    /// Binds all addresses. Answers come from `engine`, live states from `views`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if others could reach it and no token is set, and
    /// [`Error::Io`] if an address cannot be bound.
    pub async fn bind(config: ServerConfig, engine: Engine, views: Arc<dyn Views>) -> Result<Self> {
        config.check()?;
        let mut listeners = Vec::with_capacity(config.listen.len());
        let mut addrs = Vec::with_capacity(config.listen.len());
        for addr in &config.listen {
            let listener = listen(*addr).map_err(|e| {
                let hint = if e.kind() == io::ErrorKind::AddrInUse { " (--listen names another one)" } else { "" };
                Error::io(format!("cannot listen on {addr}{hint}"), e)
            })?;
            addrs.push(listener.local_addr().map_err(|e| Error::io("cannot read the address", e))?);
            listeners.push(listener);
        }
        let config = Arc::new(config);
        let app = App::new(Arc::clone(&config), engine, views);
        Ok(Self { listeners, addrs, config, app, more: Router::new() })
    }

    /// Adds routes, behind the same guard as the others.
    #[must_use]
    pub fn mount(mut self, routes: Router) -> Self {
        self.more = self.more.merge(routes);
        self
    }

    /// Adds figures to `/metrics`.
    #[must_use]
    pub fn with_figures(mut self, write: impl Fn(&mut MetricsText) + Send + Sync + 'static) -> Self {
        self.app.add_figures(Box::new(write));
        self
    }

    /// The addresses it listens on.
    #[must_use]
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Serves until `stop` is cancelled. Then viewers are told, what is under
    /// way may come to its end, and what did not in time is cut off. Nothing is
    /// accepted before it is polled.
    pub fn run(self, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
        let limits = self.config.limits;
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let files = usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(OTHER_FILES);
        let places = Arc::new(Semaphore::new(limits.connections.min(files).min(Semaphore::MAX_PERMITS)));
        let figures = self.app.figures();
        let views = self.app.views();
        let serving = Serving::new(router(self.app, self.more), limits, stop.clone());
        let listeners = self.listeners;
        async move {
            let connections = TaskTracker::new();
            let mut accepting = JoinSet::new();
            for listener in listeners {
                let accept = Accept {
                    serving: serving.clone(),
                    places: Arc::clone(&places),
                    figures: Arc::clone(&figures),
                    connections: connections.clone(),
                };
                accepting.spawn(accept.all(listener).in_current_span());
            }
            stop.cancelled().await;
            accepting.shutdown().await;
            views.close();
            connections.close();
            // Whatever is not through by then is dropped with the runtime.
            let _ = timeout(limits.grace, connections.wait()).await;
        }
    }
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() }?;
    // A server that was just ended must not be in the way of the next one.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Takes connections in.
struct Accept {
    serving: Serving,
    places: Arc<Semaphore>,
    figures: Arc<ServerFigures>,
    connections: TaskTracker,
}

impl Accept {
    async fn all(self, listener: TcpListener) {
        let mut pause = FIRST_PAUSE;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    pause = FIRST_PAUSE;
                    self.one(stream);
                }
                // The client was gone before it was its turn.
                Err(e) if is_of_connection(&e) => {}
                // No more files or memory: those that are open go on.
                Err(e) => {
                    add(&self.figures.accept_errors, 1);
                    tracing::warn!(error = %e, "cannot take in a connection");
                    sleep(pause).await;
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn one(&self, stream: TcpStream) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            add(&self.figures.refused, 1);
            refuse(&stream);
            return;
        };
        add(&self.figures.connections, 1);
        add(&self.figures.open, 1);
        let figures = Arc::clone(&self.figures);
        let connection = self.serving.clone().connection(stream);
        let serve = async move {
            let _open = Open { figures, _place: place };
            connection.await;
        };
        self.connections.spawn(serve.in_current_span());
    }
}

/// Tells a client that it is one too many, as far as that goes without waiting.
fn refuse(stream: &TcpStream) {
    let _ = stream.try_write(TOO_MANY);
    // What was sent and not read would take the answer back.
    let _ = stream.try_read(&mut [0; 1024]);
    let _ = socket2::SockRef::from(stream).shutdown(std::net::Shutdown::Write);
}

fn is_of_connection(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Counts a connection for as long as it is open.
struct Open {
    figures: Arc<ServerFigures>,
    _place: tokio::sync::OwnedSemaphorePermit,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.figures.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept").field("places", &self.places.available_permits()).finish_non_exhaustive()
    }
}
