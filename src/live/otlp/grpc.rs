//! OTLP over gRPC: `LogsService`, `MetricsService` and `TraceService`.

use std::{io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Response, header},
    routing::post,
};
use bytes::{Buf as _, BufMut as _};
use hyper::server::conn::http2;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{
    Code, Status,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::{Grpc, UnaryService},
};

use super::{Encoding, Received, Receiver, Refused, http::protobuf, status};
use crate::{Error, Result, live::server::Token};

/// Connections at a time.
const CONNECTIONS: usize = 1024;
/// Requests of a connection at a time.
const STREAMS: u32 = 32;
/// Requests at a time, and the bytes of each: what is being read has no room yet.
const REQUESTS: usize = 32;
const LONGEST: usize = 4 << 20;
/// Bytes that a connection may send ahead of what is read.
const WINDOW: u32 = 256 << 10;
/// A connection that lies idle for so long is asked whether it is there.
const IDLE: Duration = Duration::from_secs(60);
/// The time for that, and for what is under way at the end.
const GRACE: Duration = Duration::from_secs(5);
/// After accepting failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes in telemetry over gRPC. Listens already.
#[derive(Debug)]
pub struct GrpcServer {
    listener: TcpListener,
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    receiver: Receiver,
    token: Option<Token>,
    requests: Semaphore,
}

impl GrpcServer {
    /// Binds an address. With a token, senders show it as `authorization: Bearer
    /// TOKEN` (`OTEL_EXPORTER_OTLP_HEADERS`).
    ///
    /// # Errors
    /// [`Error::Invalid`] if others could reach it and no token is set, and
    /// [`Error::Io`] if the address cannot be bound.
    pub async fn bind(addr: SocketAddr, receiver: Receiver, token: Option<Token>) -> Result<Self> {
        if !addr.ip().is_loopback() && token.is_none() {
            return Err(Error::Invalid(format!(
                "{addr} can be reached from other machines: set a token (--token-file FILE, or CLAUDE_CLI_TOKEN), or \
                 listen on 127.0.0.1"
            )));
        }
        let listener = TcpListener::bind(addr).await.map_err(|e| {
            let hint = if e.kind() == io::ErrorKind::AddrInUse { " (--otlp-grpc names another one)" } else { "" };
            Error::io(format!("cannot listen on {addr} for gRPC{hint}"), e)
        })?;
        let addr = listener.local_addr().map_err(|e| Error::io("cannot read the address", e))?;
        let shared = Arc::new(Shared { receiver, token, requests: Semaphore::new(REQUESTS) });
        Ok(Self { listener, addr, shared })
    }

    /// The address it listens on.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `stop` is cancelled; what is under way then may come to its
    /// end.
    pub async fn run(self, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let connections = TaskTracker::new();
        let router = router(self.shared);
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                // No more files, perhaps: those that are open go on.
                sleep(PAUSE).await;
                continue;
            };
            // One that is too many is closed at once, and comes again.
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let connection = connection(stream, router.clone(), stop.clone());
            connections.spawn(async move {
                connection.await;
                drop(place);
            });
        }
        connections.close();
        let _ = timeout(GRACE, connections.wait()).await;
    }
}

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(16 << 10)
        .keep_alive_interval(IDLE)
        .keep_alive_timeout(GRACE);
    let mut serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut stopping = false;
    loop {
        tokio::select! {
            // What went wrong is the client's, and it knows.
            _ = &mut serving => return,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                Pin::new(&mut serving).graceful_shutdown();
            }
        }
    }
}

fn router(shared: Arc<Shared>) -> Router {
    const COLLECTOR: &str = "/opentelemetry.proto.collector";
    Router::new()
        .route(&format!("{COLLECTOR}.logs.v1.LogsService/Export"), post(logs))
        .route(&format!("{COLLECTOR}.metrics.v1.MetricsService/Export"), post(metrics))
        .route(&format!("{COLLECTOR}.trace.v1.TraceService/Export"), post(traces))
        .fallback(async || {
            refusal(Status::unimplemented("there are LogsService, MetricsService and TraceService"))
        })
        .with_state(shared)
}

async fn logs(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    export(&shared, request, async |receiver, body| receiver.logs(body, Encoding::Protobuf).await).await
}

async fn metrics(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    export(&shared, request, async |receiver, body| {
        receiver.metrics(body, Encoding::Protobuf).await.map(|()| Received::default())
    })
    .await
}

async fn traces(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    export(&shared, request, async |receiver, _| {
        receiver.traces();
        Ok(Received::default())
    })
    .await
}

/// Reads a message, hands it on, and answers.
async fn export<F>(
    shared: &Arc<Shared>,
    request: Request,
    take: impl Fn(Receiver, Bytes) -> F + Send + Sync + 'static,
) -> Response<Body>
where
    F: Future<Output = Result<Received, Refused>> + Send + 'static,
{
    if shared.token.as_ref().is_some_and(|token| !is_known(request.headers(), token)) {
        return refusal(Status::unauthenticated(
            "the token is missing or wrong: OTEL_EXPORTER_OTLP_HEADERS=\"Authorization=Bearer TOKEN\"",
        ));
    }
    let Ok(_place) = shared.requests.try_acquire() else { return refusal((&Refused::Full).into()) };
    let config = *shared.receiver.config();
    let mut grpc = Grpc::new(Raw)
        .max_decoding_message_size(config.body.min(LONGEST))
        .accept_compressed(CompressionEncoding::Gzip);
    let exporting = grpc.unary(Export { receiver: shared.receiver.clone(), take: Arc::new(take) }, request);
    match timeout(config.body_time + config.answer_time, exporting).await {
        Ok(response) => response.map(Body::new),
        Err(_) => refusal((&Refused::Slow(config.body_time)).into()),
    }
}

fn is_known(headers: &HeaderMap, token: &Token) -> bool {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
    shown.is_some_and(|(scheme, shown)| scheme.eq_ignore_ascii_case("bearer") && token.is(shown.trim()))
}

fn refusal(status: Status) -> Response<Body> {
    status.into_http()
}

impl From<&Refused> for Status {
    fn from(refused: &Refused) -> Self {
        use prost::Message as _;

        let said = status::Status::from(refused);
        let details = said.encode_to_vec();
        Self::with_details(Code::from_i32(said.code), said.message, details.into())
    }
}

/// The one method that all the services have.
struct Export<T> {
    receiver: Receiver,
    take: Arc<T>,
}

impl<T, F> UnaryService<Bytes> for Export<T>
where
    T: Fn(Receiver, Bytes) -> F,
    F: Future<Output = Result<Received, Refused>> + Send + 'static,
{
    type Response = Vec<u8>;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Vec<u8>>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let taking = (self.take)(self.receiver.clone(), request.into_inner());
        Box::pin(async move {
            match taking.await {
                Ok(received) => Ok(tonic::Response::new(protobuf(&received))),
                Err(refused) => Err(Status::from(&refused)),
            }
        })
    }
}

/// Messages as their bytes: they are taken apart where those of HTTP are, record
/// by record.
#[derive(Clone, Copy, Debug)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
