//! `loadtest` on a running `serve`, and over TLS.

use serde_json::Value;

use crate::{
    harness::{Home, Simulator, done},
    network::tls,
    serve::Serving,
};

const TOKEN: &str = "a-token-that-clients-know";

fn run<'a>(home: &Home, target: &'a str, args: impl IntoIterator<Item = &'a str>) -> (Option<i32>, Value) {
    let args = ["loadtest", "--format", "json", "--no-keep", "--target", target].into_iter().chain(args);
    let done = done(&mut home.cli(args));
    let json: Value = serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {done:?}"));
    (done.code, json["runs"][0].clone())
}

#[test]
fn every_answer_of_a_server_can_be_tested() {
    let home = Home::new();
    let token = home.write("token", TOKEN);
    let token = token.to_str().unwrap();
    let serving = Serving::start(&home, ["--token-file", token]);
    let url = format!("http://{}", serving.addr);
    for scenario in ["dashboard", "timeseries", "summary"] {
        let load = ["--scenario", scenario, "--rate", "10", "--duration", "500ms"];
        let (code, result) = run(&home, &url, load.into_iter().chain(["--token-file", token]));
        assert_eq!((code, &result["counts"]["ok"]), (Some(0), &5.into()), "{scenario}: {}", result["counts"]);
        assert!(result["counts"]["bytes"].as_u64().unwrap() > 500, "{scenario}: {}", result["counts"]);
        let (_, refused) = run(&home, &url, load);
        assert_eq!(refused["counts"]["failed"]["refused"], 5, "{scenario} without the token");
    }
    let load = ["--scenario", "live", "--rate", "10", "--duration", "500ms", "--hold", "500ms"];
    let (code, live) = run(&home, &url, load.into_iter().chain(["--token-file", token]));
    assert_eq!((code, &live["counts"]["ok"]), (Some(0), &5.into()), "{}", live["counts"]);
    assert_eq!(live["metrics"]["ttft"]["count"], 5, "each was shown the state");
    assert_eq!(live["metrics"]["e2e"], Value::Null, "how long a stream is held is not the server's doing");
}

#[test]
fn tls_is_spoken_and_certificates_are_checked() {
    let home = Home::new();
    let simulator = Simulator::start(&home, ["--ttft", "0", "--token-interval", "0"]);
    let (port, authority) = tls(&home, simulator.url.trim_start_matches("http://").to_owned());
    let url = format!("https://localhost:{port}");
    let load = ["--rate", "10", "--duration", "300ms"];
    let known = ["--ca-file", authority.to_str().unwrap()];
    let (code, result) = run(&home, &url, load.into_iter().chain(known));
    assert_eq!((code, &result["counts"]["ok"]), (Some(0), &3.into()), "{}", result["counts"]);
    let (_, unknown) = run(&home, &url, load);
    assert_eq!(unknown["counts"]["failed"]["unconnected"], 3, "{}", unknown["counts"]);
}
