//! Commands of others: `claude-cli foo` runs `claude-cli-foo`.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::harness::{BINARY, Done, Home, done};

/// Puts a command of one's own on the PATH of a home.
fn install(home: &Home, name: &str, script: &str) {
    let path = home.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn command<'a>(home: &Home, args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = home.cli(args);
    command.env("PATH", format!("{}:/usr/bin:/bin", home.path("bin").display()));
    command
}

fn run<'a>(home: &Home, args: impl IntoIterator<Item = &'a str>) -> Done {
    done(&mut command(home, args))
}

const TELL: &str = r#"for arg in "$@"; do echo "arg:$arg"; done; env | grep ^CLAUDE_CLI | sort"#;

#[test]
fn it_gets_its_arguments_and_where_everything_is() {
    let home = Home::new();
    install(&home, "claude-cli-tell", TELL);
    let done = run(&home, ["tell", "--model", "x y", "", "--help", "--config", "theirs.yaml", "--", "-q"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let args: Vec<_> = done.out.lines().filter_map(|line| line.strip_prefix("arg:")).collect();
    assert_eq!(args, ["--model", "x y", "", "--help", "--config", "theirs.yaml", "--", "-q"]);
    let home_path = home.folder.path().display();
    for line in [
        format!("CLAUDE_CLI={BINARY}"),
        format!("CLAUDE_CLI_CONFIG={home_path}/config/claude-cli/config.toml"),
        format!("CLAUDE_CLI_DB={home_path}/data/claude-cli/ledger.db"),
    ] {
        assert!(done.out.lines().any(|l| l == line), "{line}: {}", done.out);
    }
    assert!(!done.out.contains("CLAUDE_CLI_FORMAT"), "{}", done.out);
}

#[test]
fn what_was_asked_for_by_flag_or_file_is_handed_over() {
    let home = Home::new();
    install(&home, "claude-cli-tell", TELL);
    home.write("mine.toml", "format = \"csv\"\ndb = \"/tmp/elsewhere.db\"\n");
    let mine = home.path("mine.toml");
    let by_file = run(&home, ["--config", mine.to_str().unwrap(), "tell"]);
    assert!(by_file.out.contains("CLAUDE_CLI_FORMAT=csv\n"), "{by_file:?}");
    assert!(by_file.out.contains("CLAUDE_CLI_DB=/tmp/elsewhere.db\n"), "{by_file:?}");
    assert!(by_file.out.contains(&format!("CLAUDE_CLI_CONFIG={}\n", mine.display())), "{by_file:?}");
    let by_flag = run(&home, ["--config", mine.to_str().unwrap(), "--format=markdown", "--db=x.db", "tell"]);
    assert!(by_flag.out.contains("CLAUDE_CLI_FORMAT=markdown\n"), "{by_flag:?}");
    assert!(by_flag.out.contains("CLAUDE_CLI_DB=x.db\n"), "{by_flag:?}");
}

#[test]
fn its_file_named_config_is_not_ours() {
    let home = Home::new();
    install(&home, "claude-cli-tell", TELL);
    home.write("config/claude-cli/config.toml", "format = \"csv\"\n");
    let theirs = home.write("theirs.yaml", "a: [broken toml");
    let done = run(&home, ["tell", "--config", theirs.to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.out.contains("CLAUDE_CLI_FORMAT=csv\n"), "{done:?}");
}

#[test]
fn its_exit_code_and_its_streams_are_its_own() {
    let home = Home::new();
    install(&home, "claude-cli-fails", "cat; echo oops >&2; exit 42");
    let done = crate::harness::fed(&mut command(&home, ["fails"]), b"from stdin");
    assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (Some(42), "from stdin", "oops\n"));
    install(&home, "claude-cli-back", "exec \"$CLAUDE_CLI\" analytics summary --format ndjson");
    assert_eq!(run(&home, ["back"]).code, Some(0), "it can call back");
}

#[test]
fn all_are_listed_and_a_typo_is_answered_with_a_suggestion() {
    let home = Home::new();
    install(&home, "claude-cli-deploy", "echo ran");
    install(&home, "claude-cli-query", "echo never");
    home.write("bin/claude-cli-notes", "not executable");
    let list = run(&home, ["--list"]);
    assert_eq!(list.code, Some(0));
    let names: Vec<_> = list.out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"query") && names.contains(&"doctor") && names.contains(&"deploy"), "{names:?}");
    assert!(!names.contains(&"notes"), "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "query").count(), 1, "ours is the one that runs");
    for (typo, meant) in [("depoly", "deploy"), ("qurey", "query"), ("analitics", "analytics")] {
        let refused = run(&home, [typo]);
        assert_eq!(refused.code, Some(2));
        assert!(refused.err.contains(&format!("did you mean `{meant}`?")), "{refused:?}");
        assert!(refused.err.contains(&format!("no claude-cli-{typo} on PATH")), "{refused:?}");
    }
    let nothing_like_it = run(&home, ["zzzzzz"]);
    assert!(!nothing_like_it.err.contains("did you mean"), "{nothing_like_it:?}");
}
