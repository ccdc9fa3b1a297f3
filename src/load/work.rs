//! What a load test asks for.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use reqwest::Url;
use serde_json::json;

use super::{http::Endpoint, prompts::Prompts};
use crate::{
    Error, Result, Usage,
    analytics::{Bucket, DashboardQuery, Engine, GroupBy, Metric, SummaryQuery, TimeRange, TimeSeriesQuery},
    client::{API_VERSION, Credentials},
    pricing::PriceTable,
};

/// Milliseconds.
const DAY: i64 = 86_400_000;

/// What is asked for, again and again.
#[derive(Debug)]
#[non_exhaustive]
pub enum Work {
    /// Answers of a model.
    Messages(Messages),
    /// Documents.
    Get(Get),
    /// Streams of events, held open.
    Subscribe(Subscription),
    /// Answers from a ledger, in this process.
    Dashboards(Arc<Dashboards>),
}

/// Requests to a Messages API.
#[derive(Debug)]
pub struct Messages {
    pub(super) endpoint: Endpoint,
    pub(super) model: String,
    pub(super) prices: Arc<PriceTable>,
    /// Whole requests, ready to be sent.
    requests: Vec<Vec<u8>>,
    /// What one of them costs at most, and about; `None` if the model has no price.
    worst: Option<i64>,
    estimate: Option<i64>,
}

fn parse(url: &str) -> Result<Url> {
    Url::parse(url).map_err(|e| Error::Invalid(format!("the target {url}: {e}")))
}

/// The path of a request below a base URL, whose own path is kept.
fn path(base: &Url, path: &str) -> String {
    format!("{}{path}", base.path().trim_end_matches('/'))
}

impl Messages {
    /// Prompts for a model, of which each answer may have so many tokens.
    ///
    /// # Errors
    /// If the target is no URL, or cannot be looked up.
    pub async fn new(
        base: &str,
        credentials: &Credentials,
        model: &str,
        max_tokens: u32,
        prompts: &Prompts,
        prices: Arc<PriceTable>,
        ca_file: Option<&Path>,
    ) -> Result<Self> {
        let url = parse(base)?;
        let endpoint = Endpoint::find(&url, ca_file).await?;
        let (name, secret) = credentials.header()?;
        let secret = secret.to_str().unwrap_or_default().to_owned();
        let model = prices.resolve_alias(model).to_owned();
        let (mut worst, mut estimate) = (Some(0), Some(0_i64));
        let mut requests = Vec::new();
        for prompt in prompts.texts() {
            let body = json!({
                "model": model, "max_tokens": max_tokens, "stream": true,
                "messages": [{ "role": "user", "content": prompt }],
            })
            .to_string();
            // No token is shorter than a byte; about four of them are one.
            let cost = |input_tokens| {
                let usage = Usage { input_tokens, output_tokens: max_tokens.into(), ..Usage::default() };
                prices.cost(&model, &usage)
            };
            worst = worst.zip(cost(body.len() as u64)).map(|(a, b)| a.max(b));
            estimate = estimate.zip(cost(prompt.len() as u64 / 4 + 8)).map(|(a, b)| a.saturating_add(b));
            let head = format!(
                "POST {} HTTP/1.1\r\nhost: {}\r\nuser-agent: claude-cli/{}\r\nanthropic-version: {API_VERSION}\r\n\
                 {name}: {secret}\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n",
                path(&url, "/v1/messages"),
                endpoint.authority,
                env!("CARGO_PKG_VERSION"),
                body.len(),
            );
            requests.push([head.into_bytes(), body.into_bytes()].concat());
        }
        let count = requests.len().max(1) as i64;
        Ok(Self { endpoint, model, prices, requests, worst, estimate: estimate.map(|sum| sum / count) })
    }

    pub(super) fn request(&self, n: u64) -> &[u8] {
        &self.requests[(n % self.requests.len() as u64) as usize]
    }

    /// Whether it is this machine that is asked.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.endpoint.is_loopback()
    }

    /// What a request costs at most, in nano-dollars: as many input tokens as it
    /// has bytes, and the longest answer. `None` if the model has no known price.
    #[must_use]
    pub const fn worst_cost(&self) -> Option<i64> {
        self.worst
    }

    /// What a request costs about, with the longest answer.
    #[must_use]
    pub const fn estimated_cost(&self) -> Option<i64> {
        self.estimate
    }
}

/// Documents that are asked for by GET, one after the other.
#[derive(Debug)]
pub struct Get {
    pub(super) endpoint: Endpoint,
    requests: Vec<Vec<u8>>,
}

fn get(endpoint: &Endpoint, path: &str, accept: &str, token: Option<&str>) -> Result<Vec<u8>> {
    let secret = match token {
        Some(token) => {
            let (name, value) = Credentials::Token(token.to_owned()).header()?;
            format!("{name}: {}\r\n", value.to_str().unwrap_or_default())
        }
        None => String::new(),
    };
    let host = &endpoint.authority;
    Ok(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: {accept}\r\n{secret}\r\n").into_bytes())
}

impl Get {
    /// Documents below a base URL, by their paths; without one, the URL itself.
    /// A `token` is sent as `authorization`.
    ///
    /// # Errors
    /// If the target is no URL, or cannot be looked up.
    pub async fn new(base: &str, paths: &[&str], token: Option<&str>, ca_file: Option<&Path>) -> Result<Self> {
        let url = parse(base)?;
        let endpoint = Endpoint::find(&url, ca_file).await?;
        let own = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let paths: Vec<_> = paths.iter().map(|at| path(&url, at)).collect();
        let paths = if paths.is_empty() { vec![own] } else { paths };
        let requests = paths.iter().map(|at| get(&endpoint, at, "*/*", token)).collect::<Result<_>>()?;
        Ok(Self { endpoint, requests })
    }

    pub(super) fn request(&self, n: u64) -> &[u8] {
        &self.requests[(n % self.requests.len() as u64) as usize]
    }
}

/// A stream of events.
#[derive(Debug)]
pub struct Subscription {
    pub(super) endpoint: Endpoint,
    pub(super) request: Vec<u8>,
    pub(super) hold: Duration,
}

impl Subscription {
    /// A stream below a base URL, each client's held for so long. A `token` is
    /// sent as `authorization`.
    ///
    /// # Errors
    /// If the target is no URL, or cannot be looked up.
    pub async fn new(
        base: &str,
        at: &str,
        hold: Duration,
        token: Option<&str>,
        ca_file: Option<&Path>,
    ) -> Result<Self> {
        let url = parse(base)?;
        let endpoint = Endpoint::find(&url, ca_file).await?;
        let request = get(&endpoint, &path(&url, at), "text/event-stream", token)?;
        Ok(Self { endpoint, request, hold })
    }
}

/// What is drawn up from a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Drawn {
    /// The dashboard of the last seven days.
    Dashboard,
    /// Cost and requests by the hour, of the last seven days.
    TimeSeries,
    /// A summary by model, of the last thirty days.
    Summary,
}

/// Answers that are drawn up from a ledger.
#[derive(Debug)]
pub struct Dashboards {
    engine: Engine,
    drawn: Vec<Drawn>,
}

impl Dashboards {
    /// These, in turn.
    #[must_use]
    pub fn new(engine: Engine, drawn: Vec<Drawn>) -> Arc<Self> {
        Arc::new(Self { engine, drawn })
    }

    /// Draws up the `n`-th answer.
    pub(super) fn draw_up(&self, n: u64) -> Result<()> {
        let now = Timestamp::now();
        let until = now.as_millisecond();
        let since = |days: i64| until - days * DAY;
        let which = self.drawn.get((n % self.drawn.len().max(1) as u64) as usize).copied();
        match which.unwrap_or(Drawn::Dashboard) {
            Drawn::Dashboard => self.engine.dashboard(&DashboardQuery::new(now, TimeZone::UTC)).map(drop),
            Drawn::TimeSeries => {
                let metrics = vec![Metric::Cost, Metric::Commands];
                let query = TimeSeriesQuery::new((since(7), until), TimeZone::UTC, Bucket::HOUR, metrics);
                self.engine.timeseries(query).map(drop)
            }
            Drawn::Summary => {
                let mut range = TimeRange::all(TimeZone::UTC);
                (range.since, range.until) = (Some(since(30)), Some(until));
                self.engine.summary(SummaryQuery::new(range, GroupBy::Model)).map(drop)
            }
        }
    }
}
