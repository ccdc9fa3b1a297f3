//! `serve` as the receiver of telemetry: its routes behind the guard, its own port
//! for gRPC, and what it keeps when it is killed.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use claude_cli::store::SqliteLedger;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Home, SOON, drain, ends, signal, wait_until};

/// A `claude-cli serve` with a port for gRPC, that ends with the test.
pub(crate) struct Collector {
    pub(crate) child: Child,
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
}

impl Collector {
    pub(crate) fn start(home: &Home) -> Self {
        Self::of(home.cli(["serve", "--listen", "127.0.0.1:0", "--otlp-grpc=127.0.0.1:0", "--format", "json"]))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let Ok(said) = serde_json::from_str::<Value>(&line) else {
            panic!("{line:?}: {:?}", child.wait_with_output());
        };
        let addr = |url: &Value| url.as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        let (http, grpc) = (addr(&said["urls"][0]), addr(&said["otlp_grpc"]));
        Self { child, http, grpc }
    }

    fn post(&self, path: &str, headers: &str, body: &str) -> (u16, String) {
        post(self.http, path, headers, body).expect("an answer")
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Posts JSON; the status and the body, or `None` if there was no whole answer.
fn post(addr: SocketAddr, path: &str, headers: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(addr).ok()?;
    stream.set_read_timeout(Some(SOON)).ok()?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// The `n`-th event of a session, as `claude` sends it: a request, or now and
/// then a failed attempt, which has no request id.
fn event(session: &str, n: usize) -> Value {
    let mut attributes = vec![
        ("session.id", json!({ "stringValue": session })),
        ("event.timestamp", json!({ "stringValue": format!("2026-11-24T10:{:02}:{:02}Z", n / 60 % 60, n % 60) })),
        ("event.sequence", json!({ "intValue": n })),
        ("user.email", json!({ "stringValue": "me@example.org" })),
    ];
    let name = if n % 10 == 9 { "api_error" } else { "api_request" };
    attributes.push(("event.name", json!({ "stringValue": name })));
    if name == "api_error" {
        attributes.push(("status_code", json!({ "stringValue": "529" })));
    } else {
        attributes.extend([
            ("model", json!({ "stringValue": "claude-haiku-4-5" })),
            ("input_tokens", json!({ "intValue": 10 })),
            ("output_tokens", json!({ "intValue": 100 })),
            ("cost_usd_micros", json!({ "intValue": 510 })),
            ("request_id", json!({ "stringValue": format!("req_{session}_{n}") })),
        ]);
    }
    let attributes: Vec<Value> =
        attributes.into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    json!({ "body": { "stringValue": format!("claude_code.{name}") }, "attributes": attributes })
}

fn body(session: &str, numbers: std::ops::Range<usize>) -> String {
    let records: Vec<Value> = numbers.map(|n| event(session, n)).collect();
    json!({ "resourceLogs": [{
        "resource": { "attributes": [{ "key": "team", "value": { "stringValue": "core" } }] },
        "scopeLogs": [{ "logRecords": records }] }] })
    .to_string()
}

#[test]
fn what_claudes_tell_is_in_the_ledger_and_in_the_figures() {
    let home = Home::new();
    let collector = Collector::start(&home);
    assert_eq!(collector.post("/v1/logs", "", &body("s1", 0..10)), (200, "{}".to_owned()));
    assert_eq!(collector.post("/v1/logs", "", &body("s1", 0..10)), (200, "{}".to_owned()));
    assert_eq!(collector.post("/v1/logs", "Origin: http://elsewhere.example\r\n", &body("s2", 0..1)).0, 403);
    assert_eq!(collector.post("/v1/logs", "Host: elsewhere.example\r\n", &body("s2", 0..1)).0, 421);
    let said = home.json(["analytics", "summary", "--by", "tag", "--no-import"]);
    let totals = &said["totals"];
    assert_eq!((&totals["requests"], &totals["errors"]), (&10.into(), &1.into()), "{said}");
    assert_eq!((&totals["cost_usd"], &totals["output_tokens"]), (&json!(0.004_59), &900.into()), "{said}");
    assert_eq!(said["groups"][0]["key"], "team=core");
    let mut stream = TcpStream::connect(collector.http).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", collector.http).unwrap();
    let metrics = drain(stream);
    for line in [
        "claude_cli_otlp_committed_total 20",
        "claude_cli_otlp_commits_total 2",
        "claude_cli_otlp_batch_events{quantile=\"0.5\"} 10",
        "claude_cli_otlp_waiting_bytes 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    assert!(metrics.contains("claude_cli_otlp_commit_seconds{quantile=\"0.99\"} 0."), "{metrics}");
}

#[test]
fn it_ends_with_all_that_it_took_in_and_gives_back_its_ports() {
    let home = Home::new();
    let mut collector = Collector::start(&home);
    assert_eq!(collector.post("/v1/logs", "", &body("s1", 0..5)).0, 200);
    signal(&collector.child, Signal::TERM);
    assert_eq!(ends(&mut collector.child), Some(0));
    TcpListener::bind(collector.grpc).unwrap();
    assert_eq!(home.rows().len(), 5);
    // Where a port is taken it says which, and what to do.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let option = format!("--otlp-grpc={}", taken.local_addr().unwrap());
    let done = home.run(["serve", "--listen", "127.0.0.1:0", &option]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.err.contains("for gRPC (--otlp-grpc names another one)"), "{done:?}");
    let done = home.run(["serve", "--listen", "127.0.0.1:0", "--otlp-grpc=0.0.0.0:0"]);
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(done.err.contains("set a token"), "{done:?}");
}

/// Files may not grow beyond a megabyte, for a while.
#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_nothing_is_acknowledged_and_later_it_goes_on() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    let home = Home::new();
    let mut command = home.isolated("/bin/sh");
    let script = "trap '' XFSZ; ulimit -S -f 2048; \
                  exec \"$0\" serve --listen 127.0.0.1:0 --otlp-grpc=127.0.0.1:0 --format json";
    command.args(["-c", script, crate::harness::BINARY]);
    let collector = Collector::of(command);
    let mut acknowledged = 0;
    let refused = loop {
        let answer = collector.post("/v1/logs", "", &body(&format!("s{acknowledged}"), 0..50));
        if answer.0 != 200 {
            break answer;
        }
        acknowledged += 1;
        assert!(acknowledged < 1_000, "it fits");
    };
    assert!(refused.0 == 503 && refused.1.contains("cannot be written now"), "{refused:?}");
    assert!(acknowledged > 0);
    assert_eq!(home.rows().len(), 50 * acknowledged);
    // There is room again: the sender's next try.
    prlimit(Some(Pid::from_child(&collector.child)), Resource::Fsize, Rlimit { current: None, maximum: None })
        .unwrap();
    let answer = collector.post("/v1/logs", "", &body(&format!("s{acknowledged}"), 0..50));
    assert_eq!(answer, (200, "{}".to_owned()));
    assert_eq!(home.rows().len(), 50 * (acknowledged + 1));
    home.verify();
}

/// Senders that try again, and a receiver that is killed so many times: the
/// ledger has each event once.
fn killed(senders: usize, batches: usize, events: usize, kills: usize) {
    let home = Home::new();
    // The port is its own: nobody else takes it while it is killed.
    let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let start = || {
        let listen = http.to_string();
        Collector::of(home.cli(["serve", "--listen", &listen, "--otlp-grpc=127.0.0.1:0", "--format", "json"]))
    };
    let mut collector = Some(start());
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let running = Arc::new(AtomicUsize::new(senders));
    let threads: Vec<_> = (0..senders)
        .map(|sender| {
            let (acknowledged, running) = (Arc::clone(&acknowledged), Arc::clone(&running));
            thread::spawn(move || {
                let session = format!("s{sender}");
                let mut tries = 0;
                for batch in 0..batches {
                    let body = body(&session, batch * events..(batch + 1) * events);
                    loop {
                        tries += 1;
                        match post(http, "/v1/logs", "", &body) {
                            // An answer that got lost on its way: it is sent again.
                            Some((200, _)) if tries % 7 == 0 => {}
                            Some((200, _)) => break,
                            Some((429 | 503, _)) | None => thread::sleep(Duration::from_millis(5)),
                            Some(other) => panic!("{other:?}"),
                        }
                    }
                    acknowledged.lock().unwrap().push((session.clone(), batch));
                }
                running.fetch_sub(1, Ordering::SeqCst);
                tries
            })
        })
        .collect();
    let all = senders * batches;
    for kill in 1..=kills {
        // In the middle: so much is acknowledged, and the rest on its way.
        let until = all * kill / (kills + 1);
        wait_until("batches to be acknowledged", || {
            acknowledged.lock().unwrap().len() >= until || running.load(Ordering::SeqCst) == 0
        });
        thread::sleep(Duration::from_micros(fastrand::u64(..20_000)));
        let mut killed = collector.take().unwrap();
        signal(&killed.child, Signal::KILL);
        killed.child.wait().unwrap();
        let before = acknowledged.lock().unwrap().clone();
        let rows = home.rows();
        let known: std::collections::HashSet<&str> =
            rows.iter().filter_map(|row| row.request_id.as_deref()).collect();
        for (session, batch) in before {
            for n in (batch * events..(batch + 1) * events).filter(|n| n % 10 != 9) {
                assert!(known.contains(format!("req_{session}_{n}").as_str()), "{session} {n} was acknowledged");
            }
        }
        drop(rows);
        collector = Some(start());
    }
    let tries: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    drop(collector);
    eprintln!("{} events in {all} batches, killed {kills} times, sent {tries} times", all * events);
    assert!(tries > all);
    let rows = home.rows();
    assert_eq!(rows.len(), all * events, "nothing lost, nothing doubled");
    let failed = rows.iter().filter(|row| row.error.is_some()).count();
    assert_eq!(failed, all * events / 10);
    let output: i64 = rows.iter().map(|row| row.output_tokens).sum();
    assert_eq!(output as usize, (all * events - failed) * 100);
    let mut ledger = SqliteLedger::open(&home.ledger_path()).unwrap();
    assert_eq!(ledger.verify(false).unwrap().problems, Vec::<String>::new());
}

#[test]
fn killed_in_the_middle_it_loses_nothing_and_doubles_nothing() {
    killed(4, 25, 20, 5);
}

/// `make soak` runs this one.
#[test]
#[ignore = "takes a minute"]
fn killed_again_and_again_under_load_it_loses_nothing_and_doubles_nothing() {
    killed(16, 250, 100, 40);
}
