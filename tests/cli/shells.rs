//! Completion in real shells: keys are typed on a terminal, and the shell is
//! asked what came of them.
//!
//! Where a shell is not installed these tests say so and pass, unless
//! `CLAUDE_CLI_REQUIRE_PEERS=1` asks for them.

use std::{env, fs, path::PathBuf, process::Command};

use crate::{
    harness::{BINARY, Home, done},
    pty::Terminal,
};

const SESSION: &str = "c91e42ba-8794-4bf5-8695-c24f7251c673";
const TAB: &str = "\t";
/// To the beginning of the line.
const HOME_KEY: &str = "\x01";

/// Lines as typed and as completed.
const LINES: [(&str, &str); 10] = [
    ("claude-cli docto", "claude-cli doctor"),
    ("claude-cli analytics summ", "claude-cli analytics summary"),
    ("claude-cli query --no-rec", "claude-cli query --no-record"),
    ("claude-cli query --output stream-j", "claude-cli query --output stream-json"),
    ("claude-cli query --model house-mo", "claude-cli query --model house-model"),
    ("claude-cli query -m nickna", "claude-cli query -m nickname"),
    ("claude-cli stream --resume c91e", "claude-cli stream --resume c91e42ba-8794-4bf5-8695-c24f7251c673"),
    ("claude-cli query --tag kin", "claude-cli query --tag kind=animal"),
    ("claude-cli query --template revi", "claude-cli query --template review"),
    ("claude-cli completions powers", "claude-cli completions powershell"),
];

fn installed(shell: &str) -> bool {
    let found =
        ["/usr/local/bin", "/usr/bin", "/bin"].iter().any(|folder| PathBuf::from(folder).join(shell).exists());
    if !found {
        assert!(
            env::var_os("CLAUDE_CLI_REQUIRE_PEERS").is_none(),
            "CLAUDE_CLI_REQUIRE_PEERS is set, and {shell} is not installed"
        );
        eprintln!("SKIPPED: install {shell} to run this test");
    }
    found
}

/// A home with something to complete: a model, an alias, a template, a run.
fn furnished() -> Home {
    let home = Home::new();
    home.write(
        "config/claude-cli/prices.json",
        r#"{"as_of":"2999-01","models":{"house-model":{"input":1,"output":2}}}"#,
    );
    home.write("config/claude-cli/config.toml", "[aliases]\nnickname = \"house-model\"\n");
    home.write("config/claude-cli/templates/review.md", "Review this");
    assert_eq!(done(&mut home.fake("tell", ["query", "--tag", "kind=animal", "hi"])).code, Some(0));
    assert_eq!(home.runs()[0].session.as_deref(), Some(SESSION));
    fs::create_dir_all(home.path("bin")).unwrap();
    std::os::unix::fs::symlink(BINARY, home.path("bin/claude-cli")).unwrap();
    home
}

fn shell(home: &Home, name: &str, args: &[&str]) -> Command {
    let mut command = home.isolated(name);
    command
        .args(args)
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", home.path("bin").display()))
        .env("TERM", "xterm")
        .env("PS1", "READY> ")
        .current_dir(home.folder.path());
    command
}

/// Types every line, completes it, and has the shell say what it is then.
fn complete_in(mut command: Command, set_up: &str) {
    let mut terminal = Terminal::new(200);
    let mut child = terminal.start(&mut command);
    drop(command);
    terminal.waits_for("READY> ");
    terminal.types(&format!("{set_up}; echo SET''UP\r"));
    terminal.waits_for("SETUP");
    for (typed, completed) in LINES {
        terminal.forget();
        // What is echoed has quotes in it, what is said has not.
        terminal.types(&format!("{typed}{TAB}{HOME_KEY}echo 'IT 'IS: \r"));
        terminal.waits_for(&format!("IT IS: {completed}"));
    }
    terminal.types("exit\r");
    assert_eq!(child.ends(), Some(0));
}

#[test]
fn bash_completes() {
    if installed("bash") {
        let home = furnished();
        complete_in(
            shell(&home, "bash", &["--norc", "--noprofile", "-i"]),
            "source <(claude-cli completions bash)",
        );
    }
}

#[test]
fn zsh_completes() {
    if installed("zsh") {
        let home = furnished();
        let set_up = "autoload -U compinit; compinit -D -u; source <(claude-cli completions zsh)";
        complete_in(shell(&home, "zsh", &["-f", "-i"]), set_up);
    }
}

#[test]
fn zsh_completes_with_the_script_among_its_functions() {
    if installed("zsh") {
        let home = furnished();
        let script = done(&mut home.cli(["completions", "zsh"])).out;
        home.write("functions/_claude-cli", script);
        let set_up =
            format!("fpath=({} $fpath); autoload -U compinit; compinit -D -u", home.path("functions").display());
        complete_in(shell(&home, "zsh", &["-f", "-i"]), &set_up);
    }
}

#[test]
fn fish_completes() {
    // It wants a terminal that controls it.
    if installed("fish") && installed("setsid") {
        let home = furnished();
        let prompt = "function fish_prompt; echo 'READY> '; end; function fish_greeting; end";
        let set_up = "claude-cli completions fish | source";
        complete_in(shell(&home, "setsid", &["--ctty", "fish", "--no-config", "-i", "-C", prompt]), set_up);
    }
}

#[test]
fn every_script_asks_this_program_and_none_of_them_fails_without_a_ledger() {
    let home = Home::new();
    for (shell, words) in [("bash", "_CLAP_COMPLETE_INDEX"), ("zsh", "_CLAP_COMPLETE_INDEX"), ("fish", "")] {
        let mut command = home.cli(["--", "claude-cli", "query", "--resume", ""]);
        command.env("COMPLETE", shell);
        if !words.is_empty() {
            command.env(words, "3");
        }
        let asked = done(&mut command);
        assert_eq!((asked.code, asked.err.as_str()), (Some(0), ""), "{shell}: {asked:?}");
    }
    assert!(!home.path("data").exists(), "completing writes nothing");
    for shell in ["powershell", "elvish"] {
        let script = home.run(["completions", shell]);
        assert_eq!(script.code, Some(0));
        assert!(script.out.contains("claude-cli") && script.out.contains("COMPLETE"), "{}", script.out);
    }
    assert_eq!(home.run(["completions", "tcsh"]).code, Some(2));
}
