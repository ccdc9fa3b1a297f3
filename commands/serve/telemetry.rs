//! Taking in telemetry beside serving.

use std::net::SocketAddr;

use anyhow::Context as _;
use claude_cli::live::{
    otlp::{GrpcServer, Receiver, ReceiverConfig, routes},
    server::{Server, Token},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// The receiver, and its own port for gRPC if it has one.
pub(super) struct Telemetry {
    receiver: Receiver,
    grpc: Option<GrpcServer>,
}

impl Telemetry {
    /// Opens the ledger, and listens on `grpc`.
    pub(super) async fn start(
        grpc: Option<SocketAddr>,
        token: Option<Token>,
        context: &Context,
    ) -> anyhow::Result<Self> {
        let receiver = Receiver::start(&context.ledger_path()?, context.prices(), ReceiverConfig::default())?;
        let grpc = match grpc {
            Some(addr) => Some(GrpcServer::bind(addr, receiver.clone(), token).await?),
            None => None,
        };
        Ok(Self { receiver, grpc })
    }

    /// Where it takes in gRPC.
    pub(super) fn grpc_addr(&self) -> Option<SocketAddr> {
        self.grpc.as_ref().map(GrpcServer::addr)
    }

    /// Adds its routes and figures to a server.
    pub(super) fn mount(&self, server: Server) -> Server {
        let receiver = self.receiver.clone();
        server.mount(routes(self.receiver.clone())).with_figures(move |out| receiver.figures().write(out))
    }

    /// Takes in gRPC until `stop` is cancelled.
    pub(super) fn run(self, stop: &CancellationToken) -> Receiving {
        let grpc = self.grpc.map(|server| tokio::spawn(server.run(stop.clone())));
        Receiving { receiver: self.receiver, grpc }
    }
}

/// A receiver at work.
pub(super) struct Receiving {
    receiver: Receiver,
    grpc: Option<JoinHandle<()>>,
}

impl Receiving {
    /// Waits until all that was taken in is in the ledger.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        if let Some(grpc) = self.grpc {
            grpc.await.context("the gRPC server failed")?;
        }
        tokio::task::spawn_blocking(move || self.receiver.close()).await.context("the receiver failed")
    }
}
