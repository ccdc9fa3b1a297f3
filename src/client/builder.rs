//! The client and what it is configured with.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use super::{
    ApiBackend, Backend, BackendKind, ClaudeBackend, Credentials, Limits, QueryBuilder, Request, WarmBackend,
    resolve::{base_url, credentials, find_claude},
};
#[cfg(feature = "server")]
use crate::simulate;
use crate::{Error, Result, StreamFormat, pricing::PriceTable};

/// Runs prompts. Cheap to clone; clones share their backend.
///
/// ```
/// # #[cfg(feature = "server")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), claude_cli::Error> {
/// use claude_cli::{Client, client::BackendKind};
///
/// let client = Client::builder().backend(BackendKind::Simulated).build();
/// let response = client.query("Say hello").send().await?;
/// assert!(!response.text().is_empty());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "server"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<Config>,
    backend: Result<Arc<dyn Backend>, Arc<str>>,
}

#[derive(Clone, Debug)]
struct Config {
    template: Request,
}

impl Client {
    /// Starts configuring a client.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Starts a query.
    pub fn query(&self, prompt: impl Into<String>) -> QueryBuilder {
        let mut request = self.config.template.clone();
        request.prompt = prompt.into();
        QueryBuilder::new(self.clone(), request)
    }

    /// The backend that queries run on.
    ///
    /// # Errors
    /// If there is none; see [`ClientBuilder::build`].
    pub fn backend(&self) -> Result<Arc<dyn Backend>> {
        match &self.backend {
            Ok(backend) => Ok(Arc::clone(backend)),
            Err(why) if why.is_empty() => Err(Error::NoBackend),
            Err(why) => Err(Error::MissingCredentials(why.to_string())),
        }
    }

    /// Ends what the client keeps running for further queries, and waits until
    /// nothing is left of it; see [`ClientBuilder::warm`].
    pub async fn close(&self) {
        if let Ok(backend) = &self.backend {
            Arc::clone(backend).close().await;
        }
    }
}

/// Configures a [`Client`].
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    template: Request,
    kind: BackendKind,
    custom: Option<Arc<dyn Backend>>,
    claude: Option<PathBuf>,
    warm: Option<(usize, u32)>,
    credentials: Option<Credentials>,
    base_url: Option<String>,
    ca_file: Option<PathBuf>,
    prices: Option<Arc<PriceTable>>,
    #[cfg(feature = "server")]
    simulator: simulate::Config,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            template: Request::new(""),
            kind: BackendKind::Auto,
            custom: None,
            claude: None,
            warm: None,
            credentials: None,
            base_url: None,
            ca_file: None,
            prices: None,
            #[cfg(feature = "server")]
            simulator: simulate::Config::default(),
        }
    }
}

impl ClientBuilder {
    /// Which backend to run on. Default: [`BackendKind::Auto`].
    #[must_use]
    pub const fn backend(mut self, kind: BackendKind) -> Self {
        self.kind = kind;
        self
    }

    /// A backend of one's own.
    #[must_use]
    pub fn custom_backend(mut self, backend: Arc<dyn Backend>) -> Self {
        self.custom = Some(backend);
        self
    }

    /// The model, by name or alias. Default: the backend's choice.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.template.model = Some(model.into());
        self
    }

    /// The system prompt.
    #[must_use]
    pub fn system(mut self, system: impl Into<String>) -> Self {
        self.template.system = Some(system.into());
        self
    }

    /// What the `claude` program is asked to print. Default:
    /// [`StreamFormat::StreamJson`], the only one that tells tokens and cost
    /// while it streams. The other backends always answer in events.
    #[must_use]
    pub const fn stream_format(mut self, format: StreamFormat) -> Self {
        self.template.format = format;
        self
    }

    /// The longest a run may take. Default: 1 hour.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.template.limits.total = Some(timeout);
        self
    }

    /// All three time limits.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.template.limits = limits;
        self
    }

    /// How often a request that may be retried is retried (Messages API only).
    /// Default: 4.
    #[must_use]
    pub const fn retries(mut self, retries: u32) -> Self {
        self.template.retries = retries;
        self
    }

    /// The most output tokens of an answer (Messages API only). Default: 8,192.
    #[must_use]
    pub const fn max_tokens(mut self, tokens: u32) -> Self {
        self.template.max_tokens = tokens;
        self
    }

    /// The `claude` program. Default: `CLAUDE_CLI_CLAUDE`, else the one on `PATH`.
    #[must_use]
    pub fn claude_path(mut self, program: impl Into<PathBuf>) -> Self {
        self.claude = Some(program.into());
        self
    }

    /// Keeps up to `most` of the `claude` programs running for further queries,
    /// each for at most `uses` of them: a query on one that runs already does not
    /// wait the better part of a second for its start. Each gets a conversation of its
    /// own; see [`WarmBackend`](super::WarmBackend). End them with
    /// [`Client::close`]. Default: each query starts a program.
    #[must_use]
    pub const fn warm(mut self, most: usize, uses: u32) -> Self {
        self.warm = Some((most, uses));
        self
    }

    /// An argument for the `claude` program, passed on untouched.
    #[must_use]
    pub fn claude_arg(mut self, arg: impl Into<String>) -> Self {
        self.template.claude_args.push(arg.into());
        self
    }

    /// Environment for the `claude` program, on top of our own.
    #[must_use]
    pub fn env(mut self, variables: BTreeMap<String, String>) -> Self {
        self.template.env.extend(variables);
        self
    }

    /// The `claude` program's working directory. Default: our own.
    #[must_use]
    pub fn cwd(mut self, folder: impl Into<PathBuf>) -> Self {
        self.template.cwd = Some(folder.into());
        self
    }

    /// The API's credentials. Default: `ANTHROPIC_API_KEY`, else `ANTHROPIC_AUTH_TOKEN`.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The API's base URL. Default: `ANTHROPIC_BASE_URL`, else [`DEFAULT_BASE_URL`](super::DEFAULT_BASE_URL).
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// A file with further certificate authorities for the API, as PEM.
    #[must_use]
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(file.into());
        self
    }

    /// The price table by which budgets are kept and costs told. Default: the
    /// built-in one.
    #[must_use]
    pub fn prices(mut self, prices: Arc<PriceTable>) -> Self {
        self.prices = Some(prices);
        self
    }

    /// How the simulated backend behaves.
    #[cfg(feature = "server")]
    #[must_use]
    pub fn simulator(mut self, config: simulate::Config) -> Self {
        self.simulator = config;
        self
    }

    /// Builds the client. It cannot fail: that there is no program and no key
    /// comes out when a query is sent.
    #[must_use]
    pub fn build(self) -> Client {
        let backend = self.resolve();
        Client { config: Arc::new(Config { template: self.template }), backend }
    }

    fn resolve(&self) -> Result<Arc<dyn Backend>, Arc<str>> {
        let _span = tracing::trace_span!("resolve").entered();
        if let Some(custom) = &self.custom {
            return Ok(Arc::clone(custom));
        }
        let claude = || {
            let program = self.claude.clone().or_else(find_claude)?;
            Some(match self.warm {
                Some((most, uses)) => Arc::new(WarmBackend::new(program, most, uses)) as Arc<dyn Backend>,
                None => Arc::new(ClaudeBackend::new(program)),
            })
        };
        let api = || {
            let url = self.base_url.clone().unwrap_or_else(base_url);
            let credentials = self.credentials.clone().or_else(credentials)?;
            let mut api = ApiBackend::new(url, credentials);
            if let Some(file) = &self.ca_file {
                api = api.ca_file(file);
            }
            if let Some(prices) = &self.prices {
                api = api.prices(Arc::clone(prices));
            }
            Some(Arc::new(api) as Arc<dyn Backend>)
        };
        match self.kind {
            BackendKind::Auto => claude().or_else(api).ok_or_else(|| "".into()),
            BackendKind::Claude => claude().ok_or_else(|| {
                "the `claude` program is not on PATH; install it (npm install -g @anthropic-ai/claude-code) or name \
                 it in CLAUDE_CLI_CLAUDE"
                    .into()
            }),
            BackendKind::Api => api().ok_or_else(|| {
                "set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN to use the Messages API".into()
            }),
            #[cfg(feature = "server")]
            BackendKind::Simulated => {
                let mut simulated = super::SimulatedBackend::new(self.simulator.clone());
                if let Some(prices) = &self.prices {
                    simulated = simulated.prices(Arc::clone(prices));
                }
                Ok(Arc::new(simulated))
            }
            #[cfg(not(feature = "server"))]
            BackendKind::Simulated => Err("the simulated backend needs the crate's `server` feature".into()),
        }
    }
}
