//! What `claude` tells by OpenTelemetry.

use claude_cli::{
    live::otlp::{Encoding, read_logs, read_metrics},
    store::{Batch, Ledger, LedgerReader, RowQuery, SqliteLedger, Witness, WitnessKind},
};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use proptest::prelude::*;
use prost::Message;
use serde_json::{Value, json};

fn attributes(pairs: &[(&str, Value)]) -> Value {
    pairs.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

fn text(text: &str) -> Value {
    json!({ "stringValue": text })
}

/// An event as the program sends it, with these attributes on top.
fn event(name: &str, more: &[(&str, Value)]) -> Value {
    let mut all = vec![
        ("session.id", text("s1")),
        ("event.name", text(name)),
        ("event.timestamp", text("2026-11-24T10:00:00.250Z")),
        ("event.sequence", json!({ "intValue": 7 })),
        ("user.id", text("a-user")),
    ];
    all.extend_from_slice(more);
    json!({ "timeUnixNano": "1764000000000000000", "body": text(&format!("claude_code.{name}")),
        "attributes": attributes(&all) })
}

fn request(more: &[(&str, Value)]) -> Value {
    let mut all = vec![
        ("model", text("claude-haiku-4-5-20251001")),
        ("input_tokens", json!({ "intValue": "12" })),
        ("output_tokens", json!({ "intValue": 345 })),
        ("cache_read_tokens", text("6000")),
        ("cache_creation_tokens", json!({ "doubleValue": 70.0 })),
        ("cost_usd", json!({ "doubleValue": 0.012_345_678 })),
        ("cost_usd_micros", json!({ "intValue": 12_346 })),
        ("duration_ms", text("1234.6")),
        ("request_id", text("req_1")),
        ("speed", text("normal")),
    ];
    all.extend_from_slice(more);
    event("api_request", &all)
}

fn body(records: &[Value]) -> Value {
    json!({ "resourceLogs": [{
        "resource": { "attributes": attributes(&[("host.name", text("box")), ("service.version", text("2.1.197"))]) },
        "scopeLogs": [{ "scope": { "name": "com.anthropic.claude_code.events" }, "logRecords": records }],
    }] })
}

fn read(records: &[Value]) -> claude_cli::live::otlp::Logs {
    read_logs(body(records).to_string().as_bytes(), Encoding::Json).unwrap()
}

fn only(record: Value) -> Witness {
    let mut logs = read(&[record]);
    assert_eq!((logs.witnesses.len(), logs.rejected), (1, 0), "{logs:?}");
    logs.witnesses.remove(0)
}

#[test]
fn a_request_is_read_whether_numbers_are_numbers_or_texts() {
    let w = only(request(&[]));
    assert_eq!((w.by, w.ts), (WitnessKind::Telemetry, 1_795_514_400_250));
    assert_eq!((w.request_id.as_deref(), w.session.as_deref()), (Some("req_1"), Some("s1")));
    assert_eq!(w.model.as_deref(), Some("claude-haiku-4-5-20251001"));
    let usage = &w.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens), (12, 345));
    assert_eq!((usage.cache_read_tokens, usage.cache_write_5m_tokens, usage.fast), (6_000, 70, false));
    assert_eq!((w.cost, w.duration_ms), (Some(12_345_678), Some(1_235)));
    assert_eq!(
        (w.user.as_deref(), w.host.as_deref(), w.version.as_deref()),
        (Some("a-user"), Some("box"), Some("2.1.197"))
    );
}

#[test]
fn protobuf_tells_the_same_as_json() {
    let records = [request(&[]), event("api_error", &[("status_code", text("529"))]), event("user_prompt", &[])];
    let message: ExportLogsServiceRequest = serde_json::from_value(body(&records)).unwrap();
    let binary = read_logs(&message.encode_to_vec(), Encoding::Protobuf).unwrap();
    assert_eq!(binary, read(&records));
    assert_eq!((binary.witnesses.len(), binary.others), (2, 1));
}

#[test]
fn a_failed_attempt_is_an_error_without_tokens() {
    let error = |status: Value| {
        let w = only(event("api_error", &[("status_code", status), ("model", text("claude-haiku-4-5"))]));
        assert!(w.usage.is_zero() && w.model.is_none());
        w.error.unwrap()
    };
    assert_eq!(error(json!({ "intValue": 529 })), "overloaded_error");
    assert_eq!(error(text("401")), "authentication_error");
    assert_eq!(error(text("502")), "http_502");
    assert_eq!(error(text("undefined")), "api_error");
}

#[test]
fn an_event_without_a_request_id_is_known_by_its_session_sequence_and_time() {
    let told = |changes: &[(usize, Value)]| {
        let mut record = event("api_error", &[("status_code", text("529"))]);
        for (at, value) in changes {
            record["attributes"][*at]["value"] = value.clone();
        }
        record
    };
    // The sequence begins anew when a session is resumed.
    let later = (2, text("2026-11-24T11:00:00Z"));
    let records = [told(&[]), told(&[later]), told(&[(3, json!({ "intValue": 8 }))]), told(&[(0, text("s2"))])];
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
    for _ in 0..2 {
        ledger.append(&Batch { witnesses: read(&records).witnesses, ..Batch::default() }).unwrap();
    }
    let mut rows = 0;
    ledger.requests(&RowQuery::default(), &mut |_| rows += 1).unwrap();
    assert_eq!(rows, 4);
}

#[test]
fn what_people_say_of_themselves_are_tags() {
    let mut sent = body(&[request(&[("query_source", text("agent:builtin:general-purpose"))])]);
    let said = [("department", "eng"), ("team.id", "core"), ("os.type", "linux"), ("host.name", "box")];
    sent["resourceLogs"][0]["resource"]["attributes"] = attributes(&said.map(|(key, value)| (key, text(value))));
    let w = &read_logs(sent.to_string().as_bytes(), Encoding::Json).unwrap().witnesses[0];
    assert_eq!(w.tags, ["department=eng".to_owned(), "team.id=core".to_owned()].into());
    assert_eq!((w.host.as_deref(), w.agent.as_deref()), (Some("box"), Some("subagent")));
}

#[test]
fn what_a_request_cannot_do_without_is_missed() {
    let no_model = event("api_request", &[("request_id", text("req_1"))]);
    let no_count = event("api_request", &[("model", text("m")), ("input_tokens", text("many"))]);
    let mut no_time = request(&[]);
    no_time["timeUnixNano"] = json!("0");
    no_time["attributes"][2]["value"] = text("yesterday");
    let logs = read(&[no_model, no_count, no_time]);
    assert_eq!((logs.witnesses.len(), logs.rejected), (0, 3));
    let wanted = ["record 1: an event", "record 2: the `input_tokens`", "record 3: an event"];
    for (problem, (place, words)) in
        logs.problems.iter().zip(wanted.iter().zip(["names no model", "`many`: no count", "tells no time"]))
    {
        assert!(problem.starts_with(place) && problem.contains(words), "{problem}");
    }
}

#[test]
fn what_is_no_such_body_is_refused() {
    for (bytes, encoding) in [
        (&b"{"[..], Encoding::Json),
        (b"3", Encoding::Json),
        (b"{\"resourceLogs\": 3}", Encoding::Json),
        (b"\xff\xff\xff", Encoding::Protobuf),
    ] {
        assert!(read_logs(bytes, encoding).is_err(), "{bytes:?}");
        assert!(read_metrics(bytes, encoding).is_err() || bytes == b"{\"resourceLogs\": 3}", "{bytes:?}");
    }
    assert_eq!(Encoding::of("application/json; charset=utf-8"), Some(Encoding::Json));
    assert_eq!(Encoding::of("Application/X-Protobuf"), Some(Encoding::Protobuf));
    assert_eq!(Encoding::of("text/plain"), None);
}

#[test]
fn metrics_are_only_counted() {
    let metrics = json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [
        { "name": "claude_code.cost.usage", "sum": { "aggregationTemporality": 1, "isMonotonic": true,
            "dataPoints": [{ "asDouble": 0.5 }, { "asDouble": 0.25 }] } },
        { "name": "claude_code.session.count", "sum": { "dataPoints": [{ "asInt": "1" }] } },
    ] }] }] });
    assert_eq!(read_metrics(metrics.to_string().as_bytes(), Encoding::Json).unwrap(), 3);
}

#[test]
fn telemetry_and_transcript_are_one_request_whoever_comes_first() {
    let told = only(request(&[]));
    let mut seen = told.clone();
    seen.by = WitnessKind::Transcript;
    (seen.message_id, seen.cost, seen.duration_ms) = (Some("msg_1".to_owned()), None, None);
    seen.usage.output_tokens = 3;
    for batch in [[told.clone(), seen.clone()], [seen.clone(), told.clone()], [told.clone(), told.clone()]] {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
        for witness in batch {
            ledger.append(&Batch { witnesses: vec![witness], ..Batch::default() }).unwrap();
        }
        let mut rows = Vec::new();
        ledger.requests(&RowQuery::default(), &mut |row| rows.push(row)).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].output_tokens, rows[0].cost_reported, rows[0].duration_ms),
            (345, Some(12_345_678), Some(1_235))
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), json in any::<bool>()) {
        let encoding = if json { Encoding::Json } else { Encoding::Protobuf };
        let _ = read_logs(&bytes, encoding);
        let _ = read_metrics(&bytes, encoding);
    }

    /// A body in which bytes were changed or cut off is read or refused.
    #[test]
    fn no_damage_makes_it_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(), json in any::<bool>()) {
        let records = [request(&[]), event("api_error", &[])];
        let message: ExportLogsServiceRequest = serde_json::from_value(body(&records)).unwrap();
        let (mut bytes, encoding) = if json {
            (body(&records).to_string().into_bytes(), Encoding::Json)
        } else {
            (message.encode_to_vec(), Encoding::Protobuf)
        };
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok(logs) = read_logs(&bytes, encoding) {
            prop_assert!(logs.witnesses.len() as u64 + logs.others + logs.rejected <= 2);
        }
    }
}
