//! A server that stands still: what its clients waited is known from the
//! schedule, and an open loop must tell it, whatever a closed one does.

use serde_json::Value;

use crate::harness::{Home, done};

const RATE: f64 = 200.0;
const SECONDS: f64 = 4.0;
/// The server stands still once, so long after its start, for so long.
const PAUSE: f64 = 0.8;
const STALL: &str = "--ttft 0 --token-interval 0 --reply ok --stall @2s:800ms";

fn run(home: &Home, load: &[&str]) -> Value {
    let args = ["loadtest", "--format", "json", "--duration", "4s", "--max-in-flight", "50", "--simulate", STALL];
    let done = done(&mut home.cli(args.into_iter().chain(load.iter().copied())));
    assert_eq!(done.code, Some(0), "{done:?}");
    let result: Value = serde_json::from_str(&done.out).unwrap();
    result["runs"][0].clone()
}

/// The 99th percentile that the schedule has: of the requests that come while
/// the server stands still, each waits for what is left of the pause.
fn exact_p99() -> f64 {
    let count = (RATE * SECONDS) as usize;
    let within = (RATE * PAUSE) as usize;
    let mut waits = vec![0.0; count - within];
    waits.extend((0..within).map(|n| (PAUSE - n as f64 / RATE) * 1e3));
    waits.sort_by(f64::total_cmp);
    waits[(0.99 * count as f64).ceil() as usize - 1]
}

#[test]
fn an_open_loop_tells_what_a_standstill_cost_and_a_closed_one_hides_it() {
    let home = Home::new();
    let open = run(&home, &["--rate", "200"]);
    assert_eq!(open["counts"]["ok"], 800, "{}", open["counts"]);
    let p99 = |run: &Value| run["metrics"]["e2e"]["p99"].as_f64().unwrap();
    let exact = exact_p99();
    assert!((p99(&open) / exact - 1.0).abs() < 0.05, "{} instead of {exact}", p99(&open));
    // Fifty connections are under way at once; the rest waited to be sent.
    assert!(open["metrics"]["queue"]["max"].as_f64().unwrap() > 400.0);
    assert!(open["counts"]["late"].as_u64().unwrap() > 80, "{}", open["counts"]);

    let closed = run(&home, &["--users", "2"]);
    assert!(closed["metrics"]["e2e"]["max"].as_f64().unwrap() > 700.0, "it did stand still");
    assert!(p99(&closed) < exact / 5.0, "{} is nothing like {exact}", p99(&closed));
}
