//! The simulated backend: the `api` backend against a server of our own.

use std::{net::Ipv4Addr, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{ApiBackend, Backend, Credentials, EventSender, Request, RunFuture};
use crate::simulate::{Config, Server};

/// Runs prompts against a simulated Messages API on loopback, which lives as
/// long as the run.
#[derive(Debug)]
pub struct SimulatedBackend {
    config: Config,
}

impl SimulatedBackend {
    /// A backend whose server behaves as `config` says.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self { config }
    }
}

impl Backend for SimulatedBackend {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn run(self: Arc<Self>, request: Request, events: EventSender, cancel: CancellationToken) -> RunFuture {
        Box::pin(async move {
            let server = Server::start(self.config.clone(), (Ipv4Addr::LOCALHOST, 0).into()).await?;
            let api = ApiBackend::new(server.url(), Credentials::Key("simulated".to_owned())).without_proxy();
            let outcome = Arc::new(api).run(request, events, cancel).await;
            server.shutdown().await;
            outcome
        })
    }
}
