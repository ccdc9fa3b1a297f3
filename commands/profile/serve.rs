//! A request to a server of its own.

use std::{net::SocketAddr, pin::Pin, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use claude_cli::{
    Error,
    analytics::Engine,
    live::{
        Hub, HubConfig,
        server::{Server, ServerConfig},
    },
    measure::fetch,
};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(super) struct Request {
    /// What is asked for: a path of the server, with its parameters
    #[arg(value_name = "PATH", default_value = "/api/dashboard")]
    path: String,
}

impl Request {
    /// The path, if it can be asked for and has an end.
    pub(super) fn path(&self) -> Result<&str, Error> {
        let path = self.path.as_str();
        if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(Error::Invalid(format!(
                "`{path}` is no path: it begins with / and has other characters than ASCII's as %XX"
            )));
        }
        if path.split('?').next() == Some("/api/live") {
            return Err(Error::Invalid("/api/live has no end that could be profiled".to_owned()));
        }
        Ok(path)
    }
}

/// A server that is bound, and serves once it is asked.
pub(super) struct Running {
    runtime: Runtime,
    addr: SocketAddr,
    serving: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Running {
    /// The ledger is open, and no answer is kept.
    pub(super) fn bind(context: &Context) -> anyhow::Result<Self> {
        let engine = Engine::open(&context.ledger_path()?)?;
        let config = ServerConfig {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            tz: context.tz.clone(),
            ..ServerConfig::default()
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let views = Arc::new(Hub::new(HubConfig::default()));
        let server = runtime.block_on(Server::bind(config, engine, views))?;
        let addr = *server.addrs().first().context("the server has no address")?;
        // It ends with the runtime.
        let serving = server.run(CancellationToken::new());
        Ok(Self { runtime, addr, serving: Some(Box::pin(serving)) })
    }

    /// Serves as a part of the current span, and asks.
    pub(super) fn answer(&mut self, path: &str) -> anyhow::Result<ExitCode> {
        if let Some(serving) = self.serving.take() {
            self.runtime.spawn(serving.instrument(Span::current()));
        }
        let fetched = fetch(self.addr, path)?;
        anyhow::ensure!(
            (200..300).contains(&fetched.status),
            "GET {path} was answered with {}: {}",
            fetched.status,
            fetched.message()
        );
        Ok(ExitCode::SUCCESS)
    }
}
