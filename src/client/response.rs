//! A whole answer, and whether it is one.

use std::time::{Duration, Instant};

use crate::{
    Error, Event, EventKind, Result, Usage,
    pricing::{PriceTable, normalize},
    stream::{ApiEvent, RunResult, StreamEvent},
};

/// The answer to a query.
#[derive(Clone, Debug, Default)]
pub struct Response {
    text: String,
    model: Option<String>,
    session_id: Option<String>,
    usage: Usage,
    cost_nanos: Option<i64>,
    ttft: Option<Duration>,
    duration: Duration,
    attempts: u32,
    result: Option<RunResult>,
}

impl Response {
    /// The answer's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The model that answered, in its canonical name.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The session.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// All tokens of the run.
    #[must_use]
    pub const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The run's cost in nano-dollars: reported, else calculated; `None` if
    /// the model has no known price.
    #[must_use]
    pub const fn cost_nanos(&self) -> Option<i64> {
        self.cost_nanos
    }

    /// Time to the first piece of text; `None` if the answer did not stream.
    #[must_use]
    pub const fn ttft(&self) -> Option<Duration> {
        self.ttft
    }

    /// The run's wall-clock time.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.duration
    }

    /// API attempts of the first request: 1, and 1 more for every retry seen.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The `result` line; `None` for plain text.
    #[must_use]
    pub const fn result(&self) -> Option<&RunResult> {
        self.result.as_ref()
    }
}

/// Gathers a [`Response`] from events.
#[derive(Debug)]
pub(super) struct Collector {
    started: Instant,
    response: Response,
    plain: String,
    told: Option<String>,
}

impl Collector {
    pub(super) fn start() -> Self {
        Self {
            started: Instant::now(),
            response: Response { attempts: 1, ..Response::default() },
            plain: String::new(),
            told: None,
        }
    }

    pub(super) fn take(&mut self, event: &Event) {
        if self.response.ttft.is_none() && event.text_delta().is_some_and(|text| !text.is_empty()) {
            self.response.ttft = Some(self.started.elapsed());
        }
        if let Some(kind) = told_error(event) {
            self.told = Some(kind.to_owned());
        }
        match event.kind() {
            EventKind::Init(init) => {
                self.response.session_id = init.session_id.as_deref().map(str::to_owned);
                self.response.model = init.model.as_deref().map(|model| normalize(model).name);
            }
            EventKind::Stream(StreamEvent {
                event: ApiEvent::MessageStart(message),
                parent_tool_use_id: None,
                ..
            }) => {
                self.response.model = message.model.as_deref().map(|model| normalize(model).name);
            }
            EventKind::Retry(_) => self.response.attempts += 1,
            EventKind::Text(text) => self.plain.push_str(text),
            EventKind::Result(result) => self.response.result = Some((**result).clone()),
            _ => {}
        }
    }

    pub(super) fn finish(mut self) -> Result<Response> {
        self.response.duration = self.started.elapsed();
        let Some(result) = &self.response.result else {
            // Only plain text ends without a result; a backend sees to that.
            self.response.text = self.plain;
            return Ok(self.response);
        };
        verdict_after(result, self.told.as_deref())?;
        self.response.text = result.result.as_deref().unwrap_or_default().to_owned();
        if self.response.session_id.is_none() {
            self.response.session_id = result.session_id.as_deref().map(str::to_owned);
        }
        if result.model_usage.is_empty() {
            self.response.usage = result.usage.clone().unwrap_or_default();
        }
        let prices = PriceTable::embedded();
        let mut calculated = Some(0);
        for model in &result.model_usage {
            self.response.usage.add_counts(&model.usage);
            calculated = calculated.zip(prices.cost(&model.model, &model.usage)).map(|(sum, cost)| sum + cost);
        }
        self.response.cost_nanos = result.cost_nanos.or(calculated.filter(|_| !result.model_usage.is_empty()));
        Ok(self.response)
    }
}

/// Whether a run that ended also delivered, whatever the program exited with.
///
/// # Errors
/// [`Error::Api`] if an API error ended it, [`Error::NotDelivered`] if it says
/// that it failed, or its answer is empty.
pub fn verdict(result: &RunResult) -> Result<()> {
    let text = result.result.as_deref().unwrap_or_default().trim();
    if !result.is_error && result.subtype == "success" {
        if text.is_empty() {
            return Err(Error::NotDelivered("the answer is empty".to_owned()));
        }
        return Ok(());
    }
    if let Some(status) = result.api_error_status {
        return Err(Error::Api {
            status: Some(status),
            kind: kind_of(status).to_owned(),
            message: text.to_owned(),
            request_id: None,
        });
    }
    let what = if result.subtype == "success" { "error" } else { &result.subtype };
    Err(Error::NotDelivered(if text.is_empty() { what.to_owned() } else { format!("{what}: {text}") }))
}

/// The kind of API error that a line reports instead of an answer, if it does.
#[must_use]
pub fn told_error(event: &Event) -> Option<&str> {
    match event.kind() {
        EventKind::Assistant(line) if line.parent_tool_use_id.is_none() => line.error.as_deref(),
        _ => None,
    }
}

/// [`verdict`], where the result itself does not say why it failed, but a line
/// before it ([`told_error`]) does: the program without a login has no status
/// to report.
///
/// # Errors
/// As [`verdict`].
pub fn verdict_after(result: &RunResult, told: Option<&str>) -> Result<()> {
    verdict(result).map_err(|error| {
        let api = |kind: &str| Error::Api {
            status: None,
            kind: kind.to_owned(),
            message: result.result.as_deref().unwrap_or_default().to_owned(),
            request_id: None,
        };
        match told.map(api).filter(|told| told.is_auth() || told.is_overloaded()) {
            Some(told) if result.is_error && error.is_not_delivered() => told,
            _ => error,
        }
    })
}

/// The API's error type for a status, as its documentation lists them.
pub(crate) const fn kind_of(status: u16) -> &'static str {
    match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}
