//! The real `claude`, telling `serve` of its requests while its transcript and
//! our own run tell of them, too.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use claude_cli::{
    pricing::parse_usd_nanos,
    store::{CostMode, RowKind},
};
use serde_json::Value;

use crate::{
    browser,
    harness::{done, wait_until},
    real_claude::Real,
    telemetry::Collector,
};

/// The variables that the README tells people to set.
fn telling<'a>(command: &'a mut Command, collector: &Collector, protocol: &str) -> &'a mut Command {
    let addr = if protocol == "grpc" { collector.grpc } else { collector.http };
    command
        .env("CLAUDE_CODE_ENABLE_TELEMETRY", "1")
        .env("OTEL_LOGS_EXPORTER", "otlp")
        .env("OTEL_METRICS_EXPORTER", "otlp")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{addr}"))
        .env("OTEL_RESOURCE_ATTRIBUTES", "department=research")
}

fn each_request_is_counted_once(protocol: &str) {
    let tool = ["--tool", r#"Bash:{"command":"echo so-it-ran"}"#, "--cache-write-1h", "40"];
    let Some(real) = Real::new(tool) else { return };
    let collector = Collector::start(&real.home);
    // One run of ours, and one that only the program itself tells of.
    let mut query = real.cli(["query", "--output", "stream-json", "say hello", "--", "--allowedTools=Bash"]);
    let ours = done(telling(&mut query, &collector, protocol));
    assert_eq!(ours.code, Some(0), "{ours:?}");
    let mut bare = real.bare();
    bare.args(["-p", "say hello", "--output-format=stream-json", "--verbose", "--allowedTools=Bash"]);
    let bare = done(telling(&mut bare, &collector, protocol));
    assert_eq!(bare.code, Some(0), "{bare:?}");
    let told = |rows: &[claude_cli::store::RequestRow]| {
        rows.iter().filter(|row| row.source.contains("telemetry")).count()
    };
    wait_until("the telemetry", || told(&real.home.rows()) == 4);
    let import = done(&mut real.cli(["import"]));
    assert_eq!(import.code, Some(0), "{import:?}");

    let rows = real.home.rows();
    let asked = real.simulator.requests().iter().filter(|r| r["path"] == "/v1/messages").count();
    assert_eq!((rows.len(), asked), (4, 4), "{protocol}: {rows:#?}");
    for (n, row) in rows.iter().enumerate() {
        let sources = if n < 2 { "run+transcript+telemetry" } else { "transcript+telemetry" };
        assert_eq!((row.kind, row.source.as_str()), (RowKind::Request, sources), "{protocol}: {row:#?}");
        assert!(row.request_id.is_some() && row.message_id.is_some() && row.duration_ms.is_some());
        assert!(row.cost_reported.is_some(), "{row:#?}");
        assert_eq!(row.cache_write_1h_tokens, 40, "as the transcript splits them");
        assert!(row.tags.contains(&"department=research".to_owned()), "{row:#?}");
    }
    // Of either run what its `result` line says, to the nano-dollar.
    for (said, rows) in [(&ours.out, &rows[..2]), (&bare.out, &rows[2..])] {
        let result: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        let usage: Vec<&Value> = result["modelUsage"].as_object().unwrap().values().collect();
        let sum = |name: &str| usage.iter().map(|usage| usage[name].as_i64().unwrap()).sum::<i64>();
        assert_eq!(rows.iter().map(|row| row.output_tokens).sum::<i64>(), sum("outputTokens"));
        assert_eq!(rows.iter().map(|row| row.input_tokens).sum::<i64>(), sum("inputTokens"));
        let cost: i64 = rows.iter().map(|row| row.cost(CostMode::Auto).unwrap()).sum();
        let reported = parse_usd_nanos(&result["total_cost_usd"].to_string()).unwrap();
        assert_eq!(cost, reported, "{protocol}");
    }
    real.home.verify();
}

#[test]
fn over_http_in_json_each_request_is_counted_once() {
    each_request_is_counted_once("http/json");
}

#[test]
fn over_http_in_protobuf_each_request_is_counted_once() {
    each_request_is_counted_once("http/protobuf");
}

#[test]
fn over_grpc_each_request_is_counted_once() {
    each_request_is_counted_once("grpc");
}

#[test]
fn the_page_shows_what_a_running_claude_tells() {
    let Some(real) = Real::new([]) else { return };
    let collector = Collector::start(&real.home);
    let Some(mut watch) = browser::script(&real.home, "watch.mjs") else { return };
    let url = format!("http://{}/?range=24h&tz=UTC", collector.http);
    let mut watch = watch.env("URL", url).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(said.next().as_deref(), Some("live"));
    let bare = done(telling(real.bare().args(["-p", "say hello"]), &collector, "http/protobuf"));
    assert_eq!(bare.code, Some(0), "{bare:?}");
    let shown = said.next();
    assert_eq!(watch.wait().unwrap().code(), Some(0), "{shown:?}");
    let row = &real.home.rows()[0];
    let model = row.model.as_deref().unwrap().trim_start_matches("claude-");
    assert!(shown.as_ref().is_some_and(|row| row.contains(model)), "{model}: {shown:?}");
    assert_eq!(row.source, "telemetry");
}
