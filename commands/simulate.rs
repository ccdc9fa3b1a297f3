//! `claude-cli simulate`: a Messages API server on loopback.

use std::{
    io::{Write, stdout},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use claude_cli::simulate::{
    Config, ErrorPlan, FaultMix, Profile, RateLimits, Reply, Server, Stall, Standstill, ToolCall,
};
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
    /// The length of that pause; 30s:1.4s lets the whole server stand still for 1.4 s every 30 s, @30s:1.4s once
    #[arg(long, value_name = "TIME|EVERY:TIME|@AFTER:TIME", value_parser = parse_pause)]
    stall: Option<Pause>,
    /// Draw times and lengths from the distributions in this file (TOML or JSON)
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Let a share of the requests go wrong: overloaded=0.01,500=0.02,cut=0.005,error-event=0.005
    #[arg(long, value_name = "FAULT=SHARE,…")]
    faults: Option<FaultMix>,
    /// Allow so many requests a minute, and say so in headers as the API does
    #[arg(long, value_name = "N")]
    limit_requests: Option<u64>,
    /// Allow so many input tokens a minute
    #[arg(long, value_name = "N")]
    limit_input_tokens: Option<u64>,
    /// Allow so many output tokens a minute
    #[arg(long, value_name = "N")]
    limit_output_tokens: Option<u64>,
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
    /// Put the time of every piece into that log
    #[arg(long, requires = "log")]
    log_tokens: bool,
    /// Go on when the process that started it ends
    #[arg(long)]
    outlive_parent: bool,
}

fn parse_tool(text: &str) -> Result<ToolCall, String> {
    let (name, input) = text.split_once(':').ok_or("a tool is NAME:JSON, such as Bash:{\"command\":\"ls\"}")?;
    let input = serde_json::from_str(input).map_err(|e| format!("the input is not JSON: {e}"))?;
    Ok(ToolCall { name: name.to_owned(), input })
}

/// A pause in each answer, or of the whole server.
#[derive(Clone, Copy, Debug)]
enum Pause {
    Answer(Duration),
    Server(Standstill),
}

fn parse_pause(text: &str) -> Result<Pause, String> {
    let Some((when, length)) = text.split_once(':') else { return duration(text).map(Pause::Answer) };
    let (after, every) = match when.strip_prefix('@') {
        Some(after) => (duration(after)?, None),
        None => (duration(when)?, Some(duration(when)?)),
    };
    let length = duration(length)?;
    if every.is_some_and(|every| every <= length) {
        return Err("the server would never move: the pause is as long as the time between two".to_owned());
    }
    Ok(Pause::Server(Standstill { after, every, duration: length }))
}

/// Reads a latency profile; it is TOML unless the file's name ends in `.json`.
fn read_profile(path: &Path) -> anyhow::Result<Profile> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the latency profile {shown}"))?;
    if path.extension().is_some_and(|extension| extension == "json") {
        return Profile::from_json(&text).with_context(|| shown.to_string());
    }
    let profile: Profile = toml_edit::de::from_str(&text)
        .map_err(|e| claude_cli::Error::Invalid(format!("{shown}: {}", e.to_string().trim_end())))?;
    profile.checked().with_context(|| shown.to_string())
}

impl Args {
    fn config(self) -> anyhow::Result<Config> {
        let default = Config::default();
        let error = self.error_status.map(|status| ErrorPlan {
            status,
            rate: self.error_rate.unwrap_or(if self.error_first.is_some() { 0.0 } else { 1.0 }),
            first: self.error_first.unwrap_or(0),
            retry_after: self.retry_after,
        });
        let profile = self.profile.as_deref().map(read_profile).transpose()?;
        Ok(Config {
            reply: if self.echo { Reply::Echo } else { self.reply.map_or(default.reply, Reply::Text) },
            ttft: self.ttft,
            token_interval: self.token_interval,
            chunk_chars: self.chunk_chars,
            thinking: self.thinking,
            tools: self.tools,
            subagent: self.subagent,
            error,
            stall: match self.stall {
                Some(Pause::Answer(duration)) => Some(Stall { after: self.stall_after.unwrap_or(0), duration }),
                _ => None,
            },
            standstill: match self.stall {
                Some(Pause::Server(standstill)) => Some(standstill),
                _ => None,
            },
            profile,
            limits: RateLimits {
                requests: self.limit_requests,
                input_tokens: self.limit_input_tokens,
                output_tokens: self.limit_output_tokens,
            },
            faults: self.faults.unwrap_or_default(),
            cut_after: self.cut_after,
            input_tokens: self.input_tokens,
            cache_read_tokens: self.cache_read,
            cache_write_5m_tokens: self.cache_write_5m,
            cache_write_1h_tokens: self.cache_write_1h,
            seed: self.seed,
            log: self.log,
            log_bodies: self.log_bodies,
            log_tokens: self.log_tokens,
        })
    }
}

pub(crate) fn run(args: Args, _context: &Context) -> anyhow::Result<ExitCode> {
    allow_many_files();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(serve(args))
}

/// Every client takes a file descriptor, and the usual limit is 1,024 of them.
pub(crate) fn allow_many_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If it may not be raised, connections fail and are reported as they do.
    let _ = setrlimit(Resource::Nofile, limit);
}

async fn serve(args: Args) -> anyhow::Result<ExitCode> {
    let mut interrupts = signal(SignalKind::interrupt()).context("cannot catch SIGINT")?;
    let mut terminations = signal(SignalKind::terminate()).context("cannot catch SIGTERM")?;
    let (listen, outlive_parent) = (args.listen, args.outlive_parent);
    let server = Server::start(args.config()?, listen).await?;
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
