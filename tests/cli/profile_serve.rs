//! `profile serve`: where the time of a request goes.

use std::fs;

use serde_json::Value;

use crate::{
    harness::{Home, done},
    profile::{checked_trace, paths},
};

/// A home with a ledger of thirty requests.
fn home() -> Home {
    let home = Home::new();
    let line = |n: u32| {
        format!(
            r#"{{"type":"assistant","timestamp":"2026-08-01T10:00:{n:02}Z","sessionId":"s","requestId":"req_{n}","message":{{"id":"msg_{n}","model":"claude-haiku-4-5","usage":{{"input_tokens":{n},"output_tokens":2}}}}}}"#
        ) + "\n"
    };
    home.write(".claude/projects/p/s.jsonl", (0..30).map(line).collect::<String>());
    assert_eq!(home.run(["import"]).code, Some(0));
    home
}

#[test]
fn client_server_and_reader_are_phases_of_one_request() {
    let home = home();
    let (trace, flame) = (home.path("trace.json"), home.path("flame.svg"));
    let mut command = home.cli(["profile", "serve", "--runs", "3", "--trace"]);
    let done = done(command.arg(&trace).arg("--flame").arg(&flame));
    assert_eq!(done.code, Some(0), "{done:?}");
    let profile: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((&profile["work"], &profile["runs"]), (&"serve".into(), &3.into()));
    let main = paths(&profile, false);
    for path in [
        "connect",
        "send",
        "read request",
        "guard",
        "answer",
        "answer/wait for reader",
        "answer/take reader",
        "answer/snapshot",
        "answer/compute",
        "answer/compute/read rollups",
        "answer/hand back",
        "answer/render",
        "write",
        "receive",
    ] {
        assert!(main.contains(&format!("serve/{path}")), "{path}: {main:?}");
    }
    assert!(paths(&profile, true).is_empty(), "all of it is one line: {profile}");
    assert!(profile["no_phase_share"].as_f64().is_some_and(|share| (0.0..1.0).contains(&share)));
    assert!(profile["no_phase_ms"]["median"].as_f64() < profile["wall_ms"]["median"].as_f64());

    // In the run that was written, they follow each other and fill the whole.
    let spans = checked_trace(&trace);
    let at = |name: &str| spans.iter().find(|span| span.0 == name).unwrap_or_else(|| panic!("{name}: {spans:?}"));
    let order = ["connect", "guard", "answer", "write"];
    for pair in order.windows(2) {
        assert!(at(pair[0]).3 <= at(pair[1]).2, "{pair:?}: {spans:?}");
    }
    let parts = ["wait for reader", "take reader", "snapshot", "compute", "hand back", "render"];
    let answer = at("answer");
    for pair in parts.windows(2) {
        assert!(at(pair[0]).3 <= at(pair[1]).2, "{pair:?}: {spans:?}");
    }
    assert!(parts.iter().all(|part| answer.2 <= at(part).2 && at(part).3 <= answer.3), "{spans:?}");
    assert!(at("write").2 < at("receive").3);
    let whole = at("serve");
    assert!(spans.iter().all(|span| whole.2 <= span.2 && span.3 <= whole.3), "{spans:?}");
    let sum: u64 = parts.iter().map(|part| at(part).3 - at(part).2).sum();
    assert!(sum <= answer.3 - answer.2, "{spans:?}");
    assert!(fs::read_to_string(&flame).unwrap().contains("claude-cli serve"));
}

#[test]
fn any_path_is_asked_for() {
    let home = home();
    for (path, phase) in [
        ("/api/summary?by=day", "serve/answer/render"),
        ("/api/budgets", "serve/answer/compute"),
        ("/", "serve/answer"),
        ("/metrics", "serve/answer"),
    ] {
        let profile = home.json(["profile", "serve", path]);
        assert!(paths(&profile, false).contains(&phase.to_owned()), "{path}: {profile}");
    }
}

#[test]
fn what_is_not_answered_well_fails() {
    let home = home();
    let nothing = home.run(["profile", "serve", "/nope"]);
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(1), ""), "{nothing:?}");
    assert!(nothing.err.contains("404") && nothing.err.contains("there is nothing at /nope"), "{nothing:?}");
    let wrong = home.run(["profile", "serve", "/api/summary?by=nothing"]);
    assert!(wrong.code == Some(1) && wrong.err.contains("400") && wrong.err.contains("nothing"), "{wrong:?}");
    for refused in ["api", "/a b", "/api/live", "/api/live?tz=UTC"] {
        assert_eq!(home.run(["profile", "serve", refused]).code, Some(2), "{refused}");
    }
    let empty = Home::new();
    let without = empty.run(["profile", "serve"]);
    assert!(without.code == Some(1) && without.err.contains("there is no ledger"), "{without:?}");
    assert!(!empty.ledger_path().exists(), "the ledger is only read");
}
