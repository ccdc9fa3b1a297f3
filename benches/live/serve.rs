//! The server's process: the server of `claude-cli serve`, and someone who
//! publishes states of 20 KB.

use std::{
    io::{Write, stdout},
    sync::Arc,
    time::Duration,
};

use claude_cli::{
    Error,
    analytics::Engine,
    live::{
        Hub, HubConfig,
        server::{Limits, Server, ServerConfig},
    },
};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{Options, now, pin, state::state};

/// An alert comes with every so many-th state.
pub(crate) const ALERT_EVERY: u64 = 25;

pub(crate) fn run(options: &Options) {
    pin(0);
    // As `serve` does: as many as there are processors for it.
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap();
    runtime.block_on(serve(options));
}

async fn serve(options: &Options) {
    let config = HubConfig { update_interval: Duration::from_millis(options.interval), ..HubConfig::default() };
    let hub = Hub::new(config);
    let config = ServerConfig {
        listen: vec![([127, 0, 0, 1], 0).into()],
        limits: Limits { connections: 20_000, clients: 20_000, ..Limits::default() },
        ..ServerConfig::default()
    };
    let engine = Engine::new(|| Err(Error::Invalid("there is no ledger here".to_owned())));
    let server = Server::bind(config, engine, Arc::new(hub.clone())).await.unwrap();
    let deadlines = hub.clone();
    tokio::spawn(async move { deadlines.enforce_deadlines().await });
    println!("{}", server.addrs()[0]);
    stdout().flush().unwrap();
    tokio::spawn(server.run(CancellationToken::new()));
    let rate = options.rate;
    let publisher = hub.clone();
    tokio::spawn(async move { publish(&publisher, rate).await });
    // The figures whenever they are asked for, until nobody can ask any more.
    let (sender, mut lines) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let _ = sender.blocking_send(line);
        }
    });
    while lines.recv().await.is_some() {
        println!("{}", serde_json::to_string(&hub.figures()).unwrap());
        stdout().flush().unwrap();
    }
}

/// Publishes a state at a time, and with some of them an alert right behind it.
async fn publish(hub: &Hub, rate: u64) {
    let mut ticks = interval(Duration::from_micros(1_000_000 / rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for n in 1000.. {
        ticks.tick().await;
        hub.publish(&state(n, now())).unwrap();
        if n % ALERT_EVERY == 0 {
            // The state before it waits for all clients.
            hub.alert(&json!({ "stamp": now(), "n": n, "critical": true })).unwrap();
        }
    }
}
