//! `bench`: how fast it is, and whether it became slower.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::harness::{BINARY, Home, done};

/// A program of which every tenth operation is done twice, for real.
const SLOWED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/slowed.sh");

#[test]
fn suites_are_listed_and_a_wrong_one_is_named() {
    let home = Home::new();
    let list = home.json(["bench", "--list"]);
    assert_eq!(list["schema"], "claude-cli/bench@1");
    for suite in ["parse", "channel", "import", "store", "analytics", "hub", "errors"] {
        let has = |case: &Value| case["name"].as_str().unwrap().starts_with(&format!("{suite}/"));
        assert!(list["cases"].as_array().unwrap().iter().any(has), "{suite}");
    }
    let some = home.json(["bench", "--list", "hub", "parse/delta_250"]);
    assert_eq!(some["cases"].as_array().unwrap().len(), 3, "{some}");
    let wrong = home.run(["bench", "no-such-suite"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("analytics, hub"), "{wrong:?}");
}

#[test]
fn results_are_told_kept_and_compared() {
    let home = Home::new();
    let args = ["bench", "errors", "parse/delta_250", "--rounds", "2", "--save-baseline", "one"];
    let results = home.json(args);
    assert_eq!((&results["schema"], &results["rounds"]), (&"claude-cli/bench@1".into(), &2.into()));
    for case in results["cases"].as_array().unwrap() {
        let ns: Vec<f64> = case["ns"].as_array().unwrap().iter().map(|ns| ns.as_f64().unwrap()).collect();
        assert!(ns.len() == 2 && ns.iter().all(|ns| *ns > 0.0), "{case}");
        assert!(case["operations"].as_u64() >= Some(10) && case["median_ns"].as_f64() >= Some(ns[0].min(ns[1])));
    }
    assert!(home.path("data/claude-cli/baselines/one.json").exists());
    // Two rounds tell nothing: a gate that cannot tell does not let pass.
    let compared = home.run(["bench", "errors", "--rounds", "2", "--compare", "one"]);
    assert!(compared.code == Some(3) && compared.err.contains("too few"), "{compared:?}");
    let json: Value = serde_json::from_str(&compared.out).unwrap();
    assert_eq!(json["comparison"]["cases"][0]["low"], Value::Null);
    assert_eq!(home.run(["bench", "--compare", "two"]).code, Some(2));
    assert_eq!(home.run(["bench", "--save-baseline", "../two"]).code, Some(2));
    home.write("data/claude-cli/baselines/bad.json", "{}");
    let bad = home.run(["bench", "--compare", "bad"]);
    assert!(bad.code == Some(2) && bad.err.contains("bad.json"), "{bad:?}");
}

#[test]
fn another_build_takes_turns_with_this_one() {
    let home = Home::new();
    let args =
        ["--format", "markdown", "bench", "errors", "--limit", "1000", "--rounds", "11", "--against", BINARY];
    let done = home.run(args);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.out.contains("| errors/timeout |") || done.out.contains("errors/timeout"), "{}", done.out);
}

#[test]
fn what_is_no_such_program_is_refused() {
    let home = Home::new();
    let other = home.write("other", "#!/bin/sh\necho hello\n");
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).unwrap();
    let refused = done(home.cli(["bench", "errors", "--against"]).arg(&other));
    assert!(refused.code == Some(1) && refused.err.contains("bench-worker@1"), "{refused:?}");
    assert_eq!(home.run(["bench", "errors", "--against", "/no/such/program"]).code, Some(1));
}

#[test]
fn prompts_are_timed_side_by_side_within_one_budget() {
    let home = Home::new();
    let prompt = ["bench", "query", "hello", "--backend", "simulated"];
    let two = ["--runs", "2", "--warm-up", "1", "--model", "haiku", "--model", "sonnet"];
    let told = home.json(prompt.into_iter().chain(two));
    let models = told["models"].as_array().unwrap();
    assert_eq!(models.len(), 2, "{told}");
    for (model, name) in models.iter().zip(["haiku", "sonnet"]) {
        assert_eq!((&model["model"], &model["runs"], &model["delivered"]), (&name.into(), &2.into(), &2.into()));
        for figure in ["ttft_ms", "duration_ms", "tokens_per_second", "cost_usd"] {
            assert!(model[figure]["median"].as_f64() > Some(0.0), "{figure}: {model}");
        }
    }
    assert_eq!(home.runs().len(), 6);
    assert!(home.runs().iter().all(|run| run.command == "bench"));
    let little = ["--runs", "50", "--warm-up", "0", "--max-cost", "0.0005", "--max-tokens", "30"];
    let over = home.run(prompt.into_iter().chain(little));
    assert_eq!(over.code, Some(3), "{over:?}");
    assert!(home.runs().len() < 20, "it ended at the limit");
    let failing = done(&mut home.fake("boom", ["bench", "query", "hello", "--runs", "2", "--warm-up", "0"]));
    assert_eq!(failing.code, Some(3), "{failing:?}");
}

/// Runs of `program` against the binary that trip the gate.
fn regressions(program: &str, runs: u32, args: &[&str]) -> usize {
    let trips = |_: &u32| {
        let home = Home::new();
        let mut command = home.cli(["bench", "--program", program, "--against", BINARY]);
        let done = done(command.args(args).env("SLOWED", BINARY));
        assert!(matches!(done.code, Some(0 | 3)), "{done:?}");
        eprintln!("{:?} {}", done.code, done.err.replace('\n', " "));
        done.code == Some(3)
    };
    (0..runs).filter(trips).count()
}

#[test]
fn a_program_that_does_twice_as_much_is_found_out() {
    // Not a tenth more, as in `make soak`: a debug build beside other tests is noisy.
    let home = Home::new();
    let args = ["bench", "parse/code_delta_10k", "--rounds", "11", "--program", SLOWED, "--against", BINARY];
    let done = done(home.cli(args).env("SLOWED", BINARY).env("SLOWED_BY", "1"));
    assert!(done.code == Some(3) && done.err.contains("parse/code_delta_10k is slower"), "{done:?}");
}

/// `make soak`: twenty comparisons of the same build, and twenty with a tenth of
/// all operations done twice.
#[test]
#[ignore = "takes a quarter of an hour"]
fn noise_passes_and_a_slowdown_fails() {
    let suites = ["parse", "analytics"];
    let slowed = regressions(SLOWED, 20, &suites);
    assert!(slowed >= 19, "{slowed} of 20");
    assert_eq!(regressions(BINARY, 20, &suites), 0, "the same build is no regression");
}
