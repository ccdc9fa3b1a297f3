//! `doctor`: each check, good and bad.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use serde_json::Value;

use crate::harness::{Home, PLANTED_KEY, done};

/// A home in which everything is in place.
fn sound() -> (Home, impl Fn(&Home) -> Command) {
    let home = Home::new();
    program(&home, "echo 2.1.197 '(Claude Code)'");
    let command = |home: &Home| {
        let mut command = home.cli(["doctor", "--format", "json"]);
        command.env("PATH", format!("{}:/usr/bin:/bin", home.path("bin").display()));
        command.env("ANTHROPIC_API_KEY", PLANTED_KEY);
        command
    };
    (home, command)
}

fn program(home: &Home, script: &str) {
    let path = home.write("bin/claude", format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The exit code and one check.
fn check(command: &mut Command, name: &str) -> (Option<i32>, Value) {
    let done = done(command);
    let report: Value = serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {done:?}"));
    assert_eq!(report["schema"], "claude-cli/doctor@1");
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == name).unwrap_or_else(|| panic!("{name}: {report}"));
    (done.code, found.clone())
}

#[test]
fn everything_in_place_is_a_success() {
    let (home, command) = sound();
    let done = done(&mut command(&home));
    assert_eq!(done.code, Some(0), "{done:?}");
    let report: Value = serde_json::from_str(&done.out).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let names: Vec<_> = checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
    let expected = [
        "claude",
        "credentials",
        "endpoint",
        "config",
        "prices",
        "ledger",
        "spool",
        "disk",
        "cache",
        "transcripts",
        "telemetry",
    ];
    assert_eq!(names, expected);
    for check in checks {
        assert!(check["state"] == "ok" || check["check"] == "disk", "{check}");
    }
    assert!(checks[0]["found"].as_str().unwrap().contains("2.1.197 (Claude Code)"));
}

#[test]
fn each_fault_is_named_with_what_to_do() {
    type Break = fn(&Home, &mut Command);
    let faults: [(&str, &str, &str, &str, Break); 18] = [
        ("claude", "note", "not on PATH", "npm install", |_, command| {
            command.env("PATH", "/nonexistent");
        }),
        ("claude", "bad", "not on PATH", "npm install", |_, command| {
            command.env("PATH", "/nonexistent").env_remove("ANTHROPIC_API_KEY");
        }),
        ("claude", "bad", "exit status: 3", "npm install", |home, _| program(home, "exit 3")),
        ("claude", "bad", "No such file", "npm install", |_, command| {
            command.env("CLAUDE_CLI_CLAUDE", "/nonexistent/claude");
        }),
        ("credentials", "note", "none", "`api` backend", |_, command| {
            command.env_remove("ANTHROPIC_API_KEY");
        }),
        ("credentials", "bad", "none", "set ANTHROPIC_API_KEY", |_, command| {
            command.env("PATH", "/nonexistent").env_remove("ANTHROPIC_API_KEY");
        }),
        ("endpoint", "ok", "http://gateway/v1; HTTPS_PROXY=http://proxy:1", "", |_, command| {
            command
                .env("ANTHROPIC_BASE_URL", "http://joe:secret@gateway/v1")
                .env("HTTPS_PROXY", "http://a:b@proxy:1");
        }),
        ("config", "bad", "unknown key `modle`", "config edit", |home, _| {
            home.write("config/claude-cli/config.toml", "modle = 1");
        }),
        ("prices", "bad", "price table", "delete that file", |home, _| {
            home.write("config/claude-cli/prices.json", "[]");
        }),
        ("ledger", "bad", "not a database", "--db", |home, _| {
            home.write("data/claude-cli/ledger.db", "this is no ledger, however long one looks ".repeat(50));
        }),
        ("ledger", "note", "mode 644", "chmod 600", |home, _| {
            assert_eq!(done(&mut home.fake("tell", ["query", "hi"])).code, Some(0));
            fs::set_permissions(home.ledger_path(), fs::Permissions::from_mode(0o644)).unwrap();
        }),
        ("ledger", "ok", "ledger.db, ", "", |home, _| {
            assert_eq!(done(&mut home.fake("tell", ["query", "hi"])).code, Some(0));
        }),
        ("spool", "ok", "empty", "", |home, _| {
            // What waits is taken in by the look at the ledger.
            home.write("data/claude-cli/ledger.db.spool/x.json", "{}");
        }),
        ("spool", "note", "1 waiting", "takes them in", |home, _| {
            home.write("data/claude-cli/ledger.db", "this is no ledger, however long one looks ".repeat(50));
            home.write("data/claude-cli/ledger.db.spool/x.json", "{}");
        }),
        ("spool", "bad", "1 damaged", "delete them", |home, _| {
            home.write("data/claude-cli/ledger.db.spool/x.damaged", "{");
        }),
        ("transcripts", "ok", "claude/projects", "", |home, _| {
            home.write("config/claude/projects/-w/s.jsonl", "");
        }),
        ("telemetry", "note", "to nowhere", "OTEL_EXPORTER_OTLP_ENDPOINT", |_, command| {
            command.env("CLAUDE_CODE_ENABLE_TELEMETRY", "1");
        }),
        ("telemetry", "ok", "on, to http://127.0.0.1:4318", "", |_, command| {
            command.env("CLAUDE_CODE_ENABLE_TELEMETRY", "1");
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://joe:secret@127.0.0.1:4318");
        }),
    ];
    for (name, state, found, advice, break_it) in faults {
        let (home, command) = sound();
        let mut command = command(&home);
        break_it(&home, &mut command);
        let (code, check) = check(&mut command, name);
        assert_eq!(check["state"], state, "{check}");
        assert!(check["found"].as_str().unwrap().contains(found), "{check} lacks {found}");
        let told = check["advice"].as_str().unwrap();
        assert!(told.contains(advice) && advice.is_empty() == told.is_empty(), "{check} lacks {advice}");
        // The note about what waits stands beside a ledger that is bad.
        assert_eq!(code, Some(i32::from(state == "bad" || found == "1 waiting")), "{check}");
    }
}

#[test]
fn it_runs_without_a_home_and_says_so() {
    let (home, command) = sound();
    let mut command = command(&home);
    for name in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
        command.env_remove(name);
    }
    // The account's home may stand in for the variable; either way it reports.
    let done = done(&mut command);
    assert!(done.out.contains("claude-cli/doctor@1"), "{done:?}");
}

#[test]
fn as_a_table_it_fits_a_narrow_terminal() {
    let (home, _) = sound();
    let mut command = home.cli(["doctor", "--format", "table"]);
    command.env("COLUMNS", "60").env("ANTHROPIC_API_KEY", PLANTED_KEY).env("HTTPS_PROXY", "http://proxy:3128");
    let done = done(&mut command);
    assert_eq!(done.code, Some(0), "{done:?}");
    for line in done.out.lines() {
        assert!(line.chars().count() <= 60, "{line}");
    }
    for part in ["credentials", "ANTHROPIC_API_KEY is set", "proxy:3128", "telemetry"] {
        assert!(done.out.contains(part), "{part}: {}", done.out);
    }
}
