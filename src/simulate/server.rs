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
    http::{HeaderValue, Method, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Config,
    answer::{Answer, Steps, tokens},
    conversation,
    errors::{message_of, refuse},
    log::{Entry, Log},
};
use crate::{Error, Result};

/// The largest request taken, as the API's own limit is 32 MB.
const BODY_LIMIT: usize = 64 << 20;

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    config: Config,
    requests: AtomicU64,
    random: Mutex<fastrand::Rng>,
    log: Log,
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
        let listener =
            TcpListener::bind(addr).await.map_err(|e| Error::io(format!("cannot listen on {addr}"), e))?;
        let addr = listener.local_addr().map_err(|e| Error::io("cannot read the address", e))?;
        let shared = Arc::new(Shared {
            requests: AtomicU64::new(0),
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

impl Shared {
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

async fn health() -> &'static str {
    "ok"
}

async fn unknown(State(shared): State<Arc<Shared>>, method: Method, uri: Uri) -> Response {
    let mut entry = shared.entry(&method, &uri);
    entry.status = 404;
    shared.log.write(&entry);
    refuse(404, &format!("no such endpoint: {method} {}", uri.path()), &entry.request_id)
}

async fn count_tokens(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, body: Bytes) -> Response {
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
    if let Some(plan) = shared.refuses(entry.n) {
        entry.status = plan.status;
        shared.log.write(&entry);
        let mut response = refuse(plan.status, message_of(plan.status), &entry.request_id);
        if let Some(after) = plan.retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs()));
            headers
                .insert("retry-after-ms", HeaderValue::from(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)));
        }
        return response;
    }
    let model = request["model"].as_str().unwrap_or_default();
    let blocks = conversation::blocks(&shared.config, &request);
    let chars = conversation::prompt_chars(&request);
    let answer = Answer::new(&shared.config, model, chars, blocks, request["max_tokens"].as_u64(), |prefix| {
        shared.id(prefix)
    });
    entry.status = 200;
    entry.model = Some(model.to_owned());
    entry.message_id = Some(answer.message_id.clone());
    entry.input_tokens = answer.input_tokens;
    entry.output_tokens = answer.output_tokens;
    entry.stream = request["stream"] == true;
    let request_id = entry.request_id.clone();
    if entry.stream {
        let steps = answer.steps(&shared.config);
        let sending = Sending { shared, steps, entry, started, pieces: 0 };
        let body = Body::from_stream(futures_util::stream::unfold(sending, Sending::next));
        let mut response = Response::new(body);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        return with_id(response, &request_id);
    }
    let steps: std::time::Duration = answer.clone().steps(&shared.config).map(|step| step.wait).sum();
    sleep(steps).await;
    entry.complete = true;
    entry.end_ms = Some(started.elapsed().as_secs_f64() * 1e3);
    shared.log.write(&entry);
    with_id(Json(answer.message()).into_response(), &request_id)
}

fn with_id(mut response: Response, request_id: &str) -> Response {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("request-id", id);
    }
    response
}

/// A streamed answer on its way. Its log line is written when it ends, however
/// it ends.
struct Sending {
    shared: Arc<Shared>,
    steps: Steps,
    entry: Entry,
    started: Instant,
    pieces: usize,
}

/// The connection breaks: hyper closes it without the end that HTTP promises.
#[derive(Debug, thiserror::Error)]
#[error("the simulator was told to break the connection")]
struct Cut;

impl Sending {
    async fn next(mut self) -> Option<(Result<Bytes, Cut>, Self)> {
        let Some(step) = self.steps.next() else {
            self.entry.complete = true;
            return None;
        };
        if step.content && self.shared.config.cut_after == Some(self.pieces) {
            // What was sent so far must leave before the connection breaks.
            sleep(std::time::Duration::from_millis(20)).await;
            return Some((Err(Cut), self));
        }
        if !step.wait.is_zero() {
            sleep(step.wait).await;
        }
        if step.content {
            self.pieces += 1;
            let elapsed = self.started.elapsed().as_secs_f64() * 1e3;
            self.entry.first_token_ms.get_or_insert(elapsed);
        }
        let kind = step.event["type"].as_str().unwrap_or_default();
        let message = format!("event: {kind}\ndata: {}\n\n", step.event);
        Some((Ok(message.into()), self))
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.entry.end_ms = Some(self.started.elapsed().as_secs_f64() * 1e3);
        self.shared.log.write(&self.entry);
    }
}
