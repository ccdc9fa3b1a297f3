//! The options of `claude-cli serve`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use claude_cli::live::server::{DEFAULT_LISTEN, Limits, ServerConfig, Token};

use crate::{
    context::{Context, variable},
    duration::parse as duration,
};

/// The variable that a token may be in: an argument would be seen by everybody
/// who lists processes.
const TOKEN: &str = "CLAUDE_CLI_TOKEN";

/// Serve the dashboard: a page, its data as JSON and as a live stream, and
/// figures for Prometheus; and take in what running `claude`s tell.
///
/// Set for a `claude` CLAUDE_CODE_ENABLE_TELEMETRY=1, OTEL_LOGS_EXPORTER=otlp,
/// OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf and OTEL_EXPORTER_OTLP_ENDPOINT to
/// the address of this server, and each of its requests is in the ledger within
/// seconds, with its exact cost.
///
/// Prints its address once it listens, and serves until it is interrupted.
/// Without a token it listens on loopback only. A token comes from --token-file
/// or from CLAUDE_CLI_TOKEN; programs send it as `Authorization: Bearer TOKEN`,
/// and browsers are asked for it once.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one; may be repeated
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_LISTEN)]
    listen: Vec<SocketAddr>,
    /// A file with the token that clients have to know
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    token_file: Option<PathBuf>,
    /// A name that the server is called by, besides localhost and its addresses; may be repeated
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Take in telemetry over gRPC, too, at 127.0.0.1:4317 or at ADDR
    #[arg(long, value_name = "ADDR", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:4317")]
    pub(super) otlp_grpc: Option<SocketAddr>,
    /// Follow the transcripts as they are written, too
    #[arg(long)]
    pub(super) watch: bool,
    /// At most so many connections; further ones are refused
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    max_connections: usize,
    /// At most so many viewers of live states; further ones are refused
    #[arg(long, value_name = "N", default_value_t = Limits::default().clients)]
    max_clients: usize,
    /// The time for the head of a request, and that a connection may lie idle
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    header_timeout: Duration,
    /// The time for a request and its answer
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    request_timeout: Duration,
}

impl Args {
    pub(super) fn config(&self, context: &Context) -> anyhow::Result<ServerConfig> {
        Ok(ServerConfig {
            listen: self.listen.clone(),
            token: self.token(context)?,
            hosts: self.hosts.clone(),
            tz: context.tz.clone(),
            limits: Limits {
                connections: self.max_connections,
                clients: self.max_clients,
                header_time: self.header_timeout,
                request_time: self.request_timeout,
                ..Limits::default()
            },
        })
    }

    fn token(&self, context: &Context) -> anyhow::Result<Option<Token>> {
        if let Some(file) = &self.token_file {
            let (token, private) = Token::read(file)?;
            if !private {
                let file = file.display();
                context.note(&format!("warning: others can read the token: chmod 600 {file}"));
            }
            return Ok(Some(token));
        }
        Ok(variable(TOKEN).map(|text| Token::new(&text)).transpose()?)
    }

    pub(super) fn asks_for_token(&self) -> bool {
        self.token_file.is_some() || variable(TOKEN).is_some()
    }
}
