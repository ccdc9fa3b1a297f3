//! What is read of transcripts, rule by rule.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use claude_cli::{
    store::{Witness, WitnessKind},
    transcript::{
        Fingerprint, Origin, ScanEvent, Scanned, Scanner, TranscriptFile, config_folders_from, find,
        is_continuation, scan_all,
    },
};
use serde_json::{Value, json};

/// A usage line as Claude Code writes it.
pub(crate) fn line(id: &str, output: u64) -> Value {
    json!({
        "parentUuid": null, "isSidechain": false, "userType": "external", "cwd": "/home/me/project",
        "sessionId": "session-1", "version": "2.1.197", "gitBranch": "main",
        "message": {
            "model": "claude-opus-4-8", "id": format!("msg_{id}"), "type": "message", "role": "assistant",
            "content": [{"type": "text", "text": "It says {\"usage\": 1}."}], "stop_reason": null,
            "usage": {
                "input_tokens": 3, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 400,
                "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
                "output_tokens": output, "service_tier": "standard"
            }
        },
        "requestId": format!("req_{id}"), "type": "assistant", "uuid": format!("line-{id}-{output}"),
        "timestamp": "2026-03-29T07:00:00.000Z"
    })
}

pub(crate) fn text(lines: &[Value]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

pub(crate) fn scan_at(path: &str, text: &[u8]) -> (Vec<Witness>, Scanned) {
    let mut witnesses = Vec::new();
    let mut reader = text;
    let origin = Origin::of(Path::new(path));
    let scanned =
        Scanner::new().scan_reader(&mut reader, &origin, 0, &mut |witness| witnesses.push(witness)).unwrap();
    (witnesses, scanned)
}

pub(crate) fn scan(text: &[u8]) -> (Vec<Witness>, Scanned) {
    scan_at("/x/projects/p/file-session.jsonl", text)
}

/// The one witness in a line, of which nothing is wrong.
fn only(line: &Value) -> Witness {
    let (witnesses, scanned) = scan(&text(std::slice::from_ref(line)));
    assert_eq!(scanned.problems, []);
    assert_eq!(witnesses.len(), 1, "{line}");
    witnesses.into_iter().next().unwrap()
}

fn with(mut line: Value, change: impl FnOnce(&mut Value)) -> Value {
    change(&mut line);
    line
}

#[test]
fn every_field_of_a_usage_line_is_read() {
    let w = only(&line("a", 50));
    assert_eq!(w.by, WitnessKind::Transcript);
    let ids = [&w.message_id, &w.request_id, &w.uuid].map(Option::as_deref);
    let names = [&w.session, &w.model, &w.project, &w.branch, &w.version].map(Option::as_deref);
    let found: Vec<_> = ids.into_iter().chain(names).map(Option::unwrap).collect();
    let expected =
        ["msg_a", "req_a", "line-a-50", "session-1", "claude-opus-4-8", "/home/me/project", "main", "2.1.197"];
    assert_eq!(found, expected);
    assert_eq!((w.ts, w.first_ts, w.sidechain, w.cost, w.error), (1_774_767_600_000, None, false, None, None));
    assert_eq!(w.agent.as_deref(), Some("main"));
    let u = w.usage;
    assert_eq!((u.input_tokens, u.output_tokens, u.cache_read_tokens), (3, 50, 400));
    assert_eq!((u.cache_write_5m_tokens, u.cache_write_1h_tokens), (10, 20));
}

#[test]
fn white_space_and_the_order_of_fields_do_not_matter() {
    let pretty = serde_json::to_string_pretty(&line("a", 50)).unwrap().replace('\n', "\t ");
    let (witnesses, _) = scan(format!("{pretty}\r\n").replace("\"usage\":", "\"usage\"  :\t").as_bytes());
    assert_eq!(witnesses, [only(&line("a", 50))]);
    let mut reversed = serde_json::Map::new();
    for (name, value) in line("a", 50).as_object().unwrap().iter().rev() {
        reversed.insert(name.clone(), value.clone());
    }
    assert_eq!(only(&Value::Object(reversed)), only(&line("a", 50)));
}

#[test]
fn null_is_as_good_as_absent() {
    let names =
        ["requestId", "uuid", "sessionId", "cwd", "gitBranch", "version", "isSidechain", "costUSD", "error"];
    for name in names {
        let null = only(&with(line("a", 50), |line| line[name] = Value::Null));
        let absent = only(&with(line("a", 50), |line| {
            line.as_object_mut().unwrap().remove(name);
        }));
        assert_eq!(null, absent, "{name}");
    }
    for name in ["input_tokens", "cache_creation", "service_tier", "speed", "server_tool_use", "iterations"] {
        let null = only(&with(line("a", 50), |line| line["message"]["usage"][name] = Value::Null));
        let absent = only(&with(line("a", 50), |line| {
            line["message"]["usage"].as_object_mut().unwrap().remove(name);
        }));
        assert_eq!(null, absent, "{name}");
    }
    let (witnesses, scanned) = scan(&text(&[with(line("a", 50), |line| line["message"]["usage"] = Value::Null)]));
    assert_eq!((witnesses.len(), scanned.problems.len()), (0, 0));
}

#[test]
fn what_changes_the_price_is_read() {
    let w = only(&with(line("a", 50), |line| {
        line["message"]["model"] = "us.anthropic.claude-opus-4-8-fast-v1:0".into();
        let usage = &mut line["message"]["usage"];
        usage["cache_creation_input_tokens"] = 35.into();
        usage["speed"] = "standard".into();
        usage["inference_geo"] = "us".into();
        usage["service_tier"] = "batch".into();
        usage["server_tool_use"] = json!({"web_search_requests": 2, "web_fetch_requests": 9});
        usage["iterations"] = json!([
            {"type": "message", "input_tokens": 3},
            {"type": "advisor_message", "model": "claude-haiku-4-5", "input_tokens": 7, "output_tokens": 8}
        ]);
        line["costUSD"] = json!(0.0125);
    }));
    assert_eq!(w.model.as_deref(), Some("claude-opus-4-8"));
    assert!(w.usage.fast && w.usage.us_inference && w.usage.batch);
    // What the split does not cover lives for 5 minutes.
    assert_eq!((w.usage.cache_write_5m_tokens, w.usage.cache_write_1h_tokens), (15, 20));
    assert_eq!((w.usage.web_searches, w.cost), (2, Some(12_500_000)));
    assert_eq!(w.usage.advisors.len(), 1);
    assert_eq!(w.usage.advisors[0].model, "claude-haiku-4-5");
    assert_eq!((w.usage.advisors[0].usage.input_tokens, w.usage.advisors[0].usage.output_tokens), (7, 8));
}

#[test]
fn quoted_usage_is_none() {
    let quoted = line("quoted", 9).to_string();
    let result = json!({"type": "user", "timestamp": "2026-03-29T07:00:00.000Z", "message": {"role": "user",
        "content": [{"type": "tool_result", "content": quoted}]}, "toolUseResult": {"usage": {"output_tokens": 5}}});
    let word = json!({"type": "user", "message": {"content": ["usage", {"usage": {"output_tokens": 1}}]}});
    let (witnesses, scanned) = scan(&text(&[result, word, json!({"usage": {"output_tokens": 1}})]));
    assert_eq!((witnesses.len(), scanned.usage_lines, scanned.skipped), (0, 0, 0));
    assert_eq!(scanned.problems, []);
}

#[test]
fn snapshots_of_a_request_are_joined() {
    let at = |output: u64, second: u32| {
        with(line("a", output), |line| line["timestamp"] = format!("2026-03-29T07:00:{second:02}.000Z").into())
    };
    let (witnesses, scanned) = scan(&text(&[at(5, 1), line("b", 1), at(50, 4), at(50, 9), at(8, 3), at(50, 0)]));
    assert_eq!(scanned.usage_lines, 6);
    assert_eq!(witnesses.len(), 2);
    let w = &witnesses[0];
    assert_eq!((w.usage.output_tokens, w.ts, w.first_ts), (50, 1_774_767_600_000, None));
    let (witnesses, _) = scan(&text(&[at(5, 1), at(50, 4), at(50, 9)]));
    assert_eq!((witnesses[0].ts, witnesses[0].first_ts), (1_774_767_604_000, Some(1_774_767_601_000)));
    // Not what differs in more than the snapshot.
    for (name, other) in [
        ("sessionId", json!("session-2")),
        ("gitBranch", json!("fix")),
        ("cwd", json!("/")),
        ("isSidechain", json!(true)),
        ("agentId", json!("a1")),
        ("requestId", json!("req_other")),
        ("costUSD", json!(1)),
    ] {
        let changed = with(at(50, 4), |line| line[name] = other);
        assert_eq!(scan(&text(&[at(5, 1), changed])).0.len(), 2, "{name}");
    }
}

#[test]
fn a_subagent_is_known_by_its_id_or_its_file() {
    assert_eq!(only(&with(line("a", 1), |line| line["agentId"] = "a1".into())).agent.as_deref(), Some("subagent"));
    let anonymous = with(line("a", 1), |line| line["sessionId"] = Value::Null);
    let (witnesses, _) =
        scan_at("/x/projects/p/parent/subagents/agent-1.jsonl", &text(std::slice::from_ref(&anonymous)));
    assert_eq!(witnesses[0].agent.as_deref(), Some("subagent"));
    assert_eq!(witnesses[0].session.as_deref(), Some("parent"));
    assert_eq!(only(&anonymous).session.as_deref(), Some("file-session"));
}

#[test]
fn agent_progress_is_a_request_like_any_other() {
    let w = only(&json!({
        "type": "progress", "sessionId": "session-1", "cwd": "/p", "version": "2.1.0", "gitBranch": "main",
        "isSidechain": false, "uuid": "outer", "timestamp": "2026-03-29T08:00:00.000Z", "toolUseID": "agent_msg_1",
        "data": {"type": "agent_progress", "agentId": "a1", "prompt": "look", "normalizedMessages": [],
            "message": {"type": "assistant", "timestamp": "2026-03-29T07:00:00.000Z", "requestId": "req_x",
                "uuid": "inner", "message": {"id": "msg_x", "model": "claude-haiku-4-5",
                    "usage": {"input_tokens": 1, "output_tokens": 2}}}}
    }));
    assert_eq!((w.message_id.as_deref(), w.request_id.as_deref()), (Some("msg_x"), Some("req_x")));
    assert_eq!((w.uuid.as_deref(), w.session.as_deref()), (Some("inner"), Some("session-1")));
    assert_eq!((w.project.as_deref(), w.agent.as_deref()), (Some("/p"), Some("subagent")));
    assert_eq!((w.ts, w.usage.output_tokens), (1_774_767_600_000, 2));
}

#[test]
fn synthetic_messages_are_failed_attempts() {
    let synthetic = with(line("a", 50), |line| {
        line["message"]["model"] = "<synthetic>".into();
        line["message"]["id"] = "made-up".into();
        line["isApiErrorMessage"] = true.into();
        line["requestId"] = Value::Null;
    });
    let w = only(&synthetic);
    assert_eq!((w.model.clone(), w.usage.is_zero(), w.error.as_deref()), (None, true, Some("api_error")));
    assert_eq!((w.message_id.clone(), w.uuid.as_deref()), (None, Some("line-a-50")));
    let named = only(&with(synthetic, |line| line["error"] = "rate_limit".into()));
    assert_eq!(named.error.as_deref(), Some("rate_limit"));
    // An error in the middle of an answer: its tokens were spent.
    let w = only(&with(line("a", 50), |line| line["isApiErrorMessage"] = true.into()));
    assert_eq!((w.usage.output_tokens, w.error.as_deref()), (50, Some("api_error")));
}

#[test]
fn wrong_types_are_reported_and_the_rest_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.jsonl");
    let lines = [
        line("good", 1),
        with(line("a", 2), |line| line["message"]["usage"]["input_tokens"] = "12".into()),
        with(line("b", 3), |line| line["sessionId"] = json!(7)),
        with(line("c", 4), |line| line["message"]["usage"] = json!("none")),
        with(line("d", 5), |line| line["timestamp"] = json!("yesterday")),
        with(line("e", 6), |line| line["timestamp"] = Value::Null),
    ];
    let mut bytes = text(&lines);
    bytes.extend(b"{\"message\":{\"usage\":{\"output_tokens\":1}\n\x00\xff\"usage\"\n[{\"usage\":1}]\n");
    bytes.extend(text(&[line("last", 7)]));
    fs::write(&path, &bytes).unwrap();
    let mut witnesses = Vec::new();
    let scanned = Scanner::new().scan(&path, 0, &mut |w| witnesses.push(w)).unwrap();
    let ids: Vec<_> = witnesses.iter().map(|w| w.message_id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["msg_good", "msg_a", "msg_b", "msg_last"]);
    assert_eq!((witnesses[1].usage.input_tokens, witnesses[1].usage.output_tokens), (0, 2));
    assert_eq!((scanned.end, scanned.usage_lines, scanned.skipped), (bytes.len() as u64, 4, 6));
    let found: Vec<(u64, bool)> =
        scanned.problems.iter().map(|p| (p.line.unwrap(), p.message.ends_with("left out"))).collect();
    assert_eq!(found, [2, 3, 4, 5, 6, 7, 8, 9].map(|line| (line, true)));
    assert_eq!(scanned.problem_count, 8);
    let shown = scanned.problems[0].to_string();
    assert!(
        shown.ends_with("s.jsonl:2: the value of `input_tokens` is of the wrong type; it was left out"),
        "{shown}"
    );
}

#[test]
fn problems_are_counted_beyond_those_that_are_kept() {
    let bad = b"{\"usage\"\n".repeat(1000);
    let (_, scanned) = scan(&bad);
    assert_eq!((scanned.skipped, scanned.problem_count, scanned.problems.len()), (1000, 1000, 20));
}

#[test]
fn bytes_that_are_no_text_do_not_lose_the_usage() {
    let bytes = line("a", 50).to_string().replace("It says", "\u{1}It @ says");
    let mut bytes = bytes.into_bytes();
    let at = bytes.iter().position(|&b| b == b'@').unwrap();
    bytes[at] = 0xFF;
    for (before, behind) in [(&b""[..], &b"\n"[..]), (b"\xEF\xBB\xBF", b"\r\n"), (b"\0\0\0", b"\0\n")] {
        let framed = [before, &bytes, behind].concat();
        assert_eq!(scan(&framed).0, [only(&line("a", 50))]);
    }
    for empty in [&b""[..], b"\n\n\r\n", b"\0\0\0\0", b"\xEF\xBB\xBF"] {
        let (witnesses, scanned) = scan(empty);
        assert_eq!((witnesses.len(), scanned.problem_count), (0, 0));
    }
}

#[test]
fn escapes_are_decoded() {
    let w = only(&with(line("a", 1), |line| {
        line["cwd"] = "/home/j\u{fc}rgen/\"q\\".into();
        line["gitBranch"] = "\u{1F980}\n".into();
    }));
    assert_eq!(w.project.as_deref(), Some("/home/j\u{fc}rgen/\"q\\"));
    assert_eq!(w.branch.as_deref(), Some("\u{1F980}\n"));
    let escaped = line("a", 1).to_string().replace("/home/me", "\\/home\\u002fme");
    assert_eq!(scan(format!("{escaped}\n").as_bytes()).0, [only(&line("a", 1))]);
}

#[test]
fn a_line_that_is_still_being_written_is_left_for_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.jsonl");
    let (first, second) = (text(&[line("a", 1)]), text(&[line("b", 2)]));
    for cut in [0, 1, second.len() / 2, second.len() - 2] {
        fs::write(&path, [&first[..], &second[..cut]].concat()).unwrap();
        let mut ids = Vec::new();
        let mut scanner = Scanner::new();
        let scanned = scanner.scan(&path, 0, &mut |w| ids.push(w.message_id.unwrap())).unwrap();
        assert_eq!((scanned.end, scanned.problem_count), (first.len() as u64, 0), "{cut}");
        assert!(is_continuation(&path, scanned.end, scanned.fingerprint).unwrap());
        fs::write(&path, [&first[..], &second].concat()).unwrap();
        assert!(is_continuation(&path, scanned.end, scanned.fingerprint).unwrap());
        let scanned = scanner.scan(&path, scanned.end, &mut |w| ids.push(w.message_id.unwrap())).unwrap();
        assert_eq!(scanned.end as usize, first.len() + second.len());
        assert_eq!(ids, ["msg_a", "msg_b"]);
    }
    // Whole but for its line end: its brackets say that nothing is missing.
    fs::write(&path, &second[..second.len() - 1]).unwrap();
    let mut ids = Vec::new();
    let scanned = Scanner::new().scan(&path, 0, &mut |w| ids.push(w.message_id.unwrap())).unwrap();
    assert_eq!((ids.len(), scanned.end as usize), (1, second.len() - 1));
    fs::write(&path, [&second[..], &first].concat()).unwrap();
    Scanner::new().scan(&path, scanned.end, &mut |w| ids.push(w.message_id.unwrap())).unwrap();
    assert_eq!(ids, ["msg_b", "msg_a"]);
}

#[test]
fn a_rewritten_file_is_no_continuation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.jsonl");
    let lines: Vec<Value> = (0..20).map(|n| line(&n.to_string(), n)).collect();
    let bytes = text(&lines);
    fs::write(&path, &bytes).unwrap();
    let scanned = Scanner::new().scan(&path, 0, &mut |_| {}).unwrap();
    let kept = Fingerprint::from_bytes(&scanned.fingerprint.to_bytes()).unwrap();
    assert_eq!((kept, Fingerprint::from_bytes(b"short")), (scanned.fingerprint, None));
    let is_continued = || is_continuation(&path, scanned.end, kept).unwrap();
    assert!(is_continued());
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(!is_continued(), "cut short");
    for at in [0, 4000, bytes.len() - 2] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        assert!(!is_continued(), "byte {at} changed");
    }
    assert!(is_continuation(&path, 0, Fingerprint::default()).is_ok());
    assert!(is_continuation(&folder.path().join("none"), 0, kept).is_err());
}

#[test]
fn a_line_of_any_length_is_read_in_bounded_memory() {
    let long = "a\\\"b\\\\".repeat(1 << 20);
    let giant = line("giant", 77).to_string().replace("It says", &long);
    let images = with(line("images", 78), |line| {
        line["message"]["content"] = (0..4000).map(|n| json!({"n": n, "data": "\\\"".repeat(200)})).collect();
    });
    let intricate = with(line("intricate", 1), |line| line["x"] = (0..1_000_000).collect::<Value>());
    let mut bytes = text(&[line("before", 1)]);
    bytes.extend(format!("{giant}\n{images}\n{intricate}\n").into_bytes());
    bytes.extend(text(&[line("behind", 2)]));
    let (witnesses, scanned) = scan(&bytes);
    let found: Vec<_> =
        witnesses.iter().map(|w| (w.message_id.as_deref().unwrap(), w.usage.output_tokens)).collect();
    assert_eq!(found, [("msg_before", 1), ("msg_giant", 77), ("msg_images", 78), ("msg_behind", 2)]);
    assert_eq!((scanned.end as usize, scanned.skipped, scanned.problem_count), (bytes.len(), 1, 1));
    assert!(scanned.problems[0].message.contains("too intricate"), "{}", scanned.problems[0]);
    // Without its line end it is whole all the same; cut short it is not.
    assert_eq!(scan(giant.as_bytes()).0[0].usage.output_tokens, 77);
    let (witnesses, scanned) = scan(&giant.as_bytes()[..giant.len() - 1]);
    assert_eq!((witnesses.len(), scanned.end, scanned.problem_count), (0, 0, 0));
}

#[test]
fn nesting_does_not_overflow_anything() {
    let deep = format!("{{\"message\":{{\"usage\":{{\"iterations\":{}1", "[{\"iterations\":".repeat(500_000));
    let closed = format!(
        "{{\"timestamp\":\"2026-03-29T07:00:00.000Z\",\"x\":{}{},\"message\":{{\"usage\":{{\"output_tokens\":4}}}}}}",
        "[".repeat(400_000),
        "]".repeat(400_000)
    );
    let data = "{\"data\":{\"message\":".repeat(50_000) + "\"usage\"";
    let (witnesses, scanned) = scan(format!("{deep}\n{closed}\n{data}\n").as_bytes());
    assert_eq!((witnesses.len(), witnesses[0].usage.output_tokens, scanned.skipped), (1, 4, 2));
}

#[test]
fn transcripts_are_found_wherever_they_are() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join(".claude");
    let project = config.join("projects/-home-me");
    fs::create_dir_all(project.join("s1/subagents")).unwrap();
    for name in ["s1.jsonl", "s2.jsonl", "s1/subagents/agent-1.jsonl", "notes.txt"] {
        fs::write(project.join(name), "x").unwrap();
    }
    symlink(&config, project.join("circle")).unwrap();
    symlink(project.join("s1.jsonl"), project.join("again.jsonl")).unwrap();
    symlink(project.join("gone.jsonl"), project.join("nowhere.jsonl")).unwrap();
    fs::create_dir(project.join("folder.jsonl")).unwrap();
    let (files, problems) = find(&[config.clone(), home.path().join("nothing"), config.join("projects")]);
    assert_eq!(problems, []);
    let names: Vec<_> = files.iter().map(|f| f.path.strip_prefix(&project).unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["again.jsonl", "s1/subagents/agent-1.jsonl", "s2.jsonl"]);
    assert_eq!(files[1], TranscriptFile::at(project.join("s1/subagents/agent-1.jsonl")).unwrap());
    assert_eq!(files[1].size, 1);
    let (files, problems) = find(&[project.join("s1.jsonl"), PathBuf::from("/")]);
    assert_eq!((files.len(), problems.len()), (0, 0));
}

#[test]
fn config_folders_follow_the_environment() {
    let folders = |set: &[(&str, &str)]| -> Vec<String> {
        let variable =
            |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        config_folders_from(variable).into_iter().map(|folder| folder.to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(folders(&[("HOME", "/h")]), ["/h/.config/claude", "/h/.claude"]);
    assert_eq!(folders(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/c")]), ["/c/claude", "/h/.claude"]);
    let unset = [("HOME", "/h"), ("CLAUDE_CONFIG_DIR", " "), ("XDG_CONFIG_HOME", "")];
    assert_eq!(folders(&unset), ["/h/.config/claude", "/h/.claude"]);
    let several = [("HOME", "/h"), ("CLAUDE_CONFIG_DIR", "~/a, /b/projects,,~,/b/projects")];
    assert_eq!(folders(&several), ["/h/a", "/b/projects", "/h"]);
    assert_eq!(folders(&[("XDG_CONFIG_HOME", "/c")]), ["/c/claude"]);
}

#[test]
fn many_files_are_scanned_on_several_threads() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for n in 0..20 {
        let path = folder.path().join(format!("{n}.jsonl"));
        let lines: Vec<Value> = (0..=n * 40).map(|m| line(&format!("{n}-{m}"), 1)).collect();
        fs::write(&path, text(&lines)).unwrap();
        files.push((TranscriptFile::at(path).unwrap(), 0));
    }
    fs::write(folder.path().join("gone"), "").unwrap();
    files.push((TranscriptFile::at(folder.path().join("gone")).unwrap(), 0));
    fs::remove_file(folder.path().join("gone")).unwrap();
    for threads in [1, 2, 5] {
        let mut counts = vec![0; files.len()];
        let mut done = vec![false; files.len()];
        let mut scan = scan_all(files.clone(), threads);
        for event in &mut scan {
            match event {
                ScanEvent::Witnesses { file, witnesses } => {
                    assert!(!done[file]);
                    counts[file] += witnesses.len();
                }
                ScanEvent::Done { file, scanned } => {
                    assert!(!std::mem::replace(&mut done[file], true));
                    match scanned {
                        Ok(scanned) => assert_eq!(scanned.end, files[file].0.size),
                        Err(e) => assert!(file == 20 && e.to_string().contains("gone"), "{e}"),
                    }
                }
            }
        }
        assert!(done.iter().all(|done| *done));
        assert_eq!(counts, (0..20).map(|n| n * 40 + 1).chain([0]).collect::<Vec<_>>());
        assert_eq!(scan.bytes_read(), files.iter().take(20).map(|(file, _)| file.size).sum::<u64>());
    }
    // Whoever has seen enough ends the threads.
    drop(scan_all(files, 2));
}

#[test]
fn a_large_file_is_divided_and_put_together_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.jsonl");
    let padding = "x".repeat(20_000);
    let mut bytes = Vec::new();
    for n in 0..1200 {
        bytes.extend(text(&[line(&n.to_string(), n)]));
        bytes.extend(format!("{{\"text\":\"{padding}\"}}\n").into_bytes());
        if n % 50 == 0 {
            bytes.extend(b"{\"usage\"\n");
        }
    }
    bytes.extend(b"{\"still being written");
    fs::write(&path, &bytes).unwrap();
    let mut expected = Vec::new();
    let alone = Scanner::new().scan(&path, 0, &mut |w| expected.push(w)).unwrap();
    assert_eq!((alone.usage_lines, alone.skipped, alone.problems.len()), (1200, 24, 20));
    let mut found = Vec::new();
    let mut done = Vec::new();
    for event in scan_all(vec![(TranscriptFile::at(&path).unwrap(), 0)], 3) {
        match event {
            ScanEvent::Witnesses { witnesses, .. } => found.extend(witnesses),
            ScanEvent::Done { scanned, .. } => done.push(scanned.unwrap()),
        }
    }
    assert_eq!(done, [alone]);
    expected.sort();
    found.sort();
    assert!(found == expected);
}
