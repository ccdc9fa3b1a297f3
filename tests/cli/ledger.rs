//! Many processes, sudden deaths, one ledger.

use std::{
    io::Read,
    process::{Command, Stdio},
};

use claude_cli::store::{Run, SqliteLedger};
use rustix::process::Signal;

use crate::harness::{BINARY, FAKE_CLAUDE, Home, Simulator, done, signal};

#[test]
fn two_hundred_queries_at_once_lose_nothing() {
    let home = Home::new();
    // Every query is another request: the server draws its ids.
    let simulator = Simulator::start(&home, ["--ttft", "0", "--token-interval", "0"]);
    let script = format!("seq 200 | xargs -P 32 -I N {BINARY} query --backend api 'prompt N'");
    let mut command = home.isolated("/bin/sh");
    command.args(["-c", &script]).env("ANTHROPIC_API_KEY", "k").env("ANTHROPIC_BASE_URL", &simulator.url);
    let done = done(&mut command);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "none failed, and there is no word of a lock");
    assert_eq!(done.out.lines().count(), 200);
    let totals = &home.json(["analytics", "summary"])["totals"];
    assert_eq!((&totals["requests"], &totals["errors"]), (&200.into(), &0.into()));
    let sent: u64 = simulator.requests().iter().map(|r| r["output_tokens"].as_u64().unwrap()).sum();
    assert_eq!(totals["output_tokens"], sent, "the ledger says what the server said");
    assert_eq!(home.runs().len(), 200);
    home.verify();
}

#[test]
fn a_kill_in_the_middle_leaves_a_sound_ledger() {
    let home = Home::new();
    for n in 0..20 {
        let whole = done(&mut home.fake("tell", ["query", "--tag", &format!("n={n}"), "hi"]));
        assert_eq!(whole.code, Some(0), "{whole:?}");
        let before: Vec<Run> = home.runs();
        let mut command = Command::new(BINARY);
        command
            .args(["stream", "hi"])
            .env("XDG_DATA_HOME", home.path("data"))
            .env("HOME", home.folder.path())
            .env("CLAUDE_CLI_CLAUDE", FAKE_CLAUDE)
            .env("FAKE", "flood")
            .env("FAKE_DIR", home.folder.path())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Somewhere within the stream, each time further on.
        let mut piece = vec![0; 1 + n * 3000];
        child.stdout.as_mut().unwrap().read_exact(&mut piece).unwrap();
        signal(&child, Signal::KILL);
        child.wait().unwrap();
        home.verify();
        let after = home.runs();
        for run in &before {
            assert!(after.contains(run), "what was committed is still there");
        }
    }
    assert!(SqliteLedger::open(&home.ledger_path()).is_ok());
    assert_eq!(home.runs().iter().filter(|run| run.exit.is_some()).count(), 20);
}

#[test]
fn a_newer_ledger_is_a_clear_error_and_costs_no_answer() {
    let home = Home::new();
    assert_eq!(done(&mut home.fake("tell", ["query", "hi"])).code, Some(0));
    let db = rusqlite::Connection::open(home.ledger_path()).unwrap();
    db.pragma_update(None, "user_version", 999).unwrap();
    drop(db);
    let report = home.run(["analytics", "summary"]);
    assert_eq!(report.code, Some(1));
    assert!(report.err.contains("written by a newer claude-cli"), "{report:?}");
    let answered = done(&mut home.fake("tell", ["query", "hi"]));
    assert_eq!((answered.code, answered.out.as_str()), (Some(0), "Grüße\n"));
    assert!(answered.err.contains("newer claude-cli"), "{answered:?}");
}
