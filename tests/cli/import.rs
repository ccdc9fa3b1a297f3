//! `claude-cli import`: what is new in transcripts, once.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use claude_cli::simulate::History;
use serde_json::{Value, json};

use crate::harness::{BINARY, Home, done};

/// Where the transcripts of a home are by default.
pub(crate) const PROJECT: &str = ".claude/projects/-home-me-p";

/// A usage line as Claude Code writes it.
pub(crate) fn line(id: &str, output: u64) -> String {
    let line = json!({
        "isSidechain": false, "cwd": "/home/me/p", "sessionId": "session-1", "version": "2.1.197",
        "gitBranch": "main", "type": "assistant", "requestId": format!("req_{id}"),
        "message": {
            "model": "claude-opus-4-8", "id": format!("msg_{id}"), "role": "assistant",
            "content": [{"type": "text", "text": "It says {\"usage\": 1}."}],
            "usage": {"input_tokens": 1, "output_tokens": output}
        },
        "uuid": format!("line-{id}-{output}"), "timestamp": "2026-03-29T07:00:00.000Z"
    });
    format!("{line}\n")
}

/// A prompt: a line without usage.
fn prompt(length: usize) -> String {
    format!("{{\"type\":\"user\",\"message\":{{\"content\":\"{}\"}}}}\n", "x".repeat(length))
}

pub(crate) fn append(path: &Path, text: impl AsRef<[u8]>) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_ref()).unwrap();
}

/// Imports, and gives what the report says of it.
pub(crate) fn import(home: &Home) -> Value {
    let done = home.run(["import"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(done.err, "");
    serde_json::from_str(&done.out).unwrap()
}

/// Requests and output tokens in the ledger.
pub(crate) fn counted(home: &Home) -> (u64, u64) {
    let totals = &home.json(["analytics", "summary", "--no-import"])["totals"];
    (totals["requests"].as_u64().unwrap(), totals["output_tokens"].as_u64().unwrap())
}

fn read(report: &Value) -> (u64, u64, u64) {
    let of = |name: &str| report[name].as_u64().unwrap();
    (of("files"), of("unchanged"), of("bytes"))
}

#[test]
fn a_history_is_read_once_and_then_what_is_appended() {
    let home = Home::new();
    let history = History { files: 12, bytes: 3 << 20, giant_lines: vec![2 << 20], ..History::default() };
    let expected = history.write(&home.path(".claude")).unwrap();
    let report = import(&home);
    assert_eq!(read(&report), (expected.files, 0, expected.bytes));
    assert_eq!(report["usage_lines"], expected.usage_lines);
    assert_eq!((&report["skipped"], &report["problem_count"]), (&json!(0), &json!(0)));

    let summary = home.json(["analytics", "summary", "--by", "model", "--no-import"]);
    for (model, wanted) in &expected.models {
        let group = summary["groups"].as_array().unwrap().iter().find(|group| group["key"] == **model);
        assert_eq!(group.unwrap()["output_tokens"], wanted.output_tokens, "{model}");
        assert_eq!(group.unwrap()["requests"], wanted.requests, "{model}");
    }
    let (totals, wanted) = (&summary["totals"], &expected.totals);
    for (name, wanted) in [
        ("requests", wanted.requests),
        ("errors", wanted.errors),
        ("input_tokens", wanted.input_tokens),
        ("output_tokens", wanted.output_tokens),
        ("cache_read_tokens", wanted.cache_read_tokens),
        ("cache_write_5m_tokens", wanted.cache_write_5m_tokens),
        ("cache_write_1h_tokens", wanted.cache_write_1h_tokens),
        ("web_searches", wanted.web_searches),
    ] {
        assert_eq!(totals[name], wanted, "{name}");
    }

    assert_eq!(read(&import(&home)), (0, expected.files, 0), "nothing is new");
    let path = home.write(&format!("{PROJECT}/new.jsonl"), line("a", 7));
    let first = line("a", 7).len() as u64;
    assert_eq!(read(&import(&home)), (1, expected.files, first));
    append(&path, line("b", 9));
    assert_eq!(read(&import(&home)), (1, expected.files, line("b", 9).len() as u64));
    assert_eq!(counted(&home), (expected.totals.requests + 2, expected.totals.output_tokens + 16));
    home.verify();
}

#[test]
fn a_line_is_read_once_it_is_whole() {
    let home = Home::new();
    let (a, b) = (line("a", 1), line("b", 20));
    let path = home.write(&format!("{PROJECT}/s.jsonl"), format!("{a}{}", &b[..b.len() / 2]));
    assert_eq!(read(&import(&home)), (1, 0, a.len() as u64));
    assert_eq!(counted(&home), (1, 1));
    assert_eq!(read(&import(&home)), (0, 1, 0), "half a line is no news");
    append(&path, &b[b.len() / 2..b.len() - 1]);
    assert_eq!(read(&import(&home)), (1, 0, b.len() as u64 - 1), "its line end may be missing");
    append(&path, format!("\n{}", line("c", 300)));
    assert_eq!(read(&import(&home)), (1, 0, line("c", 300).len() as u64 + 1));
    assert_eq!(counted(&home), (3, 321));
}

/// A transcript long enough that its fingerprint says nothing of its middle.
fn long(ids: [&str; 5]) -> String {
    ids.iter().map(|id| format!("{}{}{}", prompt(5000), line(id, 10), prompt(5000))).collect()
}

#[test]
fn whatever_becomes_of_a_file_what_was_counted_counts_once() {
    let home = Home::new();
    let name = |name: &str| home.path(&format!("{PROJECT}/{name}"));
    let s = home.write(&format!("{PROJECT}/s.jsonl"), long(["a", "b", "c", "d", "e"]));
    let is = |wanted: u64, bytes: Option<usize>, what: &str| {
        let report = import(&home);
        assert_eq!(counted(&home), (wanted, wanted * 10), "{what}");
        if let Some(bytes) = bytes {
            assert_eq!(report["bytes"], bytes, "{what}");
        }
        assert_eq!(read(&import(&home)).2, 0, "{what}: the second import reads nothing");
    };
    is(5, Some(long(["a"; 5]).len()), "new");
    fs::write(&s, long(["a", "b", "c", "d", "e"])).unwrap();
    is(5, None, "written again");
    fs::write(&s, long(["a", "b", "X", "d", "e"])).unwrap();
    is(6, None, "another in the middle, of the same size");
    fs::write(&s, line("a", 10)).unwrap();
    is(6, None, "cut short");
    append(&s, line("f", 10));
    is(7, Some(line("f", 10).len()), "appended to");
    fs::write(&s, line("g", 10) + &long(["a", "b", "c", "d", "e"])).unwrap();
    is(8, None, "longer and different from its start");
    fs::write(&s, line("a", 3)).unwrap();
    is(8, None, "an older snapshot of a request that counts");

    fs::write(&s, long(["a", "b", "c", "d", "e"])).unwrap();
    is(8, None, "as it was");
    fs::rename(&s, name("t.jsonl")).unwrap();
    is(8, Some(0), "another name");
    append(&name("t.jsonl"), line("h", 10));
    is(9, Some(line("h", 10).len()), "appended to under its other name");
    fs::create_dir_all(home.path(".claude/projects/-other")).unwrap();
    let moved = home.path(".claude/projects/-other/t.jsonl");
    fs::rename(name("t.jsonl"), &moved).unwrap();
    is(9, Some(0), "another folder");
    fs::copy(&moved, name("copy.jsonl")).unwrap();
    is(9, None, "copied");
    fs::write(name("swapped.jsonl"), line("i", 10)).unwrap();
    is(10, None, "a new one");
    fs::rename(name("swapped.jsonl"), name("aside.jsonl")).unwrap();
    fs::rename(&moved, name("swapped.jsonl")).unwrap();
    fs::rename(name("aside.jsonl"), &moved).unwrap();
    is(10, Some(0), "two that changed places");

    let backup = fs::read(name("swapped.jsonl")).unwrap();
    for file in [&moved, &name("copy.jsonl"), &name("swapped.jsonl")] {
        fs::remove_file(file).unwrap();
    }
    is(10, Some(0), "deleted");
    fs::write(name("swapped.jsonl"), &backup).unwrap();
    is(10, None, "restored");
    fs::remove_file(name("swapped.jsonl")).unwrap();
    fs::write(name("swapped.jsonl"), &backup[..long(["a"; 5]).len()]).unwrap();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    fs::File::options().write(true).open(name("swapped.jsonl")).unwrap().set_modified(long_ago).unwrap();
    is(10, None, "restored from an older backup");
    append(&name("swapped.jsonl"), line("j", 10));
    is(11, Some(line("j", 10).len()), "appended to after that");
    fs::remove_dir_all(home.path(".claude")).unwrap();
    is(11, Some(0), "all gone");
    home.verify();
}

#[test]
fn what_cannot_be_read_is_told_with_its_place_and_the_rest_is_counted() {
    let home = Home::new();
    let mut bytes = line("good", 1).into_bytes();
    bytes.extend(b"\x7fELF\x02\x01\x01\0\0\0 binary junk \xff\xfe\n");
    bytes.extend(b"\xff\xfe\x00 \"usage\" \x80\n");
    bytes.extend(b"{\"message\":{\"usage\":{\"output_tokens\":1}\n");
    bytes.extend(line("wrong", 2).replace("\"input_tokens\":1", "\"input_tokens\":\"one\"").into_bytes());
    bytes.extend(line("time", 3).replace("2026-03-29T07:00:00.000Z", "yesterday").into_bytes());
    bytes.extend(line("text", 4).replace("It says", "It \u{1} says").replace("{\\\"", "@").into_bytes());
    let at = bytes.iter().position(|&b| b == b'@').unwrap();
    bytes[at] = 0xFF;
    bytes.extend(line("last", 5).into_bytes());
    let path = home.write(&format!("{PROJECT}/broken.jsonl"), &bytes);
    home.write(&format!("{PROJECT}/junk.jsonl"), (0..=255_u8).cycle().take(100_000).collect::<Vec<_>>());
    home.write(&format!("{PROJECT}/empty.jsonl"), "");
    home.write(&format!("{PROJECT}/sound.jsonl"), line("sound", 6));

    let done = home.run(["import"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let report: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((&report["files"], &report["skipped"]), (&json!(4), &json!(3)), "{report}");
    assert_eq!(report["problem_count"], 4);
    let problems = report["problems"].as_array().unwrap();
    let lines: Vec<_> = problems.iter().map(|problem| problem["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4, 5, 6]);
    let told: Vec<_> = done.err.lines().collect();
    assert_eq!(told.len(), 4, "{told:?}");
    for ((told, problem), line) in told.iter().zip(problems).zip(&lines) {
        assert_eq!(problem["path"], path.to_str().unwrap());
        let message = problem["message"].as_str().unwrap();
        assert_eq!(*told, format!("claude-cli: warning: {}:{line}: {message}", path.display()));
    }
    assert!(told[2].ends_with("the value of `input_tokens` is of the wrong type; it was left out"), "{told:?}");
    assert!(told[3].contains("`yesterday` is no time"), "{told:?}");
    assert_eq!(counted(&home), (5, 1 + 2 + 4 + 5 + 6));
    assert_eq!(home.run(["import", "--quiet"]).err, "");

    // Told once, where it was read; a great many are counted.
    assert_eq!(import(&home)["problem_count"], 0);
    append(&path, b"{\"usage\"\n".repeat(300));
    let done = home.run(["import"]);
    let report: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((&report["skipped"], &report["problem_count"]), (&json!(300), &json!(300)));
    assert_eq!(done.err.lines().count(), 11, "{}", done.err);
    assert!(
        done.err.ends_with("290 more problems; `claude-cli import --format json` lists them\n"),
        "{}",
        done.err
    );
}

/// A command of somebody whom permissions concern; `None` where such a one
/// cannot run the binary.
fn unprivileged(home: &Home, mut command: Command) -> Option<Command> {
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        return Some(command);
    }
    fs::set_permissions(home.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for folder in ["data", "data/claude-cli"] {
        fs::create_dir_all(home.path(folder)).unwrap();
        chown(home.path(folder), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let file = home.path("data/claude-cli").join(name);
        if file.exists() {
            chown(file, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    command.uid(NOBODY).gid(NOBODY);
    match home.isolated(BINARY).arg("--version").uid(NOBODY).gid(NOBODY).output() {
        Ok(_) => Some(command),
        Err(e) => {
            eprintln!("SKIPPED: only root can run the binary ({e}), and root may read everything");
            None
        }
    }
}

fn forbid(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
}

#[test]
fn an_unreadable_file_or_folder_is_told_and_the_rest_is_counted() {
    let home = Home::new();
    home.write(&format!("{PROJECT}/open.jsonl"), line("a", 1));
    let file = home.write(&format!("{PROJECT}/shut.jsonl"), line("b", 2));
    home.write(".claude/projects/-shut/s.jsonl", line("c", 4));
    let folder = home.path(".claude/projects/-shut");
    forbid(&file);
    forbid(&folder);
    let Some(mut command) = unprivileged(&home, home.cli(["import"])) else { return };
    let first = done(&mut command);
    // Here and in a report, as long as it is so.
    let Some(mut command) = unprivileged(&home, home.cli(["analytics", "summary"])) else { return };
    let summary = done(&mut command);
    for told in [&first, &summary] {
        assert_eq!(told.code, Some(0), "{told:?}");
        let lines: Vec<_> = told.err.lines().collect();
        assert_eq!(lines.len(), 2, "{told:?}");
        for path in [&folder, &file] {
            let place = format!("warning: {}: ", path.display());
            let line = lines.iter().find(|line| line.contains(&place)).unwrap_or_else(|| panic!("{told:?}"));
            assert!(line.contains("Permission denied"), "{line}");
            assert_eq!(line.matches(path.to_str().unwrap()).count(), 1, "said once: {line}");
        }
    }
    let report: Value = serde_json::from_str(&first.out).unwrap();
    assert_eq!((&report["files"], &report["problem_count"]), (&json!(1), &json!(2)));
    let summary: Value = serde_json::from_str(&summary.out).unwrap();
    assert_eq!(summary["totals"]["output_tokens"], 1);

    for path in [&folder, &file] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let Some(mut command) = unprivileged(&home, home.cli(["import"])) else { return };
    assert_eq!(done(&mut command).err, "");
    assert_eq!(counted(&home), (3, 7));
    // All of them.
    let projects = home.path(".claude/projects");
    forbid(&projects);
    let Some(mut command) = unprivileged(&home, home.cli(["analytics", "summary"])) else { return };
    let summary = done(&mut command);
    fs::set_permissions(&projects, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(summary.err.contains(&format!("warning: {}: Permission denied", projects.display())), "{summary:?}");
    assert_eq!(serde_json::from_str::<Value>(&summary.out).unwrap()["totals"]["output_tokens"], 7);
}

#[test]
fn reports_import_first() {
    let home = Home::new();
    let summary = |more: &[&str]| {
        let done = done(home.cli(["analytics", "summary"]).args(more));
        assert_eq!(done.code, Some(0), "{done:?}");
        let report: Value = serde_json::from_str(&done.out).unwrap();
        (report["totals"]["requests"].as_u64().unwrap(), done.err)
    };
    home.write(&format!("{PROJECT}/s.jsonl"), line("a", 1));
    let (requests, told) = summary(&["--no-import"]);
    assert_eq!(requests, 0);
    assert!(told.contains("no ledger yet"), "{told}");
    assert!(!home.ledger_path().exists());
    assert_eq!(summary(&[]), (1, String::new()));
    append(&home.path(&format!("{PROJECT}/s.jsonl")), line("b", 2));
    assert_eq!(summary(&["--no-import"]), (1, String::new()));
    assert_eq!(summary(&[]), (2, String::new()));
    for (n, (report, path)) in [
        (
            &["timeseries", "--metric", "commands", "--since", "2026-03-29", "--until", "2026-03-29"][..],
            "/series/0/points/7/1",
        ),
        (&["analytics", "sessions"], "/sessions/0/requests"),
        (&["analytics", "blocks", "--since", "2026-03-29"], "/blocks/0/requests"),
    ]
    .into_iter()
    .enumerate()
    {
        append(&home.path(&format!("{PROJECT}/s.jsonl")), line(&n.to_string(), 3));
        let requests = counted(&home).0 + 1;
        let found = home.json(report.iter().copied());
        assert_eq!(found.pointer(path).and_then(Value::as_f64), Some(requests as f64), "{report:?}: {found}");
    }
}

#[test]
fn a_ledger_that_cannot_be_written_is_reported_from_all_the_same() {
    let home = Home::new();
    let path = home.write(&format!("{PROJECT}/s.jsonl"), line("a", 1));
    import(&home);
    append(&path, (0..500).map(|n| line(&n.to_string(), 2)).collect::<String>());
    // A disk that is full, to this process: at once, or after some blocks of its own size.
    for blocks in [0, 40, 70] {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" analytics summary");
        let full = done(home.isolated("/bin/sh").args(["-c", &script, BINARY]));
        assert_eq!(full.code, Some(0), "{full:?}");
        assert!(full.err.starts_with("claude-cli: warning: the transcripts were not read: "), "{full:?}");
        assert_eq!(serde_json::from_str::<Value>(&full.out).unwrap()["totals"]["requests"], 1);
    }
    // One that may only be read.
    let folder = home.path("data/claude-cli");
    let Some(mut command) = unprivileged(&home, home.cli(["analytics", "summary"])) else { return };
    for (path, mode) in [(home.ledger_path(), 0o400), (folder.clone(), 0o500)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let read_only = done(&mut command);
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(read_only.code, Some(0), "{read_only:?}");
    assert!(read_only.err.starts_with("claude-cli: warning: the transcripts were not read: "), "{read_only:?}");
    assert_eq!(serde_json::from_str::<Value>(&read_only.out).unwrap()["totals"]["requests"], 1);
}

#[test]
fn config_folders_are_found_where_claude_puts_them() {
    let home = Home::new();
    let put = |name: &str, id: &str, output| home.write(name, line(id, output));
    put(".claude/projects/-p/s.jsonl", "a", 1);
    put("config/claude/projects/-p/s.jsonl", "b", 2);
    put(".config/claude/projects/-p/s.jsonl", "c", 4);
    let agent = line("d", 8).replace("\"sessionId\":\"session-1\",", "");
    home.write(".claude/projects/-p/parent/subagents/agent-a1.jsonl", agent);
    put("one/projects/-p/s.jsonl", "e", 16);
    put("two/projects/-p/deep/er/s.jsonl", "f", 32);
    put(".claude/projects/-p/notes.txt", "g", 64);
    let summary = |name: &str, value: &str| {
        let done = done(home.cli(["analytics", "summary", "--by", "agent"]).env(name, value));
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
        serde_json::from_str::<Value>(&done.out).unwrap()
    };
    let all = |found: &Value| found["totals"]["output_tokens"].as_u64().unwrap();
    let found = summary("NOTHING", "");
    assert_eq!(all(&found), 1 + 2 + 8);
    let agents: Vec<_> =
        found["groups"].as_array().unwrap().iter().map(|g| (&g["key"], &g["output_tokens"])).collect();
    assert!(agents.contains(&(&json!("subagent"), &json!(8))), "{agents:?}");
    let sessions = home.json(["analytics", "sessions", "--no-import"]);
    assert!(sessions.to_string().contains("\"parent\""), "{sessions}");
    assert_eq!(all(&summary("XDG_CONFIG_HOME", "")), 15);
    let several = format!("~/one, {}/projects,,{}", home.path("two").display(), home.path("nowhere").display());
    assert_eq!(all(&summary("CLAUDE_CONFIG_DIR", &several)), 63);
}

#[test]
fn a_folder_or_file_of_ones_own_is_read_when_it_is_named() {
    let home = Home::new();
    let import = |path: PathBuf| {
        let done = done(home.cli(["import"]).arg(path));
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
        serde_json::from_str::<Value>(&done.out).unwrap()["files"].as_u64().unwrap()
    };
    home.write("backup/-p/a.jsonl", line("a", 1));
    home.write("backup/b.jsonl", line("b", 2));
    home.write("config-backup/projects/-p/c.jsonl", line("c", 4));
    home.write("config-backup/history.jsonl", "{}\n");
    let one = home.write("d.jsonl", line("d", 8));
    assert_eq!(import(home.path("backup")), 2);
    assert_eq!(import(home.path("config-backup")), 1);
    assert_eq!(import(one), 1);
    assert_eq!(counted(&home), (4, 15));
    let nothing = done(home.cli(["import"]).arg(home.path("nothing")));
    assert_eq!(nothing.code, Some(1));
    assert!(nothing.err.contains("cannot read") && nothing.err.contains("nothing"), "{nothing:?}");
}
