//! The telemetry receiver over gRPC, with the client that OpenTelemetry generates.

use std::sync::Arc;

use claude_cli::{
    live::{
        otlp::{GrpcServer, Receiver, ReceiverConfig},
        server::Token,
    },
    pricing::PriceTable,
    store::{LedgerReader, RowQuery, SqliteLedger},
};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{ExportLogsServiceRequest, logs_service_client::LogsServiceClient},
        metrics::v1::{ExportMetricsServiceRequest, metrics_service_client::MetricsServiceClient},
        trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, codec::CompressionEncoding, transport::Channel};

struct Served {
    folder: TempDir,
    receiver: Receiver,
    channel: Channel,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    async fn new(config: ReceiverConfig, token: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let prices = Arc::new(PriceTable::embedded().clone());
        let receiver = Receiver::start(&folder.path().join("ledger.db"), prices, config).unwrap();
        let token = token.map(|token| Token::new(token).unwrap());
        let server = GrpcServer::bind("127.0.0.1:0".parse().unwrap(), receiver.clone(), token).await.unwrap();
        let url = format!("http://{}", server.addr());
        let stop = CancellationToken::new();
        let task = tokio::spawn(server.run(stop.clone()));
        let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
        Self { folder, receiver, channel, stop, task }
    }

    fn logs(&self) -> LogsServiceClient<Channel> {
        LogsServiceClient::new(self.channel.clone())
    }

    fn rows(&self) -> usize {
        let mut rows = 0;
        let ledger = SqliteLedger::open(&self.folder.path().join("ledger.db")).unwrap();
        ledger.requests(&RowQuery::default(), &mut |_| rows += 1).unwrap();
        rows
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn record(id: u64, model: Option<&str>) -> LogRecord {
    let text = |text: &str| Value::StringValue(text.to_owned());
    let mut attributes = vec![
        attribute("event.name", text("api_request")),
        attribute("output_tokens", Value::IntValue(7)),
        attribute("request_id", text(&format!("req_{id}"))),
    ];
    attributes.extend(model.map(|model| attribute("model", text(model))));
    LogRecord { time_unix_nano: 1_795_514_400_000_000_000, attributes, ..LogRecord::default() }
}

fn export(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
}

#[tokio::test]
async fn events_are_committed_compressed_or_not() {
    let served = Served::new(ReceiverConfig::default(), None).await;
    let answer = served.logs().export(export(vec![record(1, Some("m")), record(2, None)])).await.unwrap();
    let partial = answer.into_inner().partial_success.unwrap();
    assert_eq!(partial.rejected_log_records, 1);
    assert!(partial.error_message.starts_with("record 2: "), "{partial:?}");
    let mut gzipped = served.logs().send_compressed(CompressionEncoding::Gzip);
    let answer = gzipped.export(export(vec![record(1, Some("m")), record(3, Some("m"))])).await.unwrap();
    assert_eq!(answer.into_inner().partial_success, None);
    assert_eq!(served.rows(), 2);
    let mut metrics = MetricsServiceClient::new(served.channel.clone());
    metrics.export(ExportMetricsServiceRequest::default()).await.unwrap();
    let mut traces = TraceServiceClient::new(served.channel.clone());
    traces.export(ExportTraceServiceRequest::default()).await.unwrap();
    assert_eq!(served.receiver.figures().traces, 1);
    served.stop.cancel();
    served.task.await.unwrap();
}

#[tokio::test]
async fn who_does_not_know_the_token_is_refused() {
    let token = "a-token-of-some-length";
    let served = Served::new(ReceiverConfig::default(), Some(token)).await;
    let refused = served.logs().export(export(vec![record(1, Some("m"))])).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(refused.message().contains("OTEL_EXPORTER_OTLP_HEADERS"), "{refused}");
    let with = |shown: &str| {
        let mut request = Request::new(export(vec![record(1, Some("m"))]));
        request.metadata_mut().insert("authorization", shown.parse().unwrap());
        request
    };
    let wrong = served.logs().export(with("Bearer another-token-of-some")).await.unwrap_err();
    assert_eq!((wrong.code(), served.rows()), (Code::Unauthenticated, 0));
    served.logs().export(with(&format!("Bearer {token}"))).await.unwrap();
    assert_eq!(served.rows(), 1);
    let receiver = served.receiver.clone();
    let open = GrpcServer::bind("0.0.0.0:0".parse().unwrap(), receiver, None).await.unwrap_err();
    assert!(open.to_string().contains("set a token"), "{open}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_to_come_again_says_when() {
    let mut config = ReceiverConfig::default();
    config.answer_time = std::time::Duration::from_millis(300);
    let served = Served::new(config, None).await;
    let lock = Connection::open(served.folder.path().join("ledger.db")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = served.logs().export(export(vec![record(1, Some("m"))])).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    // google.rpc.RetryInfo of 3 seconds.
    let details = refused.details();
    let name = b"type.googleapis.com/google.rpc.RetryInfo";
    assert!(details.windows(name.len()).any(|part| part == name), "{refused:?}");
    assert!(details.ends_with(&[0x12, 4, 0x0a, 2, 0x08, 3]), "{details:?}");
    drop(lock);
}

#[tokio::test]
async fn a_message_that_is_too_long_or_none_is_refused() {
    let served = Served::new(ReceiverConfig::default(), None).await;
    let mut long = record(1, Some("m"));
    long.attributes.push(attribute("prompt", Value::StringValue("x".repeat(5 << 20))));
    let refused = served.logs().export(export(vec![long.clone()])).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
    // Compressed, it is short.
    let mut gzipped = served.logs().send_compressed(CompressionEncoding::Gzip);
    let refused = gzipped.export(export(vec![long])).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    served.logs().export(export(vec![record(1, Some("m"))])).await.unwrap();
    assert_eq!(served.rows(), 1);
}
