//! The simulated Messages API, spoken to over plain HTTP.

use std::{fs, net::Ipv4Addr, time::Duration};

use claude_cli::{
    EventKind, StreamFormat,
    simulate::{Config, ErrorPlan, Reply, Server, Stall, ToolCall},
    stream::{ApiEvent, ContentBlock, Decoder, Delta, StreamEvent},
};
use serde_json::{Value, json};

const KEY: &str = "sk-ant-planted-key";

fn quick() -> Config {
    Config { ttft: Duration::ZERO, token_interval: Duration::ZERO, ..Config::default() }
}

async fn start(config: Config) -> Server {
    Server::start(config, (Ipv4Addr::LOCALHOST, 0).into()).await.unwrap()
}

fn request(prompt: &str) -> Value {
    json!({
        "model": "claude-opus-4-8", "max_tokens": 100, "stream": true,
        "messages": [{ "role": "user", "content": prompt }],
    })
}

async fn post(server: &Server, path: &str, body: &Value) -> reqwest::Response {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.post(format!("{}{path}", server.url())).header("x-api-key", KEY).json(body).send().await.unwrap()
}

/// The events of a streamed answer, and whether it came to its end.
async fn stream(server: &Server, body: &Value) -> (Vec<ApiEvent>, bool) {
    let mut response = post(server, "/v1/messages?beta=true", body).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(response.headers()["request-id"].to_str().unwrap().starts_with("req_"));
    let mut decoder = Decoder::new(StreamFormat::Sse);
    let mut whole = true;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => decoder.push(&chunk),
            Ok(None) => break,
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    let mut events = Vec::new();
    while let Some(event) = decoder.finish() {
        match event.unwrap().into_kind() {
            EventKind::Stream(StreamEvent { event, .. }) => events.push(event),
            other => panic!("{other:?}"),
        }
    }
    (events, whole)
}

fn text(events: &[ApiEvent]) -> String {
    let pieces = events.iter().filter_map(|event| match event {
        ApiEvent::ContentBlockDelta { delta: Delta::Text(text), .. } => Some(&**text),
        _ => None,
    });
    pieces.collect()
}

#[tokio::test]
async fn an_answer_is_streamed_as_the_api_does() {
    let config = Config {
        reply: Reply::Text("Grüße, Welt".into()),
        chunk_chars: 3,
        thinking: Some("hm".into()),
        input_tokens: Some(7),
        cache_read_tokens: 5,
        cache_write_5m_tokens: 3,
        cache_write_1h_tokens: 2,
        ..quick()
    };
    let server = start(config).await;
    let (events, whole) = stream(&server, &request("hi")).await;
    assert!(whole);
    let ApiEvent::MessageStart(message) = &events[0] else { panic!("{events:?}") };
    assert!(message.id.as_ref().unwrap().starts_with("msg_"));
    assert_eq!(message.model.as_deref(), Some("claude-opus-4-8"));
    let usage = message.usage.as_ref().unwrap();
    assert_eq!((usage.input_tokens, usage.cache_read_tokens), (7, 5));
    assert_eq!((usage.cache_write_5m_tokens, usage.cache_write_1h_tokens), (3, 2));
    assert!(matches!(events[1], ApiEvent::Ping));
    assert_eq!(text(&events), "Grüße, Welt");
    let starts: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            ApiEvent::ContentBlockStart { index, block } => Some((*index, block.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(
        starts,
        [(0, ContentBlock::Thinking(String::new().into())), (1, ContentBlock::Text(String::new().into()))]
    );
    let [.., ApiEvent::MessageDelta { stop_reason, usage }, ApiEvent::MessageStop] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(stop_reason.as_deref(), Some("end_turn"));
    assert_eq!(usage.usage.output_tokens, 1 + 3, "a token for every four characters of a block");
}

#[tokio::test]
async fn without_streaming_the_same_answer_is_one_document() {
    let server = start(Config { seed: Some(7), ..quick() }).await;
    let mut body = request("hi");
    body["stream"] = json!(false);
    let answer: Value = post(&server, "/v1/messages", &body).await.json().await.unwrap();
    let twin = start(Config { seed: Some(7), ..quick() }).await;
    let (events, _) = stream(&twin, &request("hi")).await;
    assert_eq!(answer["content"][0]["text"], text(&events));
    let ApiEvent::MessageStart(message) = &events[0] else { panic!() };
    assert_eq!(answer["id"].as_str(), message.id.as_deref(), "the same seed draws the same ids");
}

#[tokio::test]
async fn two_servers_without_a_seed_never_share_an_id() {
    let (a, b) = (start(quick()).await, start(quick()).await);
    let id = |events: &[ApiEvent]| match &events[0] {
        ApiEvent::MessageStart(message) => message.id.clone(),
        other => panic!("{other:?}"),
    };
    assert_ne!(id(&stream(&a, &request("hi")).await.0), id(&stream(&b, &request("hi")).await.0));
}

#[tokio::test]
async fn it_echoes_what_it_was_sent() {
    let server = start(Config { reply: Reply::Echo, ..quick() }).await;
    let mut body = request("first");
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({ "role": "assistant", "content": "answer" }));
    messages.push(json!({ "role": "user", "content": [{ "type": "text", "text": "second ÄÖ\n\"q\"" }] }));
    assert_eq!(text(&stream(&server, &body).await.0), "second ÄÖ\n\"q\"");
}

#[tokio::test]
async fn tools_are_called_in_turn_and_only_if_they_are_offered() {
    let call = |name: &str| ToolCall { name: name.into(), input: json!({ "command": "ls", "n": [1, 2] }) };
    let server = start(Config { tools: vec![call("Bash"), call("Unheard"), call("Read")], ..quick() }).await;
    let mut body = request("hi");
    body["tools"] = json!([{ "name": "Bash" }, { "name": "Read" }]);
    for expected in ["Bash", "Read"] {
        let (events, _) = stream(&server, &body).await;
        let name = events.iter().find_map(|event| match event {
            ApiEvent::ContentBlockStart { block: ContentBlock::ToolUse { name, id, .. }, .. } => {
                Some((name.clone(), id.clone()))
            }
            _ => None,
        });
        let (name, id) = name.unwrap();
        assert_eq!(name, expected);
        let input: String = events
            .iter()
            .filter_map(|event| match event {
                ApiEvent::ContentBlockDelta { delta: Delta::InputJson(json), .. } => Some(&**json),
                _ => None,
            })
            .collect();
        assert_eq!(serde_json::from_str::<Value>(&input).unwrap(), json!({ "command": "ls", "n": [1, 2] }));
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(json!({ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": id }] }));
    }
    assert!(!text(&stream(&server, &body).await.0).is_empty(), "after the tools comes the text");
}

#[tokio::test]
async fn refusals_have_the_apis_shape() {
    let kinds = [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (429, "rate_limit_error"),
        (529, "overloaded_error"),
    ];
    for (status, kind) in kinds {
        let error = ErrorPlan { status, rate: 0.0, first: 1, retry_after: Some(Duration::from_secs(2)) };
        let server = start(Config { error: Some(error), ..quick() }).await;
        let refused = post(&server, "/v1/messages", &request("hi")).await;
        assert_eq!(refused.status(), status);
        assert_eq!(refused.headers()["retry-after"], "2");
        let body: Value = refused.json().await.unwrap();
        assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!(kind)));
        assert!(stream(&server, &request("hi")).await.1, "only the first one is refused");
        assert_eq!(server.requests(), 2);
    }
}

#[tokio::test]
async fn a_share_of_requests_is_refused_by_the_seed() {
    let pattern = async |seed| {
        let error = ErrorPlan { status: 529, rate: 0.5, first: 0, retry_after: None };
        let server = start(Config { error: Some(error), seed: Some(seed), ..quick() }).await;
        let mut refused = Vec::new();
        for _ in 0..40 {
            refused.push(post(&server, "/v1/messages", &request("hi")).await.status() == 529);
        }
        refused
    };
    let (once, again, other) = (pattern(1).await, pattern(1).await, pattern(2).await);
    assert_eq!(once, again);
    assert_ne!(once, other);
    let refused = once.iter().filter(|r| **r).count();
    assert!((5..=35).contains(&refused), "{refused} of 40");
}

#[tokio::test]
async fn requests_that_are_none_are_refused_with_a_reason() {
    let server = start(quick()).await;
    for (body, reason) in [
        (json!([]), "JSON object"),
        (json!({ "model": "m" }), "messages: Field required"),
        (json!({ "messages": [] }), "model: Field required"),
    ] {
        let response = post(&server, "/v1/messages", &body).await;
        assert_eq!(response.status(), 400);
        let body: Value = response.json().await.unwrap();
        assert!(body["error"]["message"].as_str().unwrap().contains(reason), "{body}");
    }
    assert_eq!(post(&server, "/v1/nothing", &json!({})).await.status(), 404);
    let counted: Value =
        post(&server, "/v1/messages/count_tokens", &request("12345678")).await.json().await.unwrap();
    assert!(counted["input_tokens"].as_u64().unwrap() >= 2, "{counted}");
}

#[tokio::test]
async fn a_connection_can_break_and_stall() {
    let server = start(Config { cut_after: Some(2), chunk_chars: 1, ..quick() }).await;
    let (events, whole) = stream(&server, &request("hi")).await;
    assert!(!whole);
    assert_eq!(text(&events).chars().count(), 2);

    let pause = Duration::from_millis(300);
    let server = start(Config { stall: Some(Stall { after: 1, duration: pause }), ..quick() }).await;
    let started = std::time::Instant::now();
    assert!(stream(&server, &request("hi")).await.1);
    assert!(started.elapsed() >= pause);
}

#[tokio::test]
async fn the_log_tells_all_but_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let server = start(Config { log: Some(log.clone()), log_bodies: true, ..quick() }).await;
    stream(&server, &request("the prompt")).await;
    post(&server, "/v1/messages", &json!({ "messages": [] })).await;
    server.shutdown().await;
    let written = fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["status"], &lines[0]["complete"], &lines[0]["n"]),
        (&json!(200), &json!(true), &json!(1))
    );
    assert_eq!(lines[0]["messages"][0]["content"], "the prompt");
    assert!(lines[0]["first_token_ms"].as_f64().unwrap() <= lines[0]["end_ms"].as_f64().unwrap());
    assert_eq!(lines[1]["status"], 400);
    assert!(!written.contains(KEY));
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&log).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    let error = Server::start(quick(), (Ipv4Addr::UNSPECIFIED, 0).into()).await.unwrap_err();
    assert!(error.to_string().contains("loopback only"), "{error}");
    assert_eq!(error.exit_code(), 2);
}
