//! The telemetry receiver, over HTTP on loopback.

use std::{io::Write as _, path::PathBuf, sync::Arc, time::Duration};

use claude_cli::{
    live::otlp::{Receiver, ReceiverConfig, routes},
    pricing::PriceTable,
    store::{LedgerReader, RequestRow, RowQuery, SqliteLedger},
};
use flate2::{Compression, write::GzEncoder};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use prost::Message as _;
use reqwest::{Response, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::{JoinHandle, JoinSet},
};

struct Served {
    folder: TempDir,
    receiver: Receiver,
    url: String,
    client: reqwest::Client,
    task: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

impl Served {
    async fn new(config: ReceiverConfig) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let prices = Arc::new(PriceTable::embedded().clone());
        let receiver = Receiver::start(&folder.path().join("ledger.db"), prices, config).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = routes(receiver.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { folder, receiver, url, client: reqwest::Client::new(), task }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    fn rows(&self) -> Vec<RequestRow> {
        let mut rows = Vec::new();
        let ledger = SqliteLedger::open(&self.path()).unwrap();
        ledger.requests(&RowQuery::default(), &mut |row| rows.push(row)).unwrap();
        rows
    }

    fn post(&self, path: &str, content_type: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).header("content-type", content_type)
    }

    async fn logs(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Response {
        self.post("/v1/logs", content_type).body(body).send().await.unwrap()
    }

    async fn gzipped(&self, body: Vec<u8>) -> Response {
        self.post("/v1/logs", JSON).header("content-encoding", "gzip").body(body).send().await.unwrap()
    }

    /// Sends a body in pieces; gives the status.
    async fn chunked(&self, body: &str) -> u16 {
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).await.unwrap();
        let head = "POST /v1/logs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                    transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        for chunk in body.as_bytes().chunks(100).chain([&[][..]]) {
            // Whoever is refused may find that nobody listens any more.
            let _ = stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await;
            let _ = stream.write_all(&[chunk, b"\r\n"].concat()).await;
        }
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        String::from_utf8_lossy(&status[9..]).parse().unwrap()
    }

    /// Keeps everybody else from writing.
    fn lock(&self) -> Connection {
        let db = Connection::open(self.path()).unwrap();
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        db
    }
}

/// An event of a request, as the program sends it.
fn event(id: u64) -> Value {
    let attributes = [
        ("session.id", json!({ "stringValue": "s1" })),
        ("event.name", json!({ "stringValue": "api_request" })),
        ("event.timestamp", json!({ "stringValue": "2026-11-24T10:00:00.250Z" })),
        ("event.sequence", json!({ "intValue": id })),
        ("model", json!({ "stringValue": "claude-haiku-4-5" })),
        ("input_tokens", json!({ "intValue": 12 })),
        ("output_tokens", json!({ "intValue": 345 })),
        ("cost_usd", json!({ "doubleValue": 0.001_737 })),
        ("request_id", json!({ "stringValue": format!("req_{id}") })),
    ];
    let attributes: Vec<Value> =
        attributes.into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    json!({ "body": { "stringValue": "claude_code.api_request" }, "attributes": attributes })
}

fn body(records: &[Value]) -> Value {
    json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": records }] }] })
}

fn text(records: &[Value]) -> String {
    body(records).to_string()
}

fn protobuf(records: &[Value]) -> Vec<u8> {
    serde_json::from_value::<ExportLogsServiceRequest>(body(records)).unwrap().encode_to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[tokio::test]
async fn what_is_acknowledged_is_in_the_ledger_whatever_way_it_came() {
    let served = Served::new(ReceiverConfig::default()).await;
    let answer = served.logs(JSON, text(&[event(1)])).await;
    assert_eq!((answer.status(), answer.headers()["content-type"].as_bytes()), (StatusCode::OK, JSON.as_bytes()));
    assert_eq!(answer.text().await.unwrap(), "{}");
    assert_eq!(served.rows().len(), 1);
    let answer = served.logs(PROTOBUF, protobuf(&[event(1), event(2)])).await;
    assert_eq!(answer.headers()["content-type"].as_bytes(), PROTOBUF.as_bytes());
    assert_eq!(answer.bytes().await.unwrap().len(), 0);
    assert_eq!(served.gzipped(gzip(text(&[event(2), event(3)]).as_bytes())).await.status(), StatusCode::OK);
    assert_eq!(served.chunked(&text(&[event(4)])).await, 200);
    // Two gzip streams in a row are one body.
    let whole = text(&[event(5)]);
    let (head, tail) = whole.split_at(20);
    let both = [gzip(head.as_bytes()), gzip(tail.as_bytes())].concat();
    assert_eq!(served.gzipped(both).await.status(), StatusCode::OK);
    let rows = served.rows();
    assert_eq!(rows.len(), 5);
    for row in &rows {
        assert_eq!(
            (row.output_tokens, row.cost_reported, row.source.as_str()),
            (345, Some(1_737_000), "telemetry")
        );
    }
    let figures = served.receiver.figures();
    assert_eq!((figures.bodies, figures.committed, figures.commits), (5, 7, 5));
    assert_eq!((figures.waiting_bytes, figures.batch.max), (0, Some(2)));
}

#[tokio::test]
async fn records_that_cannot_be_read_are_rejected_with_their_place() {
    let served = Served::new(ReceiverConfig::default()).await;
    let mut no_model = event(2);
    no_model["attributes"][4]["key"] = "other".into();
    let records = [event(1), no_model, json!({ "attributes": 3 }), event(4)];
    let answer: Value = served.logs(JSON, text(&records)).await.json().await.unwrap();
    let partial = &answer["partialSuccess"];
    assert_eq!(partial["rejectedLogRecords"], "2", "{answer}");
    let message = partial["errorMessage"].as_str().unwrap();
    assert!(message.contains("record 2: an event `api_request` names no model"), "{message}");
    assert!(message.contains("record 3: no log record: "), "{message}");
    assert_eq!(served.rows().len(), 2, "the others are in");

    let mut bytes = protobuf(&[event(5), records[1].clone()]);
    // A third record, no Protobuf within.
    bytes.extend([0x0a, 0x06, 0x12, 0x04, 0x12, 0x02, 0xff, 0xff]);
    let answer = served.logs(PROTOBUF, bytes).await.bytes().await.unwrap();
    let partial = ExportLogsServiceResponse::decode(answer).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_log_records, 2, "{partial:?}");
    assert!(partial.error_message.contains("record 3: no log record: "), "{partial:?}");
    assert_eq!(served.receiver.figures().rejected, 4);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_in_the_senders_encoding() {
    let mut config = ReceiverConfig::default();
    config.body = 20_000;
    let served = Served::new(config).await;
    let said = async |answer: Response| {
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap()["message"].as_str().unwrap().to_owned())
    };
    let long = " ".repeat(20_001);
    let (status, message) = said(served.logs("text/plain", "{}").await).await;
    assert!(status == 415 && message.contains("`text/plain`"), "{status} {message}");
    let deflated = served.post("/v1/logs", JSON).header("content-encoding", "br").body("{}").send().await.unwrap();
    assert_eq!(
        (deflated.status().as_u16(), deflated.headers()["accept-encoding"].as_bytes()),
        (415, &b"gzip"[..])
    );
    assert_eq!(said(served.logs(JSON, "{").await).await.0, 400);
    assert_eq!(said(served.logs(JSON, long.clone()).await).await.0, 413);
    assert_eq!(served.chunked(&long).await, 413);
    assert_eq!(said(served.gzipped(gzip(long.as_bytes())).await).await.0, 413);
    assert_eq!(said(served.gzipped(b"no gzip at all".to_vec()).await).await.0, 400);
    let cut = gzip(text(&[event(1)]).as_bytes());
    assert_eq!(said(served.gzipped(cut[..cut.len() - 9].to_vec()).await).await.0, 400);
    let answer = served.logs(PROTOBUF, vec![0xff; 3]).await;
    assert_eq!(
        (answer.status(), answer.headers()["content-type"].as_bytes()),
        (StatusCode::BAD_REQUEST, PROTOBUF.as_bytes())
    );
    // google.rpc.Status: code 3, then the message.
    let status = answer.bytes().await.unwrap();
    assert!(status.starts_with(&[0x08, 3, 0x12]) && status.ends_with(b"of a message"), "{status:?}");
    let figures = served.receiver.figures();
    assert_eq!((figures.unreadable, figures.committed, served.rows().len()), (7, 0, 0));
    // A server that was told nonsense goes on.
    assert_eq!(served.logs(JSON, text(&[event(1)])).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_bomb_does_not_go_off() {
    let served = Served::new(ReceiverConfig::default()).await;
    let zeros = vec![b' '; 1 << 20];
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..100 {
        bomb.write_all(&zeros).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 150_000);
    let answers = futures::future::join_all((0..4).map(|_| served.gzipped(bomb.clone()))).await;
    for answer in answers {
        // Too long, or no room for it: it was let go of long before 100 MB.
        assert!(matches!(answer.status().as_u16(), 413 | 429), "{answer:?}");
    }
    assert_eq!(served.receiver.figures().waiting_bytes, 0);
}

#[tokio::test]
async fn metrics_and_traces_are_taken_and_left() {
    let served = Served::new(ReceiverConfig::default()).await;
    let metrics = json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [
        { "name": "claude_code.cost.usage", "sum": { "dataPoints": [{ "asDouble": 0.5 }, { "asDouble": 0.25 }] } },
    ] }] }] });
    let answer = served.post("/v1/metrics", JSON).body(metrics.to_string()).send().await.unwrap();
    assert_eq!((answer.status(), answer.text().await.unwrap().as_str()), (StatusCode::OK, "{}"));
    assert_eq!(served.post("/v1/metrics", JSON).body("[").send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    let answer = served.post("/v1/traces", PROTOBUF).body(vec![1, 2, 3]).send().await.unwrap();
    assert_eq!((answer.status(), answer.bytes().await.unwrap().len()), (StatusCode::OK, 0));
    let figures = served.receiver.figures();
    assert_eq!((figures.metric_points, figures.traces, figures.commits), (2, 1, 0));
    assert!(served.rows().is_empty());
    let get = served.client.get(format!("{}/v1/logs", served.url)).send().await.unwrap();
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_while_the_ledger_cannot_be_written() {
    let mut config = ReceiverConfig::default();
    config.answer_time = Duration::from_secs(1);
    let served = Served::new(config).await;
    let lock = served.lock();
    let answer = served.logs(JSON, text(&[event(1)])).await;
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].as_bytes()), (503, &b"3"[..]));
    assert!(answer.text().await.unwrap().contains("cannot be written now"));
    assert_eq!(served.receiver.figures().refused_unavailable, 1);
    drop(lock);
    // The sender's second try, and maybe its first: one request.
    assert_eq!(served.logs(JSON, text(&[event(1)])).await.status(), StatusCode::OK);
    assert_eq!(served.rows().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_much_at_once_is_to_come_again() {
    let mut config = ReceiverConfig::default();
    config.waiting = 16 << 10;
    config.body = 8 << 10;
    let served = Arc::new(Served::new(config).await);
    let lock = served.lock();
    let mut senders = JoinSet::new();
    for id in 0..40 {
        let served = Arc::clone(&served);
        senders.spawn(async move { (id, served.logs(JSON, text(&[event(id)])).await) });
    }
    let mut refused = Vec::new();
    while refused.len() < 24 {
        let (id, answer) = senders.join_next().await.unwrap().unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].as_bytes()), (429, &b"1"[..]));
        refused.push(id);
    }
    assert!(served.receiver.figures().waiting_bytes <= 16 << 10);
    drop(lock);
    while let Some(sent) = senders.join_next().await {
        let (id, answer) = sent.unwrap();
        match answer.status().as_u16() {
            200 => {}
            429 => refused.push(id),
            other => panic!("{other}"),
        }
    }
    assert_eq!(served.rows().len(), 40 - refused.len(), "what was refused is not there");
    for id in refused {
        assert_eq!(served.logs(JSON, text(&[event(id)])).await.status(), StatusCode::OK);
    }
    assert_eq!(served.rows().len(), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_goes_into_one_commit() {
    let served = Arc::new(Served::new(ReceiverConfig::default()).await);
    let lock = served.lock();
    let mut senders = JoinSet::new();
    for sender in 0..50 {
        let served = Arc::clone(&served);
        // Each tells of ten requests, and of five of these another one does, too.
        let events: Vec<Value> = (0..10).map(|n| event(sender * 5 + n)).collect();
        senders.spawn(async move { served.logs(PROTOBUF, protobuf(&events)).await.status() });
    }
    // All of them wait.
    while served.receiver.figures().bodies < 50 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(lock);
    while let Some(status) = senders.join_next().await {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
    assert_eq!(served.rows().len(), 255);
    let figures = served.receiver.figures();
    assert!(figures.commits < 10, "{figures:?}");
    assert_eq!(figures.committed, 500);
    let mut ledger = SqliteLedger::open(&served.path()).unwrap();
    assert_eq!(ledger.verify(false).unwrap().problems, Vec::<String>::new());
    served.receiver.close();
    assert_eq!(served.logs(JSON, text(&[event(1)])).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}
