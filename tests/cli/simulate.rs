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
