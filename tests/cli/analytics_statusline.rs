//! `statusline`: one line, whatever happens.

use std::fs;

use claude_cli::store::Witness;
use jiff::Timestamp;

use crate::{
    analytics_reports::home_with,
    harness::{Done, Home, fed},
};

const INPUT: &str = r#"{"session_id":"s1","cwd":"/p","model":{"id":"claude-opus-4-8","display_name":"Opus 4.8"},
 "workspace":{"current_dir":"/p","project_dir":"/p"},"version":"2.1.197","cost":{"total_cost_usd":0.384,
 "total_duration_ms":1},"context_window":{"context_window_size":200000,"used_percentage":26}}"#;

fn line(home: &Home, input: &[u8]) -> Done {
    let mut command = home.cli(["statusline"]);
    let done = fed(command.env("NO_COLOR", "1"), input);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
    assert_eq!(done.out.lines().count(), 1, "{done:?}");
    done
}

/// Two requests of the last minutes, 0.5 dollars each.
fn busy() -> Home {
    let now = Timestamp::now().as_millisecond();
    home_with(
        [now - 60_000, now]
            .into_iter()
            .enumerate()
            .map(|(n, ts)| {
                let mut w = Witness::default();
                w.message_id = Some(format!("m{n}"));
                w.ts = ts;
                w.model = Some("claude-haiku-4-5".into());
                w.session = Some("s1".into());
                w.usage.output_tokens = 100_000;
                w
            })
            .collect(),
    )
}

#[test]
fn it_says_what_is_known() {
    let home = busy();
    let out = line(&home, INPUT.as_bytes()).out;
    assert!(out.starts_with("Opus 4.8 · $0.38 session · $"), "{out}");
    assert!(out.contains(" today · $") && out.contains(" block, ") && out.contains(" left"), "{out}");
    assert!(out.trim_end().ends_with("26% context"), "{out}");
    let from_ledger = line(&home, br#"{"session_id":"s1"}"#).out;
    assert!(from_ledger.starts_with("$1.00 session"), "{from_ledger}");
}

#[test]
fn odd_input_is_no_reason_to_fail() {
    let home = busy();
    for input in [
        "",
        "{",
        "[]",
        "null",
        "42",
        "\"x\"",
        "{}",
        "\u{0}\u{1}",
        r#"{"session_id":7,"model":"Opus","cost":{"total_cost_usd":"x"},"context_window":null}"#,
        r#"{"cost":{"total_cost_usd":-1},"context_window":{"used_percentage":1e300},"model":{"display_name":""}}"#,
        r#"{"context_window":{"context_window_size":0,"current_usage":{"input_tokens":5}}}"#,
    ] {
        let out = line(&home, input.as_bytes()).out;
        assert!(out.starts_with('$') && out.contains(" today"), "{input}: {out}");
    }
    let out = line(&home, br#"{"model":{"display_name":"a\u001b[31m\nb"}}"#).out;
    assert!(out.starts_with("a[31mb · "), "nothing of the input reaches the terminal raw: {out:?}");
    line(&home, &[0xff, 0xfe, 0x80]);
    let current = br#"{"context_window":{"context_window_size":200000,"current_usage":{"input_tokens":1000,
        "cache_read_input_tokens":99000,"output_tokens":5}}}"#;
    assert!(line(&home, current).out.contains("50% context"));
}

#[test]
fn without_a_ledger_the_line_is_shorter() {
    let home = Home::new();
    assert_eq!(line(&home, INPUT.as_bytes()).out, "Opus 4.8 · $0.38 session · 26% context\n");
    assert_eq!(line(&home, b"").out, "claude-cli\n");
    assert!(!home.path("data").exists(), "it makes none");
    fs::create_dir_all(home.path("data/claude-cli")).unwrap();
    fs::write(home.ledger_path(), "no ledger").unwrap();
    assert_eq!(line(&home, INPUT.as_bytes()).out, "Opus 4.8 · $0.38 session · 26% context\n");
}

#[test]
fn a_locked_ledger_holds_nobody_up() {
    let home = busy();
    let db = rusqlite::Connection::open(home.ledger_path()).unwrap();
    // Neither readers nor writers get in.
    db.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE x (y); ").unwrap();
    let locked = line(&home, INPUT.as_bytes()).out;
    assert!(locked.starts_with("Opus 4.8 · $0.38 session · "), "{locked}");
    drop(db);
    assert!(line(&home, INPUT.as_bytes()).out.contains(" today"));
}

#[test]
fn colours_are_as_wished() {
    let home = Home::new();
    let run = |args: &[&str], no_color: bool| {
        let mut command = home.cli(["statusline"].iter().chain(args).copied());
        if no_color {
            command.env("NO_COLOR", "1");
        }
        fed(&mut command, INPUT.as_bytes()).out
    };
    assert!(run(&[], false).contains("\u{1b}[32m26% context\u{1b}[0m"));
    assert!(!run(&[], true).contains('\u{1b}'));
    assert!(!run(&["--color", "never"], false).contains('\u{1b}'));
}
