//! The server: routes, streams and its life.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, Method, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Config, Fault,
    answer::{Answer, tokens},
    conversation,
    errors::{message_of, refuse},
    limits::Limiter,
    log::{Entry, Log},
    sending::{Break, Sending},
};
use crate::{Error, Result};

/// The largest request taken, as the API's own limit is 32 MB.
const BODY_LIMIT: usize = 64 << 20;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    started: Instant,
    requests: AtomicU64,
    random: Mutex<fastrand::Rng>,
    /// What each request's own draws are begun with.
    seed: u64,
    limiter: Limiter,
    pub(super) log: Log,
}

impl Server {
    /// Starts a server on `addr`; port 0 takes a free one.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the address is not on loopback (it takes any key,
    /// so nobody else may reach it), and I/O errors of binding and of the log.
    pub async fn start(config: Config, addr: SocketAddr) -> Result<Self> {
        if !addr.ip().is_loopback() {
            return Err(Error::Invalid(format!("the simulator listens on loopback only, not on {addr}")));
        }
        let listener = listen(addr).map_err(|e| Error::io(format!("cannot listen on {addr}"), e))?;
        let addr = listener.local_addr().map_err(|e| Error::io("cannot read the address", e))?;
        let shared = Arc::new(Shared {
            started: Instant::now(),
            requests: AtomicU64::new(0),
            seed: config.seed.unwrap_or_else(|| fastrand::u64(..)),
            limiter: Limiter::new(config.limits),
            random: Mutex::new(config.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed)),
            log: Log::open(config.log.as_deref())?,
            config,
        });
        let router = Router::new()
            .route("/", get(health))
            .route("/healthz", get(health))
            .route("/v1/messages", post(messages))
            .route("/v1/messages/count_tokens", post(count_tokens))
            .fallback(unknown)
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .with_state(Arc::clone(&shared));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
                // A delta is worth a packet of its own.
                let _ = stream.set_nodelay(true);
            });
            let serve = axum::serve(listener, router);
            tokio::select! {
                () = stopped.cancelled() => {}
                _ = serve => {}
            }
        });
        Ok(Self { addr, shared, stop, task })
    }

    /// The address it listens on.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL, for `ANTHROPIC_BASE_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Messages asked for so far, refused ones included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Stops listening.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}

/// Listens with room for thousands of clients that come at once.
fn listen(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

impl Shared {
    /// When the standstill of this moment ends, if there is one.
    pub(super) fn stands_still_until(&self, now: Instant) -> Option<Instant> {
        let ends = self.config.standstill?.ends(now.saturating_duration_since(self.started))?;
        Some(self.started + ends)
    }

    /// Waits for the end of a standstill.
    async fn standstill(&self) {
        while let Some(until) = self.stands_still_until(Instant::now()) {
            tokio::time::sleep_until(until.into()).await;
        }
    }

    fn id(&self, prefix: &str) -> String {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let letters: String = std::iter::repeat_with(|| random.alphanumeric()).take(22).collect();
        format!("{prefix}01{letters}")
    }

    fn refuses(&self, n: u64) -> Option<&super::ErrorPlan> {
        let plan = self.config.error.as_ref()?;
        let drawn = self.random.lock().unwrap_or_else(PoisonError::into_inner).f64();
        (n <= plan.first || drawn < plan.rate).then_some(plan)
    }

    fn entry(&self, method: &Method, uri: &Uri) -> Entry {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        Entry {
            time: i64::try_from(time).unwrap_or(i64::MAX),
            method: method.to_string(),
            path: uri.path().to_owned(),
            request_id: self.id("req_"),
            ..Entry::default()
        }
    }
}

async fn health(State(shared): State<Arc<Shared>>) -> &'static str {
    shared.standstill().await;
    "ok"
}

async fn unknown(State(shared): State<Arc<Shared>>, method: Method, uri: Uri) -> Response {
    let mut entry = shared.entry(&method, &uri);
    entry.status = 404;
    shared.log.write(&entry);
    refuse(404, &format!("no such endpoint: {method} {}", uri.path()), &entry.request_id)
}

async fn count_tokens(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, body: Bytes) -> Response {
    shared.standstill().await;
    let mut entry = shared.entry(&method, &uri);
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        entry.status = 400;
        shared.log.write(&entry);
        return refuse(400, "the body is not JSON", &entry.request_id);
    };
    entry.status = 200;
    entry.input_tokens = tokens(conversation::prompt_chars(&request));
    shared.log.write(&entry);
    with_id(Json(json!({ "input_tokens": entry.input_tokens })).into_response(), &entry.request_id)
}

async fn messages(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let started = Instant::now();
    let mut entry = shared.entry(&method, &uri);
    entry.n = shared.requests.fetch_add(1, Ordering::Relaxed) + 1;
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    drop(body);
    if shared.config.log_bodies {
        entry.messages = Some(request["messages"].clone());
        entry.system = request.get("system").cloned();
    }
    let problem = if !request.is_object() {
        Some("the body is not a JSON object")
    } else if !request["messages"].is_array() {
        Some("messages: Field required")
    } else if !request["model"].is_string() {
        Some("model: Field required")
    } else {
        None
    };
    if let Some(problem) = problem {
        entry.status = 400;
        shared.log.write(&entry);
        return refuse(400, problem, &entry.request_id);
    }
    shared.standstill().await;
    let mut random = fastrand::Rng::with_seed(shared.seed ^ entry.n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let fault = if shared.config.faults.is_empty() { None } else { shared.config.faults.of(random.f64()) };
    let planned = shared.refuses(entry.n).map(|plan| (plan.status, plan.retry_after));
    let refused = planned.or(match fault {
        Some(Fault::Status(status)) => Some((status, None)),
        _ => None,
    });
    if let Some((status, retry_after)) = refused {
        return refusal(&shared, entry, status, retry_after);
    }
    let model = request["model"].as_str().unwrap_or_default();
    let blocks = conversation::blocks(&shared.config, &request, &mut random);
    let chars = conversation::prompt_chars(&request);
    let answer = Answer::new(&shared.config, model, chars, blocks, request["max_tokens"].as_u64(), |prefix| {
        shared.id(prefix)
    });
    let mut headers = HeaderMap::new();
    if let Err(wait) = shared.limiter.take(answer.input_tokens, answer.output_tokens, &mut headers) {
        let seconds = std::time::Duration::from_secs(wait.as_secs_f64().ceil() as u64);
        let mut response = refusal(&shared, entry, 429, Some(seconds));
        response.headers_mut().extend(headers);
        return response;
    }
    entry.status = 200;
    entry.model = Some(model.to_owned());
    entry.message_id = Some(answer.message_id.clone());
    entry.input_tokens = answer.input_tokens;
    entry.output_tokens = answer.output_tokens;
    entry.stream = request["stream"] == true;
    let request_id = entry.request_id.clone();
    let mut response = if entry.stream {
        let middle =
            |random: &mut fastrand::Rng| random.usize(..answer.pieces(shared.config.chunk_chars.max(1)).max(1));
        let broken = match fault {
            Some(Fault::Cut) => Some((middle(&mut random), Break::Cut)),
            Some(Fault::ErrorEvent) => Some((middle(&mut random), Break::ErrorEvent)),
            _ => shared.config.cut_after.map(|after| (after, Break::Cut)),
        };
        let steps = answer.steps(&shared.config, random);
        let mut response = Response::new(Body::from_stream(Sending::new(shared, steps, entry, started, broken)));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    } else {
        sleep(answer.clone().steps(&shared.config, random).map(|step| step.wait).sum()).await;
        shared.standstill().await;
        entry.complete = true;
        entry.end_ms = Some(started.elapsed().as_secs_f64() * 1e3);
        shared.log.write(&entry);
        Json(answer.message()).into_response()
    };
    response.headers_mut().extend(headers);
    with_id(response, &request_id)
}

/// Refuses a request, and notes that.
fn refusal(shared: &Shared, mut entry: Entry, status: u16, retry_after: Option<std::time::Duration>) -> Response {
    entry.status = status;
    shared.log.write(&entry);
    let mut response = refuse(status, message_of(status), &entry.request_id);
    if let Some(after) = retry_after {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs()));
        headers.insert("retry-after-ms", HeaderValue::from(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)));
    }
    response
}

fn with_id(mut response: Response, request_id: &str) -> Response {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("request-id", id);
    }
    response
}
