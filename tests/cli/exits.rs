//! Every exit code from its cause, whatever the program itself exits with.

use std::process::Stdio;

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Home, PLANTED_KEY, Simulator, done, drain, ends, fed, signal, wait_until};

/// A `result` line.
fn result(fields: serde_json::Value) -> String {
    let mut line = json!({
        "type": "result", "subtype": "success", "is_error": false, "result": "fine", "session_id": "s",
    });
    line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    format!("{line}\n")
}

/// What a request for a million tokens looks like while it runs.
const DEAR: &str = concat!(
    r#"{"type":"stream_event","event":{"type":"message_start","message":{"id":"msg_1","type":"message","#,
    r#""role":"assistant","model":"claude-opus-4-8","content":[],"usage":{"input_tokens":1000000,"output_tokens":1}}},"#,
    r#""session_id":"s","parent_tool_use_id":null,"uuid":"u"}"#,
    "\n"
);

#[test]
fn what_the_program_did_decides() {
    for (how, status, exits_with, args, code, says) in [
        ("tell", "", "", vec![], 0, ""),
        ("noise", "", "", vec![], 0, ""),
        ("hang-after-result", "", "", vec![], 0, ""),
        ("boom", "", "", vec![], 1, "unknown option --frobnicate"),
        ("success-then-boom", "", "", vec![], 1, "reported success, but exited with code 1"),
        ("truncated", "", "", vec![], 1, "without a result"),
        ("error", "401", "1", vec![], 4, "authentication_error"),
        ("error", "403", "0", vec![], 4, "permission_error"),
        ("error", "429", "1", vec![], 5, "rate_limit_error"),
        ("error", "529", "0", vec![], 5, "overloaded_error"),
        ("error", "400", "0", vec![], 1, "invalid_request_error"),
        ("silent", "", "", vec!["--first-token-timeout", "200ms"], 6, "raise --first-token-timeout"),
        ("stall", "", "", vec!["--idle-timeout", "200ms"], 6, "raise --idle-timeout"),
        ("stall", "", "", vec!["--timeout", "400ms", "--idle-timeout", "none"], 6, "raise --timeout"),
        ("empty", "", "", vec![], 7, "the answer is empty"),
        ("max-turns", "", "", vec![], 7, "error_max_turns"),
    ] {
        let home = Home::new();
        let mut command = home.fake(how, ["query", "hi"]);
        command.args(&args).env("FAKE_STATUS", status).env("FAKE_EXIT", exits_with);
        let done = done(&mut command);
        assert_eq!(done.code, Some(code), "{how} {status}: {done:?}");
        assert!(done.err.contains(says), "{how} {status}: {done:?}");
        let expected = ["ok", "failure", "", "", "auth", "overloaded", "timeout", "not_delivered"];
        let names = expected[usize::try_from(code).unwrap()];
        assert_eq!(home.runs()[0].exit.as_deref(), Some(names), "{how}: the ledger knows, too");
        home.verify();
    }
}

#[test]
fn what_the_api_said_decides() {
    for (status, code) in [("400", 1), ("401", 4), ("403", 4), ("429", 5), ("500", 1), ("529", 5)] {
        let home = Home::new();
        let simulator = Simulator::start(&home, ["--error-status", status]);
        let mut command = home.cli(["query", "--backend", "api", "--retries", "1", "hi"]);
        let done =
            done(command.env("ANTHROPIC_AUTH_TOKEN", PLANTED_KEY).env("ANTHROPIC_BASE_URL", &simulator.url));
        assert_eq!(done.code, Some(code), "{status}: {done:?}");
        assert!(done.err.contains(&format!("the API answered {status}")), "{done:?}");
        assert!(!done.err.contains(PLANTED_KEY));
        assert_eq!(home.contains(PLANTED_KEY), None);
    }
}

#[test]
fn what_cannot_be_asked_is_a_usage_error() {
    let home = Home::new();
    for args in [
        vec![],
        vec!["frobnicate"],
        vec!["query", "--backend", "magic", "hi"],
        vec!["query", "--timeout", "soon", "hi"],
        vec!["query", "--tag", "novalue", "hi"],
        vec!["analytics", "summary", "--by", "colour"],
        vec!["analytics", "summary", "--since", "someday"],
        vec!["analytics", "summary", "--tz", "Mars/Olympus"],
        vec!["analytics", "summary", "--since", "2026-08-02", "--until", "2026-08-01"],
        vec!["analytics", "summary", "--allow-unpriced"],
        vec!["analytics", "summary", "--fail-over", "-1"],
        vec!["timeseries", "--bucket", "7m"],
        vec!["timeseries", "--metric", "beauty"],
        vec!["timeseries", "--bucket", "15m", "--since", "1990-01-01"],
        vec!["simulate", "--listen", "0.0.0.0:0"],
        vec!["simulate", "--error-status", "200"],
    ] {
        let done = home.run(args.iter().copied());
        assert_eq!(done.code, Some(2), "{args:?}: {done:?}");
        assert!(!done.err.is_empty() && done.out.is_empty(), "{args:?}: {done:?}");
    }
}

#[test]
fn help_and_version_need_nothing() {
    let home = Home::new();
    let version = home.run(["--version"]);
    assert_eq!((version.code, version.out), (Some(0), format!("claude-cli {}\n", env!("CARGO_PKG_VERSION"))));
    let help = home.run(["--help"]);
    assert_eq!(help.code, Some(0));
    assert!(help.out.contains("130  interrupted") && help.out.contains("analytics"), "{}", help.out);
    assert_eq!(std::fs::read_dir(home.folder.path()).unwrap().count(), 0, "and leave nothing");
}

#[test]
fn where_two_causes_apply_the_graver_one_decides() {
    let denied = json!([{ "tool_name": "Bash", "tool_use_id": "t", "tool_input": {} }]);
    let api_error = |status: u16| {
        result(json!({
            "is_error": true, "api_error_status": status, "result": "API Error", "permission_denials": denied,
        }))
    };
    let refused_and_dear = format!("{DEAR}{}", api_error(401));
    let late_and_dear = format!("{DEAR}{}", api_error(529));
    let denied_line = result(json!({ "permission_denials": denied }));
    let empty = result(json!({ "result": "" }));
    let budget =
        result(json!({ "subtype": "error_max_budget_usd", "is_error": true, "permission_denials": denied }));
    let strict = ["--max-cost", "0.01", "--fail-on-denied"];
    for (what, output, exits_with, args, code, says) in [
        ("refused, over budget and denied: 4", &refused_and_dear, "1", &strict[..], 4, "authentication_error"),
        ("overloaded, over budget and denied: 5", &late_and_dear, "1", &strict, 5, "overloaded_error"),
        ("over budget by its own word, and denied: 3", &budget, "1", &strict, 3, "over budget"),
        ("denied, and it exits with 1: 7", &denied_line, "1", &strict, 7, "the use of a tool was denied"),
        ("empty, and it exits with 1: 7", &empty, "1", &[], 7, "the answer is empty"),
        ("denied, and nobody minds: 0", &denied_line, "0", &[], 0, ""),
    ] {
        let home = Home::new();
        let mut command = home.scripted(&[output], ["query", "hi"]);
        let done = done(command.args(args).env("FAKE_EXIT", exits_with));
        assert_eq!(done.code, Some(code), "{what}: {done:?}");
        assert!(done.err.contains(says), "{what}: {done:?}");
        home.verify();
    }
}

#[test]
fn a_run_that_costs_too_much_is_ended() {
    for (signal_too, code, exit) in [(false, 3, "gate"), (true, 130, "interrupted")] {
        let home = Home::new();
        let args = ["stream", "--max-cost", "0.5", "--log-text", "hi"];
        let mut command = home.scripted(&[DEAR], args);
        command.env("FAKE_HANG", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
        if signal_too {
            // It is over budget only by a little later: the user is faster.
            home.write("script-1", crate::harness::RUN.lines().take(5).collect::<Vec<_>>().join("\n"));
        }
        let mut child = command.spawn().unwrap();
        if signal_too {
            wait_until("the program", || home.path("args-1").exists());
            signal(&child, Signal::INT);
        }
        assert_eq!(ends(&mut child), Some(code));
        let err = drain(child.stderr.take().unwrap());
        assert!(signal_too || err.contains("over budget: 5.0000 USD of 0.50"), "{err}");
        assert_eq!(home.runs()[0].exit.as_deref(), Some(exit));
    }
}

#[test]
fn the_budget_holds_by_the_prices_in_force() {
    let home = Home::new();
    let simulator = Simulator::start(&home, ["--ttft", "0", "--token-interval", "0"]);
    let ask = || done(&mut home.api(&simulator.url, ["query", "--max-cost", "1", "--model", "haiku", "hi"]));
    assert_eq!(ask().code, Some(0));
    let table = home.run(["config", "prices", "haiku"]);
    let name = serde_json::from_str::<serde_json::Value>(&table.out).unwrap()["models"][0]["model"].clone();
    let own = json!({
        "as_of": "2999-01", "aliases": { "haiku": name },
        "models": { name.as_str().unwrap(): { "input": 1_000_000_000, "output": 1_000_000_000 } },
    });
    home.write("config/claude-cli/prices.json", own.to_string());
    let dear = ask();
    assert_eq!(dear.code, Some(3), "{dear:?}");
    assert!(dear.err.contains("over budget"), "{dear:?}");
}

#[test]
fn an_answer_that_is_cut_off_is_not_delivered() {
    let home = Home::new();
    let simulator = Simulator::start(&home, ["--reply", "one two three four five", "--ttft", "0"]);
    let short = done(&mut home.api(&simulator.url, ["query", "--max-tokens", "2", "hi"]));
    assert_eq!((short.code, short.out.as_str()), (Some(7), "one two \n"), "{short:?}");
    assert!(short.err.contains("the answer was cut off (raise --max-tokens 2)"), "{short:?}");
    // A budget cuts it, too, and then it is the budget's fault.
    let poor = done(&mut home.api(&simulator.url, ["query", "--model", "haiku", "--max-cost", "0.000002", "hi"]));
    assert_eq!(poor.code, Some(3), "{poor:?}");
    assert!(poor.err.contains("over budget"), "{poor:?}");
}

#[test]
fn the_api_is_given_up_on_by_our_own_limits() {
    for (args, limit, code, says) in [
        (&["--ttft", "60s"][..], ["--first-token-timeout", "200ms"], 6, "raise --first-token-timeout"),
        (
            &["--stall-after", "1", "--stall", "60s", "--ttft", "0"],
            ["--idle-timeout", "200ms"],
            6,
            "raise --idle-timeout",
        ),
        (&["--stall-after", "1", "--stall", "60s", "--ttft", "0"], ["--timeout", "400ms"], 6, "raise --timeout"),
        (&["--cut-after", "1", "--ttft", "0"], ["--retries", "0"], 1, "in the middle of the answer"),
        (&["--reply", "", "--ttft", "0"], ["--retries", "0"], 7, "the answer is empty"),
        (&["--error-status", "529"], ["--retries", "0"], 5, "529 overloaded_error"),
    ] {
        let home = Home::new();
        let simulator = Simulator::start(&home, args.iter().copied());
        let done = done(home.api(&simulator.url, ["query", "hi"]).args(limit));
        assert_eq!(done.code, Some(code), "{args:?}: {done:?}");
        assert!(done.err.contains(says), "{args:?}: {done:?}");
        home.verify();
    }
    let home = Home::new();
    let nobody = done(&mut home.api("http://127.0.0.1:9", ["query", "--retries", "0", "hi"]));
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    assert!(nobody.err.contains("cannot reach http://127.0.0.1:9"), "{nobody:?}");
}

#[test]
fn the_api_is_interrupted_by_a_signal() {
    for by in [Signal::INT, Signal::TERM] {
        let home = Home::new();
        let simulator = Simulator::start(&home, ["--stall-after", "1", "--stall", "300s", "--ttft", "0"]);
        let mut command = home.api(&simulator.url, ["stream", "hi"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        signal(&child, by);
        assert_eq!(ends(&mut child), Some(130));
        assert!(drain(child.stderr.take().unwrap()).contains("interrupted"));
        assert_eq!(home.runs()[0].exit.as_deref(), Some("interrupted"));
    }
}

#[test]
fn a_recorded_stream_is_judged_in_the_same_way() {
    let denied = result(json!({ "permission_denials": [{ "tool_name": "Bash" }] }));
    let dear = format!("{DEAR}{}", result(json!({})));
    // No request was made, and so there is no status.
    let reported = |kind: &str| {
        let line = json!({
            "type": "assistant", "message": { "model": "<synthetic>", "content": [] }, "session_id": "s",
            "parent_tool_use_id": null, "error": kind,
        });
        format!("{line}\n{}", result(json!({ "is_error": true, "result": "Not logged in" })))
    };
    let not_logged_in = reported("authentication_failed");
    for (input, args, code) in [
        (&denied, &[][..], 0),
        (&denied, &["--fail-on-denied"], 7),
        (&dear, &["--max-cost", "0.5"], 3),
        (&dear, &["--max-cost", "50"], 0),
        (&result(json!({ "result": "" })), &[], 7),
        (&result(json!({ "is_error": true, "api_error_status": 401 })), &[], 4),
        (&result(json!({ "is_error": true, "api_error_status": 429 })), &[], 5),
        (&String::new(), &[], 1),
        (&not_logged_in, &[], 4),
        (&reported("rate_limit"), &[], 5),
        (&reported("max_output_tokens"), &[], 7),
    ] {
        let home = Home::new();
        let done = fed(home.cli(["stream", "-"]).args(args), input.as_bytes());
        assert_eq!((done.code, &done.out), (Some(code), input), "{args:?}: {done:?}");
        home.verify();
    }
    let home = Home::new();
    for args in [&["--dry-run"][..], &["--file", "x"], &["--continue"], &["--json-schema", "{}"], &["--", "--x"]] {
        let done = fed(home.cli(["stream", "-"]).args(args), b"{}");
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{args:?}: {done:?}");
        assert!(done.err.contains(args[0]), "{done:?}");
    }
}

#[test]
fn a_broken_pipe_is_success_wherever_it_breaks() {
    let home = Home::new();
    for (command, format) in [("stream", "text"), ("query", "stream-json")] {
        let mut command = home.fake("flood", [command, "--output", format, "hi"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0; 10]).unwrap();
        drop(child.stdout.take());
        assert_eq!(ends(&mut child), Some(0), "{format}");
    }
    let mut args = vec![vec!["--list"], vec!["completions", "bash"], vec!["config", "schema"], vec!["doctor"]];
    args.push(vec!["config", "prices"]);
    for args in args {
        let mut command = home.fake("tell", args.iter().copied());
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {err}");
    }
}
