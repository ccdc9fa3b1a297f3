//! Exit codes and conversations with the real `claude` as the cause.

use std::{fs, process::Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    harness::{PLANTED_KEY, alive, done, drain, ends, signal, wait_until},
    real_claude::{Real, children_of},
};

#[test]
fn every_code_from_its_real_cause() {
    let bash = r#"Bash:{"command":"touch it-ran"}"#;
    for (server, args, code, says, exit) in [
        (&[][..], &[][..], 0, "", "ok"),
        (&["--error-status", "400"], &[], 1, "400", "failure"),
        (&["--error-status", "500"], &[], 1, "500", "failure"),
        (&["--error-status", "401"], &[], 4, "401 authentication_error", "auth"),
        (&["--error-status", "403"], &[], 4, "403 permission_error", "auth"),
        (&["--error-status", "429"], &[], 5, "429 rate_limit_error", "overloaded"),
        (&["--error-status", "529"], &[], 5, "529 overloaded_error", "overloaded"),
        (
            &["--stall-after", "0", "--stall", "300s"],
            &["--first-token-timeout", "3s"],
            6,
            "raise --first-token-timeout",
            "timeout",
        ),
        (
            &["--stall-after", "1", "--stall", "300s"],
            &["--idle-timeout", "1s"],
            6,
            "raise --idle-timeout",
            "timeout",
        ),
        (&["--stall-after", "1", "--stall", "300s"], &["--timeout", "4s"], 6, "raise --timeout", "timeout"),
        (&["--reply", ""], &[], 7, "the answer is empty", "not_delivered"),
        (&["--tool", bash], &["--fail-on-denied"], 7, "the use of a tool was denied", "not_delivered"),
        (&["--tool", bash], &[], 0, "", "ok"),
        (
            &["--tool", bash],
            &["--", "--max-turns=1", "--allowedTools=Bash"],
            7,
            "error_max_turns",
            "not_delivered",
        ),
        (&["--input-tokens", "1000000"], &["--max-cost", "0.01"], 3, "over budget", "gate"),
        (&[], &["--", "--no-such-option"], 1, "no-such-option", "failure"),
    ] {
        let Some(real) = Real::new(server.iter().copied()) else { return };
        let mut command = real.cli(["query", "say hello"]);
        let done = done(command.args(args).env("CLAUDE_CODE_MAX_RETRIES", "1"));
        assert_eq!(done.code, Some(code), "{server:?} {args:?}: {done:?}");
        assert!(done.err.contains(says), "{server:?} {args:?}: {done:?}");
        assert_eq!(real.home.runs()[0].exit.as_deref(), Some(exit), "{server:?} {args:?}");
        real.home.verify();
        // What the program keeps for itself is its own affair.
        let ours = |path: &std::path::PathBuf| !path.starts_with(real.home.path("claude"));
        assert_eq!(real.home.contains(PLANTED_KEY).filter(ours), None);
        assert!(!done.err.contains(PLANTED_KEY) && !done.out.contains(PLANTED_KEY));
    }
}

#[test]
fn without_a_login_it_is_authentication() {
    let Some(real) = Real::new([]) else { return };
    let done = done(real.cli(["query", "say hello"]).env_remove("ANTHROPIC_API_KEY"));
    assert_eq!(done.code, Some(4), "{done:?}");
    assert!(done.err.contains("Not logged in"), "{done:?}");
}

#[test]
fn a_signal_ends_it_and_a_closed_pipe_is_no_failure() {
    for by in [Signal::INT, Signal::TERM] {
        let Some(real) = Real::new(["--stall-after", "1", "--stall", "300s"]) else { return };
        let mut command = real.cli(["stream", "say hello"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let programs = children_of(child.id());
        assert!(!programs.is_empty());
        signal(&child, by);
        assert_eq!(ends(&mut child), Some(130));
        assert!(drain(child.stderr.take().unwrap()).contains("interrupted"));
        wait_until("the program to be gone", || programs.iter().all(|(pid, _)| !alive(*pid)));
        real.home.verify();
    }
    let Some(real) = Real::new(["--reply", "many words ", "--chunk-chars", "1"]) else { return };
    let mut command = real.cli(["query", "--output", "stream-json", "say hello"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    drop(child.stdout.take());
    assert_eq!(ends(&mut child), Some(0));
}

/// Every text of the messages that the server was sent last.
fn last_sent(real: &Real) -> String {
    let requests = real.simulator.requests();
    let last = requests.iter().rfind(|request| request["path"] == "/v1/messages").unwrap();
    last["messages"].to_string()
}

#[test]
fn a_resumed_conversation_knows_what_was_said() {
    let Some(real) = Real::new(["--log-bodies", "--reply", "noted-by-the-model"]) else { return };
    let ask = |args: &[&str]| {
        let mut command = real.cli(["query", "--output", "json"]);
        let run = done(command.args(args));
        assert_eq!(run.code, Some(0), "{run:?}");
        serde_json::from_str::<Value>(&run.out).unwrap()["session_id"].as_str().unwrap().to_owned()
    };
    let first = ask(&["my number is 4711"]);
    let resumed = ask(&["--resume", &first, "what is it?"]);
    assert_eq!(resumed, first);
    let knows = |texts: &[&str]| {
        let sent = last_sent(&real);
        texts.iter().all(|text| sent.contains(text))
    };
    assert!(knows(&["my number is 4711", "noted-by-the-model", "what is it?"]), "{}", last_sent(&real));
    let forked = ask(&["--resume", &first, "--fork", "and in a copy?"]);
    assert_ne!(forked, first);
    assert!(knows(&["my number is 4711", "what is it?", "and in a copy?"]), "{}", last_sent(&real));
    let stranger = ask(&["who am I?"]);
    assert!(stranger != first && !knows(&["4711"]), "a new one knows nothing");
    let latest = ask(&["--continue", "still there?"]);
    assert!(latest == stranger && knows(&["who am I?", "still there?"]) && !knows(&["4711"]));
    // Each request of each of them counts once, whatever their totals repeat.
    let asked = real.simulator.requests().iter().filter(|request| request["path"] == "/v1/messages").count();
    let totals = real.home.json(["analytics", "summary"])["totals"].clone();
    assert_eq!(totals["requests"], asked);
    let sent: i64 = real.simulator.requests().iter().filter_map(|r| r["output_tokens"].as_i64()).sum();
    assert_eq!(totals["output_tokens"], sent);
    real.home.verify();
}

#[test]
fn it_gets_files_and_answers_by_schema() {
    let Some(real) = Real::new(["--log-bodies", "--tool", r#"StructuredOutput:{"name":"Ada"}"#]) else { return };
    fs::write(real.home.path("work/notes.txt"), "the file says 0815").unwrap();
    let schema = json!({ "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"] });
    let schema = schema.to_string();
    let run = done(&mut real.cli(["query", "--file", "notes.txt", "--json-schema", &schema, "who?"]));
    assert_eq!((run.code, run.out.as_str()), (Some(0), "{\"name\":\"Ada\"}\n"), "{run:?}");
    assert!(last_sent(&real).contains("the file says 0815"));
    real.home.verify();
}
