//! `claude-cli import --watch`.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    harness::{Home, SOON, drain, ends, signal},
    import::{PROJECT, append, counted, import, line},
};

/// A running `import --watch`, which ends with the test.
struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn start(home: &Home) -> Self {
        let mut command = home.cli(["import", "--watch"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out: ChildStdout = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // The test may be over.
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// Requests, files and bytes of the next line.
    fn next(&self) -> (u64, u64, u64) {
        let line = self.lines.recv_timeout(SOON).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        let of = |name: &str| line[name].as_u64().unwrap();
        (of("requests"), of("files"), of("bytes"))
    }

    /// Ends it as Ctrl-C does; what it told on stderr.
    fn end(mut self) -> Vec<String> {
        signal(&self.child, Signal::INT);
        assert_eq!(ends(&mut self.child), Some(0));
        assert_eq!(self.lines.iter().collect::<Vec<_>>(), [""; 0], "a line for every commit, and no other");
        let told = drain(self.child.stderr.take().unwrap());
        let told: Vec<_> = told.lines().map(str::to_owned).collect();
        assert!(told[0].contains("following the transcripts in "), "{told:?}");
        told[1..].to_vec()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn bytes(text: &str) -> u64 {
    text.len() as u64
}

#[test]
fn transcripts_are_followed_from_before_there_are_any() {
    let home = Home::new();
    let watch = Watch::start(&home);
    // The ledger is there when watching has begun, or is about to.
    crate::harness::wait_until("the ledger", || home.ledger_path().exists());
    let s = home.write(&format!("{PROJECT}/s.jsonl"), line("a", 1));
    assert_eq!(watch.next(), (1, 1, bytes(&line("a", 1))), "the first folder of all");
    assert_eq!(counted(&home), (1, 1), "committed before it is told");
    append(&s, line("b", 2));
    assert_eq!(watch.next(), (1, 1, bytes(&line("b", 2))), "an appended line");
    home.write(&format!("{PROJECT}/t.jsonl"), line("c", 4));
    assert_eq!(watch.next(), (1, 1, bytes(&line("c", 4))), "a new session");
    for n in 0..5 {
        let id = format!("folder-{n}");
        home.write(&format!(".claude/projects/-project-{n}/s.jsonl"), line(&id, 8));
        assert_eq!(watch.next(), (1, 1, bytes(&line(&id, 8))), "a new project");
        let id = format!("agent-{n}");
        home.write(&format!(".claude/projects/-project-{n}/s/subagents/agent-{n}.jsonl"), line(&id, 8));
        assert_eq!(watch.next(), (1, 1, bytes(&line(&id, 8))), "two folders at once");
    }
    assert_eq!(counted(&home), (13, 87));
    home.write("config/claude/projects/-p/s.jsonl", line("d", 16));
    assert_eq!(watch.next(), (1, 1, bytes(&line("d", 16))), "another config folder");
    assert_eq!(watch.end(), [""; 0]);
    assert_eq!(import(&home)["files"], 0, "nothing was lost");
    assert_eq!(counted(&home), (14, 103));
    home.verify();
}

#[test]
fn what_happens_to_files_while_they_are_followed_is_noticed() {
    let home = Home::new();
    let s = home.write(&format!("{PROJECT}/s.jsonl"), line("a", 1));
    let watch = Watch::start(&home);
    assert_eq!(watch.next().0, 1, "what was there before");
    // Half a line, and lines without a request, are no commits to tell of.
    let b = line("b", 2);
    append(&s, &b[..50]);
    append(&s, &b[50..]);
    assert_eq!(watch.next().0, 1);
    append(&s, "{\"type\":\"user\"}\n");
    append(&s, "{\"usage\"\n");
    fs::rename(&s, home.path(&format!("{PROJECT}/renamed.jsonl"))).unwrap();
    append(&home.path(&format!("{PROJECT}/renamed.jsonl")), line("c", 4));
    assert_eq!(watch.next().0, 1);
    fs::rename(home.path(PROJECT), home.path(".claude/projects/-renamed")).unwrap();
    append(&home.path(".claude/projects/-renamed/renamed.jsonl"), line("d", 8));
    assert_eq!(watch.next().0, 1, "in a folder of another name");
    fs::remove_dir_all(home.path(".claude")).unwrap();
    home.write(&format!("{PROJECT}/s.jsonl"), line("e", 16));
    assert_eq!(watch.next().0, 1, "all gone, and begun again");
    append(&home.path(&format!("{PROJECT}/s.jsonl")), line("f", 32));
    assert_eq!(watch.next().0, 1);
    let told = watch.end();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(".jsonl:4: "), "the line that is none: {told:?}");
    assert_eq!(counted(&home), (6, 63));
}

#[test]
fn reports_and_other_imports_go_on_beside() {
    let home = Home::new();
    let s = home.write(&format!("{PROJECT}/s.jsonl"), "");
    let watch = Watch::start(&home);
    for n in 0..20 {
        append(&s, line(&n.to_string(), 1));
        // Whoever is first reads it, and it counts once.
        let summary = home.run(["analytics", "summary"]);
        assert_eq!((summary.code, summary.err.as_str()), (Some(0), ""), "{summary:?}");
        let summary: Value = serde_json::from_str(&summary.out).unwrap();
        assert_eq!(summary["totals"]["requests"], n + 1);
    }
    append(&s, line("last", 1));
    crate::harness::wait_until("the last line", || counted(&home).0 == 21);
    drop(watch);
    home.verify();
}
