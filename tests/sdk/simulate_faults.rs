//! What the simulated API does on purpose: profiles, faults, limits, standstills.

use std::{
    fs,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use claude_cli::simulate::{Config, Distribution, Profile, RateLimits, Reply, Server, Standstill};
use serde_json::{Value, json};

fn quick() -> Config {
    Config { ttft: Duration::ZERO, token_interval: Duration::ZERO, seed: Some(5), ..Config::default() }
}

async fn start(config: Config) -> Server {
    Server::start(config, (Ipv4Addr::LOCALHOST, 0).into()).await.unwrap()
}

async fn ask(server: &Server) -> reqwest::Response {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = json!({
        "model": "claude-opus-4-8", "max_tokens": 1000, "stream": true,
        "messages": [{ "role": "user", "content": "12345678" }],
    });
    client.post(format!("{}/v1/messages", server.url())).json(&body).send().await.unwrap()
}

#[tokio::test]
async fn lengths_and_times_come_from_a_profile() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let profile = Profile {
        first_token: Some(Distribution::Constant { value: 30.0 }),
        between_tokens: Some(Distribution::Constant { value: 5.0 }),
        output_tokens: Some(Distribution::Empirical { values: vec![7.0, 11.0] }),
        thinking_tokens: Some(Distribution::Constant { value: 3.0 }),
    };
    let config = Config { profile: Some(profile), log: Some(log.clone()), log_tokens: true, ..quick() };
    let server = start(config).await;
    for _ in 0..6 {
        ask(&server).await.text().await.unwrap();
    }
    server.shutdown().await;
    let lines: Vec<Value> =
        fs::read_to_string(log).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut lengths: Vec<u64> = lines.iter().map(|line| line["output_tokens"].as_u64().unwrap()).collect();
    for line in &lines {
        let number = |name: &str| line[name].as_f64().unwrap();
        assert_eq!(number("pieces"), number("output_tokens"), "a piece is a token: {line}");
        let times: Vec<f64> = line["token_ms"].as_array().unwrap().iter().map(|t| t.as_f64().unwrap()).collect();
        assert_eq!(times.len() as f64, number("pieces"));
        assert!(times.is_sorted() && times[0] >= 30.0, "{line}");
        assert_eq!((times[0], times[3]), (number("first_token_ms"), number("first_text_ms")));
        assert_eq!(times[times.len() - 1], number("last_token_ms"));
        assert!(number("last_token_ms") >= 30.0 + 5.0 * (number("pieces") - 1.0), "{line}");
    }
    lengths.sort_unstable();
    lengths.dedup();
    assert_eq!(lengths, [10, 14], "both lengths were drawn, with three tokens of thinking");
}

#[tokio::test]
async fn faults_come_by_their_share_and_again_with_the_seed() {
    let outcomes = async |seed| {
        let faults = "overloaded=0.2,cut=0.2,error-event=0.2".parse().unwrap();
        let reply = Reply::Text("a text of several pieces".into());
        let server = start(Config { faults, reply, seed: Some(seed), ..quick() }).await;
        let mut outcomes = Vec::new();
        for _ in 0..60 {
            let response = ask(&server).await;
            outcomes.push(match (response.status().as_u16(), response.text().await) {
                (529, _) => "overloaded",
                (200, Err(_)) => "cut",
                (200, Ok(text)) if text.contains("event: error") => {
                    assert!(!text.contains("message_stop"));
                    "error"
                }
                (200, Ok(text)) if text.ends_with("data: {\"type\":\"message_stop\"}\n\n") => "whole",
                other => panic!("{other:?}"),
            });
        }
        outcomes
    };
    let (once, again, other) = (outcomes(1).await, outcomes(1).await, outcomes(2).await);
    assert_eq!(once, again);
    assert_ne!(once, other);
    for kind in ["overloaded", "cut", "error", "whole"] {
        let count = once.iter().filter(|outcome| **outcome == kind).count();
        assert!((3..=40).contains(&count), "{count} of 60 are {kind}");
    }
}

#[tokio::test]
async fn limits_are_told_in_headers_and_kept() {
    let limits = RateLimits { requests: Some(3), input_tokens: Some(1_000_000), output_tokens: None };
    let server = start(Config { limits, ..quick() }).await;
    for left in ["2", "1", "0"] {
        let response = ask(&server).await;
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("anthropic-ratelimit-requests-limit"), "3");
        assert_eq!(header("anthropic-ratelimit-requests-remaining"), left);
        let reset: jiff::Timestamp = header("anthropic-ratelimit-requests-reset").parse().unwrap();
        assert!(reset > jiff::Timestamp::now());
        assert_eq!(header("anthropic-ratelimit-input-tokens-limit"), "1000000");
    }
    let refused = ask(&server).await;
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((10..=20).contains(&wait), "one of three a minute: {wait}");
    assert_eq!(refused.headers()["anthropic-ratelimit-requests-remaining"], "0");
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"]["type"], "rate_limit_error");
}

#[tokio::test]
async fn the_whole_server_stands_still_once() {
    let pause = Duration::from_millis(400);
    let standstill = Standstill { after: Duration::from_millis(100), every: None, duration: pause };
    let started = Instant::now();
    let server = start(Config { standstill: Some(standstill), ..quick() }).await;
    tokio::time::sleep_until((started + Duration::from_millis(150)).into()).await;
    let (answer, health) = tokio::join!(ask(&server), reqwest::get(format!("{}/healthz", server.url())));
    assert_eq!((answer.status().as_u16(), health.unwrap().status().as_u16()), (200, 200));
    assert!(started.elapsed() >= Duration::from_millis(100) + pause, "{:?}", started.elapsed());
}
