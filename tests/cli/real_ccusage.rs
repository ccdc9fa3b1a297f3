//! Our totals beside those of ccusage, over the same transcripts.
//!
//! `CLAUDE_CLI_TEST_CCUSAGE` names the program. Without it these tests say so
//! and pass, unless `CLAUDE_CLI_REQUIRE_PEERS=1` asks for them.

use std::{env, fs, path::PathBuf};

use claude_cli::simulate::History;
use serde_json::Value;

use crate::harness::{Home, done};

fn program() -> Option<PathBuf> {
    let program = env::var_os("CLAUDE_CLI_TEST_CCUSAGE").filter(|path| !path.is_empty()).map(PathBuf::from);
    if program.is_none() {
        assert!(
            env::var_os("CLAUDE_CLI_REQUIRE_PEERS").is_none(),
            "CLAUDE_CLI_REQUIRE_PEERS is set, and CLAUDE_CLI_TEST_CCUSAGE names no program"
        );
        eprintln!("SKIPPED: set CLAUDE_CLI_TEST_CCUSAGE to the ccusage program to run this test");
    }
    program
}

/// Tokens by day and kind, as each of the two tells them, and the cost in all.
#[derive(Debug, PartialEq)]
struct Told {
    days: Vec<(String, [i64; 4])>,
    micro_dollars: i64,
}

fn ccusage(program: &PathBuf, home: &Home) -> Told {
    let mut command = home.isolated(program);
    // It is a script of Node's.
    command.env("PATH", env::var_os("PATH").unwrap_or_default());
    command.env("CLAUDE_CONFIG_DIR", home.path("claude"));
    let done = done(command.args(["claude", "daily", "--offline", "--json", "--timezone", "UTC"]));
    assert_eq!(done.code, Some(0), "{done:?}");
    let report: Value = serde_json::from_str(&done.out).unwrap();
    let days = report["daily"].as_array().unwrap().iter().map(|day| {
        let count = |name: &str| day[name].as_i64().unwrap();
        let kinds = ["inputTokens", "outputTokens", "cacheReadTokens", "cacheCreationTokens"];
        (day["date"].as_str().unwrap().to_owned(), kinds.map(count))
    });
    let cost = report["totals"]["totalCost"].as_f64().unwrap();
    Told { days: days.collect(), micro_dollars: (cost * 1e6).round() as i64 }
}

fn ours(home: &Home) -> Told {
    let mut command = home.cli(["analytics", "summary", "--by", "day", "--tz", "UTC", "--format", "json"]);
    let done = done(command.env("CLAUDE_CONFIG_DIR", home.path("claude")));
    assert_eq!(done.code, Some(0), "{done:?}");
    let report: Value = serde_json::from_str(&done.out).unwrap();
    let days = report["groups"].as_array().unwrap().iter().map(|day| {
        let count = |name: &str| day[name].as_i64().unwrap();
        let writes = count("cache_write_5m_tokens") + count("cache_write_1h_tokens");
        let kinds = [count("input_tokens"), count("output_tokens"), count("cache_read_tokens"), writes];
        (day["key"].as_str().unwrap().to_owned(), kinds)
    });
    let cost = report["totals"]["cost_usd"].as_f64().unwrap();
    Told { days: days.collect(), micro_dollars: (cost * 1e6).round() as i64 }
}

/// A history on which the rules of both agree: every request has both ids and
/// one snapshot or growing ones, is in one file, and has a model that both know.
fn plain(home: &Home) {
    let folder = home.path("claude/projects/-plain");
    fs::create_dir_all(&folder).unwrap();
    for session in 0..3 {
        let mut lines = String::new();
        for n in 0..40 {
            for (snapshot, output) in [(0, 2), (1, 10 + n * 7)] {
                let (day, hour, minute) = (1 + n / 10, n % 24, session * 10 + snapshot);
                lines.push_str(&format!(
                    r#"{{"type":"assistant","sessionId":"s{session}","cwd":"/plain","version":"2.1.197","gitBranch":"main","isSidechain":false,"uuid":"u{session}-{n}-{snapshot}","timestamp":"2026-03-{day:02}T{hour:02}:{minute:02}:0{snapshot}.000Z","requestId":"req_{session}_{n}","message":{{"id":"msg_{session}_{n}","type":"message","role":"assistant","model":"claude-haiku-4-5-20251001","content":[{{"type":"text","text":"hi"}}],"usage":{{"input_tokens":{},"output_tokens":{output},"cache_read_input_tokens":{},"cache_creation_input_tokens":{}}}}}}}"#,
                    3 + n,
                    1_000 * n,
                    17 * n
                ));
                lines.push('\n');
            }
        }
        fs::write(folder.join(format!("s{session}.jsonl")), lines).unwrap();
    }
}

#[test]
fn where_the_rules_agree_so_do_the_totals() {
    let Some(program) = program() else { return };
    let home = Home::new();
    plain(&home);
    assert_eq!(ccusage(&program, &home), ours(&home));
}

#[test]
fn where_the_rules_differ_ours_are_the_made_up_ones_to_the_token() {
    let Some(program) = program() else { return };
    let home = Home::new();
    let history = History { files: 12, bytes: 12 << 20, ..History::default() };
    let expected = history.write(&home.path("claude")).unwrap().totals;
    let (ours, theirs) = (ours(&home), ccusage(&program, &home));
    let sum = |told: &Told, kind: usize| told.days.iter().map(|(_, kinds)| kinds[kind]).sum::<i64>();
    let writes = expected.cache_write_5m_tokens + expected.cache_write_1h_tokens;
    let made_up = [expected.input_tokens, expected.output_tokens, expected.cache_read_tokens, writes];
    for (kind, made_up) in made_up.into_iter().enumerate() {
        assert_eq!(sum(&ours, kind), i64::try_from(made_up).unwrap(), "kind {kind}");
    }
    // It takes a line without a request id for another request than one with
    // it, among others: see benches/README.md. If that changes, so must that page.
    assert!(sum(&theirs, 1) > sum(&ours, 1), "ours {}, theirs {}", sum(&ours, 1), sum(&theirs, 1));
}
