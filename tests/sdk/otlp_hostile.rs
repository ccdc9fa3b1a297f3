//! Bodies as no sender means them: nothing panics, nothing grows, and what is
//! read is read the same way however it is encoded.

use std::{io::Write as _, sync::Arc};

use claude_cli::{
    live::otlp::{Encoding, Receiver, ReceiverConfig, read_logs, read_metrics, routes},
    pricing::PriceTable,
};
use flate2::{Compression, write::GzEncoder};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A value of an attribute, of any kind, or of none.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        ".{0,12}".prop_map(|text| json!({ "stringValue": text })),
        any::<i64>().prop_map(|n| json!({ "intValue": n })),
        any::<i64>().prop_map(|n| json!({ "intValue": n.to_string() })),
        any::<bool>().prop_map(|b| json!({ "boolValue": b })),
        (-1e9..1e9).prop_map(|x: f64| json!({ "doubleValue": x })),
        Just(json!({ "stringValue": "2026-11-24T10:00:00Z" })),
        Just(json!({ "stringValue": "api_request" })),
        Just(json!({ "stringValue": "claude-haiku-4-5" })),
        Just(json!({ "stringValue": "999999999999999999999999" })),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop::collection::vec(inner, 0..3).prop_map(|values| json!({ "arrayValue": { "values": values } }))
    })
}

fn record() -> impl Strategy<Value = Value> {
    const KEYS: [&str; 14] = [
        "event.name",
        "event.timestamp",
        "event.sequence",
        "session.id",
        "request_id",
        "model",
        "input_tokens",
        "output_tokens",
        "cost_usd",
        "cost_usd_micros",
        "duration_ms",
        "status_code",
        "query_source",
        "user.id",
    ];
    let attribute = (prop::sample::select(&KEYS), value());
    (prop::collection::vec(attribute, 0..12), any::<u64>(), any::<bool>()).prop_map(|(attributes, time, named)| {
        let attributes: Vec<Value> =
            attributes.into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        let body = if named { "claude_code.api_request" } else { "claude_code.api_error" };
        json!({ "timeUnixNano": time.to_string(), "body": { "stringValue": body }, "attributes": attributes })
    })
}

fn body(records: &[Value]) -> Value {
    json!({ "resourceLogs": [{
        "resource": { "attributes": [{ "key": "team", "value": { "stringValue": "core" } }] },
        "scopeLogs": [{ "logRecords": records }] }] })
}

/// Changes bytes, doubles pieces and cuts them out.
fn damage(mut bytes: Vec<u8>, wounds: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    for (at, kind, byte) in wounds {
        if bytes.is_empty() {
            break;
        }
        let at = at.index(bytes.len());
        let end = (at + usize::from(*byte)).min(bytes.len());
        match kind % 4 {
            0 => bytes[at] = *byte,
            1 => bytes.insert(at, *byte),
            2 => drop(bytes.drain(at..end)),
            _ => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn both_encodings_of_any_events_tell_the_same(records in prop::collection::vec(record(), 0..6)) {
        let json = body(&records);
        let as_json = read_logs(json.to_string().as_bytes(), Encoding::Json).unwrap();
        let count = as_json.witnesses.len() as u64 + as_json.others + as_json.rejected;
        prop_assert_eq!(count, records.len() as u64);
        for witness in &as_json.witnesses {
            prop_assert!(witness.cost.is_none_or(|cost| cost >= 0));
            prop_assert!(witness.duration_ms.is_none_or(|ms| ms >= 0));
        }
        if let Ok(message) = serde_json::from_value::<ExportLogsServiceRequest>(json) {
            let as_protobuf = read_logs(&message.encode_to_vec(), Encoding::Protobuf).unwrap();
            prop_assert_eq!(as_protobuf, as_json);
        }
    }

    #[test]
    fn damaged_bodies_are_read_or_refused(
        records in prop::collection::vec(record(), 1..4),
        wounds in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<u8>()), 1..6),
    ) {
        let json = body(&records);
        let damaged = damage(json.to_string().into_bytes(), &wounds);
        let _ = (read_logs(&damaged, Encoding::Json), read_metrics(&damaged, Encoding::Json));
        if let Ok(message) = serde_json::from_value::<ExportLogsServiceRequest>(json) {
            let damaged = damage(message.encode_to_vec(), &wounds);
            let _ = (read_logs(&damaged, Encoding::Protobuf), read_metrics(&damaged, Encoding::Protobuf));
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// Sends what `write` says, and reads the status; 0 if the server closed.
async fn sent(addr: std::net::SocketAddr, head: &str, body: &[u8]) -> u16 {
    let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n{head}\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn a_receiver_goes_on_whatever_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let prices = Arc::new(PriceTable::embedded().clone());
    let mut config = ReceiverConfig::default();
    config.body = 64 << 10;
    let receiver = Receiver::start(&folder.path().join("ledger.db"), prices, config).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let router = routes(receiver.clone());
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let record = json!({ "timeUnixNano": "1795514400000000000", "body": { "stringValue": "claude_code.api_request" },
        "attributes": [{ "key": "model", "value": { "stringValue": "m" } },
            { "key": "request_id", "value": { "stringValue": "req_1" } }] });
    let json = body(&[record.clone(), record]);
    let whole = json.to_string().into_bytes();
    let binary = serde_json::from_value::<ExportLogsServiceRequest>(json).unwrap().encode_to_vec();
    let mut draw = fastrand::Rng::with_seed(7);
    for _ in 0..400 {
        let kind = ["application/json", "application/x-protobuf", "text/html"][draw.usize(..3)];
        let mut bytes = if draw.bool() { whole.clone() } else { binary.clone() };
        for _ in 0..draw.usize(..4) {
            let at = draw.usize(..bytes.len());
            bytes[at] = draw.u8(..);
        }
        let mut head = format!("content-type: {kind}\r\n");
        match draw.u8(..4) {
            0 => {
                bytes = gzip(&bytes);
                head.push_str("content-encoding: gzip\r\n");
            }
            1 => head.push_str("content-encoding: gzip\r\n"),
            _ => {}
        }
        if draw.u8(..8) == 0 {
            bytes.truncate(draw.usize(..bytes.len()));
        }
        if draw.u8(..8) == 0 {
            bytes.resize(70 << 10, draw.u8(..));
        }
        let status = sent(addr, &head, &bytes).await;
        let sound = match status {
            // Who is refused before all is sent may be too busy sending to hear it.
            0 | 413 => bytes.len() > 64 << 10,
            200 | 400 | 415 => true,
            _ => false,
        };
        assert!(sound, "{status} to {head}{bytes:?}");
    }
    // Nothing of it is left, and it works.
    let figures = receiver.figures();
    assert_eq!((figures.waiting_bytes, figures.failed_commits), (0, 0));
    assert!(figures.unreadable > 50 && figures.committed > 10, "{figures:?}");
    assert_eq!(sent(addr, "content-type: application/json\r\n", &whole).await, 200);
    task.abort();
}

/// Empty records and attributes take two bytes, and a hundred times that once
/// they are taken apart: they are, one at a time.
#[test]
fn many_empty_records_take_no_memory() {
    const RECORDS: usize = 2_000_000;
    let field = |number: u8, bytes: &[u8]| {
        let mut field = vec![number << 3 | 2];
        prost::encoding::encode_varint(bytes.len() as u64, &mut field);
        field.extend_from_slice(bytes);
        field
    };
    let bytes = field(1, &field(2, &[0x12, 0].repeat(RECORDS)));
    let logs = read_logs(&bytes, Encoding::Protobuf).unwrap();
    assert_eq!((logs.others, logs.witnesses.len()), (RECORDS as u64, 0));
    let json =
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{}{{}}]}}]}}]}}"#, "{},".repeat(99_999));
    assert_eq!(read_logs(json.as_bytes(), Encoding::Json).unwrap().others, 100_000);
    // One that is too long is told, and the others are read.
    let long = field(5, &field(1, &vec![b'x'; 1 << 20]));
    let bytes = field(1, &field(2, &[field(2, &long), field(2, &[])].concat()));
    let logs = read_logs(&bytes, Encoding::Protobuf).unwrap();
    assert_eq!((logs.rejected, logs.others), (1, 1));
    assert!(logs.problems[0].contains("record 1: no log record: it has 10485"), "{:?}", logs.problems);
}
