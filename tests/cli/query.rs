//! `query`: what goes in, what comes out, what is written down.

use std::{fs, process::Stdio};

use claude_cli::store::RowKind;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{
    FAKE_CLAUDE, Home, PLANTED_KEY, Simulator, alive, done, drain, ends, fed, signal, wait_until,
};

#[test]
fn the_answer_is_on_stdout_and_nothing_else_is() {
    let home = Home::new();
    let done = done(&mut home.fake("tell", ["query", "hello", "there"]));
    assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (Some(0), "Grüße\n", ""));
    assert_eq!(home.note("stdin"), "hello there");
}

#[test]
fn the_prompt_is_arguments_and_stdin_together() {
    let home = Home::new();
    for (args, input, prompt) in [
        (vec!["query", "review this"], "diff\n", "review this\n\ndiff\n"),
        (vec!["query"], "only stdin", "only stdin"),
        (vec!["query", "only", "arguments"], "", "only arguments"),
        (vec!["query", "--no-stdin", "no stdin"], "ignored", "no stdin"),
        (vec!["query"], "-- --model=x $HOME `date`", "-- --model=x $HOME `date`"),
    ] {
        let done = fed(&mut home.fake("tell", args), input.as_bytes());
        assert_eq!(done.code, Some(0), "{done:?}");
        assert_eq!(home.note("stdin"), prompt);
    }
}

#[test]
fn without_a_prompt_nothing_is_run() {
    let home = Home::new();
    for input in ["", " \n\t"] {
        let done = fed(&mut home.fake("tell", ["query"]), input.as_bytes());
        assert_eq!(done.code, Some(2));
        assert!(done.err.contains("there is no prompt: give it as an argument or on stdin"), "{done:?}");
        assert!(!home.path("pid").exists());
    }
}

#[test]
fn a_run_as_json_has_its_figures() {
    let home = Home::new();
    let done = done(&mut home.fake("tell", ["query", "--output", "json", "hi"]));
    let run: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(run["schema"], "claude-cli/run@1");
    assert_eq!((&run["result"], &run["model"]), (&"Grüße".into(), &"claude-opus-4-8".into()));
    assert_eq!((&run["usage"]["input_tokens"], &run["usage"]["output_tokens"]), (&25.into(), &15.into()));
    assert_eq!(run["usage"]["cache_write_5m_tokens"], 10);
    assert_eq!(run["cost_usd"], 0.000_564_5);
    assert_eq!((&run["attempts"], &run["exit"], &run["error"]), (&1.into(), &0.into(), &Value::Null));
    assert_eq!(run["session_id"], "c91e42ba-8794-4bf5-8695-c24f7251c673");
    assert!(run["ttft_ms"].is_u64() && run["duration_ms"].is_u64());
    assert_eq!(home.runs()[0].id, run["id"].as_str().unwrap());
}

#[test]
fn a_failed_run_as_json_says_so_too() {
    let home = Home::new();
    let done = done(home.fake("error", ["query", "-o", "json", "hi"]).env("FAKE_STATUS", "529"));
    assert_eq!(done.code, Some(5));
    let run: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(run["exit"], 5);
    assert!(run["error"].as_str().unwrap().contains("529 overloaded_error"), "{run}");
}

#[test]
fn stream_json_is_every_line_as_it_came() {
    let home = Home::new();
    let done = done(&mut home.fake("noise", ["query", "--output", "stream-json", "hi"]));
    assert_eq!(done.out, crate::harness::RUN);
}

#[test]
fn options_reach_the_program_each_as_one_token() {
    let home = Home::new();
    let args = [
        "query",
        "hi",
        "--model",
        "opus",
        "--system=--terse",
        "--",
        "--allowedTools=Bash(ls *)",
        "--max-turns",
        "3",
    ];
    assert_eq!(done(&mut home.fake("tell", args)).code, Some(0));
    let given = home.note("args");
    let given: Vec<_> = given.lines().collect();
    assert_eq!(given[0], "-p");
    assert!(given.contains(&"--model=opus") && given.contains(&"--system-prompt=--terse"), "{given:?}");
    assert_eq!(given[given.len() - 3..], ["--allowedTools=Bash(ls *)", "--max-turns", "3"]);
}

#[test]
fn the_marker_of_an_outer_session_is_not_passed_on() {
    let home = Home::new();
    let mut command = home.fake("tell", ["query", "hi"]);
    assert_eq!(done(command.env("CLAUDECODE", "1").env("OTHER", "kept")).code, Some(0));
    let env = home.note("env");
    assert!(env.lines().any(|line| line == "OTHER=kept"));
    assert!(!env.lines().any(|line| line.starts_with("CLAUDECODE=")), "{env}");
}

#[test]
fn the_run_and_its_request_are_recorded() {
    let home = Home::new();
    let mut command = home.fake("tell", ["query", "hi", "--tag", "team=a"]);
    command.env("CLAUDE_CLI_TAGS", "ci=1, job=x").current_dir(home.folder.path());
    assert_eq!(done(&mut command).code, Some(0));
    let rows = home.rows();
    assert_eq!(rows.len(), 1, "{rows:#?}");
    let row = &rows[0];
    assert_eq!((row.kind, row.input_tokens, row.output_tokens), (RowKind::Request, 25, 15));
    assert_eq!(row.cost_reported, Some(564_500));
    assert_eq!(row.tags, ["ci=1", "job=x", "team=a"]);
    assert_eq!(row.project.as_deref(), Some(home.folder.path().canonicalize().unwrap().to_str().unwrap()));
    assert_eq!((row.user.as_deref(), row.source.as_str(), row.simulated), (Some("tester"), "run", false));
    let runs = home.runs();
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].command.as_str(), runs[0].backend.as_str()), ("query", "claude"));
    assert_eq!((runs[0].exit.as_deref(), runs[0].cost, runs[0].attempts), (Some("ok"), Some(564_500), 1));
    home.verify();
}

#[test]
fn nothing_is_recorded_if_that_is_asked_for() {
    let home = Home::new();
    assert_eq!(done(&mut home.fake("tell", ["query", "--no-record", "hi"])).code, Some(0));
    assert!(!home.path("data").exists());
}

#[test]
fn a_ledger_that_cannot_be_written_does_not_cost_the_answer() {
    let home = Home::new();
    fs::create_dir_all(home.path("data/claude-cli")).unwrap();
    fs::write(home.ledger_path(), "this is no ledger, however long one looks at it ".repeat(50)).unwrap();
    let first = done(&mut home.fake("tell", ["query", "hi"]));
    assert_eq!((first.code, first.out.as_str()), (Some(0), "Grüße\n"));
    assert!(first.err.contains("not a database") && first.err.contains("ledger.db.spool"), "{first:?}");
    fs::remove_file(home.ledger_path()).unwrap();
    let totals = &home.json(["analytics", "summary"])["totals"];
    assert_eq!(totals["requests"], 1, "what was spooled is taken in by the next open");

    let nowhere = done(home.fake("tell", ["query", "hi"]).env("CLAUDE_CLI_DB", "/proc/nowhere/ledger.db"));
    assert_eq!((nowhere.code, nowhere.out.as_str()), (Some(0), "Grüße\n"));
    assert!(nowhere.err.contains("not recorded"), "{nowhere:?}");
}

#[test]
fn without_a_backend_the_error_names_every_way_out() {
    let home = Home::new();
    let mut command = home.cli(["query", "hi"]);
    let done = done(command.env("PATH", "/nonexistent"));
    assert_eq!(done.code, Some(4));
    for way in ["npm install", "ANTHROPIC_API_KEY", "--backend simulated"] {
        assert!(done.err.contains(way), "{done:?}");
    }
}

#[test]
fn auto_takes_the_program_and_else_the_api() {
    let home = Home::new();
    let simulator = Simulator::start(&home, ["--reply", "from the api", "--ttft", "0", "--token-interval", "0"]);
    let ask = |claude: bool| {
        let mut command = home.cli(["query", "hi"]);
        command.env("PATH", "/nonexistent:/usr/bin:/bin");
        command.env("ANTHROPIC_API_KEY", PLANTED_KEY).env("ANTHROPIC_BASE_URL", &simulator.url);
        if claude {
            let bin = home.path("bin");
            fs::create_dir_all(&bin).unwrap();
            let _ = std::os::unix::fs::symlink(FAKE_CLAUDE, bin.join("claude"));
            let real = format!("{}:/usr/bin:/bin", bin.display());
            fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/run.jsonl"), bin.join("run.jsonl")).unwrap();
            command.env("PATH", real).env("FAKE", "tell").env("FAKE_DIR", home.folder.path());
        }
        done(&mut command)
    };
    assert_eq!(ask(false).out, "from the api\n");
    assert_eq!(ask(true).out, "Grüße\n");
    let backends: Vec<_> = home.runs().into_iter().map(|run| run.backend).collect();
    assert_eq!(backends, ["claude", "api"]);
}

#[test]
fn the_api_backend_retries_and_counts_every_attempt() {
    let home = Home::new();
    let args = ["--error-status", "529", "--error-first", "2", "--retry-after", "10ms", "--ttft", "0"];
    let simulator = Simulator::start(&home, args);
    let mut command = home.cli(["query", "--backend", "api", "--output", "json", "hi"]);
    let done = done(command.env("ANTHROPIC_API_KEY", PLANTED_KEY).env("ANTHROPIC_BASE_URL", &simulator.url));
    assert_eq!(done.code, Some(0), "{done:?}");
    let run: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(run["attempts"], 3);
    assert_eq!(simulator.requests().len(), 3);
    let totals = &home.json(["analytics", "summary"])["totals"];
    assert_eq!((&totals["requests"], &totals["errors"]), (&3.into(), &2.into()));
    assert_eq!(home.contains(PLANTED_KEY), None, "a key is written nowhere");
}

#[test]
fn the_simulated_backend_stays_out_of_every_total() {
    let home = Home::new();
    let done = home.run(["query", "--backend", "simulated", "--stats", "hi"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.out.contains("simulated model"));
    let stats = done.err.trim();
    assert!(stats.ends_with("· simulated") && stats.contains(" out · $"), "{stats}");
    assert_eq!(home.json(["analytics", "summary"])["totals"]["requests"], 0);
    let totals = &home.json(["analytics", "summary", "--include-simulated"])["totals"];
    assert_eq!(totals["requests"], 1);
    assert!(totals["cost_usd"].as_f64().unwrap() > 0.0);
    home.verify();
}

#[test]
fn ctrl_c_ends_everything_and_is_recorded() {
    let home = Home::new();
    for (by, how) in [(Signal::INT, "running-children"), (Signal::TERM, "running-children")] {
        let _ = fs::remove_file(home.path("child"));
        let mut command = home.fake(how, ["stream", "hi"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until("the program's child", || home.path("child").exists());
        signal(&child, by);
        assert_eq!(ends(&mut child), Some(130));
        assert!(drain(child.stderr.take().unwrap()).contains("interrupted"));
        let (program, grandchild) = (home.noted_pid("pid"), home.noted_pid("child"));
        wait_until("everything to be gone", || !alive(program) && !alive(grandchild));
        assert_eq!(home.runs()[0].exit.as_deref(), Some("interrupted"));
    }
}

#[test]
fn our_own_sudden_death_leaves_nothing_running() {
    let home = Home::new();
    let mut command = home.fake("running-children", ["query", "--output", "stream-json", "hi"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    let (program, grandchild) = (home.noted_pid("pid"), home.noted_pid("child"));
    wait_until("everything to be gone", || !alive(program) && !alive(grandchild));
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let home = Home::new();
    let mut command = home.fake("flood", ["stream", "hi"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 100];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
    drop(child.stdout.take());
    assert_eq!(ends(&mut child), Some(0));
    let program = home.noted_pid("pid");
    wait_until("the program to be gone", || !alive(program));
}
