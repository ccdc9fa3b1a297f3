//! `claude-cli simulate`: a Messages API server on loopback.

use std::{
    io::{Write, stdout},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use claude_cli::simulate::{Config, ErrorPlan, Reply, Server, Stall, ToolCall};
use tokio::signal::unix::{SignalKind, signal};

use crate::{context::Context, duration::parse as duration};

/// How often to look whether the parent is still there.
const PARENT_CHECK: Duration = Duration::from_millis(200);

/// Serve a simulated Messages API on loopback.
///
/// Prints its base URL, for ANTHROPIC_BASE_URL, and serves until it is
/// interrupted or the process that started it ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; loopback only, port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The text of every answer
    #[arg(long, value_name = "TEXT", conflicts_with = "echo")]
    reply: Option<String>,
    /// Answer with what the last user message said
    #[arg(long)]
    echo: bool,
    /// Time to the first piece of content
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = duration)]
    ttft: Duration,
    /// Time between two pieces
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = duration)]
    token_interval: Duration,
    /// Characters in a piece
    #[arg(long, value_name = "N", default_value_t = 4)]
    chunk_chars: usize,
    /// A thinking block before the text
    #[arg(long, value_name = "TEXT")]
    thinking: Option<String>,
    /// Call a tool before the text, if the client offers it; may be repeated
    #[arg(long = "tool", value_name = "NAME:JSON", value_parser = parse_tool)]
    tools: Vec<ToolCall>,
    /// Start a subagent with this prompt before the text
    #[arg(long, value_name = "PROMPT")]
    subagent: Option<String>,
    /// Refuse requests with this HTTP status
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(400..600))]
    error_status: Option<u16>,
    /// The share of requests that are refused, 0 to 1 [default: 1, or 0 with --error-first]
    #[arg(long, value_name = "SHARE", requires = "error_status")]
    error_rate: Option<f64>,
    /// Refuse the first so many requests
    #[arg(long, value_name = "N", requires = "error_status")]
    error_first: Option<u64>,
    /// The retry-after header of a refusal
    #[arg(long, value_name = "TIME", requires = "error_status", value_parser = duration)]
    retry_after: Option<Duration>,
    /// Pause after so many pieces
    #[arg(long, value_name = "N", requires = "stall")]
    stall_after: Option<usize>,
    /// The length of that pause
    #[arg(long, value_name = "TIME", value_parser = duration)]
    stall: Option<Duration>,
    /// Break the connection after so many pieces
    #[arg(long, value_name = "N")]
    cut_after: Option<usize>,
    /// Reported input tokens [default: a quarter of the characters sent]
    #[arg(long, value_name = "N")]
    input_tokens: Option<u64>,
    /// Reported cache reads
    #[arg(long, value_name = "N", default_value_t = 0)]
    cache_read: u64,
    /// Reported 5-minute cache writes
    #[arg(long, value_name = "N", default_value_t = 0)]
    cache_write_5m: u64,
    /// Reported 1-hour cache writes
    #[arg(long, value_name = "N", default_value_t = 0)]
    cache_write_1h: u64,
    /// Draws ids and errors; the same seed gives the same ones
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Write a JSON line for every request
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Put the messages sent into that log; keys are never in it
    #[arg(long, requires = "log")]
    log_bodies: bool,
    /// Go on when the process that started it ends
    #[arg(long)]
    outlive_parent: bool,
}

fn parse_tool(text: &str) -> Result<ToolCall, String> {
    let (name, input) = text.split_once(':').ok_or("a tool is NAME:JSON, such as Bash:{\"command\":\"ls\"}")?;
    let input = serde_json::from_str(input).map_err(|e| format!("the input is not JSON: {e}"))?;
    Ok(ToolCall { name: name.to_owned(), input })
}

impl Args {
    fn config(self) -> Config {
        let default = Config::default();
        let error = self.error_status.map(|status| ErrorPlan {
            status,
            rate: self.error_rate.unwrap_or(if self.error_first.is_some() { 0.0 } else { 1.0 }),
            first: self.error_first.unwrap_or(0),
            retry_after: self.retry_after,
        });
        Config {
            reply: if self.echo { Reply::Echo } else { self.reply.map_or(default.reply, Reply::Text) },
            ttft: self.ttft,
            token_interval: self.token_interval,
            chunk_chars: self.chunk_chars,
            thinking: self.thinking,
            tools: self.tools,
            subagent: self.subagent,
            error,
            stall: self.stall.map(|duration| Stall { after: self.stall_after.unwrap_or(0), duration }),
            cut_after: self.cut_after,
            input_tokens: self.input_tokens,
            cache_read_tokens: self.cache_read,
            cache_write_5m_tokens: self.cache_write_5m,
            cache_write_1h_tokens: self.cache_write_1h,
            seed: self.seed,
            log: self.log,
            log_bodies: self.log_bodies,
        }
    }
}

pub(crate) fn run(args: Args, _context: &Context) -> anyhow::Result<ExitCode> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(serve(args))
}

async fn serve(args: Args) -> anyhow::Result<ExitCode> {
    let mut interrupts = signal(SignalKind::interrupt()).context("cannot catch SIGINT")?;
    let mut terminations = signal(SignalKind::terminate()).context("cannot catch SIGTERM")?;
    let (listen, outlive_parent) = (args.listen, args.outlive_parent);
    let server = Server::start(args.config(), listen).await?;
    writeln!(stdout(), "{}", server.url()).and_then(|()| stdout().flush()).context("cannot print the address")?;
    tokio::select! {
        _ = interrupts.recv() => {}
        _ = terminations.recv() => {}
        () = parent_gone(), if !outlive_parent => {}
    }
    server.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// Waits until the process that started us has ended. A process whose parent
/// ends is given a new one; no signal tells of that on every system.
async fn parent_gone() {
    let parent = rustix::process::getppid();
    let mut ticks = tokio::time::interval(PARENT_CHECK);
    while rustix::process::getppid() == parent {
        ticks.tick().await;
    }
}
