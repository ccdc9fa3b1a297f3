//! Batches on the real `claude` program, kept running; see `real_claude.rs`.

use std::{collections::BTreeSet, fs};

use claude_cli::store::RowKind;
use serde_json::{Value, json};

use crate::{
    harness::{Done, done},
    real_claude::Real,
};

fn batch(real: &Real, prompts: usize, args: &[&str]) -> (Done, Vec<Value>) {
    let lines: String = (1..=prompts)
        .map(|n| json!({ "prompt": format!("the secret word is w{n}w") }).to_string() + "\n")
        .collect();
    let file = real.home.write("in.jsonl", lines);
    let all = ["query", "--batch", file.to_str().unwrap()].into_iter().chain(args.iter().copied());
    let done = done(&mut real.cli(all));
    let results = done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (done, results)
}

/// What the server was sent in full: the prompts of each request.
fn asked(real: &Real) -> Vec<Value> {
    real.simulator.requests().into_iter().filter(|r| r["path"] == "/v1/messages").collect()
}

/// The words in a request's messages.
fn words(request: &Value) -> BTreeSet<String> {
    let text = request["messages"].to_string();
    text.split("the secret word is ")
        .skip(1)
        .filter_map(|rest| rest.split('w').nth(1).map(str::to_owned))
        .collect()
}

#[test]
fn each_prompt_has_a_conversation_of_its_own() {
    const N: usize = 12;
    let Some(real) = Real::new(["--echo", "--log-bodies"]) else { return };
    let (ended, results) = batch(&real, N, &["--jobs", "2"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let asked = asked(&real);
    assert_eq!((results.len(), asked.len()), (N, N));
    let sessions: BTreeSet<&str> = results.iter().map(|r| r["session_id"].as_str().unwrap()).collect();
    assert_eq!(sessions.len(), N);
    let mut seen = BTreeSet::new();
    for request in &asked {
        // One prompt, and nothing of any other; nor of an answer, for an echo repeats it.
        let words = words(request);
        assert_eq!(words.len(), 1, "{request}");
        assert_eq!(request["messages"].to_string().matches("the secret word").count(), 1, "{request}");
        seen.extend(words);
    }
    assert_eq!(seen.len(), N);
    for (n, result) in (1..).zip(&results) {
        assert_eq!(result["result"], format!("the secret word is w{n}w"));
    }
    let tokens = |name: &str| asked.iter().map(|r| r[name].as_i64().unwrap()).sum::<i64>();
    let rows = real.home.rows();
    assert_eq!(rows.iter().filter(|row| row.kind == RowKind::Request).count(), N);
    assert_eq!(rows.iter().map(|row| row.input_tokens).sum::<i64>(), tokens("input_tokens"));
    assert_eq!(rows.iter().map(|row| row.output_tokens).sum::<i64>(), tokens("output_tokens"));
    real.home.verify();
    // The transcripts say nothing new.
    let import = done(&mut real.cli(["import"]));
    assert_eq!(import.code, Some(0), "{import:?}");
    let rows = real.home.rows();
    assert_eq!(rows.iter().map(|row| row.input_tokens).sum::<i64>(), tokens("input_tokens"));
    assert_eq!(rows.iter().filter(|row| row.error.is_some()).count(), 0, "{rows:?}");
    real.home.verify();
}

#[test]
fn kept_running_or_not_the_answers_are_the_same() {
    let Some(real) = Real::new(["--echo", "--log-bodies"]) else { return };
    let (warm, warm_results) = batch(&real, 4, &["--jobs", "1"]);
    let (cold, cold_results) = batch(&real, 4, &["--jobs", "1", "--cold"]);
    assert_eq!((warm.code, cold.code), (Some(0), Some(0)), "{warm:?} {cold:?}");
    let answers = |results: &[Value]| results.iter().map(|r| r["result"].clone()).collect::<Vec<_>>();
    assert_eq!(answers(&warm_results), answers(&cold_results));
    // The first prompt of a process is sent as ever; the others with the program's own note of `/clear`.
    let asked = asked(&real);
    assert_eq!(asked[0]["messages"], asked[4]["messages"]);
    for request in &asked[1..4] {
        let text = request["messages"].to_string();
        assert!(text.contains("<command-name>/clear</command-name>"), "{text}");
    }
}

#[test]
fn a_process_that_used_tools_is_not_used_again() {
    let Some(real) = Real::new(["--tool", r#"Bash:{"command":"echo $PPID >> parents"}"#]) else { return };
    let (ended, results) = batch(&real, 3, &["--jobs", "1", "--", "--allowedTools=Bash"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(results.len(), 3);
    let parents = fs::read_to_string(real.home.path("work/parents")).unwrap();
    let parents: BTreeSet<&str> = parents.lines().collect();
    assert_eq!(parents.len(), 3, "{parents:?}");
    assert_eq!(asked(&real).len(), 6);
}
