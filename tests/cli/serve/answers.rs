//! The program's answers over HTTP.

use serde_json::Value;

use crate::{harness::Home, serve::Serving};

/// A home with two simulated runs.
fn lived_in() -> Home {
    let home = Home::new();
    for prompt in ["one", "two"] {
        assert_eq!(home.run(["query", "--backend", "simulated", "--tag", "team=a", prompt]).code, Some(0));
    }
    home
}

#[test]
fn answers_are_those_of_the_program() {
    let home = lived_in();
    let serving = Serving::start(&home, []);
    for (path, args) in [
        ("/api/summary?by=model&include-simulated", "analytics summary --by model --include-simulated"),
        (
            "/api/summary?by=tag&sort=cost&limit=1&include_simulated=true",
            "analytics summary --by tag --sort cost -n 1 --include-simulated",
        ),
        (
            "/api/summary?since=2026-01-01&until=2030-01-01&tz=Europe/Berlin&include-simulated",
            "analytics summary --since 2026-01-01 --until 2030-01-01 --tz Europe/Berlin --include-simulated",
        ),
        ("/api/summary", "analytics summary"),
        (
            "/api/timeseries?since=2026-01-01&until=2026-01-03&bucket=1d&metric=cost,tokens&metric=errors",
            "timeseries --since 2026-01-01 --until 2026-01-03 --bucket 1d --metric cost,tokens,errors",
        ),
        (
            "/api/dashboard?since=2026-01-01&until=2026-01-03&bucket=6h",
            "analytics dashboard --since 2026-01-01 --until 2026-01-03 --bucket 6h",
        ),
    ] {
        let args = args.split(' ').chain(["--format", "json"]);
        assert_eq!(serving.json(path), home.json(args), "{path}");
    }
}

#[test]
fn lists_are_those_of_the_program() {
    let home = lived_in();
    let set = "analytics budget set team --limit 0.0001 --tag team=a";
    assert_eq!(home.run(set.split(' ')).code, Some(0));
    assert_eq!(home.run("analytics budget check --include-simulated".split(' ')).code, Some(0));
    let serving = Serving::start(&home, []);
    for (path, args) in [
        (
            "/api/sessions?include-simulated&sort=cost&limit=5",
            "analytics sessions --include-simulated --sort cost -n 5",
        ),
        ("/api/sessions?tag=team%3Da&include-simulated", "analytics sessions --tag team=a --include-simulated"),
        ("/api/runs?include-simulated&limit=1", "analytics runs --include-simulated -n 1"),
        ("/api/alerts", "analytics alerts"),
        ("/api/alerts?limit=1", "analytics alerts -n 1"),
        ("/api/budgets?include-simulated&name=team", "analytics budget check team --include-simulated"),
        (
            "/api/blocks?include-simulated&gaps&token-limit=5000",
            "analytics blocks --include-simulated --gaps --token-limit 5000",
        ),
        (
            "/api/blocks?since=2026-01-01&until=2026-02-01&token-limit=max&active",
            "analytics blocks --since 2026-01-01 --until 2026-02-01 --token-limit max --active",
        ),
    ] {
        let (here, there) = (serving.json(path), home.json(args.split(' ').chain(["--format", "json"])));
        assert!(there.as_object().unwrap().len() > 1, "{there}");
        assert_eq!(without_now(here), without_now(there), "{path}");
    }
    assert_eq!(serving.get("/api/budgets?name=none", &[]).refusal(), "bad_request");
}

/// Without what depends on the very moment of the question.
fn without_now(mut value: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for name in ["now", "since", "projected_usd", "projection", "remaining_minutes"] {
                    fields.remove(name);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut value);
    value
}

#[test]
fn what_is_asked_wrongly_is_told() {
    let home = Home::new();
    let serving = Serving::start(&home, []);
    for (path, word) in [
        ("/api/summary?by=colour", "colour"),
        ("/api/summary?sort=size", "key, cost"),
        ("/api/summary?limit=many", "limit=many"),
        ("/api/summary?since=soon", "soon"),
        ("/api/summary?tz=Mars/Base", "Mars/Base"),
        ("/api/summary?since=today&until=yesterday", "empty"),
        ("/api/summary?nonsense=1", "unknown parameter `nonsense`"),
        ("/api/summary?by=day&by=week", "2 times"),
        ("/api/summary?include-simulated=maybe", "true or false"),
        ("/api/timeseries?metric=joy", "joy"),
        ("/api/timeseries?bucket=7m", "7m"),
        ("/api/timeseries?since=1970-01-01&bucket=15m", "bucket"),
        ("/api/dashboard?bucket=0", "0"),
    ] {
        let answer = serving.get(path, &[]);
        assert_eq!((answer.status, answer.refusal().as_str()), (400, "bad_request"), "{path}: {answer:?}");
        assert!(answer.body.contains(word), "{path}: {answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[test]
fn the_page_is_its_own_and_nobody_elses() {
    let home = Home::new();
    let serving = Serving::start(&home, []);
    for path in ["/", "/page.js", "/page.css"] {
        let answer = serving.get(path, &[]);
        assert_eq!(answer.status, 200);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let tag = answer.header("etag").unwrap();
        let again = serving.get(path, &[&format!("If-None-Match: \"x\", W/{tag}")]);
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
    }
}

#[test]
fn figures_are_for_prometheus() {
    let home = lived_in();
    let serving = Serving::start(&home, []);
    let answer = serving.get("/metrics", &[]);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let mut kind = ("", "");
    for line in answer.body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            kind = rest.split_once(' ').unwrap();
            assert_eq!(kind.1 == "counter", kind.0.ends_with("_total"), "{line}");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with(kind.0), "{line} in {kind:?}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    for name in [
        "process_resident_memory_bytes ",
        "claude_cli_live_computed_total 0",
        "claude_cli_http_connections_total 1",
    ] {
        assert!(answer.body.contains(name), "{name}: {}", answer.body);
    }
}

#[test]
fn it_is_unwell_while_the_ledger_cannot_be_read() {
    let home = Home::new();
    let serving = Serving::start(&home, []);
    assert_eq!(serving.json("/healthz")["status"], "ok");
    // Somebody puts something else in its place.
    let text = "this is no ledger ".repeat(4096);
    std::fs::write(home.ledger_path(), text).unwrap();
    let answer = serving.get("/healthz", &["Host: anything.example"]);
    assert_eq!((answer.status, answer.refusal().as_str()), (503, "unhealthy"), "{answer:?}");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(serving.get("/api/summary", &[]).refusal(), "ledger");
}
