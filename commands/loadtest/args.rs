//! What a load test is told on the command line.

use std::{path::PathBuf, time::Duration};

use claude_cli::{
    load::{Slo, Threshold},
    pricing::parse_usd_nanos,
};

use crate::duration::parse as duration;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// Streamed answers of a Messages API
    Messages,
    /// Documents by GET: --path, or the target itself
    Get,
    /// The dashboard of a running `claude-cli serve`
    Dashboard,
    /// Its time series
    Timeseries,
    /// Its summary
    Summary,
    /// Its live stream, each held open for --hold
    Live,
}

/// What is asked for, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// What is tested [default: a simulated API in a process of its own]
    #[arg(long, value_name = "URL", help_heading = "What is tested")]
    pub(crate) target: Option<String>,
    /// What is asked for
    #[arg(long, value_enum, default_value = "messages", help_heading = "What is tested")]
    pub(crate) scenario: Scenario,
    /// A path below the target, for the get scenario; may be repeated
    #[arg(long = "path", value_name = "PATH", help_heading = "What is tested")]
    pub(crate) paths: Vec<String>,
    /// Options of the simulated API, as `claude-cli simulate` has them
    #[arg(
        long,
        value_name = "OPTIONS",
        allow_hyphen_values = true,
        conflicts_with = "target",
        help_heading = "What is tested"
    )]
    pub(crate) simulate: Option<String>,
    /// The model
    #[arg(long, value_name = "MODEL", default_value = "haiku", help_heading = "What is tested")]
    pub(crate) model: String,
    /// The most tokens of an answer
    #[arg(long, value_name = "N", default_value_t = 256, help_heading = "What is tested")]
    pub(crate) max_tokens: u32,
    /// The prompt of every request
    #[arg(long, value_name = "TEXT", conflicts_with = "prompts", help_heading = "What is tested")]
    pub(crate) prompt: Option<String>,
    /// A file of prompts, one a line: texts, or objects with a `prompt`
    #[arg(long, value_name = "FILE", help_heading = "What is tested")]
    pub(crate) prompts: Option<PathBuf>,
    /// Made-up prompts of so many tokens: a number, or MIN-MAX
    #[arg(long, value_name = "N", value_parser = parse_lengths, conflicts_with_all = ["prompt", "prompts"], help_heading = "What is tested")]
    pub(crate) prompt_tokens: Option<(f64, f64)>,
    /// How long a live stream is held open
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, help_heading = "What is tested")]
    pub(crate) hold: Duration,
    /// A file with the token that `claude-cli serve` wants to be known
    #[arg(long, value_name = "FILE", requires = "target", help_heading = "What is tested")]
    pub(crate) token_file: Option<PathBuf>,
    /// Further certificate authorities, as PEM
    #[arg(long, value_name = "FILE", help_heading = "What is tested")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Requests a second, whether or not the ones before were answered [default: 10]
    #[arg(long, value_name = "N", value_parser = parse_rate, help_heading = "Load")]
    pub(crate) rate: Option<f64>,
    /// Independent arrivals in place of even ones: exponential gaps
    #[arg(long, help_heading = "Load")]
    pub(crate) poisson: bool,
    /// A rate that goes evenly from one to another
    #[arg(long, value_name = "FROM:TO", value_parser = parse_ramp, conflicts_with_all = ["rate", "poisson"], help_heading = "Load")]
    pub(crate) ramp: Option<(f64, f64)>,
    /// One rate after the other
    #[arg(long, value_name = "RATE:TIME,…", value_delimiter = ',', value_parser = parse_step, conflicts_with_all = ["rate", "poisson", "ramp", "duration"], help_heading = "Load")]
    pub(crate) steps: Vec<(f64, Duration)>,
    /// The requests of the ledger since then, as they came: 24h, 7d, a date or a time
    #[arg(long, value_name = "SINCE", conflicts_with_all = ["rate", "poisson", "ramp", "steps", "duration"], help_heading = "Load")]
    pub(crate) replay: Option<String>,
    /// Replay so many times as fast
    #[arg(long, value_name = "N", default_value_t = 1.0, requires = "replay", help_heading = "Load")]
    pub(crate) speed: f64,
    /// A closed loop: so many users who wait for their answers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with_all = ["rate", "poisson", "ramp", "steps", "replay"], help_heading = "Load")]
    pub(crate) users: Option<u32>,
    /// One run for each of these rates, or, with --users, numbers of users
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = parse_rate, conflicts_with_all = ["ramp", "steps", "replay", "find_max"], help_heading = "Load")]
    pub(crate) sweep: Vec<f64>,
    /// Search for the highest rate, or with --users number of users, that keeps --slo and every threshold
    #[arg(long, conflicts_with_all = ["ramp", "steps", "replay"], help_heading = "Load")]
    pub(crate) find_max: bool,
    /// The search tries no more than this
    #[arg(long, value_name = "N", default_value_t = 100_000.0, requires = "find_max", help_heading = "Load")]
    pub(crate) most: f64,
    /// The share of the requests that have to keep --slo in a search
    #[arg(long, value_name = "SHARE", default_value_t = 0.99, requires = "find_max", help_heading = "Load")]
    pub(crate) attain: f64,
    /// For how long requests come; of a sweep or search, in each run
    #[arg(long, short, value_name = "TIME", default_value = "10s", value_parser = duration, help_heading = "Load")]
    pub(crate) duration: Duration,
    /// Leave out what is due before this
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = duration, help_heading = "Load")]
    pub(crate) warmup: Duration,
    /// At most so many requests
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub(crate) requests: Option<u64>,
    /// How long an answer may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration, help_heading = "Load")]
    pub(crate) timeout: Duration,
    /// Send again what was refused with 429 or a status from 500 on, so often
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Load")]
    pub(crate) retries: u32,
    /// Requests under way at once; more wait, and their waiting counts
    #[arg(long, value_name = "N", default_value_t = 1024, help_heading = "Load")]
    pub(crate) max_in_flight: usize,
    /// A run is not valid if 1 % of the requests were got to later than this after they were due
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = duration, help_heading = "Gates")]
    pub(crate) max_lag: Duration,
    /// Threads that generate load
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Load")]
    pub(crate) threads: usize,
    /// Draws arrivals and prompts; the same seed gives the same ones
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Load")]
    pub(crate) seed: u64,

    /// What each request is to keep, in milliseconds: ttft<800,e2e<5000
    #[arg(long, value_name = "METRIC<MS,…", help_heading = "Gates")]
    pub(crate) slo: Option<Slo>,
    /// A gate, as k6 has them: ttft.p(95)<800, failed.rate<0.01; may be repeated
    #[arg(long = "threshold", value_name = "GATE", help_heading = "Gates")]
    pub(crate) thresholds: Vec<Threshold>,
    /// The same, and the run ends as soon as it does not hold
    #[arg(long = "abort-threshold", value_name = "GATE", help_heading = "Gates")]
    pub(crate) abort_thresholds: Vec<Threshold>,
    /// Stop before more than this may be spent; needed for what is not on this machine
    #[arg(long, value_name = "USD", value_parser = parse_usd, help_heading = "Gates")]
    pub(crate) max_cost: Option<i64>,

    /// Write a JSON line for every request
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) samples: Option<PathBuf>,
    /// Write a report with charts, one HTML file that needs no other
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,
    /// A name for it in the list of those that are kept
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub(crate) name: Option<String>,
    /// Do not keep the result in the ledger
    #[arg(long, help_heading = "Output")]
    pub(crate) no_keep: bool,
}

fn parse_usd(text: &str) -> Result<i64, String> {
    parse_usd_nanos(text).filter(|n| *n > 0).ok_or_else(|| "an amount in dollars, such as 0.25".to_owned())
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.trim().parse::<f64>().ok();
    rate.filter(|rate| *rate > 0.0 && *rate <= 1e7).ok_or_else(|| format!("`{text}` is no number above 0"))
}

fn parse_ramp(text: &str) -> Result<(f64, f64), String> {
    let (from, to) = text.split_once(':').ok_or("a ramp is FROM:TO, such as 1:100")?;
    let end = |text: &str| if text.trim() == "0" { Ok(0.0) } else { parse_rate(text) };
    match (end(from)?, end(to)?) {
        (0.0, 0.0) => Err("a ramp from 0 to 0 has no requests".to_owned()),
        ends => Ok(ends),
    }
}

fn parse_step(text: &str) -> Result<(f64, Duration), String> {
    let (rate, time) = text.split_once(':').ok_or("a step is RATE:TIME, such as 10:30s")?;
    Ok((parse_rate(rate)?, duration(time)?))
}

fn parse_lengths(text: &str) -> Result<(f64, f64), String> {
    let (min, max) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<u32>().map_err(|_| "a number of tokens, or MIN-MAX".to_owned());
    match (number(min)?, number(max)?) {
        (min, max) if min <= max && max > 0 => Ok((min.into(), max.into())),
        _ => Err("a number of tokens above 0, or MIN-MAX".to_owned()),
    }
}

impl RunArgs {
    /// All gates.
    pub(crate) fn gates(&self) -> Vec<Threshold> {
        let aborting = self.abort_thresholds.iter().cloned().map(Threshold::aborting);
        self.thresholds.iter().cloned().chain(aborting).collect()
    }
}
