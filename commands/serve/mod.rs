//! `claude-cli serve`: the dashboard as a server.

mod args;
mod telemetry;
mod watching;

use std::{
    io::{Write, stdout},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context as _;
use claude_cli::{
    analytics::{CacheConfig, DashboardCache, Engine},
    live::{
        Feed, FeedConfig, HubConfig,
        server::{FeedViews, MetricKind, Server},
    },
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

pub(crate) use self::args::Args;
use self::telemetry::Telemetry;
use crate::{context::Context, output::Format, signals::Interrupts};

/// The `schema` of what is printed once it listens.
const SCHEMA: &str = "claude-cli/serve@1";
/// The most megabytes of answers that are kept.
const CACHE_MB: u64 = 16;
/// Threads for everything but reading and writing the ledger.
const WORKERS: usize = 4;

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    claude_cli::live::server::raise_file_limit();
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(WORKERS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let served = runtime.block_on(serve(args, context));
    // A question that takes long is not waited for.
    runtime.shutdown_background();
    served
}

async fn serve(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let mut interrupts = Interrupts::catch()?;
    let path = context.ledger_path()?;
    // It is made where there is none yet.
    let feed = Feed::open(&path, context.tz.clone(), FeedConfig::default(), HubConfig::default())?;
    let cache = DashboardCache::new(CacheConfig { max_memory_mb: CACHE_MB, ..CacheConfig::default() });
    let engine = Engine::open(&path)?.with_cache(&cache);
    let config = args.config(context)?;
    let telemetry = Telemetry::start(args.otlp_grpc, config.token.clone(), context).await?;
    let views = Arc::new(FeedViews::new(feed.clone(), &context.tz));
    let server = telemetry.mount(Server::bind(config, engine, views).await?).with_figures(move |out| {
        let name = "claude_cli_live_computed_total";
        out.one(name, MetricKind::Counter, "Live states that were computed.", feed.computed() as f64);
    });
    tell(&server, &telemetry, args, context)?;
    let stop = CancellationToken::new();
    let receiving = telemetry.run(&stop);
    let watching = args.watch.then(|| watching::start(&stop, context)).transpose()?;
    let serving = tokio::spawn(server.run(stop.clone()));
    interrupts.next().await;
    stop.cancel();
    tokio::select! {
        served = serving => served.context("the server failed")?,
        () = interrupts.next() => return Ok(ExitCode::from(claude_cli::ExitClass::Interrupted.code())),
    }
    receiving.end().await?;
    if let Some(watching) = watching {
        watching.end();
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints where it is found, once it can be.
fn tell(server: &Server, telemetry: &Telemetry, args: &Args, context: &Context) -> anyhow::Result<()> {
    let urls: Vec<String> = server.addrs().iter().map(|addr| format!("http://{addr}")).collect();
    let grpc = telemetry.grpc_addr().map(|addr| format!("http://{addr}"));
    let text = if matches!(context.asked_format(), Some(Format::Json | Format::Ndjson)) {
        json!({ "schema": SCHEMA, "urls": urls, "otlp_grpc": grpc, "token": args.asks_for_token() }).to_string()
    } else {
        urls.into_iter().chain(grpc.map(|url| format!("{url} (gRPC)"))).collect::<Vec<_>>().join("\n")
    };
    writeln!(stdout(), "{text}").and_then(|()| stdout().flush()).context("cannot print the address")
}
