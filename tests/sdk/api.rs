//! The `api` backend against servers that fail in every way it knows.

use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use claude_cli::{
    Client, ClientBuilder, Error, EventKind, Limit,
    client::{ApiBackend, BackendKind, Credentials, Limits},
    simulate::{Config, ErrorPlan, Reply, Server, Stall},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const KEY: &str = "sk-ant-planted-key";

fn quick() -> Config {
    Config { ttft: Duration::ZERO, token_interval: Duration::ZERO, ..Config::default() }
}

async fn start(config: Config) -> Server {
    Server::start(config, (Ipv4Addr::LOCALHOST, 0).into()).await.unwrap()
}

/// A client that does not make a test wait between attempts.
fn client(url: &str) -> ClientBuilder {
    let backend = ApiBackend::new(url, Credentials::Key(KEY.to_owned())).backoff(Duration::from_millis(1));
    Client::builder().custom_backend(Arc::new(backend)).model("claude-opus-4-8")
}

fn refusing(status: u16, first: u64) -> Config {
    Config { error: Some(ErrorPlan { status, rate: 0.0, first, retry_after: None }), ..quick() }
}

#[tokio::test]
async fn an_answer_has_its_text_tokens_and_price() {
    let config = Config {
        reply: Reply::Echo,
        input_tokens: Some(1_000),
        cache_read_tokens: 2_000,
        cache_write_1h_tokens: 10,
        ..quick()
    };
    let server = start(config).await;
    let response = client(&server.url()).build().query("äöü 🙂 twelve ch").send().await.unwrap();
    assert_eq!(response.text(), "äöü 🙂 twelve ch");
    assert_eq!(response.model(), Some("claude-opus-4-8"));
    assert_eq!((response.usage().input_tokens, response.usage().output_tokens), (1_000, 4));
    // 5 USD in, 25 out, 0.5 cache read, 10 one-hour cache write, per million tokens; the total of a
    // result line does not say how long a write lives, so that its own figure is the exact one.
    assert_eq!(response.cost_nanos(), Some(1_000 * 5_000 + 4 * 25_000 + 2_000 * 500 + 10 * 10_000));
    assert!(response.ttft().unwrap() <= response.duration());
    assert_eq!(response.attempts(), 1);
}

#[tokio::test]
async fn what_is_temporary_is_tried_again() {
    for status in [429, 500, 502, 529] {
        let server = start(refusing(status, 2)).await;
        let response = client(&server.url()).build().query("hi").send().await.unwrap();
        assert_eq!((server.requests(), response.attempts()), (3, 3), "{status}");
    }
}

#[tokio::test]
async fn what_is_not_temporary_is_told_at_once() {
    for (status, kind, exit) in [
        (400, "invalid_request_error", 1),
        (401, "authentication_error", 4),
        (403, "permission_error", 4),
        (404, "not_found_error", 1),
        (413, "request_too_large", 1),
    ] {
        let server = start(refusing(status, 9)).await;
        let error = client(&server.url()).build().query("hi").send().await.unwrap_err();
        assert_eq!(server.requests(), 1, "{status}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("the API answered {status} {kind}: ")), "{text}");
        assert!(text.contains("(request req_"), "{text}");
        assert!(!text.contains(KEY));
        assert_eq!(error.exit_code(), exit);
    }
}

#[tokio::test]
async fn retries_run_out() {
    let server = start(refusing(529, 99)).await;
    let error = client(&server.url()).retries(2).build().query("hi").send().await.unwrap_err();
    assert!(error.is_overloaded(), "{error}");
    assert_eq!((server.requests(), error.exit_code()), (3, 5));
    let error = client(&server.url()).retries(0).build().query("hi").send().await.unwrap_err();
    assert_eq!((server.requests(), error.exit_code()), (4, 5));
}

#[tokio::test]
async fn the_server_says_how_long_to_wait() {
    let wait = Duration::from_millis(400);
    let error = ErrorPlan { status: 429, rate: 0.0, first: 1, retry_after: Some(wait) };
    let server = start(Config { error: Some(error), ..quick() }).await;
    let started = Instant::now();
    client(&server.url()).build().query("hi").send().await.unwrap();
    assert!(started.elapsed() >= wait, "{:?}", started.elapsed());
}

#[tokio::test]
async fn waiting_for_a_retry_counts_against_the_limits() {
    let error = ErrorPlan { status: 429, rate: 1.0, first: 0, retry_after: Some(Duration::from_secs(50)) };
    let server = start(Config { error: Some(error), ..quick() }).await;
    let started = Instant::now();
    let error =
        client(&server.url()).timeout(Duration::from_millis(300)).build().query("hi").send().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { limit: Limit::Total, .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

/// A server that closes the first connection without a word, and refers the
/// rest to `upstream`.
async fn reset_first(upstream: String) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        let _ = first.read(&mut [0; 1024]).await;
        drop(first);
        while let Ok((mut here, _)) = listener.accept().await {
            let upstream = upstream.trim_start_matches("http://").to_owned();
            tokio::spawn(async move {
                let mut there = tokio::net::TcpStream::connect(upstream).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_is_tried_again() {
    let server = start(quick()).await;
    let url = reset_first(server.url()).await;
    let response = client(&url).build().query("hi").send().await.unwrap();
    assert_eq!((response.attempts(), server.requests()), (2, 1));
}

#[tokio::test]
async fn a_connection_that_breaks_within_the_answer_is_not() {
    let server = start(Config { cut_after: Some(2), chunk_chars: 1, ..quick() }).await;
    let mut stream = client(&server.url()).build().query("hi").stream().await.unwrap();
    let mut text = String::new();
    let error = loop {
        match stream.next_event().await.unwrap() {
            Ok(event) => text.push_str(event.text_delta().unwrap_or_default()),
            Err(e) => break e,
        }
    };
    assert_eq!(text.chars().count(), 2, "what came is not lost");
    assert!(matches!(error, Error::Connection { .. }), "{error}");
    assert_eq!((server.requests(), error.exit_code()), (1, 1));
}

#[tokio::test]
async fn an_error_within_the_stream_is_the_apis() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await;
        let answer = "HTTP/1.1 200 OK\r\nrequest-id: req_1\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
             event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"m\"}}\n\n\
             event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
        socket.write_all(answer.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
    });
    let error = client(&url).retries(0).build().query("hi").send().await.unwrap_err();
    assert_eq!(error.to_string(), "the API answered overloaded_error: Overloaded (request req_1)");
    assert_eq!(error.exit_code(), 5);
}

#[tokio::test]
async fn silence_has_limits() {
    let limits = |first, idle| Limits {
        first_token: Some(Duration::from_millis(first)),
        idle: Some(Duration::from_millis(idle)),
        total: None,
    };
    let late = start(Config { ttft: Duration::from_secs(60), ..quick() }).await;
    let error = client(&late.url()).limits(limits(200, 60_000)).build().query("hi").send().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { limit: Limit::FirstToken, .. }), "{error}");
    let stalls = Stall { after: 2, duration: Duration::from_secs(60) };
    let stalling = start(Config { stall: Some(stalls), ..quick() }).await;
    let error = client(&stalling.url()).limits(limits(60_000, 200)).build().query("hi").send().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { limit: Limit::Idle, .. }), "{error}");
}

#[tokio::test]
async fn an_unreachable_server_is_named_without_its_secrets() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("http://user:planted-password@127.0.0.1:{port}");
    let error = client(&url).retries(1).build().query("hi").send().await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("cannot reach http://127.0.0.1:{port}: ")), "{text}");
    assert!(!text.contains("planted"), "{text}");
    assert!(!format!("{error:?}").contains("planted"));
}

#[tokio::test]
async fn secrets_are_not_in_debug_output() {
    let builder = Client::builder().backend(BackendKind::Api).credentials(Credentials::Token(KEY.to_owned()));
    assert!(!format!("{builder:?}").contains(KEY));
    assert!(!format!("{:?}", builder.build()).contains(KEY));
}

#[tokio::test]
async fn a_base_url_that_is_none_is_a_usage_error() {
    let error = client("not a url").build().query("hi").send().await.unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
}

#[tokio::test]
async fn every_event_of_the_answer_is_passed_on() {
    let server = start(quick()).await;
    let mut stream = client(&server.url()).build().query("hi").stream().await.unwrap();
    let mut kinds = Vec::new();
    while let Some(event) = stream.next_event().await {
        kinds.push(event.unwrap().into_kind());
    }
    assert!(matches!(kinds.first(), Some(EventKind::Init(_))));
    assert!(matches!(kinds.last(), Some(EventKind::Result(_))));
    assert_eq!(kinds.iter().filter(|kind| matches!(kind, EventKind::Assistant(_))).count(), 1);
    assert!(!kinds.iter().any(|kind| matches!(kind, EventKind::Unknown { .. })), "{kinds:?}");
}

#[tokio::test]
async fn the_simulated_backend_needs_nothing() {
    let client = Client::builder().backend(BackendKind::Simulated).simulator(quick()).build();
    let answers = tokio::join!(client.query("a").send(), client.query("b").send());
    assert!(!answers.0.unwrap().text().is_empty());
    assert!(!answers.1.unwrap().text().is_empty());
}

/// The head of an answer and the beginning of its message, but no token.
const BEGUN: &str = "HTTP/1.1 200 OK\r\nrequest-id: req_1\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
    event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_lost\",\"model\":\"m\"}}\n\n\
    event: ping\ndata: {\"type\":\"ping\"}\n\n";

/// A server that begins its first answer and then sends `rest`, or nothing more,
/// and refers all other connections to `upstream`.
async fn break_first(upstream: String, rest: Option<&'static str>) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        let _ = first.read(&mut [0; 4096]).await;
        first.write_all(BEGUN.as_bytes()).await.unwrap();
        if let Some(rest) = rest {
            first.write_all(rest.as_bytes()).await.unwrap();
            first.shutdown().await.unwrap();
        }
        while let Ok((mut here, _)) = listener.accept().await {
            let upstream = upstream.trim_start_matches("http://").to_owned();
            tokio::spawn(async move {
                let mut there = tokio::net::TcpStream::connect(upstream).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn an_answer_that_fails_before_its_first_token_is_asked_for_again() {
    const OVERLOADED: &str = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    for rest in [Some(""), Some(OVERLOADED), None] {
        let server = start(quick()).await;
        let url = break_first(server.url(), rest).await;
        let backend = ApiBackend::new(&url, Credentials::Key(KEY.to_owned()))
            .backoff(Duration::from_millis(1))
            .stall_after(Duration::from_millis(200));
        let client = Client::builder().custom_backend(Arc::new(backend)).model("claude-opus-4-8").build();
        let mut stream = client.query("hi").stream().await.unwrap();
        let (mut starts, mut retries) = (Vec::new(), 0);
        while let Some(event) = stream.next_event().await {
            let event = event.unwrap();
            assert!(!String::from_utf8_lossy(event.raw()).contains("msg_lost"), "nothing of it was passed on");
            retries += usize::from(matches!(event.kind(), EventKind::Retry(_)));
            starts.extend(String::from_utf8_lossy(event.raw()).contains("message_start").then_some(()));
        }
        assert_eq!((starts.len(), retries, server.requests()), (1, 1, 1), "{rest:?}");
    }
}
