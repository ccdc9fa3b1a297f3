//! Starts both processes, watches the server's memory, and holds what came out
//! against the targets.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{Options, state::state};

/// For comparison, nobody stands still for so many seconds at most.
const LONGEST_ALONE: u64 = 60;

/// A phase, and what it showed.
struct Phase {
    seen: Value,
    hub: Value,
    /// Resident bytes of the server, once a second.
    memory: Vec<u64>,
    /// The share of its processor that the server used.
    busy: f64,
}

struct Server {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    addr: String,
}

impl Server {
    fn start(options: &Options) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.arg("serve").args(options.args()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut addr = String::new();
        out.read_line(&mut addr).unwrap();
        Self { child, out, addr: addr.trim().to_owned() }
    }

    fn figures(&mut self) -> Value {
        self.child.stdin.as_mut().unwrap().write_all(b"figures\n").unwrap();
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn resident(&self) -> u64 {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap_or_default();
        let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
        pages * rustix::param::page_size() as u64
    }

    /// Seconds of processor time.
    fn used(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks: u64 = [11, 12].iter().filter_map(|&at| fields.get(at)?.parse::<u64>().ok()).sum();
        ticks as f64 / rustix::param::clock_ticks_per_second() as f64
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn phase(options: &Options) -> Phase {
    let mut server = Server::start(options);
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["watch", &server.addr]).args(options.args()).stdout(Stdio::piped());
    let mut watch = command.spawn().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let (started, used) = (Instant::now(), server.used());
    let mut memory = Vec::new();
    while watch.try_wait().unwrap().is_none() {
        memory.push(server.resident());
        std::thread::sleep(Duration::from_secs(1));
    }
    let busy = (server.used() - used) / started.elapsed().as_secs_f64();
    let mut line = String::new();
    BufReader::new(watch.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Phase { seen: serde_json::from_str(&line).unwrap(), hub: server.figures(), memory, busy }
}

/// What was wanted, what it is, and whether that is met.
struct Row(&'static str, String, String, bool);

pub(crate) fn run(options: &Options) -> ExitCode {
    let size = serde_json::to_vec(&state(1000, crate::now())).unwrap().len();
    let Options { clients, stalled, seconds, rate, pausing, .. } = options;
    println!(
        "{clients} clients, {rate} states of {size} bytes a second each, {seconds} s; server on processor 0, clients on 1; \
         load {}",
        fs::read_to_string("/proc/loadavg").unwrap_or_default().trim()
    );
    let mut quiet = options.clone();
    (quiet.stalled, quiet.pausing, quiet.clients) = (0, 0, clients - stalled);
    quiet.seconds = LONGEST_ALONE.min(*seconds);
    let alone = phase(&quiet);
    tell("without clients that stand still", &alone);
    let among = phase(options);
    tell(&format!("{stalled} of them stand still, {pausing} now and then"), &among);
    let mut swift = quiet;
    (swift.clients, swift.rate, swift.interval, swift.seconds) = (10, 500, 2, 5.min(*seconds));
    let fast = phase(&swift);
    tell("10 clients of the low-latency preset, 500 states a second", &fast);
    let rows = judge(options, &alone, &among, &fast);
    println!("\n| | target | measured | met |\n|---|---|---|---|");
    let mut missed = 0;
    for Row(name, target, measured, met) in rows {
        println!("| {name} | {target} | {measured} | {} |", if met { "yes" } else { "NO" });
        missed += usize::from(!met);
    }
    println!("\nload {}", fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    if missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {value}"))
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The mean of some samples of memory, in megabytes.
fn mean(samples: &[u64]) -> f64 {
    megabytes(samples.iter().sum::<u64>()) / samples.len().max(1) as f64
}

fn tell(name: &str, phase: &Phase) {
    let last = phase.memory.last().copied().unwrap_or(0);
    println!(
        "\n{name}:\n  seen {}\n  hub {}\n  server {:.1} MB, {:.0} % of its processor",
        phase.seen,
        phase.hub,
        megabytes(last),
        phase.busy * 100.0
    );
}

fn judge(options: &Options, alone: &Phase, among: &Phase, fast: &Phase) -> Vec<Row> {
    let per_client = |phase: &Phase, seconds: u64| {
        number(&phase.seen, "/readers/states") / number(&phase.seen, "/clients") / seconds as f64
    };
    let p99 = number(&among.seen, "/readers/latency/p99");
    let p99_alone = number(&alone.seen, "/readers/latency/p99");
    let rate = per_client(among, options.seconds);
    let share = number(&among.hub, "/bytes_sent") / number(&among.hub, "/bytes_full");
    let half = among.memory.len() / 2;
    // Until the first that stand still are let go, they are still being found out.
    let settled = &among.memory[half.min(45)..];
    let (first, last) = (mean(&settled[..settled.len() / 2]), mean(&settled[settled.len() / 2..]));
    let most = among.memory.iter().chain(&alone.memory).copied().max().unwrap_or(0);
    let late = number(&among.seen, "/readers/late_alerts");
    let alerts = number(&among.seen, "/readers/alerts");
    let recovery = number(&among.seen, "/pausers/recovery/p99");
    let buffer = number(&among.hub, "/fullest_buffer");
    let per_connection = per_client(fast, 5.min(options.seconds));
    vec![
        Row(
            "states delivered to each client",
            format!("{} /s", options.rate),
            format!("{rate:.2} /s"),
            rate >= options.rate as f64 * 0.99,
        ),
        Row("stream latency, publish to receive, p99", "< 50 ms".to_owned(), format!("{p99:.1} ms"), p99 < 50.0),
        Row(
            "the same without clients that stand still",
            format!("about {p99:.1} ms"),
            format!("{p99_alone:.1} ms"),
            p99 <= p99_alone * 1.25 + 2.0,
        ),
        Row("bytes, of whole states", "≤ 15 %".to_owned(), format!("{:.1} %", share * 100.0), share <= 0.15),
        Row(
            "alerts ahead of the state before them",
            "all".to_owned(),
            format!("{:.0} of {alerts:.0}", alerts - late),
            late == 0.0 && alerts > 0.0,
        ),
        Row("buffer utilisation", "< 80 %".to_owned(), format!("{:.1} %", buffer * 100.0), buffer < 0.8),
        Row("backpressure recovery, p99", "< 200 ms".to_owned(), format!("{recovery:.1} ms"), recovery < 200.0),
        Row("memory, at most", "< 100 MB".to_owned(), format!("{:.1} MB", megabytes(most)), most < 100_000_000),
        Row(
            "memory, later half against earlier",
            "flat".to_owned(),
            format!("{first:.1} to {last:.1} MB"),
            last <= first * 1.05 + 1.0,
        ),
        Row(
            "connection throughput",
            "> 100 /s".to_owned(),
            format!("{per_connection:.0} /s"),
            per_connection > 100.0,
        ),
    ]
}
