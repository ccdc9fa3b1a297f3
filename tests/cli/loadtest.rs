//! `loadtest` over the simulated API: what it measures, counts, keeps and gates.

use std::{fs, process::Stdio, time::Duration};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Done, Home, PLANTED_KEY, Simulator, done, ends, signal, wait_until};

/// Answers of five tokens, at once.
const QUICK: &str = "--ttft 5ms --token-interval 1ms --reply abcdefghijklmnopqrst";

fn run<'a>(home: &Home, args: impl IntoIterator<Item = &'a str>) -> (Done, Value) {
    let args = ["loadtest", "--format", "json"].into_iter().chain(args);
    let done = done(&mut home.cli(args));
    let json = serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {done:?}"));
    (done, json)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_request_is_sent_answered_and_told() {
    let home = Home::new();
    let samples = home.path("samples.ndjson");
    let log = home.path("log.jsonl");
    let simulate = format!("{QUICK} --log {}", log.display());
    let (done, result) = run(
        &home,
        ["--rate", "40", "--duration", "1s", "--samples", samples.to_str().unwrap(), "--simulate", &simulate],
    );
    assert_eq!(done.code, Some(0), "{done:?}");
    let run = &result["runs"][0];
    assert_eq!((&run["counts"]["requests"], &run["counts"]["ok"]), (&40.into(), &40.into()));
    assert_eq!((&run["loop_kind"], &run["intended_rate"]), (&"open".into(), &40.0.into()));
    assert_eq!((&run["tokens"]["output"], &run["tokens"]["pieces"]), (&200.into(), &200.into()));
    for metric in ["e2e", "ttft", "itl", "service", "ttft_service", "queue", "lag"] {
        assert_eq!(run["metrics"][metric]["count"], 40, "{metric}");
    }
    assert_eq!(run["metrics"]["gap"]["count"], 160);
    assert!(run["metrics"]["ttft"]["min"].as_f64().unwrap() >= 5.0);
    let (samples, log) = (lines(&fs::read_to_string(samples).unwrap()), lines(&fs::read_to_string(log).unwrap()));
    assert_eq!((samples.len(), log.len()), (40, 40));
    let mut due: Vec<f64> = samples.iter().map(|sample| sample["intended_ms"].as_f64().unwrap()).collect();
    due.sort_by(f64::total_cmp);
    assert!(due.iter().enumerate().all(|(n, at)| (at - n as f64 * 25.0).abs() < 0.01), "{due:?}");
    for sample in &samples {
        let entry = log.iter().find(|entry| entry["request_id"] == sample["request_id"]).unwrap();
        assert_eq!(entry["output_tokens"], sample["output_tokens"]);
        let service = sample["end_ms"].as_f64().unwrap() - sample["sent_ms"].as_f64().unwrap();
        assert!(service + 0.5 >= entry["last_token_ms"].as_f64().unwrap(), "{sample} {entry}");
    }
}

#[test]
fn failures_are_told_apart_and_never_timed() {
    let home = Home::new();
    let faults =
        format!("{QUICK} --seed 3 --faults overloaded=0.2,rate-limit=0.2,cut=0.1,error-event=0.1,500=0.1");
    let (done, result) = run(&home, ["--rate", "200", "--duration", "1s", "--simulate", &faults]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let counts = &result["runs"][0]["counts"];
    let failed = counts["failed"].as_object().unwrap();
    for kind in ["overloaded", "rate_limited", "cut", "error_event", "refused"] {
        assert!(failed[kind].as_u64().unwrap() >= 5, "{kind}: {counts}");
    }
    let all: u64 = failed.values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(all + counts["ok"].as_u64().unwrap(), 200);
    assert_eq!(result["runs"][0]["metrics"]["e2e"]["count"], counts["ok"]);
}

#[test]
fn what_was_refused_is_sent_again_if_one_wants_that() {
    let home = Home::new();
    let refuse = format!("{QUICK} --error-status 529 --error-first 3 --retry-after 10ms");
    let (_, result) = run(&home, ["--rate", "20", "--duration", "500ms", "--retries", "5", "--simulate", &refuse]);
    let run = &result["runs"][0];
    assert_eq!((&run["counts"]["ok"], &run["counts"]["failed"]), (&10.into(), &serde_json::json!({})));
    let again = run["counts"]["ok_after_retry"].as_u64().unwrap();
    assert!((1..=3).contains(&again) && run["counts"]["retries"] == 3, "{}", run["counts"]);
    assert_eq!(run["metrics"]["retried"]["count"], again);
    assert_eq!(run["metrics"]["e2e"]["count"], 10 - again, "what took several attempts is timed apart");
}

#[test]
fn gates_hold_trip_and_trip_without_data() {
    let home = Home::new();
    let short = |gate: &str| {
        // However busy the machine is that this runs on.
        let args =
            ["--max-lag", "1m", "--rate", "20", "--duration", "300ms", "--simulate", QUICK, "--threshold", gate];
        run(&home, args)
    };
    for (gate, code) in [
        ("e2e.p(95)<20000", 0),
        ("requests.count==6", 0),
        ("failed.rate<0.01", 0),
        ("ttft.min>=5", 0),
        ("e2e.p(99.9)<1", 3),
        ("requests.count>6", 3),
        ("thinking.avg<1000", 3),
        ("goodput.rate>0.5", 3),
    ] {
        let (done, result) = short(gate);
        assert_eq!(done.code, Some(code), "{gate}: {done:?}");
        assert_eq!(result["ok"], code == 0);
        let verdict = &result["runs"][0]["thresholds"][0];
        assert_eq!((&verdict["threshold"], &verdict["ok"]), (&gate.into(), &(code == 0).into()));
        assert_eq!(done.err.contains("threshold"), code == 3, "{done:?}");
    }
    let (done, result) = short("thinking.avg<1000");
    assert_eq!(result["runs"][0]["thresholds"][0]["value"], Value::Null);
    assert!(done.err.contains("there is no data"), "{done:?}");
}

#[test]
fn a_gate_can_end_the_run() {
    let home = Home::new();
    let all_fail = "--error-status 529";
    let (done, result) = run(
        &home,
        ["--rate", "50", "--duration", "60s", "--abort-threshold", "failed.rate<0.1", "--simulate", all_fail],
    );
    assert_eq!(done.code, Some(3), "{done:?}");
    let run = &result["runs"][0];
    assert!(run["seconds"].as_f64().unwrap() < 30.0, "{}", run["seconds"]);
    assert_eq!(run["thresholds"][0]["aborted"], true);
    assert!(run["ended_by"].as_str().unwrap().contains("failed.rate<0.1"));
}

#[test]
fn users_wait_for_their_answers() {
    let home = Home::new();
    let (done, result) = run(&home, ["--users", "3", "--requests", "20", "--simulate", QUICK]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let run = &result["runs"][0];
    assert_eq!(
        (&run["loop_kind"], &run["users"], &run["counts"]["ok"]),
        (&"closed".into(), &3.into(), &20.into())
    );
    assert_eq!(run["counts"]["connections"], 3, "each keeps its connection");
    assert_eq!((&run["metrics"]["lag"], &run["intended_rate"]), (&Value::Null, &Value::Null));
}

#[test]
fn loads_can_be_swept_and_the_most_be_searched_for() {
    let home = Home::new();
    let (_, result) = run(&home, ["--sweep", "10,30", "--duration", "500ms", "--simulate", QUICK]);
    let counts: Vec<_> = result["runs"].as_array().unwrap().iter().map(|run| &run["counts"]["ok"]).collect();
    assert_eq!(counts, [5, 15]);
    // Forty requests a minute are in the bucket, and more come only slowly.
    let limited = format!("{QUICK} --limit-requests 40");
    let search = [
        "--max-lag",
        "1m",
        "--find-max",
        "--rate",
        "8",
        "--duration",
        "1s",
        "--slo",
        "e2e<10000",
        "--simulate",
        &limited,
    ];
    let (done, result) = run(&home, search);
    assert_eq!(done.code, Some(0), "{done:?}");
    let (max, runs) = (&result["max"], result["runs"].as_array().unwrap());
    let (held, failed) = (max["value"].as_f64().unwrap(), max["failed_at"].as_f64().unwrap());
    assert!(held >= 8.0 && failed > held, "{max}");
    for run in runs {
        let (rate, share) = (run["intended_rate"].as_f64().unwrap(), run["goodput"]["share"].as_f64().unwrap());
        assert!(if rate <= held { share >= 0.99 } else { share < 0.99 }, "{rate}: {share}");
    }
}

#[test]
fn results_are_kept_listed_shown_and_compared() {
    let home = Home::new();
    let keep = |name: &'static str| ["--rate", "20", "--duration", "300ms", "--name", name, "--simulate", QUICK];
    let (_, first) = run(&home, keep("before"));
    let (_, second) = run(&home, keep("after"));
    run(&home, ["--rate", "20", "--duration", "100ms", "--no-keep", "--simulate", QUICK]);
    let list = home.json(["loadtest", "list", "--format", "json"]);
    let ids: Vec<_> = list["tests"].as_array().unwrap().iter().map(|test| &test["id"]).collect();
    assert_eq!(ids, [&second["id"], &first["id"]], "the newest first, and not the one that was not to be kept");
    assert_eq!(home.json(["loadtest", "show", "before", "--format", "json"]), first);
    assert_eq!(home.json(["loadtest", "show", "last", "--format", "json"]), second);
    let compared = home.json(["loadtest", "compare", "before", "--format", "json"]);
    assert_eq!((&compared["before"], &compared["after"]), (&first["id"], &second["id"]));
    let figures = compared["figures"].as_array().unwrap();
    let p99 = figures.iter().find(|figure| figure["figure"] == "e2e_p99_ms").unwrap();
    assert_eq!(p99["before"], first["runs"][0]["metrics"]["e2e"]["p99"]);
    let unknown = home.run(["loadtest", "show", "nonesuch"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.err.contains("loadtest list"), "{unknown:?}");
    home.verify();
}

#[test]
fn the_result_follows_its_published_schema() {
    let home = Home::new();
    let schema: Value = serde_json::from_str(&home.run(["loadtest", "schema"]).out).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults = format!("{QUICK} --thinking hm --faults overloaded=0.3,cut=0.2");
    let gate = "ttft.p(95)<1";
    for args in [
        vec!["--rate", "50", "--duration", "1s", "--slo", "ttft<800", "--threshold", gate, "--simulate", &faults],
        vec!["--users", "2", "--duration", "300ms", "--simulate", &faults],
        vec![
            "--find-max",
            "--rate",
            "5",
            "--most",
            "10",
            "--slo",
            "e2e<9000",
            "--duration",
            "300ms",
            "--simulate",
            QUICK,
        ],
    ] {
        let (_, result) = run(&home, args.iter().copied());
        let problems: Vec<_> =
            validator.iter_errors(&result).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert_eq!(problems, [""; 0], "{args:?}");
    }
}

#[test]
fn the_report_is_one_file_that_asks_for_nothing() {
    let home = Home::new();
    let page = home.path("report.html");
    let named = ["--name", "a <b> & c", "--rate", "40", "--duration", "1s", "--report", page.to_str().unwrap()];
    run(&home, named.into_iter().chain(["--threshold", "e2e.p(99)<1", "--simulate", QUICK]));
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("<h1>a &lt;b&gt; &amp; c</h1>") && html.contains("prefers-color-scheme: dark"));
    assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
    assert!(html.matches("<svg").count() >= 4, "{}", html.matches("<svg").count());
    for fetched in ["src=", "href=", "url(", "@import", "<script"] {
        assert!(!html.contains(fetched), "{fetched}");
    }
}

#[test]
fn arrivals_of_the_ledger_are_replayed() {
    let home = Home::new();
    let none = home.run(["loadtest", "--replay", "1h"]);
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.err.contains("no requests since 1h"), "{none:?}");
    let simulator = Simulator::start(&home, ["--ttft", "0", "--token-interval", "0"]);
    for _ in 0..3 {
        assert_eq!(done(&mut home.api(&simulator.url, ["query", "hi"])).code, Some(0));
    }
    let (done, result) = run(&home, ["--replay", "1h", "--speed", "2", "--simulate", QUICK]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(result["runs"][0]["counts"]["ok"], 3);
    assert_eq!(result["runs"][0]["arrivals"], "replay of 3 arrivals");
}

#[test]
fn a_real_endpoint_needs_a_cap_and_no_key_goes_to_this_machine() {
    let home = Home::new();
    let real = |args: &[&str]| {
        let args = ["loadtest", "--target", "http://192.0.2.1:9", "--duration", "1s"].iter().chain(args);
        done(home.cli(args.copied()).env("ANTHROPIC_API_KEY", PLANTED_KEY))
    };
    let refused = real(&[]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("costs real money (10 requests cost $") && refused.err.contains("--max-cost"));
    let unpriced = real(&["--max-cost", "1", "--model", "unheard-of"]);
    assert!(unpriced.code == Some(2) && unpriced.err.contains("no known price"), "{unpriced:?}");
    let tight = real(&["--max-cost", "0.0001"]);
    assert!(tight.code == Some(3) && tight.err.contains("over budget"), "{tight:?}");
    let keyless = done(&mut home.cli(["loadtest", "--target", "http://192.0.2.1:9"]));
    assert_eq!(keyless.code, Some(4), "{keyless:?}");

    let log = home.path("log.jsonl");
    let simulate = format!("{QUICK} --log-bodies --log {}", log.display());
    let mut local = home.cli(["loadtest", "--rate", "10", "--duration", "300ms", "--simulate", &simulate]);
    assert_eq!(done(local.env("ANTHROPIC_API_KEY", PLANTED_KEY)).code, Some(0));
    assert_eq!(home.contains(PLANTED_KEY), None);
}

#[test]
fn the_cap_stops_the_run_before_it_is_crossed() {
    let home = Home::new();
    let args =
        ["--rate", "100", "--duration", "20s", "--max-tokens", "50", "--max-cost", "0.004", "--simulate", QUICK];
    let (done, result) = run(&home, args);
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(done.err.contains("estimate: 2000 requests cost $"), "{done:?}");
    let run = &result["runs"][0];
    assert_eq!(run["cost"]["cap_reached"], true);
    let spent = run["cost"]["usd"].as_f64().unwrap();
    assert!(spent > 0.002 && spent <= 0.004, "{spent}");
    assert!(run["seconds"].as_f64().unwrap() < 20.0);
}

#[test]
fn an_interrupted_run_still_tells_what_it_found() {
    let home = Home::new();
    let mut command =
        home.cli(["loadtest", "--format", "json", "--rate", "20", "--duration", "5m", "--simulate", QUICK]);
    let samples = home.path("samples.ndjson");
    command.args(["--samples", samples.to_str().unwrap()]);
    let out = fs::File::create(home.path("out.json")).unwrap();
    let mut child = command.stdout(out).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    wait_until("the run to begin", || samples.exists());
    std::thread::sleep(Duration::from_millis(700));
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    let result: Value = serde_json::from_str(&home.note("out.json")).unwrap();
    assert_eq!(result["runs"][0]["ended_by"], "it was interrupted");
}

#[test]
fn nonsense_is_refused_with_what_would_do() {
    let home = Home::new();
    for (args, says) in [
        (vec!["--rate", "0"], "no number above 0"),
        (vec!["--rate", "5", "--users", "2"], "cannot be used with"),
        (vec!["--threshold", "ttft<8"], "METRIC.AGGREGATE"),
        (vec!["--slo", "speed<8"], "not measured"),
        (vec!["--find-max"], "--slo or --threshold"),
        (vec!["--scenario", "dashboard"], "needs a --target"),
        (vec!["--warmup", "10s"], "nothing would be left"),
        (vec!["--steps", "5"], "RATE:TIME"),
        (vec!["--target", "ftp://x"], "only http and https"),
        (vec!["--target", "nonsense"], "the target nonsense"),
        (vec!["--simulate", "--nonsense"], "did not start"),
    ] {
        let refused = home.run(["loadtest"].into_iter().chain(args.iter().copied()));
        assert_eq!(refused.code, Some(2), "{args:?}: {refused:?}");
        assert!(refused.err.contains(says), "{args:?}: {refused:?}");
    }
}

#[test]
fn a_generator_that_is_late_says_so_and_its_gates_do_not_hold() {
    let home = Home::new();
    let args = ["--max-lag", "0", "--rate", "20", "--duration", "300ms", "--threshold", "requests.count==6"];
    let (done, result) = run(&home, args.into_iter().chain(["--simulate", QUICK]));
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(done.err.contains("not valid: the generator got to"), "{done:?}");
    let run = &result["runs"][0];
    assert_eq!((&run["generator"]["valid"], &run["thresholds"][0]["ok"]), (&false.into(), &false.into()));
    assert_eq!(run["thresholds"][0]["value"], 6.0);
}
