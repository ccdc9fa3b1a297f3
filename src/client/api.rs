//! The Messages API as a backend.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use reqwest::{
    Response,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Backend, EventSender, Request, RunFuture, Secrets,
    limits::Deadlines,
    outbox::Outbox,
    phases::{Phase, Phases},
    retry::Backoff,
    secrets::without_secrets,
    translate::Translator,
};
use crate::{
    Error, Result,
    pricing::PriceTable,
    stream::{ConnectionHealth, Decoder, MovingLatency, StreamFormat},
};

/// The version of the API that is spoken, sent as `anthropic-version`.
pub const API_VERSION: &str = "2023-06-01";
/// The public endpoint.
pub const DEFAULT_BASE_URL: &str = "https://api.anthropic.com";
/// The model where none is asked for.
const DEFAULT_MODEL: &str = "sonnet";
/// The tool whose input is the answer where a schema is asked for.
pub(super) const ANSWER_TOOL: &str = "answer";
/// So much of an error's body is read.
const ERROR_BODY_LIMIT: usize = 64 << 10;
/// A shorter silence before the first token is never taken for a stall.
const STALL_AFTER: Duration = Duration::from_secs(60);

/// A secret for the API. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// An API key, sent as `x-api-key`.
    Key(String),
    /// A bearer token, sent as `authorization`.
    Token(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}

impl Credentials {
    pub(crate) fn header(&self) -> Result<(HeaderName, HeaderValue)> {
        let (name, value) = match self {
            Self::Key(key) => (HeaderName::from_static("x-api-key"), key.clone()),
            Self::Token(token) => (HeaderName::from_static("authorization"), format!("Bearer {token}")),
        };
        let mut value = HeaderValue::from_str(value.trim())
            .map_err(|_| Error::MissingCredentials("the key holds characters that no key has".to_owned()))?;
        value.set_sensitive(true);
        Ok((name, value))
    }
}

/// Runs prompts through the Messages API.
#[derive(Debug)]
pub struct ApiBackend {
    base_url: String,
    credentials: Credentials,
    /// Ignore the environment's proxies.
    no_proxy: bool,
    /// Further certificate authorities.
    ca_file: Option<PathBuf>,
    backoff: Backoff,
    /// What costs are reckoned by.
    prices: Arc<PriceTable>,
    secrets: Secrets,
    stall_after: Duration,
    first_byte: Mutex<MovingLatency>,
    client: OnceLock<reqwest::Client>,
}

impl ApiBackend {
    /// A backend for the API at `base_url`.
    #[must_use]
    pub fn new(base_url: impl Into<String>, credentials: Credentials) -> Self {
        let base_url = base_url.into().trim_end_matches('/').to_owned();
        let mut secrets = Secrets::of_environment();
        secrets.add_credentials(&credentials);
        secrets.add_url(&base_url);
        Self {
            base_url,
            credentials,
            no_proxy: false,
            ca_file: None,
            backoff: Backoff::default(),
            prices: Arc::new(PriceTable::embedded().clone()),
            secrets,
            stall_after: STALL_AFTER,
            first_byte: Mutex::default(),
            client: OnceLock::new(),
        }
    }

    /// Ignores the environment's proxies.
    #[must_use]
    pub const fn without_proxy(mut self) -> Self {
        self.no_proxy = true;
        self
    }

    /// A file with further certificate authorities, as PEM.
    #[must_use]
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(file.into());
        self
    }

    /// Waits `base` before the first retry, and twice as long before each next
    /// one. Default: 500 ms.
    #[must_use]
    pub const fn backoff(mut self, base: Duration) -> Self {
        self.backoff = Backoff { base };
        self
    }

    /// How long a connection may be silent before the first token until it is
    /// given up for another attempt: so long at least, and longer where servers
    /// were slower so far. Default: 60 s.
    #[must_use]
    pub const fn stall_after(mut self, silence: Duration) -> Self {
        self.stall_after = silence;
        self
    }

    /// The price table by which budgets are kept and costs told. Default: the
    /// built-in one.
    #[must_use]
    pub fn prices(mut self, prices: Arc<PriceTable>) -> Self {
        self.prices = prices;
        self
    }

    fn client(&self) -> Result<reqwest::Client> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let _span = tracing::trace_span!("HTTP client").entered();
        // Whoever embeds us may have chosen a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("claude-cli/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(30))
            .tcp_nodelay(true);
        if self.no_proxy {
            builder = builder.no_proxy();
        }
        if let Some(file) = &self.ca_file {
            let pem = std::fs::read(file).map_err(|e| Error::io(format!("cannot read {}", file.display()), e))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|e| Error::Invalid(format!("{}: no PEM certificates: {e}", file.display())))?;
            if certificates.is_empty() {
                return Err(Error::Invalid(format!("{}: no PEM certificates in it", file.display())));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.build().map_err(|e| self.unreachable(&e))?;
        Ok(self.client.get_or_init(|| client).clone())
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        // The innermost cause says what happened; the outer ones repeat the URL.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Error::Connection { url: without_secrets(&self.base_url), message: cause.to_string() }
    }

    fn unreachable_midway(&self, error: &reqwest::Error) -> Error {
        match self.unreachable(error) {
            Error::Connection { url, message } => Error::Connection {
                url,
                message: format!("the connection broke in the middle of the answer: {message}"),
            },
            other => other,
        }
    }

    fn broken_off(&self, translator: &Translator) -> Error {
        let request_id = translator.request_id().map(|id| format!(" (request {id})")).unwrap_or_default();
        let message = format!("the connection closed in the middle of the answer{request_id}");
        Error::Connection { url: without_secrets(&self.base_url), message }
    }

    fn stalled(&self, health: &ConnectionHealth) -> Error {
        let silence = health.silence(std::time::Instant::now()).as_secs_f64();
        let message = format!("the connection stalled: nothing came for {silence:.1} s, and no token before it");
        Error::Connection { url: without_secrets(&self.base_url), message }
    }

    async fn exchange(&self, request: &Request, events: &EventSender) -> Result<()> {
        let prices = self.prices.as_ref();
        let asked = request.model.as_deref().unwrap_or(DEFAULT_MODEL);
        let model = prices.resolve_alias(asked).to_owned();
        request.supported_by(self.name())?;
        let request = &within_budget(request, &model, prices)?;
        let mut translator = Translator::new(&model, request.cwd.as_deref());
        send(events, translator.init()).await?;

        let mut deadlines = Deadlines::start(request.limits);
        self.client()?;
        let mut phases = Phases::begin(Phase::Head);
        let mut attempt = 0;
        loop {
            let response = tokio::select! {
                response = self.ask(request, &model, events, &translator, &mut attempt) => response?,
                error = deadlines.reached() => return Err(error),
            };
            let mut outbox = Outbox::default();
            phases.enter(Phase::FirstByte);
            let received =
                self.receive(response, &mut translator, &mut deadlines, &mut outbox, events, &mut phases).await;
            let Err(error) = received else { break };
            if deadlines.has_first_token() {
                // What came before the error is not lost.
                let _ = pass_on(&mut outbox, events, &deadlines).await;
            }
            // Once a token is passed on, another answer would follow half of this one.
            if deadlines.has_first_token() || attempt > request.retries || !super::retry::may_reconnect(&error) {
                return Err(error);
            }
            tokio::select! {
                waited = self.wait(attempt, request.retries, None, &error, events, &translator) => waited?,
                error = deadlines.reached() => return Err(error),
            }
            translator.restart();
            phases.enter(Phase::Head);
        }
        match translator.result(prices) {
            Some(result) => send(events, result).await,
            None => Err(self.broken_off(&translator)),
        }
    }

    /// Reads one answer to its end. Nothing of it is passed on before its first
    /// token: until then the connection may be given up for another one.
    async fn receive(
        &self,
        mut response: Response,
        translator: &mut Translator,
        deadlines: &mut Deadlines,
        outbox: &mut Outbox,
        events: &EventSender,
        phases: &mut Phases,
    ) -> Result<()> {
        translator.answered(header(response.headers(), "request-id"));
        let mut health = ConnectionHealth::start(std::time::Instant::now(), self.first_byte(), self.stall_after);
        let mut first = true;
        let mut decoder = Decoder::new(StreamFormat::Sse);
        loop {
            let chunk = tokio::select! {
                chunk = response.chunk() => chunk.map_err(|e| self.unreachable_midway(&e))?,
                error = deadlines.reached() => return Err(error),
                () = tokio::time::sleep_until(health.stalls_at().into()), if !deadlines.has_first_token() => {
                    return Err(self.stalled(&health));
                }
            };
            let waited = health.heard(std::time::Instant::now());
            if std::mem::take(&mut first) {
                self.note_first_byte(waited);
                phases.enter(Phase::FirstToken);
            }
            let ended = chunk.is_none();
            decoder.push(&chunk.unwrap_or_default());
            outbox.begin();
            while let Some(event) = if ended { decoder.finish() } else { decoder.next_event() } {
                let event = event?;
                deadlines.saw(&event);
                phases.saw(&event);
                for line in translator.translate(&event)? {
                    if outbox.put(line, events) && deadlines.has_first_token() {
                        pass_on(outbox, events, deadlines).await?;
                    }
                }
            }
            if deadlines.has_first_token() {
                pass_on(outbox, events, deadlines).await?;
            }
            if ended {
                tracing::debug!(pause = ?health.latency(), "the answer has ended");
                return if translator.is_complete() {
                    outbox.flush(events).await
                } else {
                    Err(self.broken_off(translator))
                };
            }
        }
    }

    /// Sends the request until it is answered, or may not be sent again.
    async fn ask(
        &self,
        request: &Request,
        model: &str,
        events: &EventSender,
        translator: &Translator,
        attempt: &mut u32,
    ) -> Result<Response> {
        let client = self.client()?;
        let body = messages_body(request, model);
        let url = format!("{}/v1/messages", self.base_url);
        let (name, value) = self.credentials.header()?;
        loop {
            *attempt += 1;
            tracing::debug!(url = %without_secrets(&url), model, attempt, "asking the API");
            let sent = client
                .post(&url)
                .header(name.clone(), value.clone())
                .header("anthropic-version", API_VERSION)
                .header("accept", "text/event-stream")
                .json(&body)
                .send()
                .await;
            let (error, wait) = match sent {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let wait = super::retry::retry_after(response.headers());
                    // A gateway's error may repeat the key it refuses.
                    (self.secrets.mask_error(api_error(response).await), wait)
                }
                Err(e) if e.is_builder() => {
                    return Err(Error::Invalid(format!("`{}` is no base URL", without_secrets(&self.base_url))));
                }
                Err(e) => (self.unreachable(&e), None),
            };
            if *attempt > request.retries || !super::retry::may_retry(&error) {
                return Err(error);
            }
            self.wait(*attempt, request.retries, wait, &error, events, translator).await?;
        }
    }

    /// Tells of a failed attempt and waits for the time of the next.
    async fn wait(
        &self,
        attempt: u32,
        most: u32,
        asked: Option<Duration>,
        error: &Error,
        events: &EventSender,
        translator: &Translator,
    ) -> Result<()> {
        let delay = self.backoff.delay(attempt, asked);
        tracing::debug!(%error, ?delay, "trying again");
        send(events, translator.retry(attempt, most, delay, error)).await?;
        tokio::time::sleep_until(Instant::now() + delay).await;
        Ok(())
    }

    /// How long servers took so far from the head of an answer to its first byte.
    fn first_byte(&self) -> MovingLatency {
        *self.first_byte.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_first_byte(&self, after: Duration) {
        self.first_byte.lock().unwrap_or_else(PoisonError::into_inner).record(after);
    }
}

impl Backend for ApiBackend {
    fn name(&self) -> &'static str {
        "api"
    }

    fn run(self: Arc<Self>, request: Request, events: EventSender, cancel: CancellationToken) -> RunFuture {
        Box::pin(async move {
            // Dropping the exchange closes its connection.
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(Error::Interrupted),
                () = events.closed() => Err(Error::Interrupted),
                outcome = self.exchange(&request, &events) => outcome.map_err(|e| self.secrets.mask_error(e)),
            }
        })
    }
}

/// The body of `POST /v1/messages`.
#[must_use]
pub fn messages_body(request: &Request, model: &str) -> serde_json::Value {
    let mut content: serde_json::Value = json!(request.prompt);
    if !request.files.is_empty() {
        let mut blocks: Vec<_> = request.files.iter().map(super::Attachment::block).collect();
        blocks.push(json!({ "type": "text", "text": request.prompt }));
        content = json!(blocks);
    }
    let mut body = json!({
        "model": model,
        "max_tokens": request.max_tokens,
        "stream": true,
        "messages": [{ "role": "user", "content": content }],
    });
    if let Some(system) = &request.system {
        body["system"] = json!(system);
    }
    if let Some(schema) = &request.json_schema {
        // A tool that has to be called is the API's oldest way to a schema, and
        // every model has it.
        body["tools"] = json!([{
            "name": ANSWER_TOOL, "description": "Give the answer.", "input_schema": schema,
        }]);
        body["tool_choice"] = json!({ "type": "tool", "name": ANSWER_TOOL });
    }
    body
}

/// The request with as many output tokens as its budget allows.
///
/// # Errors
/// If the prompt alone costs as much, or the model's price is unknown.
pub fn within_budget(request: &Request, model: &str, prices: &PriceTable) -> Result<Request> {
    let mut request = request.clone();
    let Some(limit) = request.max_cost else { return Ok(request) };
    let estimate = super::estimate(&request, model, prices);
    let (Some(input), Some(ceiling)) = (estimate.input_cost, estimate.ceiling) else {
        return Err(Error::Invalid(format!("the price of {model} is unknown, so that --max-cost cannot hold")));
    };
    if input >= limit {
        return Err(Error::OverBudget { spent: input, limit });
    }
    if ceiling > limit {
        let share = (limit - input) as f64 / (ceiling - input) as f64;
        request.max_tokens = ((f64::from(request.max_tokens) * share) as u32).max(1);
    }
    Ok(request)
}

async fn send(events: &EventSender, event: crate::Event) -> Result<()> {
    events.send(event).await.map_err(|_| Error::Interrupted)
}

/// Passes on what is at hand. While the reader is behind, only the run's whole
/// time is limited.
async fn pass_on(outbox: &mut Outbox, events: &EventSender, deadlines: &Deadlines) -> Result<()> {
    tokio::select! {
        sent = outbox.flush(events) => sent,
        error = deadlines.total_reached() => Err(error),
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The API's error, from its body where that is one.
async fn api_error(mut response: Response) -> Error {
    let status = response.status();
    let request_id = header(response.headers(), "request-id");
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ERROR_BODY_LIMIT {
            break;
        }
    }
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |name: &str| json["error"][name].as_str().map(str::to_owned);
    Error::Api {
        status: Some(status.as_u16()),
        kind: text("type").unwrap_or_else(|| "api_error".to_owned()),
        message: text("message")
            .unwrap_or_else(|| status.canonical_reason().unwrap_or("no reason given").to_owned()),
        request_id,
    }
}
