//! How many events `serve` commits durably in a second, into a ledger that is
//! big already.
//!
//! `cargo bench --bench otlp -- --requests 10000000 --senders 64 --events 512`
//!
//! Senders are threads of this process, each with a connection of its own. As a
//! `claude` does, each sends a body in Protobuf, waits for the answer, which
//! comes once all of it is committed, and sends the next. Every event has a
//! request id that was never seen before. The ledger is made up once (2.6 GB for
//! ten million requests, in `target/` or `--folder DIR`) and stays for the next
//! time, with what was sent. The program measured is `CLAUDE_CLI`, else the one
//! built with this; `--append` measures its ledger alone instead, in this process,
//! with batches of `--events`.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use claude_cli::{
    live::otlp::{Encoding, read_logs},
    simulate::Requests,
    store::{Batch, Ledger, SqliteLedger, size_on_disk},
};
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
};
use prost::Message as _;

struct Options {
    requests: u64,
    senders: u64,
    events: usize,
    time: Duration,
}

fn main() {
    let args: Vec<String> = env::args().collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let asked = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let number = |name: &str, or: u64| asked(name).map_or(or, |text| text.parse().expect("a number"));
    // `cargo test --benches` only wants to see that it runs.
    let quick = has("--test");
    let options = Options {
        requests: number("--requests", if quick { 1_000 } else { 10_000_000 }),
        senders: number("--senders", if quick { 4 } else { 64 }),
        events: number("--events", 512) as usize,
        time: Duration::from_secs(number("--seconds", if quick { 1 } else { 30 })),
    };
    let folder =
        asked("--folder").map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("otlp"), PathBuf::from);
    fs::create_dir_all(&folder).expect("a folder for the ledger");
    let path = ledger(&folder, options.requests);
    if has("--append") {
        append(&path, &options);
    } else {
        serve(&path, &options);
    }
}

/// A ledger of so many requests, made up unless it is there.
fn ledger(folder: &Path, count: u64) -> PathBuf {
    let path = folder.join(format!("requests-{count}.db"));
    let done = folder.join(format!("requests-{count}.done"));
    if done.exists() {
        return path;
    }
    for file in [path.clone(), path.with_extension("db-wal"), path.with_extension("db-shm")] {
        let _ = fs::remove_file(file);
    }
    let now = jiff::Timestamp::now().as_millisecond();
    let started = Instant::now();
    let mut ledger = SqliteLedger::open(&path).expect("a new ledger");
    ledger.fill(Requests::before(now, count, 365).witnesses()).expect("it is filled");
    drop(ledger);
    let took = started.elapsed().as_secs_f64();
    println!("made up {count} requests in {took:.0} s: {} MB", size_on_disk(&path) / 1_000_000);
    fs::write(done, "").expect("a mark");
    path
}

/// The length of an id that is filled in.
const ID: usize = 28;

/// A body of events as `claude` sends it, in which only ids and times are new
/// each time.
struct Body {
    bytes: Vec<u8>,
    ids: Vec<usize>,
    draw: fastrand::Rng,
}

impl Body {
    fn of(sender: u64, events: usize) -> Self {
        let mut draw = fastrand::Rng::with_seed(sender ^ jiff::Timestamp::now().as_nanosecond() as u64);
        let records = (0..events).map(|n| record(sender, n, &mut draw)).collect();
        let resource = [("service.name", "claude-code"), ("service.version", "2.1.197"), ("os.type", "linux")];
        let resource = resource.map(|(key, value)| attribute(key, text(value)));
        let sent = ResourceLogs {
            resource: Some(Resource { attributes: resource.to_vec(), ..Resource::default() }),
            scope_logs: vec![ScopeLogs { log_records: records, ..ScopeLogs::default() }],
            ..ResourceLogs::default()
        };
        let bytes = ExportLogsServiceRequest { resource_logs: vec![sent] }.encode_to_vec();
        let mark = "_".repeat(ID).into_bytes();
        let ids: Vec<usize> =
            (0..=bytes.len() - ID).filter(|at| bytes[*at] == b'_' && bytes[*at..at + ID] == mark).collect();
        assert_eq!(ids.len(), events);
        Self { bytes, ids, draw }
    }

    /// The same with requests that nobody told of before.
    fn anew(&mut self) -> &[u8] {
        for at in &self.ids {
            let id = format!("req_{:024x}", self.draw.u128(..) >> 32);
            self.bytes[*at..at + ID].copy_from_slice(id.as_bytes());
        }
        &self.bytes
    }
}

fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// What claude 2.1.197 tells of a request.
fn record(sender: u64, n: usize, draw: &mut fastrand::Rng) -> LogRecord {
    let now = jiff::Timestamp::now();
    let session = format!("{sender:08x}-5e55-4000-8000-{:012x}", n / 40);
    let model = ["claude-sonnet-4-6", "claude-opus-4-8", "claude-haiku-4-5"][n / 40 % 3];
    let cost = draw.i64(1..10_000_000);
    let attributes = vec![
        attribute("user.id", text(&format!("{sender:064x}"))),
        attribute("session.id", text(&session)),
        attribute("organization.id", text("0f0f0f0f-0000-4000-8000-000000000000")),
        attribute("user.email", text(&format!("person-{sender}@example.org"))),
        attribute("terminal.type", text("vscode")),
        attribute("event.name", text("api_request")),
        attribute("event.timestamp", text(&now.to_string())),
        attribute("event.sequence", Value::IntValue(n as i64)),
        attribute("prompt.id", text("3255f975-3a9b-4f43-bd66-3bddeefcf09b")),
        attribute("model", text(model)),
        attribute("input_tokens", Value::IntValue(draw.i64(1..50))),
        attribute("output_tokens", Value::IntValue(draw.i64(20..1_500))),
        attribute("cache_read_tokens", Value::IntValue(draw.i64(0..160_000))),
        attribute("cache_creation_tokens", Value::IntValue(draw.i64(0..3_000))),
        attribute("cost_usd", Value::DoubleValue(cost as f64 / 1e6)),
        attribute("cost_usd_micros", Value::IntValue(cost)),
        attribute("duration_ms", Value::IntValue(draw.i64(300..30_000))),
        attribute("request_id", text(&"_".repeat(ID))),
        attribute("speed", text("normal")),
        attribute("query_source", text("repl_main_thread")),
    ];
    LogRecord {
        time_unix_nano: now.as_nanosecond() as u64,
        body: Some(AnyValue { value: Some(text("claude_code.api_request")) }),
        attributes,
        ..LogRecord::default()
    }
}

/// Appends batches to the ledger, one after the other.
fn append(path: &Path, options: &Options) {
    let mut ledger = SqliteLedger::open(path).expect("the ledger opens");
    ledger.prepare_for_senders().expect("it is made ready");
    let mut bodies: Vec<Body> = (0..options.senders).map(|sender| Body::of(sender, 512)).collect();
    let mut senders = (0..bodies.len()).cycle();
    let mut times = Vec::new();
    let begin = Instant::now();
    let mut appended = 0;
    while begin.elapsed() < options.time {
        let mut witnesses = Vec::new();
        while witnesses.len() < options.events {
            let body = bodies[senders.next().expect("it has no end")].anew();
            witnesses.extend(read_logs(body, Encoding::Protobuf).expect("logs").witnesses);
        }
        appended += witnesses.len();
        let started = Instant::now();
        ledger.append(&Batch { witnesses, ..Batch::default() }).expect("it is written");
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let spent: f64 = times.iter().sum();
    let rate = appended as f64 / spent * 1e3;
    let (median, p99) = quantiles(times);
    println!("| events of a commit | events/s | commit, median | p99 |\n|--:|--:|--:|--:|");
    println!("| {} | {rate:.0} | {median:.1} ms | {p99:.1} ms |", options.events);
}

fn quantiles(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    (at(50), at(99))
}

/// A server that ends with this.
struct Server {
    child: Child,
    addr: SocketAddr,
}

impl Server {
    fn start(ledger: &Path) -> Self {
        let program = env::var_os("CLAUDE_CLI").unwrap_or_else(|| env!("CARGO_BIN_EXE_claude-cli").into());
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--db"])
            .arg(ledger)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("an address");
        let addr = line.trim().strip_prefix("http://").expect("an address").parse().expect("an address");
        Self { child, addr }
    }

    /// Its own figures.
    fn figures(&self) -> String {
        let mut stream = TcpStream::connect(self.addr).expect("a connection");
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.addr).expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("figures");
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends to a server until the time is over, and checks that all is there.
fn serve(path: &Path, options: &Options) {
    let before = rows(path);
    let server = Server::start(path);
    let addr = server.addr;
    let until = Instant::now() + options.time;
    let started = Instant::now();
    let threads: Vec<_> = (0..options.senders)
        .map(|sender| {
            let events = options.events;
            thread::spawn(move || send(addr, Body::of(sender, events), until))
        })
        .collect();
    let times: Vec<f64> = threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
    let took = started.elapsed().as_secs_f64();
    let acknowledged = times.len() * options.events;
    let figures = server.figures();
    let figure = |name: &str| -> f64 {
        let line = figures.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or(f64::NAN)
    };
    let (median, p99) = quantiles(times);
    println!(
        "| rows before | senders | events of a body | durable events/s | answer, median | p99 | events of a commit, median | p99 | commit, median | p99 | memory |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    println!(
        "| {before} | {} | {} | {:.0} | {median:.0} ms | {p99:.0} ms | {} | {} | {:.1} ms | {:.1} ms | {} MB |",
        options.senders,
        options.events,
        acknowledged as f64 / took,
        figure("claude_cli_otlp_batch_events{quantile=\"0.5\"}"),
        figure("claude_cli_otlp_batch_events{quantile=\"0.99\"}"),
        figure("claude_cli_otlp_commit_seconds{quantile=\"0.5\"}") * 1e3,
        figure("claude_cli_otlp_commit_seconds{quantile=\"0.99\"}") * 1e3,
        peak(&server.child) / 1_000_000,
    );
    drop(server);
    assert_eq!(rows(path), before + acknowledged as u64, "what was acknowledged is there, once");
}

/// The most memory that a process had, where the system tells.
fn peak(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or_default() << 10
}

/// The milliseconds that each answer took.
fn send(addr: SocketAddr, mut body: Body, until: Instant) -> Vec<f64> {
    let mut stream = BufReader::new(TcpStream::connect(addr).expect("a connection"));
    let mut times = Vec::new();
    while Instant::now() < until {
        let bytes = body.anew();
        let head = format!(
            "POST /v1/logs HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        let started = Instant::now();
        stream.get_mut().write_all(&[head.as_bytes(), bytes].concat()).expect("sent");
        let mut line = String::new();
        let mut status = String::new();
        let mut length = 0;
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).expect("an answer");
            if status.is_empty() {
                status.clone_from(&line);
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().expect("a length");
            }
        }
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
        stream.read_exact(&mut vec![0; length]).expect("an answer");
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times
}

/// So many rows are in a ledger.
fn rows(path: &Path) -> u64 {
    let db = rusqlite::Connection::open(path).expect("the ledger opens");
    let rows: i64 = db.query_row("SELECT count(*) FROM requests", [], |row| row.get(0)).expect("a count");
    rows as u64
}
