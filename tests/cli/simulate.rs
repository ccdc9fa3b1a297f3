//! `simulate` as a process.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use rustix::process::Signal;

use crate::harness::{BINARY, Home, PLANTED_KEY, Simulator, alive, done, ends, signal, wait_until};

#[test]
fn it_answers_the_api_backend_and_logs_what_it_was_asked() {
    let home = Home::new();
    let simulator = Simulator::start(&home, ["--echo", "--log-bodies", "--ttft", "0", "--input-tokens", "11"]);
    let mut command = home.cli(["query", "--backend", "api", "--model", "haiku", "--system", "be brief", "ping"]);
    let done = done(command.env("ANTHROPIC_API_KEY", PLANTED_KEY).env("ANTHROPIC_BASE_URL", &simulator.url));
    assert_eq!((done.code, done.out.as_str()), (Some(0), "ping\n"));
    let requests = simulator.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!((&requests[0]["input_tokens"], &requests[0]["system"]), (&11.into(), &"be brief".into()));
    assert!(requests[0]["model"].as_str().unwrap().starts_with("claude-haiku"), "{}", requests[0]);
    assert_eq!(home.contains(PLANTED_KEY), None);
}

#[test]
fn it_ends_with_the_process_that_started_it() {
    let home = Home::new();
    let script =
        format!("{BINARY} simulate > {0}/url & echo $! > {0}/pid; exec sleep 1000", home.folder.path().display());
    let mut parent = home.isolated("/bin/sh").args(["-c", &script]).spawn().unwrap();
    wait_until("the server", || std::fs::read_to_string(home.path("url")).is_ok_and(|url| url.ends_with('\n')));
    let pid = home.noted_pid("pid");
    assert!(alive(pid));
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until("the server to follow", || !alive(pid));
}

#[test]
fn it_ends_on_a_signal() {
    let home = Home::new();
    for by in [Signal::INT, Signal::TERM] {
        let mut child = home.cli(["simulate"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        signal(&child, by);
        assert_eq!(ends(&mut child), Some(0));
    }
}

#[test]
fn a_profile_is_read_from_a_file_and_a_wrong_one_is_named() {
    let home = Home::new();
    let toml = "[output_tokens]\ndistribution = \"constant\"\nvalue = 9\n[first_token]\ndistribution = \"constant\"\nvalue = 0\n";
    let json = r#"{"output_tokens":{"distribution":"constant","value":9}}"#;
    for (name, text) in [("profile.toml", toml), ("profile.json", json)] {
        let file = home.write(name, text);
        let simulator = Simulator::start(&home, ["--profile", file.to_str().unwrap(), "--token-interval", "0"]);
        let done = done(&mut home.api(&simulator.url, ["query", "-o", "json", "ping"]));
        let run: serde_json::Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(run["usage"]["output_tokens"], 9, "{done:?}");
    }
    for (name, text, says) in [
        ("a.toml", "[first_token]\ndistribution = \"normal\"\nmean = 1\n", "missing field `sd`"),
        ("b.toml", "[first_token]\ndistribution = \"constant\"\nvalue = -1\n", "first_token: -1"),
        ("c.json", "{", "latency profile"),
    ] {
        let file = home.write(name, text);
        let refused = done(&mut home.cli(["simulate", "--profile", file.to_str().unwrap()]));
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.err.contains(says) && refused.err.contains(name), "{refused:?}");
    }
}

#[test]
fn a_pause_that_never_ends_is_refused() {
    let home = Home::new();
    for (text, says) in [("1s:2s", "never move"), ("1s:x", "`x` is no unit"), ("1w", "`w` is no unit")] {
        let refused = done(&mut home.cli(["simulate", "--stall", text]));
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.err.contains(says), "{refused:?}");
    }
}
