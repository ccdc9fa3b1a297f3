//! A state of 20 KB as the feed publishes it, and how it changes: with each step
//! a request ends.

use serde_json::{Map, Value, json};

const POINTS: usize = 200;
const ROWS: usize = 20;
const REQUESTS: u64 = 20;

fn figures(n: u64) -> Value {
    json!({
        "requests": 18_000 + n, "errors": n / 50, "success_rate": 1.0 - (n % 7) as f64 / 700.0,
        "input_tokens": 9_100_000 + 3 * n, "output_tokens": 2_300_000 + 11 * n, "cache_read_tokens": 91_000_000 + n,
        "total_tokens": 102_400_000 + 15 * n, "cost_usd": 412.503 + n as f64 / 1000.0, "unpriced_requests": 0,
    })
}

fn request(n: u64) -> Value {
    json!({
        "at": 1_790_000_000_000_u64 + 97 * n, "model": "claude-opus-4-8", "project": format!("/home/me/project-{}", n % 12),
        "session_id": format!("52cc00c4-95d3-4d02-b33b-{:012x}", n % 9), "output_tokens": 100 + n % 900,
        "cost_usd": 0.01 + (n % 90) as f64 / 1000.0, "duration_ms": 900 + n % 8000, "error": null,
    })
}

fn rows(name: &str, n: u64) -> Value {
    let rows = (0..ROWS as u64).map(|row| {
        // One of them is that of the request which ended.
        let last = n - (n + ROWS as u64 - row) % ROWS as u64 % (n + 1);
        (format!("{name}-{row}"), figures(last))
    });
    Value::Object(rows.collect::<Map<_, _>>())
}

/// The state after so many steps, stamped with the time.
pub(crate) fn state(n: u64, stamp: u64) -> Value {
    let series = ["cost", "tokens", "commands", "success_rate", "response_time"].map(|metric| {
        let point = |at: usize| {
            let last = at + 1 == POINTS;
            json!(((at * 37 % 101) as f64 + if last { n as f64 / 8.0 } else { 0.5 }) / 4.0)
        };
        (metric.to_owned(), Value::Array((0..POINTS).map(point).collect()))
    });
    let requests = (n..n + REQUESTS).map(|n| (n.to_string(), request(n)));
    json!({
        "schema": "bench", "stamp": stamp, "n": n, "totals": figures(n),
        "series": Map::from_iter(series), "projects": rows("project", n), "sessions": rows("session", n),
        "requests": requests.collect::<Map<_, _>>(),
    })
}
