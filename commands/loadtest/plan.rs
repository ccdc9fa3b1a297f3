//! From the command line to a plan.

use std::{fs, sync::Arc, time::Duration};

use anyhow::Context as _;
use claude_cli::{
    Error,
    analytics::TimeRange,
    client::Credentials,
    load::{Arrivals, Get, Load, Messages, Plan, Prompts, Subscription, Work},
    simulate::Distribution,
    store::{LedgerReader, RowKind, RowQuery, SqliteLedger},
};

use super::args::{RunArgs, Scenario};
use crate::context::{Context, variable};

/// The rate where none is asked for.
const RATE: f64 = 10.0;
const PROMPT: &str = "Say hello.";

impl RunArgs {
    /// What is asked for, of this server.
    pub(super) fn work(&self, url: &str, context: &Context) -> anyhow::Result<Work> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let ca_file = self.ca_file.as_deref();
        let token = self.token()?;
        let token = token.as_deref();
        let get = |paths: &[&str]| runtime.block_on(Get::new(url, paths, token, ca_file)).map(Work::Get);
        let work = match self.scenario {
            Scenario::Messages => Work::Messages(runtime.block_on(self.messages(url, context))?),
            Scenario::Get => get(&self.paths.iter().map(String::as_str).collect::<Vec<_>>())?,
            Scenario::Dashboard => get(&["/api/dashboard"])?,
            Scenario::Timeseries => get(&["/api/timeseries"])?,
            Scenario::Summary => get(&["/api/summary"])?,
            Scenario::Live => {
                let stream = Subscription::new(url, "/api/live", self.hold, token, ca_file);
                Work::Subscribe(runtime.block_on(stream)?)
            }
        };
        Ok(work)
    }

    async fn messages(&self, url: &str, context: &Context) -> anyhow::Result<Messages> {
        let prompts = self.all_prompts()?;
        let ask = async |credentials: &Credentials| {
            let ca_file = self.ca_file.as_deref();
            Messages::new(url, credentials, &self.model, self.max_tokens, &prompts, context.prices(), ca_file)
                .await
        };
        // A key is for the API alone; what listens on this machine gets none.
        let messages = ask(&Credentials::Key("simulated".to_owned())).await?;
        if messages.is_loopback() {
            return Ok(messages);
        }
        let key = variable("ANTHROPIC_API_KEY").map(Credentials::Key);
        let key = key.or_else(|| variable("ANTHROPIC_AUTH_TOKEN").map(Credentials::Token));
        let key = key.ok_or_else(|| {
            Error::MissingCredentials(
                "set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN to test what is not on this machine".to_owned(),
            )
        })?;
        Ok(ask(&key).await?)
    }

    /// The token that the server wants to be known.
    fn token(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read the token in {}", path.display()))?;
        Ok(Some(text.trim().to_owned()))
    }

    fn all_prompts(&self) -> anyhow::Result<Prompts> {
        if let Some(path) = &self.prompts {
            let shown = path.display();
            let text = fs::read_to_string(path).with_context(|| format!("cannot read the prompts {shown}"))?;
            return Prompts::read(&text).with_context(|| shown.to_string());
        }
        Ok(match self.prompt_tokens {
            Some((min, max)) => Prompts::drawn(&Distribution::Uniform { min, max }, self.seed),
            None => Prompts::one(self.prompt.as_deref().unwrap_or(PROMPT)),
        })
    }

    /// How requests come, and for how long.
    pub(super) fn load(&self, context: &Context) -> anyhow::Result<(Load, Duration)> {
        if let Some(users) = self.users {
            return Ok((Load::Closed { users: users as usize }, self.duration));
        }
        let arrivals = if let Some((from, to)) = self.ramp {
            Arrivals::Ramp { from, to }
        } else if !self.steps.is_empty() {
            Arrivals::Steps { steps: self.steps.clone() }
        } else if let Some(since) = &self.replay {
            self.recorded(since, context)?
        } else {
            self.at_rate(self.rate.unwrap_or(RATE))
        };
        let duration = arrivals.length().unwrap_or(self.duration);
        Ok((Load::Open(arrivals), duration))
    }

    fn at_rate(&self, rate: f64) -> Arrivals {
        if self.poisson { Arrivals::Poisson { rate, seed: self.seed } } else { Arrivals::Constant { rate } }
    }

    /// The load of one run of a sweep or search.
    pub(super) fn load_of(&self, value: f64) -> Load {
        match self.users {
            Some(_) => Load::Closed { users: (value.round() as usize).max(1) },
            None => Load::Open(self.at_rate(value)),
        }
    }

    /// Where a search begins.
    pub(super) fn first(&self) -> f64 {
        self.users.map_or_else(|| self.rate.unwrap_or(RATE), f64::from)
    }

    /// When the requests of the ledger came.
    fn recorded(&self, since: &str, context: &Context) -> anyhow::Result<Arrivals> {
        if !(self.speed > 0.0 && self.speed.is_finite()) {
            return Err(Error::Invalid(format!("--speed is {}, which is no number above 0", self.speed)).into());
        }
        let range = TimeRange::parse(Some(since), None, jiff::Timestamp::now(), context.tz.clone())?;
        let path = context.ledger_path()?;
        let mut query = RowQuery::default();
        (query.since, query.until) = (range.since, range.until);
        let mut times = Vec::new();
        if let Some(ledger) = SqliteLedger::open_read_only(&path)? {
            ledger.requests(&query, &mut |row| {
                if row.kind == RowKind::Request {
                    times.push(row.ts);
                }
            })?;
        }
        let Some(first) = times.first().copied() else {
            let path = path.display();
            return Err(
                Error::Invalid(format!("the ledger {path} has no requests since {since} to replay")).into()
            );
        };
        let offset = |ts: i64| Duration::from_secs_f64((ts - first).max(0) as f64 / 1e3 / self.speed);
        Ok(Arrivals::Replay { offsets: times.into_iter().map(offset).collect::<Arc<[_]>>() })
    }

    /// The plan, but for its load.
    pub(super) fn plan(&self, work: &Arc<Work>, load: Load, duration: Duration) -> Plan {
        let mut plan = Plan::new(Arc::clone(work), load);
        plan.duration = duration;
        plan.warmup = self.warmup;
        plan.requests = self.requests;
        plan.timeout = self.timeout;
        plan.threads = self.threads.clamp(1, 256);
        plan.max_in_flight = self.max_in_flight.max(1);
        plan.max_lag = self.max_lag;
        plan.retries = self.retries;
        plan.slo = self.slo.clone().unwrap_or_default();
        plan.thresholds = self.gates();
        plan.samples.clone_from(&self.samples);
        plan
    }
}
