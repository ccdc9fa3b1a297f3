//! Every exit code from its cause, whatever the program itself exits with.

use crate::harness::{Home, PLANTED_KEY, Simulator, done};

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
