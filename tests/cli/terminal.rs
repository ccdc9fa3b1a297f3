//! What only a terminal is shown: marks, colour, laid-out Markdown, and how
//! each of them is turned off.

use std::process::{Command, Stdio};

use crate::{
    harness::{Home, Simulator, done},
    pty::Terminal,
};

const MARKDOWN: &str = "# Title\n\nSome **bold** words and `code`.\n\n- one\n- two";
const ESCAPE: char = '\x1b';

/// A home and a server that thinks, uses a tool, and answers in Markdown.
fn thinking() -> (Home, Simulator) {
    let home = Home::new();
    let args = ["--ttft", "0", "--token-interval", "0", "--thinking", "deep thoughts", "--reply", MARKDOWN];
    let simulator = Simulator::start(&home, args);
    (home, simulator)
}

fn ask(home: &Home, simulator: &Simulator, command: &str, more: &[&str]) -> Command {
    let mut command = home.api(&simulator.url, [command, "hi"]);
    command.args(more).env("TERM", "xterm-256color");
    command
}

#[test]
fn markdown_is_laid_out_on_a_terminal_and_only_there() {
    let (home, simulator) = thinking();
    let (code, shown) = Terminal::new(60).run(&mut ask(&home, &simulator, "query", &[]));
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains("**bold**") && shown.contains("bold"), "{shown}");
    assert!(!shown.contains("# Title") && shown.contains(ESCAPE), "{shown}");
    let piped = done(&mut ask(&home, &simulator, "query", &[]));
    assert_eq!((piped.out, piped.err), (format!("{MARKDOWN}\n"), String::new()));
    let (_, plain) = Terminal::new(60).run(&mut ask(&home, &simulator, "query", &["--plain"]));
    assert_eq!(plain.replace("\r\n", "\n"), format!("{MARKDOWN}\n"));
    let (_, json) = Terminal::new(60).run(&mut ask(&home, &simulator, "query", &["--output", "json"]));
    assert!(json.contains("claude-cli/run@1") && !json.contains(ESCAPE), "{json}");
}

#[test]
fn colour_follows_the_conventions() {
    let (home, simulator) = thinking();
    let shown = |set: &[(&str, &str)], more: &[&str]| {
        let mut command = ask(&home, &simulator, "query", more);
        command.envs(set.iter().copied());
        Terminal::new(60).run(&mut command).1
    };
    for (set, more, coloured) in [
        (&[][..], &[][..], true),
        (&[("NO_COLOR", "1")], &[], false),
        (&[("NO_COLOR", "")], &[], true),
        (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], &[], false),
        (&[("NO_COLOR", "1")], &["--color=always"], true),
        (&[], &["--color=never"], false),
        (&[("CLICOLOR_FORCE", "1")], &["--color=never"], false),
    ] {
        let shown = shown(set, more);
        assert!(shown.contains("bold") && !shown.contains("**"), "{shown}");
        assert_eq!(shown.contains(ESCAPE), coloured, "{set:?} {more:?}: {shown:?}");
    }
    home.write("config/claude-cli/config.toml", "color = \"never\"");
    assert!(!shown(&[], &[]).contains(ESCAPE), "the config file says so, too");
}

#[test]
fn thinking_and_tools_are_marked_where_a_person_reads_along() {
    let (home, simulator) = thinking();
    let on_terminal = |more: &[&str], set: &[(&str, &str)]| {
        let (terminal, mut command) = (Terminal::new(80), ask(&home, &simulator, "stream", more));
        command.envs(set.iter().copied()).stdout(Stdio::piped()).stderr(terminal.end());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        drop(command);
        (String::from_utf8(output.stdout).unwrap(), terminal.close())
    };
    let (out, err) = on_terminal(&[], &[]);
    assert_eq!(out, format!("{MARKDOWN}\n"), "a stream is shown as it comes");
    assert!(err.contains("\x1b[2m[thinking]\x1b[0m"), "{err:?}");
    assert!(!err.contains("deep thoughts"), "folded: {err}");
    assert!(err.contains("tokens/s") || err.contains(" out · "), "and it ends with figures: {err}");
    let (_, err) = on_terminal(&[], &[("NO_COLOR", "1")]);
    assert!(err.contains("[thinking]") && !err.contains(ESCAPE), "{err:?}");
    let (out, err) = on_terminal(&["--quiet"], &[]);
    assert_eq!((out, err.as_str()), (format!("{MARKDOWN}\n"), ""));
    let piped = done(&mut ask(&home, &simulator, "stream", &[]));
    assert_eq!(piped.err, "", "nothing of it in a pipe");

    let tool = concat!(
        r#"{"type":"stream_event","event":{"type":"content_block_start","index":0,"content_block":"#,
        r#"{"type":"tool_use","id":"t","name":"Bash","input":{}}},"session_id":"s","parent_tool_use_id":null}"#,
        "\n"
    );
    let run = format!("{tool}{}", crate::harness::RUN);
    let (terminal, mut command) = (Terminal::new(80), home.scripted(&[&run], ["stream", "hi"]));
    let output =
        command.stdout(Stdio::piped()).stderr(terminal.end()).spawn().unwrap().wait_with_output().unwrap();
    drop(command);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "Grüße\n");
    assert!(terminal.close().contains("[tool: Bash]"));
}

#[test]
fn colour_can_be_forced_where_there_is_no_terminal() {
    let home = Home::new();
    let help =
        |set: &[(&str, &str)]| done(home.cli(["query", "--timeout", "soon", "hi"]).envs(set.iter().copied())).err;
    assert!(!help(&[]).contains(ESCAPE));
    assert!(help(&[("CLICOLOR_FORCE", "1")]).contains(ESCAPE));
    assert!(!help(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).contains(ESCAPE));
}

#[test]
fn a_report_is_a_table_on_a_terminal_and_json_in_a_pipe() {
    let home = Home::new();
    assert_eq!(done(&mut home.fake("tell", ["query", "hi"])).code, Some(0));
    for columns in [40, 60, 120] {
        for args in [&["analytics", "summary"][..], &["analytics", "runs"], &["doctor"], &["config", "get"]] {
            let (_, shown) = Terminal::new(columns).run(home.cli(args.iter().copied()).env("NO_COLOR", "1"));
            assert!(!shown.contains("\"schema\""), "{shown}");
            for line in shown.lines() {
                assert!(line.trim_end().chars().count() <= columns.into(), "{columns} {args:?}: {line}");
            }
        }
    }
    assert_eq!(home.json(["analytics", "summary"])["schema"], "claude-cli/summary@1");
    let (_, forced) = Terminal::new(80).run(&mut home.cli(["analytics", "summary", "--format", "json"]));
    assert!(forced.contains("claude-cli/summary@1"), "{forced}");
}

#[test]
fn a_terminal_on_stdin_is_not_read() {
    let home = Home::new();
    let (code, shown) = Terminal::new(80).run(&mut home.fake("tell", ["query", "--plain", "hi"]));
    assert_eq!((code, shown.as_str()), (Some(0), "Grüße\r\n"));
    assert_eq!(home.note("stdin"), "hi");
    let (code, shown) = Terminal::new(80).run(&mut home.fake("tell", ["query"]));
    assert_eq!(code, Some(2));
    assert!(shown.contains("there is no prompt"), "{shown}");
}
