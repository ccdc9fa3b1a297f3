//! The Messages API as a backend.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
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
    Backend, EventSender, Request, RunFuture, Secrets, limits::Deadlines, retry::Backoff,
    secrets::without_secrets, translate::Translator,
};
use crate::{
    Error, Result,
    pricing::PriceTable,
    stream::{Decoder, StreamFormat},
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
    fn header(&self) -> Result<(HeaderName, HeaderValue)> {
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

    fn broken_off(&self, error: &reqwest::Error) -> Error {
        match self.unreachable(error) {
            Error::Connection { url, message } => Error::Connection {
                url,
                message: format!("the connection broke in the middle of the answer: {message}"),
            },
            other => other,
        }
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
        let response = tokio::select! {
            response = self.ask(request, &model, events, &translator) => response?,
            error = deadlines.reached() => return Err(error),
        };
        let request_id = header(response.headers(), "request-id");
        translator.answered(request_id.clone());

        let mut response = response;
        let mut decoder = Decoder::new(StreamFormat::Sse);
        loop {
            let chunk = tokio::select! {
                chunk = response.chunk() => chunk.map_err(|e| self.broken_off(&e))?,
                error = deadlines.reached() => return Err(error),
            };
            let ended = chunk.is_none();
            decoder.push(&chunk.unwrap_or_default());
            while let Some(event) = if ended { decoder.finish() } else { decoder.next_event() } {
                let event = event?;
                deadlines.saw(&event);
                for line in translator.translate(&event)? {
                    tokio::select! {
                        sent = send(events, line) => sent?,
                        error = deadlines.total_reached() => return Err(error),
                    }
                }
            }
            if ended {
                break;
            }
        }
        let result = translator.result(prices).ok_or_else(|| Error::Connection {
            url: without_secrets(&self.base_url),
            message: format!(
                "the connection closed in the middle of the answer{}",
                request_id.map(|id| format!(" (request {id})")).unwrap_or_default()
            ),
        })?;
        send(events, result).await
    }

    /// Sends the request until it is answered, or may not be sent again.
    async fn ask(
        &self,
        request: &Request,
        model: &str,
        events: &EventSender,
        translator: &Translator,
    ) -> Result<Response> {
        let client = self.client()?;
        let body = messages_body(request, model);
        let url = format!("{}/v1/messages", self.base_url);
        let (name, value) = self.credentials.header()?;
        let mut attempt = 0;
        loop {
            attempt += 1;
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
            if attempt > request.retries || !super::retry::may_retry(&error) {
                return Err(error);
            }
            let delay = self.backoff.delay(attempt, wait);
            tracing::debug!(%error, ?delay, "trying again");
            send(events, translator.retry(attempt, request.retries, delay, &error)).await?;
            tokio::time::sleep_until(Instant::now() + delay).await;
        }
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
