//! What `query` adds to the program it runs.
//!
//! Runs pairs: a stand-in program that replays a recorded stream, directly and
//! through `claude-cli query`, in turn and in random order within each pair.
//! Prints the median of the paired differences and its 95% interval
//! (percentile bootstrap), and what starting the binary alone costs.
//!
//! `cargo bench --bench client -- --pairs 200`

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const BINARY: &str = env!("CARGO_BIN_EXE_claude-cli");
const REPLAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/data/replay.sh");
const RESAMPLES: usize = 10_000;

fn timed(mut command: Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = command.status().expect("the program starts");
    let took = started.elapsed();
    assert!(status.success(), "{command:?} failed: {status}");
    took
}

fn query(home: &Path, record: bool) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["query", "--claude", REPLAY, "hello"]).env("HOME", home).env("XDG_DATA_HOME", home.join("data"));
    if !record {
        command.arg("--no-record");
    }
    command
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// The median and its 95% interval by the percentile bootstrap (B. Efron, 1979).
fn estimate(values: &[f64]) -> (f64, f64, f64) {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut resampled: Vec<f64> = (0..RESAMPLES)
        .map(|_| median(&mut (0..values.len()).map(|_| values[rng.usize(..values.len())]).collect::<Vec<_>>()))
        .collect();
    resampled.sort_unstable_by(f64::total_cmp);
    (median(&mut values.to_vec()), resampled[RESAMPLES / 40], resampled[RESAMPLES - 1 - RESAMPLES / 40])
}

fn report(name: &str, values: &[f64]) {
    let (middle, low, high) = estimate(values);
    println!("{name:<44} {middle:>8.2} ms   95% {low:.2} to {high:.2} ms   n={}", values.len());
}

fn millis(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

fn pairs(name: &str, n: usize, one: impl Fn() -> Command, other: impl Fn() -> Command) {
    let mut differences = Vec::with_capacity(n);
    for _ in 0..n {
        let first = fastrand::bool();
        let (a, b) = if first {
            let a = timed(one());
            (a, timed(other()))
        } else {
            let b = timed(other());
            (timed(one()), b)
        };
        differences.push(millis(b) - millis(a));
    }
    report(name, &differences);
}

fn main() {
    let args: Vec<String> = env::args().collect();
    // `cargo test --benches` only wants to see that it runs.
    let quick = args.iter().any(|arg| arg == "--test");
    let asked = args.iter().position(|arg| arg == "--pairs").and_then(|at| args.get(at + 1)?.parse().ok());
    let n = if quick { 2 } else { asked.unwrap_or(200) };
    let home = env::temp_dir().join(format!("claude-cli-bench-{}", std::process::id()));
    std::fs::create_dir_all(&home).expect("a temporary folder");
    // The first run creates the ledger.
    timed(query(&home, true));
    pairs("query, recorded, over its program", n, || Command::new(REPLAY), || query(&home, true));
    pairs("query, not recorded, over its program", n, || Command::new(REPLAY), || query(&home, false));
    for arg in ["--version", "--help"] {
        let times: Vec<f64> = (0..n)
            .map(|_| {
                let mut command = Command::new(BINARY);
                command.arg(arg);
                millis(timed(command))
            })
            .collect();
        report(&format!("claude-cli {arg}"), &times);
    }
    let times: Vec<f64> = (0..n).map(|_| millis(timed(Command::new("/bin/true")))).collect();
    report("/bin/true, for scale", &times);
    std::fs::remove_dir_all(&home).expect("the temporary folder can be removed");
}
