//! The guide's snippets about streaming, with only the crate's path changed:
//! fragments stand in functions, and what they leave open is defined around them.

#![allow(
    clippy::semicolon_if_nothing_returned,
    clippy::let_and_return,
    clippy::uninlined_format_args,
    reason = "the guide's words"
)]

use std::time::Duration;

use claude_cli::{
    BackpressureMonitor, Client, Error, Event, Response, StreamConfig, StreamConfigBuilder, StreamFormat,
    client::BackendKind, simulate,
};

fn simulated() -> Client {
    let quick =
        simulate::Config { ttft: Duration::ZERO, token_interval: Duration::ZERO, ..simulate::Config::default() };
    Client::builder().backend(BackendKind::Simulated).simulator(quick).build()
}

/// Error Handling.
#[tokio::test]
async fn error_handling() {
    fn process_response(response: Response) {
        assert!(!response.text().is_empty());
    }
    fn handle_error(error: Error) {
        panic!("{error}");
    }
    #[rustfmt::skip]
    async fn snippet(client: Client, prompt: &str) {
match client.query(prompt).send().await {
    Ok(response) => process_response(response),
    Err(error) => handle_error(error), // ~13ns overhead
}
    }
    snippet(simulated(), "Say hello").await;
}

/// Creating Custom Benchmarks.
mod custom_benchmark {
    #![allow(deprecated, unused_imports, reason = "the guide's words")]

    use claude_cli::StreamFormat;

    #[rustfmt::skip]
    mod snippet {
        use super::StreamFormat;
use criterion::{black_box, criterion_group, criterion_main, Criterion};
use claude_cli::stream::MessageParser;

fn bench_custom_parsing(c: &mut Criterion) {
    let parser = MessageParser::new(StreamFormat::Json);
    let message = r#"{"type":"Assistant","content":"Test"}"#;
    
    c.bench_function("custom_parse", |b| {
        b.iter(|| parser.parse_line(black_box(message)))
    });
}

criterion_group!(benches, bench_custom_parsing);
criterion_main!(benches);

        #[test]
        fn it_runs() {
            let folder = tempfile::tempdir().unwrap();
            let short = std::time::Duration::from_millis(5);
            let mut criterion = Criterion::default()
                .output_directory(folder.path())
                .without_plots()
                .sample_size(10)
                .warm_up_time(short)
                .measurement_time(short);
            bench_custom_parsing(&mut criterion);
            let parser = MessageParser::new(StreamFormat::Json);
            let event = parser.parse_line(r#"{"type":"Assistant","content":"Test"}"#).unwrap().unwrap();
            assert!(matches!(event.kind(), claude_cli::EventKind::Assistant(_)));
            let _: fn() = main;
        }
    }
}

/// Optimization Tips, 1 and 3; Troubleshooting: they cannot fail.
#[test]
fn choices() {
    #[rustfmt::skip]
    fn formats() -> [Client; 2] {
// Fastest for simple text responses
let client = Client::builder()
    .stream_format(StreamFormat::Text)
    .build();
        let text = client;

// Best for structured data with metadata
let client = Client::builder()
    .stream_format(StreamFormat::Json)
    .build();
        [text, client]
    }
    let formats = formats().map(|client| client.query("").request().format);
    assert_eq!(formats, [StreamFormat::Text, StreamFormat::Json]);

    // For large responses (>4KB)
    let config = StreamConfig::performance();
    assert_eq!((config.channel_buffer_size, config.string_capacity, config.adaptive_buffering), (200, 8192, true));
    // For small responses (<2KB)
    let config = StreamConfig::memory_optimized();
    assert_eq!((config.channel_buffer_size, config.string_capacity, config.adaptive_buffering), (50, 2048, false));

    #[rustfmt::skip]
    let default =
StreamConfig {
    channel_buffer_size: 100,
    string_capacity: 4096,
    adaptive_buffering: false,
    min_buffer_size: 50,
    max_buffer_size: 500,
};
    assert_eq!(default, StreamConfig::default());

    #[rustfmt::skip]
    fn custom() -> StreamConfig {
let config = StreamConfigBuilder::new()
    .channel_buffer_size(150)
    .string_capacity(6144)
    .adaptive_buffering(true)
    .buffer_size_range(75, 750)
    .build();
        config
    }
    let config = custom();
    config.check().unwrap();
    assert_eq!((config.min_buffer_size, config.max_buffer_size), (75, 750));

    #[rustfmt::skip]
    let config = StreamConfigBuilder::new()
       .adaptive_buffering(true)
       .build();
    config.check().unwrap();
    assert!(config.adaptive_buffering);
}

/// Optimization Tips, 2.
#[test]
fn buffer_sizes() {
    #[rustfmt::skip]
    fn snippet() {
use claude_cli::{set_stream_config, StreamConfigBuilder};

// Performance-optimized configuration
let config = StreamConfigBuilder::new()
    .channel_buffer_size(200)
    .string_capacity(8192)
    .adaptive_buffering(true)
    .build();

set_stream_config(config).expect("Failed to set config");
    }
    snippet();
    assert_eq!(claude_cli::stream::stream_config().channel_buffer_size, 200);
}

/// Optimization Tips, 4; Troubleshooting: processing at once, and profiling it.
#[tokio::test]
async fn processing() {
    async fn process_message(message: Event) {
        assert!(!message.raw().is_empty());
    }
    async fn process_immediately(message: Event) {
        process_message(message).await;
    }
    #[rustfmt::skip]
    async fn in_parallel(client: Client) -> Result<(), Error> {
use futures::StreamExt;

let mut stream = client.query("Generate report").stream().await?;

while let Some(result) = stream.next().await {
    match result {
        Ok(message) => {
            // Process in parallel
            tokio::spawn(async move {
                process_message(message).await;
            });
        }
        Err(e) => eprintln!("Error: {}", e),
    }
}
        Ok(())
    }
    #[rustfmt::skip]
    async fn immediately(client: Client) -> Result<(), Error> {
        use futures::StreamExt;
        let mut stream = client.query("Generate report").stream().await?;
   // Don't accumulate messages
   while let Some(msg) = stream.next().await {
       process_immediately(msg?).await;
   }
        Ok(())
    }
    #[rustfmt::skip]
    async fn profiled(client: Client) -> Result<(), Error> {
        use std::time::Instant;
        let mut stream = client.query("Generate report").stream().await?;
        while let Some(msg) = stream.next_event().await {
            let msg = msg?;
   let start = Instant::now();
   process_message(msg).await;
   println!("Processing took: {:?}", start.elapsed());
        }
        Ok(())
    }
    in_parallel(simulated()).await.unwrap();
    immediately(simulated()).await.unwrap();
    profiled(simulated()).await.unwrap();
}

/// Performance Monitoring.
#[test]
fn monitoring() {
    #[rustfmt::skip]
    fn snippet() -> BackpressureMonitor {
use claude_cli::BackpressureMonitor;

let monitor = BackpressureMonitor::new();

// In producer
monitor.record_send();

// In consumer
monitor.record_consume();

// Check lag
if monitor.get_lag() > 100 {
    println!("Warning: High backpressure detected");
}

// Get consumption rate
let rate = monitor.get_consumption_rate(Duration::from_secs(10));
println!("Processing {} messages/second", rate);
        monitor
    }
    let monitor = snippet();
    assert_eq!((monitor.sent(), monitor.consumed(), monitor.get_lag()), (1, 1, 0));
    let twin = monitor.clone();
    (0..5).for_each(|_| twin.record_send());
    assert_eq!((monitor.get_lag(), monitor.most_behind()), (5, 5));
}

#[tokio::test]
async fn a_stream_has_a_monitor() {
    let mut stream = simulated().query("hello").stream().await.unwrap();
    let mut read = 0;
    while let Some(event) = stream.next_event().await {
        event.unwrap();
        read += 1;
    }
    assert_eq!((stream.monitor().consumed(), stream.monitor().get_lag()), (read, 0));
    assert!(stream.monitor().get_consumption_rate(Duration::from_secs(60)) > 0.0);
}
