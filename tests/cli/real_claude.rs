//! The real `claude` program against the simulated API.
//!
//! `CLAUDE_CLI_TEST_CLAUDE` names the program. Without it these tests say so
//! and pass, unless `CLAUDE_CLI_REQUIRE_PEERS=1` asks for them.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

use claude_cli::store::{CostMode, RowKind};
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{BINARY, Home, PLANTED_KEY, Simulator, alive, done, drain, ends, fed, signal, wait_until};

pub(crate) struct Real {
    pub(crate) home: Home,
    program: PathBuf,
    pub(crate) simulator: Simulator,
}

impl Real {
    /// The program and a server for it; `None` where there is no program.
    pub(crate) fn new<'a>(args: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let Some(program) = env::var_os("CLAUDE_CLI_TEST_CLAUDE").filter(|path| !path.is_empty()) else {
            assert!(
                env::var_os("CLAUDE_CLI_REQUIRE_PEERS").is_none(),
                "CLAUDE_CLI_REQUIRE_PEERS is set, and CLAUDE_CLI_TEST_CLAUDE names no program"
            );
            eprintln!("SKIPPED: set CLAUDE_CLI_TEST_CLAUDE to the `claude` program to run this test");
            return None;
        };
        let home = Home::new();
        fs::create_dir(home.path("work")).unwrap();
        let simulator =
            Simulator::start(&home, ["--ttft", "5ms", "--token-interval", "1ms"].into_iter().chain(args));
        Some(Self { home, program: program.into(), simulator })
    }

    fn with(&self, mut command: Command) -> Command {
        command
            .current_dir(self.home.path("work"))
            .env("CLAUDE_CLI_CLAUDE", &self.program)
            .env("CLAUDE_CONFIG_DIR", self.home.path("claude"))
            .env("ANTHROPIC_BASE_URL", &self.simulator.url)
            .env("ANTHROPIC_API_KEY", PLANTED_KEY)
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("DISABLE_AUTOUPDATER", "1");
        command
    }

    pub(crate) fn cli<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        self.with(self.home.cli(args))
    }

    /// The program itself.
    pub(crate) fn bare(&self) -> Command {
        self.with(self.home.isolated(&self.program))
    }

    /// Streams a prompt and returns the lines.
    fn stream<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Vec<Value> {
        let args = ["stream", "--output", "stream-json", "say hello"].into_iter().chain(args);
        let done = done(&mut self.cli(args));
        assert_eq!(done.code, Some(0), "{done:?}");
        done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The ledger says of every model exactly what the `result` line says.
    fn agrees_with(&self, result: &Value) {
        let usage = result["modelUsage"].as_object().unwrap();
        let mut total = 0;
        for (model, said) in usage {
            let name = claude_cli::pricing::normalize(model).name;
            let rows: Vec<_> =
                self.home.rows().into_iter().filter(|row| row.model.as_deref() == Some(&name)).collect();
            let sum = |count: fn(&claude_cli::store::RequestRow) -> i64| rows.iter().map(count).sum::<i64>();
            assert_eq!(sum(|row| row.input_tokens), said["inputTokens"], "{model}");
            assert_eq!(sum(|row| row.output_tokens), said["outputTokens"], "{model}");
            assert_eq!(sum(|row| row.cache_read_tokens), said["cacheReadInputTokens"], "{model}");
            let written = sum(|row| row.cache_write_5m_tokens + row.cache_write_1h_tokens);
            assert_eq!(written, said["cacheCreationInputTokens"], "{model}");
            let cost = sum(|row| row.cost(CostMode::Auto).unwrap());
            assert_eq!(cost, nanos(&said["costUSD"]), "{model}");
            total += cost;
        }
        assert_eq!(total, nanos(&result["total_cost_usd"]));
        self.home.verify();
    }
}

fn nanos(usd: &Value) -> i64 {
    claude_cli::pricing::parse_usd_nanos(&usd.to_string()).unwrap()
}

fn result(lines: &[Value]) -> &Value {
    let last = lines.last().unwrap();
    assert_eq!(last["type"], "result", "{last}");
    last
}

#[test]
fn an_answer_and_its_exact_cost() {
    let cached =
        ["--cache-read", "700", "--cache-write-5m", "50", "--cache-write-1h", "30", "--input-tokens", "9"];
    let Some(real) = Real::new(cached) else { return };
    let lines = real.stream([]);
    real.agrees_with(result(&lines));
    let rows = real.home.rows();
    assert_eq!(rows.iter().filter(|row| row.kind == RowKind::Request).count(), 1, "{rows:#?}");
    assert!(rows[0].duration_ms.is_some() && rows[0].request_id.is_some());
    let asked = done(&mut real.cli(["query", "--output", "json", "--model", "haiku", "say hello"]));
    let run: Value = serde_json::from_str(&asked.out).unwrap();
    assert_eq!((&run["exit"], &run["attempts"]), (&0.into(), &1.into()), "{run}");
    assert!(run["model"].as_str().unwrap().contains("haiku") && run["ttft_ms"].is_u64(), "{run}");
    assert_eq!(real.home.contains(PLANTED_KEY).filter(|path| !path.starts_with(real.home.path("claude"))), None);
}

#[test]
fn tools_are_used_and_every_request_is_counted() {
    let Some(real) = Real::new(["--tool", r#"Bash:{"command":"echo so-it-ran"}"#]) else { return };
    let lines = real.stream(["--", "--allowedTools=Bash"]);
    let tool_result = lines.iter().find(|line| line["type"] == "user").unwrap();
    assert!(tool_result.to_string().contains("so-it-ran"), "{tool_result}");
    real.agrees_with(result(&lines));
    let requests = real.home.rows().iter().filter(|row| row.kind == RowKind::Request).count();
    let asked = real.simulator.requests().iter().filter(|r| r["path"] == "/v1/messages").count();
    assert_eq!((requests, asked), (2, 2));
}

#[test]
fn a_subagent_is_paid_for_whether_its_requests_are_shown_or_not() {
    let Some(real) = Real::new(["--subagent", "count the files"]) else { return };
    let lines = real.stream([]);
    real.agrees_with(result(&lines));
    let rows = real.home.rows();
    let known = |id: &Value| rows.iter().any(|row| row.message_id.as_deref() == id.as_str());
    let requests = real.simulator.requests();
    let answered: Vec<_> = requests.iter().filter(|request| request["path"] == "/v1/messages").collect();
    assert_eq!(answered.len(), 3, "the main conversation, the subagent, and the main one again");
    // A subagent that only talks is not in the stream of 2.1.197: it is the remainder, to the token.
    let hidden: Vec<_> = answered.into_iter().filter(|request| !known(&request["message_id"])).collect();
    let rest: Vec<_> = rows.iter().filter(|row| row.kind == RowKind::Remainder).collect();
    let sum = |name: &str| hidden.iter().map(|request| request[name].as_i64().unwrap()).sum::<i64>();
    assert_eq!(rest.iter().map(|row| row.input_tokens).sum::<i64>(), sum("input_tokens"));
    assert_eq!(rest.iter().map(|row| row.output_tokens).sum::<i64>(), sum("output_tokens"));
}

#[test]
fn an_error_is_an_error_whatever_it_exits_with() {
    let Some(real) = Real::new(["--error-status", "400"]) else { return };
    let done = done(&mut real.cli(["query", "say hello"]));
    assert_eq!((done.code, done.out.as_str()), (Some(1), ""), "{done:?}");
    assert!(done.err.contains("400"), "{done:?}");
    let totals = &real.home.json(["analytics", "summary"])["totals"];
    assert_eq!(
        (&totals["requests"], &totals["errors"], &totals["total_tokens"]),
        (&1.into(), &1.into(), &0.into())
    );
    assert_eq!(real.home.runs()[0].exit.as_deref(), Some("failure"));
}

#[test]
fn its_retries_are_counted() {
    let Some(real) = Real::new(["--error-status", "529", "--error-first", "2"]) else { return };
    let lines = real.stream([]);
    real.agrees_with(result(&lines));
    let totals = &real.home.json(["analytics", "summary"])["totals"];
    assert_eq!((&totals["requests"], &totals["errors"]), (&3.into(), &2.into()));
    assert_eq!(real.home.runs()[0].attempts, 3);
}

#[test]
fn a_refused_key_ends_in_our_own_time_limit() {
    let Some(real) = Real::new(["--error-status", "401"]) else { return };
    let done = done(&mut real.cli(["query", "--first-token-timeout", "6s", "say hello"]));
    // Some versions give up at once, others try for longer than a minute.
    assert!(matches!(done.code, Some(4 | 6)), "{done:?}");
    real.home.verify();
}

#[test]
fn a_kill_in_the_middle_leaves_nothing_running_and_a_sound_ledger() {
    for by in [Signal::KILL, Signal::INT] {
        let Some(real) = Real::new(["--stall-after", "3", "--stall", "300s"]) else { return };
        let mut command = real.cli(["stream", "--output", "stream-json", "say hello"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut deltas = 0;
        while deltas < 3 {
            deltas += usize::from(lines.next().unwrap().unwrap().contains("text_delta"));
        }
        let programs = children_of(child.id());
        assert!(programs.iter().any(|(_, line)| line.contains("--output-format=stream-json")), "{programs:?}");
        signal(&child, by);
        if by == Signal::KILL {
            child.wait().unwrap();
        } else {
            assert_eq!(ends(&mut child), Some(130));
            assert!(drain(child.stderr.take().unwrap()).contains("interrupted"));
        }
        wait_until("the program to be gone", || programs.iter().all(|(pid, _)| !alive(*pid)));
        real.home.verify();
        let run = &real.home.runs()[0];
        assert_eq!(run.exit.as_deref(), if by == Signal::KILL { None } else { Some("interrupted") });
        assert!(run.session.is_some(), "what was known was committed");
    }
}

/// The children of a process and their command lines.
pub(crate) fn children_of(pid: u32) -> Vec<(i32, String)> {
    let pids = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    pids.split_whitespace()
        .map(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            (pid.parse().unwrap(), String::from_utf8_lossy(&line).replace('\0', " "))
        })
        .collect()
}

#[test]
fn a_pipe_from_the_program_is_transparent_and_records_the_same() {
    let Some(real) = Real::new(["--cache-read", "700", "--tool", r#"Bash:{"command":"echo so-it-ran"}"#]) else {
        return;
    };
    let mut claude = real.with(real.home.isolated(&real.program));
    let args = ["-p", "say hello", "--output-format=stream-json", "--verbose", "--allowedTools=Bash"];
    let whole = done(claude.args(args).arg("--include-partial-messages"));
    assert_eq!(whole.code, Some(0), "{whole:?}");
    let passed = fed(&mut real.cli(["stream", "-"]), whole.out.as_bytes());
    assert_eq!(passed.code, Some(0), "{}", passed.err);
    assert!(passed.out == whole.out, "byte for byte");
    let result: Value = serde_json::from_str(whole.out.lines().last().unwrap()).unwrap();
    real.agrees_with(&result);

    // Without partial messages, what the lines do not say is a remainder.
    let other = Home::new();
    let fewer: String =
        whole.out.lines().filter(|l| !l.contains("\"stream_event\"")).map(|l| format!("{l}\n")).collect();
    assert_eq!(fed(&mut other.cli(["stream", "-"]), fewer.as_bytes()).out, fewer);
    let (full, rest) = (real.home.json(["analytics", "summary"]), other.json(["analytics", "summary"]));
    for figure in ["requests", "total_tokens", "output_tokens", "cost_usd"] {
        assert_eq!(full["totals"][figure], rest["totals"][figure], "{figure}");
    }
    assert!(other.rows().iter().any(|row| row.kind == RowKind::Remainder));
    // In a real pipe, too.
    let script = format!(
        "\"$CLAUDE_CLI_CLAUDE\" {} | tee whole.jsonl | {BINARY} stream - > passed.jsonl && cmp whole.jsonl passed.jsonl",
        "-p hello --output-format=stream-json --verbose"
    );
    let mut shell = real.with(real.home.isolated("/bin/sh"));
    let piped = done(shell.args(["-c", &script]));
    assert_eq!((piped.code, piped.out.as_str()), (Some(0), ""), "{piped:?}");
}
