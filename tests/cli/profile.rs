//! `profile`: where the time of a command goes.

use std::{fs, path::Path};

use serde_json::Value;

use crate::harness::{Home, RUN, done, fed};

/// The paths of a profile's main line, or of what ran beside it.
pub(crate) fn paths(profile: &Value, beside: bool) -> Vec<String> {
    let phases = profile["phases"].as_array().unwrap().iter().filter(|phase| phase["beside"] == beside);
    let names = |phase: &Value| {
        let path: Vec<_> = phase["path"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        path.join("/")
    };
    phases.map(names).collect()
}

/// Checks a Chrome trace by the letter of the Trace Event Format, and returns
/// its complete events as name, thread, start and end in nanoseconds.
pub(crate) fn checked_trace(path: &Path) -> Vec<(String, u64, u64, u64)> {
    let document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let events = document["traceEvents"].as_array().unwrap();
    let mut named = Vec::new();
    let mut complete = Vec::new();
    for event in events {
        let tid = event["tid"].as_u64().unwrap();
        assert_eq!(event["pid"], 1, "{event}");
        assert!(!event["name"].as_str().unwrap().is_empty() && event["args"].is_object(), "{event}");
        let nanos = |name: &str| {
            let micros = event[name].as_f64().unwrap_or_else(|| panic!("{name} of {event}"));
            assert!(micros >= 0.0, "{event}");
            (micros * 1e3).round() as u64
        };
        let start = nanos("ts");
        match event["ph"].as_str().unwrap() {
            "M" => {
                assert!(matches!(event["name"].as_str(), Some("process_name" | "thread_name")), "{event}");
                assert!(event["args"]["name"].is_string(), "{event}");
                named.push(tid);
            }
            "X" => {
                complete.push((event["name"].as_str().unwrap().to_owned(), tid, start, start + nanos("dur")));
            }
            "i" => assert_eq!(event["s"], "t", "{event}"),
            other => panic!("`{other}` is no phase that is written: {event}"),
        }
    }
    let mut order: Vec<_> = complete.iter().collect();
    order.sort_by_key(|(_, tid, start, end)| (*tid, *start, std::cmp::Reverse(*end)));
    let mut open: Vec<&(String, u64, u64, u64)> = Vec::new();
    for event in order {
        assert!(named.contains(&event.1), "thread {} has no name", event.1);
        open.retain(|around| around.1 == event.1 && around.3 > event.2);
        assert!(open.iter().all(|around| event.3 <= around.3), "{event:?} reaches out of {open:?}");
        open.push(event);
    }
    complete
}

#[test]
fn the_phases_of_a_query_are_told_in_their_order() {
    let home = Home::new();
    let (trace, flame) = (home.path("trace.json"), home.path("flame.svg"));
    let mut command = home.fake("tell", ["profile", "query", "hello", "--runs", "3", "--trace"]);
    let done = done(command.arg(&trace).arg("--flame").arg(&flame));
    assert_eq!(done.code, Some(0), "{done:?}");
    let profile: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((&profile["schema"], &profile["runs"]), (&"claude-cli/profile@1".into(), &3.into()));
    let names =
        ["spawn", "first byte", "init", "first token", "last token", "result", "child exit", "render", "commit"];
    let told = paths(&profile, false);
    let found: Vec<_> = told.iter().filter_map(|path| path.strip_prefix("query/")).collect();
    let found: Vec<_> = found.into_iter().filter(|name| names.contains(name)).collect();
    assert_eq!(found, names, "{told:?}");
    assert!(paths(&profile, true).contains(&"append/commit".to_owned()), "{profile}");
    let (wall, least) = (&profile["wall_ms"], &profile["wall_ms"]["min"]);
    assert!(least.as_f64() <= wall["median"].as_f64() && wall["median"].as_f64() <= wall["max"].as_f64());
    let messages = RUN.lines().count() as f64;
    assert_eq!(profile["stream"]["messages"].as_f64(), Some(messages), "{profile}");
    if cfg!(target_os = "linux") {
        let memory = &profile["memory"];
        assert!(
            memory["own_peak_bytes"].as_u64() > Some(1 << 20)
                && memory["child_peak_bytes"].as_u64() > Some(1 << 16)
        );
    }
    // It was the real thing, three times.
    assert_eq!(home.runs().len(), 3);

    let spans = checked_trace(&trace);
    let at = |name: &str| spans.iter().find(|span| span.0 == name).unwrap_or_else(|| panic!("{name}: {spans:?}"));
    let query = at("query");
    for pair in names.windows(2) {
        assert!(at(pair[0]).3 <= at(pair[1]).2 || pair[1] == "commit", "{pair:?}: {spans:?}");
        assert!(query.2 <= at(pair[0]).2 && at(pair[0]).3 <= query.3);
    }
    let svg = fs::read_to_string(&flame).unwrap();
    assert!(svg.contains("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
    assert!(svg.contains("child\u{a0}exit") && svg.contains("claude-cli query"), "{svg}");
}

#[test]
fn a_waterfall_for_people() {
    let home = Home::new();
    let mut command = home.cli(["--format", "table", "profile", "query", "--backend", "simulated", "hello"]);
    let done = done(command.env("COLUMNS", "100"));
    assert_eq!(done.code, Some(0), "{done:?}");
    for word in ["server start", "first token", "in no phase", "messages, at most", "█"] {
        assert!(done.out.contains(word), "{word}: {}", done.out);
    }
    assert!(done.out.lines().all(|line| line.chars().count() <= 140), "{}", done.out);
    assert!(!done.out.contains("Hello!"), "the answer goes nowhere: {}", done.out);
}

#[test]
fn the_config_file_and_stdin_count_as_for_query() {
    let home = Home::new();
    home.write("config/claude-cli/config.toml", "backend = \"simulated\"\n");
    let profile = home.json(["profile", "query", "hello"]);
    assert!(paths(&profile, false).contains(&"query/server start".to_owned()), "{profile}");
    let home = Home::new();
    let mut command = home.scripted(&[RUN, RUN], ["profile", "query", "--runs", "2", "typed"]);
    assert_eq!(fed(&mut command, b"and piped").code, Some(0));
    for n in [1, 2] {
        assert_eq!(home.note(&format!("stdin-{n}")), "typed\n\nand piped");
    }
}

#[test]
fn what_fails_fails_as_ever() {
    let home = Home::new();
    let failed = done(&mut home.fake("boom", ["profile", "query", "hello", "--runs", "2"]));
    assert_eq!((failed.code, failed.out.as_str()), (Some(1), ""), "{failed:?}");
    assert_eq!(home.runs().len(), 1, "it ends with the first that fails");
    assert_eq!(home.run(["profile", "import", "--watch"]).code, Some(2));
    assert_eq!(home.run(["profile", "query", "hello", "--runs", "0"]).code, Some(2));
    let nowhere = done(&mut home.fake("tell", ["profile", "query", "hello", "--trace", "/no/such/folder/t.json"]));
    assert!(nowhere.code == Some(1) && nowhere.err.contains("/no/such/folder/t.json"), "{nowhere:?}");
}

fn transcript(home: &Home) {
    let line = |n: u32| {
        format!(
            r#"{{"type":"assistant","timestamp":"2026-08-01T10:00:{n:02}Z","sessionId":"s","requestId":"req_{n}","message":{{"id":"msg_{n}","model":"claude-haiku-4-5","usage":{{"input_tokens":{n},"output_tokens":2}}}}}}"#
        ) + "\n"
    };
    home.write(".claude/projects/p/s.jsonl", (0..50).map(line).collect::<String>());
}

#[test]
fn an_import_into_a_ledger_of_its_own() {
    let home = Home::new();
    transcript(&home);
    let profile = home.json(["profile", "import", "--runs", "2"]);
    let main = paths(&profile, false);
    for path in ["open", "find", "plan", "append/merge", "append/rollups", "append/commit", "close", "render"] {
        assert!(main.contains(&format!("import/{path}")), "{path}: {main:?}");
    }
    let beside = paths(&profile, true);
    for path in ["scan", "scan/read", "scan/parse"] {
        assert!(beside.contains(&path.to_owned()), "{path}: {beside:?}");
    }
    let left: Vec<_> = fs::read_dir(home.path("data/claude-cli")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_dashboard_is_not_asked_for_again_because_it_was_measured() {
    let home = Home::new();
    transcript(&home);
    assert_eq!(home.run(["import"]).code, Some(0));
    let profile = home.json(["profile", "dashboard", "--since", "2026-08-01", "--until", "2026-08-01"]);
    let main = paths(&profile, false);
    for path in ["open", "answer/read rollups", "answer/fold", "render"] {
        assert!(main.contains(&format!("dashboard/{path}")), "{path}: {main:?}");
    }
    assert!(profile["phases"][0]["allocations"].is_null() || cfg!(feature = "count-allocations"));
    assert!(!home.path("cache/claude-cli/asked.json").exists());
}
