//! `query --batch`: many prompts, some at once.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Done, Home, PLANTED_KEY, Simulator, done, drain, ends, fed, signal, wait_until};

const WARM_CLAUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/warm-claude.sh");
const FAST: [&str; 4] = ["--ttft", "0ms", "--token-interval", "0"];

fn results(done: &Done) -> Vec<Value> {
    done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn field<'a>(results: &'a [Value], name: &str) -> Vec<&'a Value> {
    results.iter().map(|result| &result[name]).collect()
}

fn prompts(of: impl IntoIterator<Item = usize>) -> String {
    of.into_iter()
        .map(|n| json!({ "prompt": format!("prompt {n}"), "id": format!("p{n}") }).to_string() + "\n")
        .collect()
}

/// The binary over a program that can be kept running.
fn warm<'a>(home: &Home, how: &str, args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = home.cli(["query"]);
    command
        .args(args)
        .args(["--claude", WARM_CLAUDE, "--backend", "claude"])
        .env("WARM", how)
        .env("WARM_DIR", home.folder.path());
    command
}

#[test]
fn answers_come_in_order_and_the_ledger_says_what_the_server_says() {
    let home = Home::new();
    let server = Simulator::start(&home, FAST.into_iter().chain(["--echo"]));
    let file = home.write("in.jsonl", prompts(1..=30));
    let done = done(&mut home.api(&server.url, ["query", "--jobs", "4", "--batch", file.to_str().unwrap()]));
    assert_eq!(done.code, Some(0), "{done:?}");
    let results = results(&done);
    assert_eq!(results.len(), 30);
    for (n, result) in (1..).zip(&results) {
        assert_eq!(result["schema"], "claude-cli/run@1");
        assert_eq!(result["result"], format!("prompt {n}"));
        assert_eq!((&result["index"], &result["custom_id"]), (&json!(n), &json!(format!("p{n}"))));
        assert_eq!((&result["exit"], &result["error"]), (&json!(0), &Value::Null));
    }
    let runs: BTreeSet<String> = home.runs().into_iter().map(|run| run.id).collect();
    assert_eq!(runs, results.iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect());
    let told = |name: &str| server.requests().iter().map(|r| r[name].as_i64().unwrap()).sum::<i64>();
    let rows = home.rows();
    assert_eq!(rows.len(), 30);
    assert_eq!(rows.iter().map(|row| row.input_tokens).sum::<i64>(), told("input_tokens"));
    assert_eq!(rows.iter().map(|row| row.output_tokens).sum::<i64>(), told("output_tokens"));
    assert!(done.err.contains("30 answered · $"), "{}", done.err);
    home.verify();
}

#[test]
fn a_bad_line_is_named_and_stops_no_other() {
    let home = Home::new();
    let server = Simulator::start(&home, FAST.into_iter().chain(["--echo"]));
    let input = "{\"prompt\":\"one\",\"id\":1}\n\nnonsense\n{\"promt\":\"two\",\"id\":\"b\"}\n{\"prompt\":\"\"}\n\
                 {\"prompt\":\"again\",\"id\":\"1\"}\n{\"prompt\":\"last\"}";
    let done = fed(&mut home.api(&server.url, ["query", "--batch", "-"]), input.as_bytes());
    assert_eq!(done.code, Some(2), "{done:?}");
    let results = results(&done);
    assert_eq!(field(&results, "index"), [1, 3, 4, 5, 6, 7]);
    assert_eq!(field(&results, "exit"), [0, 2, 2, 2, 2, 0]);
    assert_eq!(results[5]["result"], "last");
    assert_eq!((&results[2]["custom_id"], &results[2]["id"]), (&json!("b"), &Value::Null));
    assert!(results[4]["error"].as_str().unwrap().contains("is that of line 1"));
    for said in ["line 3: ", "line 4: unknown field `promt`", "line 5: there is no prompt", "2 answered, "] {
        assert!(done.err.contains(said), "{said}: {}", done.err);
    }
    assert_eq!(home.runs().len(), 2);
}

#[test]
fn what_an_earlier_output_has_is_left_out() {
    let home = Home::new();
    let server =
        Simulator::start(&home, FAST.into_iter().chain(["--echo", "--error-first", "1", "--error-status", "529"]));
    let mut lines: Vec<String> = prompts(1..=4).lines().map(str::to_owned).collect();
    lines.push(json!({ "prompt": "without an id" }).to_string());
    let file = home.write("in.jsonl", lines.join("\n"));
    let file = file.to_str().unwrap();
    let args = ["query", "--retries", "0", "--jobs", "1", "--batch", file];
    let first = done(&mut home.api(&server.url, args));
    assert_eq!(first.code, Some(5), "{first:?}");
    assert_eq!(field(&results(&first), "exit"), [5, 0, 0, 0, 0]);
    // As a run that was killed would leave it.
    let earlier = home.write("out.jsonl", format!("{}{{\"schema\":\"claude-c", first.out));
    lines[2] = json!({ "prompt": "another one", "id": "p3" }).to_string();
    fs::write(file, lines.join("\n")).unwrap();
    let again = args.into_iter().chain(["--resume-from", earlier.to_str().unwrap()]);
    let second = done(&mut home.api(&server.url, again));
    assert_eq!(second.code, Some(0), "{second:?}");
    let results = results(&second);
    assert_eq!(field(&results, "index"), [1, 3]);
    assert_eq!(field(&results, "result"), ["prompt 1", "another one"]);
    assert!(second.err.contains("2 answered, 3 left out"), "{}", second.err);
    assert!(second.err.contains("1 lines of "), "{}", second.err);
}

#[test]
fn one_limit_on_cost_ends_the_whole_batch() {
    let home = Home::new();
    let server = Simulator::start(&home, FAST.into_iter().chain(["--input-tokens", "100000"]));
    let file = home.write("in.jsonl", prompts(1..=20));
    let args =
        ["query", "--model", "sonnet", "--jobs", "2", "--max-cost", "1.00", "--batch", file.to_str().unwrap()];
    let done = done(&mut home.api(&server.url, args));
    assert_eq!(done.code, Some(3), "{done:?}");
    let results = results(&done);
    assert_eq!(results.len(), 20, "each line is told of");
    let asked = server.requests().len();
    assert!((1..20).contains(&asked), "{asked}");
    let run = results.iter().filter(|r| r["usage"]["input_tokens"] != 0).count();
    // What ran when the limit was reached was ended, and may have said nothing yet.
    assert!(run <= asked && asked <= run + 2, "what was not asked cost nothing: {run}, {asked}");
    assert!(home.runs().len() <= asked + 2, "the rest was not begun");
    let last = results.last().unwrap();
    assert_eq!((&last["exit"], &last["result"]), (&json!(3), &Value::Null));
    assert!(last["error"].as_str().unwrap().starts_with("not run: over budget"), "{last}");
    assert!(done.err.contains(" not run"), "{}", done.err);
}

#[test]
fn lines_have_models_and_tags_of_their_own() {
    let home = Home::new();
    let server = Simulator::start(&home, FAST);
    let input = json!({ "prompt": "a", "model": "haiku", "tags": { "team": "red" } }).to_string()
        + "\n"
        + &json!({ "prompt": "b", "system": "be brief", "tags": ["team=blue", "x=y"] }).to_string();
    let done = fed(&mut home.api(&server.url, ["query", "--tag", "all=yes", "--batch", "-"]), input.as_bytes());
    assert_eq!(done.code, Some(0), "{done:?}");
    let models: Vec<Value> = server.requests().iter().map(|r| r["model"].clone()).collect();
    assert!(models.iter().filter(|model| model.as_str().unwrap().contains("haiku")).count() == 1, "{models:?}");
    let mut tags: Vec<Vec<String>> = home.runs().iter().map(|run| run.tags.iter().cloned().collect()).collect();
    tags.sort();
    assert_eq!(tags, [vec!["all=yes", "team=blue", "x=y"], vec!["all=yes", "team=red"]]);
}

#[test]
fn programs_are_kept_running_and_results_wait_for_their_turn() {
    let home = Home::new();
    let input = "{\"prompt\":\"late\"}\n{\"prompt\":\"soon\"}\n{\"prompt\":\"c\"}\n{\"prompt\":\"d\"}\n";
    let ordered = fed(&mut warm(&home, "", ["--batch", "-"]), input.as_bytes());
    assert_eq!(ordered.code, Some(0), "{ordered:?}");
    assert_eq!(field(&results(&ordered), "result"), ["0:late", "0:soon", "0:c", "0:d"]);
    assert_eq!(field(&results(&ordered), "cost_usd"), [0.001, 0.001, 0.001, 0.001]);
    let log = home.note("prompts");
    let count =
        |column: usize| log.lines().filter_map(|l| l.split(' ').nth(column)).collect::<BTreeSet<_>>().len();
    assert_eq!((count(0), count(1)), (2, 4), "processes and conversations: {log}");
    fs::remove_file(home.path("prompts")).unwrap();
    let unordered = fed(&mut warm(&home, "", ["--unordered", "--batch", "-"]), input.as_bytes());
    let results = results(&unordered);
    assert!(results[0]["index"] != 1, "{unordered:?}");
    assert_eq!(field(&results, "index").into_iter().map(|n| n.as_i64().unwrap()).sum::<i64>(), 10);
    fs::remove_file(home.path("prompts")).unwrap();
    let cold = fed(&mut warm(&home, "", ["--cold", "--batch", "-"]), prompts(1..=3).as_bytes());
    assert_eq!(field(&self::results(&cold), "result"), ["cold 0:prompt 1", "cold 0:prompt 2", "cold 0:prompt 3"]);
}

#[test]
fn results_come_while_the_batch_is_still_being_written() {
    let home = Home::new();
    let mut child = warm(&home, "", ["--batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    for n in 0..3 {
        writeln!(stdin, "{}", json!({ "prompt": format!("{n}") })).unwrap();
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert!(line.contains(&format!("\"0:{n}\"")), "{line}");
    }
    drop(stdin);
    assert_eq!(ends(&mut child), Some(0));
}

#[test]
fn an_interrupted_batch_keeps_what_is_done_and_goes_on_from_there() {
    let home = Home::new();
    let input: String = ["quick", "quick", "slow", "slower", "never"]
        .iter()
        .zip(["a", "b", "c", "d", "e"])
        .map(|(prompt, id)| json!({ "prompt": prompt, "id": id }).to_string() + "\n")
        .collect();
    let file = home.write("in.jsonl", input);
    let file = file.to_str().unwrap();
    let mut child = warm(&home, "slow", ["--jobs", "2", "--batch", file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("both slow prompts to run", || {
        fs::read_to_string(home.path("prompts")).is_ok_and(|log| log.contains("slow") && log.contains("slower"))
    });
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    let out = drain(child.stdout.take().unwrap());
    let interrupted: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(field(&interrupted, "exit"), [0, 0, 130, 130], "{out}");
    let earlier = home.write("out.jsonl", out);
    let rest = done(&mut warm(&home, "", ["--batch", file, "--resume-from", earlier.to_str().unwrap()]));
    assert_eq!(rest.code, Some(0), "{rest:?}");
    assert_eq!(field(&results(&rest), "custom_id"), ["c", "d", "e"]);
    home.verify();
}

#[test]
fn a_failing_line_decides_the_exit_code_by_precedence() {
    let home = Home::new();
    let input = "{\"prompt\":\"a\"}\n{\"prompt\":\"fail\"}\nnonsense\n{\"prompt\":\"b\"}\n";
    let done = fed(&mut warm(&home, "", ["--batch", "-"]), input.as_bytes());
    assert_eq!(done.code, Some(7), "{done:?}");
    assert_eq!(field(&results(&done), "exit"), [0, 7, 2, 0]);
    assert!(done.err.contains("2 answered, 1 failed, 1 bad line"), "{}", done.err);
}

#[test]
fn the_api_is_reached_over_as_many_connections_as_run_at_once() {
    let home = Home::new();
    let server = Simulator::start(&home, FAST);
    let (url, connections) = counting_proxy(server.url.trim_start_matches("http://").to_owned());
    let file = home.write("in.jsonl", prompts(1..=20));
    let done = done(&mut home.api(&url, ["query", "--jobs", "2", "--batch", file.to_str().unwrap()]));
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(connections.load(Ordering::Relaxed) <= 2, "{connections:?}");
}

/// Passes bytes on, and counts connections.
fn counting_proxy(to: String) -> (String, Arc<AtomicUsize>) {
    fn pass_on(mut from: TcpStream, mut to: TcpStream) {
        let mut chunk = [0; 16 << 10];
        while let Ok(n) = from.read(&mut chunk)
            && n > 0
            && to.write_all(&chunk[..n]).is_ok()
        {}
        let _ = to.shutdown(std::net::Shutdown::Write);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::Relaxed);
            let server = TcpStream::connect(&to).unwrap();
            let (client_too, server_too) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || pass_on(client, server));
            std::thread::spawn(move || pass_on(server_too, client_too));
        }
    });
    (url, count)
}

#[test]
fn no_key_is_in_what_comes_out() {
    let home = Home::new();
    let server = Simulator::start(&home, ["--error-status", "401"]);
    let done = fed(&mut home.api(&server.url, ["query", "--batch", "-"]), prompts(1..=2).as_bytes());
    assert_eq!(done.code, Some(4), "{done:?}");
    assert!(!done.out.contains(PLANTED_KEY) && !done.err.contains(PLANTED_KEY), "{done:?}");
}

#[test]
fn what_makes_no_sense_with_a_batch_is_refused() {
    let home = Home::new();
    let file = home.write("in.jsonl", prompts(1..=1));
    let file = file.to_str().unwrap();
    for args in [
        vec!["query", "--batch", file, "a prompt"],
        vec!["query", "--batch", file, "--output", "json"],
        vec!["query", "--batch", file, "--continue"],
        vec!["query", "--batch", file, "--jobs", "0"],
        vec!["query", "--jobs", "2", "a prompt"],
    ] {
        assert_eq!(home.run(args.clone()).code, Some(2), "{args:?}");
    }
    let missing = home.run(["query", "--backend", "simulated", "--batch", "missing.jsonl"]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.err.contains("missing.jsonl"), "{missing:?}");
    let nothing = home.run(["query", "--backend", "api", "--batch", file]);
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(4), ""), "{nothing:?}");
}
