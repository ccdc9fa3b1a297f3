//! The simulated backend: the `api` backend against a server of our own.

use std::{net::Ipv4Addr, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{ApiBackend, Backend, Credentials, EventSender, Request, RunFuture};
use crate::{
    pricing::PriceTable,
    simulate::{Config, Server},
};

/// Runs prompts against a simulated Messages API on loopback, which lives as
/// long as the run.
#[derive(Debug)]
pub struct SimulatedBackend {
    config: Config,
    prices: Arc<PriceTable>,
}

impl SimulatedBackend {
    /// A backend whose server behaves as `config` says.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config, prices: Arc::new(PriceTable::embedded().clone()) }
    }

    /// The price table by which budgets are kept and costs told. Default: the
    /// built-in one.
    #[must_use]
    pub fn prices(mut self, prices: Arc<PriceTable>) -> Self {
        self.prices = prices;
        self
    }
}

impl Backend for SimulatedBackend {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn run(self: Arc<Self>, request: Request, events: EventSender, cancel: CancellationToken) -> RunFuture {
        Box::pin(async move {
            let starting = tracing::trace_span!("server start");
            let server = Server::start(self.config.clone(), (Ipv4Addr::LOCALHOST, 0).into()).await?;
            drop(starting);
            let api = ApiBackend::new(server.url(), Credentials::Key("simulated".to_owned()))
                .without_proxy()
                .prices(Arc::clone(&self.prices));
            let outcome = Arc::new(api).run(request, events, cancel).await;
            let ending = tracing::trace_span!("server end");
            server.shutdown().await;
            drop(ending);
            outcome
        })
    }
}
