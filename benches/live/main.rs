//! The stream of live states under load: a server on one processor, its viewers
//! in another process on another one.
//!
//! `--clients 1000 --stalled 100 --seconds 60`; `--quick` is small. Ends with 1
//! if a target was missed.

// A run that cannot go on is no figure.
#![allow(clippy::unwrap_used)]

mod report;
mod serve;
mod state;
mod watch;

use std::{env, process::ExitCode};

/// What is asked for on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) clients: usize,
    pub(crate) stalled: usize,
    pub(crate) seconds: u64,
    /// States a second.
    pub(crate) rate: u64,
    /// Of clients that stand still every ten seconds for three.
    pub(crate) pausing: usize,
    /// Least time between two states of a client, in milliseconds.
    pub(crate) interval: u64,
}

impl Options {
    fn parse(args: &[String]) -> Self {
        let value = |name: &str| {
            let at = args.iter().position(|arg| arg == name)?;
            args.get(at + 1).map(|text| text.parse().unwrap_or_else(|e| panic!("{name} {text}: {e}")))
        };
        let quick = args.iter().any(|arg| arg == "--quick");
        let number = |name, most, least| value(name).unwrap_or(if quick { least } else { most });
        Self {
            clients: number("--clients", 1000, 50) as usize,
            stalled: number("--stalled", 100, 5) as usize,
            seconds: number("--seconds", 60, 5),
            rate: number("--rate", 10, 10),
            pausing: number("--pausing", 10, 2) as usize,
            interval: number("--interval", 100, 100),
        }
    }

    fn args(&self) -> Vec<String> {
        [
            ("--clients", self.clients as u64),
            ("--stalled", self.stalled as u64),
            ("--seconds", self.seconds),
            ("--rate", self.rate),
            ("--pausing", self.pausing as u64),
            ("--interval", self.interval),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value.to_string()])
        .collect()
    }
}

/// Microseconds of a clock that both processes share.
pub(crate) fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}

/// Keeps this process on one processor, where there is a choice.
pub(crate) fn pin(processor: usize) {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CpuSet, sched_setaffinity};
        let mut set = CpuSet::new();
        set.set(processor);
        if let Err(e) = sched_setaffinity(None, &set) {
            eprintln!("not pinned to processor {processor}: {e}");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = processor;
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let options = Options::parse(&args);
    claude_cli::live::server::raise_file_limit();
    match args.first().map(String::as_str) {
        Some("serve") => serve::run(&options),
        Some("watch") => watch::run(&args[1], &options),
        _ => return report::run(&options),
    }
    ExitCode::SUCCESS
}
