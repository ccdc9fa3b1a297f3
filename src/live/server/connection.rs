//! One connection, from its first request to its end.

use std::{cell::Cell, sync::Arc};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::Service as _};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_util::sync::CancellationToken;
use tracing::trace_span;

use super::{
    Limits,
    events::{self, Watching},
    wire::Wire,
};

/// The most bytes of a request's head, and of what is read of a body at a time.
const BUFFER: usize = 32 << 10;
/// The most header lines.
const HEADERS: usize = 64;

/// Lets a handler take the connection over: it is the last that this does for
/// HTTP.
#[derive(Clone, Debug)]
pub(super) struct Takeover(mpsc::Sender<Watching>);

impl Takeover {
    /// Hands the connection over. The request is not answered any further, so
    /// this never returns, unless it was handed over before.
    pub(super) async fn to(self, watching: Watching) {
        if self.0.try_send(watching).is_ok() {
            std::future::pending::<()>().await;
        }
    }
}

/// What all connections share.
#[derive(Clone, Debug)]
pub(super) struct Serving {
    pub(super) router: Router,
    pub(super) limits: Limits,
    pub(super) stop: CancellationToken,
    http: Arc<http1::Builder>,
}

impl Serving {
    pub(super) fn new(router: Router, limits: Limits, stop: CancellationToken) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.header_time)
            .max_buf_size(BUFFER)
            .max_headers(HEADERS);
        Self { router, limits, stop, http: Arc::new(http) }
    }

    /// Serves a connection until either side ends it.
    pub(super) async fn connection(self, stream: TcpStream) {
        // What is written is worth a packet of its own.
        let _ = stream.set_nodelay(true);
        let (sender, mut taken) = mpsc::channel(1);
        let takeover = Takeover(sender);
        let router = TowerToHyperService::new(self.router);
        // Until the head of the first request is there.
        let reading = Cell::new(Some(trace_span!("read request")));
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            drop(reading.take());
            request.extensions_mut().insert(takeover.clone());
            router.call(request)
        });
        let io = TokioIo::new(Wire::new(stream, self.limits.write_time));
        let mut http = self.http.serve_connection(io, service);
        let mut stopping = false;
        let watching = loop {
            tokio::select! {
                biased;
                Some(watching) = taken.recv() => break watching,
                // What went wrong is the client's, and it knows.
                _ = &mut http => return,
                () = self.stop.cancelled(), if !stopping => {
                    stopping = true;
                    std::pin::Pin::new(&mut http).graceful_shutdown();
                }
            }
        };
        let stream = http.into_parts().io.into_inner().into_inner();
        events::write(stream, watching, self.limits).await;
    }
}
