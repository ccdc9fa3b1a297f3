//! A planted key is found nowhere: in no file below the home, in no output,
//! whatever is run and however it ends.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::{Command, Stdio},
    thread,
};

use rustix::process::Signal;

use crate::harness::{Home, RUN, Simulator, done, drain, ends, fed, signal, wait_until};

const KEY: &str = "planted-api-key-4711";
const TOKEN: &str = "planted-auth-token-4712";
const URL_USER: &str = "planted-url-user";
const URL_PASSWORD: &str = "planted-url%40password";
const PROXY_PASSWORD: &str = "planted-proxy-password";
/// None of them, in whatever form, may be seen anywhere.
const TRACE: &str = "planted-";
/// `planted-url-user:planted-url@password`, as HTTP sends it.
const BASIC: &str = "cGxhbnRlZC11cmwtdXNlcjpwbGFudGVkLXVybEBwYXNzd29yZA==";

/// Plants credentials wherever a user may have them.
fn plant<'a>(command: &'a mut Command, host: &str, key: &str) -> &'a mut Command {
    command
        .env(key, if key == "ANTHROPIC_API_KEY" { KEY } else { TOKEN })
        .env("ANTHROPIC_BASE_URL", format!("http://{URL_USER}:{URL_PASSWORD}@{host}"))
        .env("HTTPS_PROXY", format!("http://joe:{PROXY_PASSWORD}@127.0.0.1:9"))
}

/// Looks for a trace in what a run said and left.
fn found_nothing(home: &Home, what: &str, out: &str, err: &str) {
    for trace in [TRACE, BASIC] {
        assert!(!out.contains(trace), "{what}: {out}");
        assert!(!err.contains(trace), "{what}: {err}");
        assert_eq!(home.contains(trace), None, "{what}");
    }
}

/// A server that refuses every request and repeats all that it was sent.
fn blabbing_server(status: u16) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut headers = Vec::new();
            for line in BufReader::new(&stream).lines() {
                let Ok(line) = line else { break };
                if line.is_empty() {
                    break;
                }
                headers.push(line);
            }
            assert!(headers.iter().any(|header| header.contains(TRACE)), "{headers:?}");
            let said = serde_json::json!({
                "type": "error",
                "error": { "type": "authentication_error", "message": format!("invalid credentials: {headers:?}") },
            });
            let said = said.to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 {status} No\r\ncontent-type: application/json\r\nconnection: \
                 close\r\ncontent-length: {}\r\n\r\n{said}",
                said.len()
            );
        }
    });
    host
}

#[test]
fn the_api_backend_tells_no_key() {
    for key in ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"] {
        for (args, code) in [
            (&["--ttft", "0"][..], 0),
            (&["--error-status", "401"], 4),
            (&["--error-status", "529"], 5),
            (&["--error-status", "500"], 1),
            (&["--cut-after", "1", "--ttft", "0"], 1),
            (&["--ttft", "60s"], 6),
            (&["--reply", "", "--ttft", "0"], 7),
        ] {
            let home = Home::new();
            let simulator = Simulator::start(&home, args.iter().copied().chain(["--log-bodies"]));
            let host = simulator.url.strip_prefix("http://").unwrap();
            for output in ["text", "json", "stream-json"] {
                let mut command = home.cli(["stream", "--backend", "api", "--retries", "1", "-vv", "--log-text"]);
                let patience = if code == 6 { "500ms" } else { "60s" };
                command.args(["--output", output, "--first-token-timeout", patience, "--stats", "hi"]);
                let run = done(plant(&mut command, host, key));
                assert_eq!(run.code, Some(code), "{args:?}: {run:?}");
                assert!(run.err.contains("asking the API"), "it does tell what it does: {run:?}");
                found_nothing(&home, &format!("{args:?} {output}"), &run.out, &run.err);
            }
        }
        for status in [400, 401, 429] {
            let home = Home::new();
            let host = blabbing_server(status);
            for output in ["text", "json", "stream-json"] {
                let mut command = home.cli(["query", "--backend", "api", "--retries", "1", "-vv", "--log-text"]);
                let run = done(plant(command.args(["--output", output, "hi"]), &host, key));
                assert!(run.err.contains("invalid credentials") && run.err.contains("***"), "{run:?}");
                found_nothing(&home, &format!("{status} {output}"), &run.out, &run.err);
            }
        }
    }
}

#[test]
fn the_program_tells_no_key_even_if_it_tries() {
    for key in ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"] {
        for (how, code) in [
            ("noise", 0),
            ("blab", 1),
            ("blab-result", 4),
            ("boom", 1),
            ("truncated", 1),
            ("silent", 6),
            ("stall", 6),
            ("empty", 7),
        ] {
            let home = Home::new();
            for output in ["text", "json"] {
                let mut command = home.fake(how, ["query", "-vv", "--log-text", "--output", output, "--stats"]);
                command.args(["--first-token-timeout", "400ms", "--idle-timeout", "400ms", "hi"]);
                let run = done(plant(&mut command, "127.0.0.1:9", key));
                assert_eq!(run.code, Some(code), "{how}: {run:?}");
                assert!(run.err.contains("starting the program"), "{run:?}");
                assert!(how != "blab" || (run.err.contains("refused:") && run.err.contains("***")), "{run:?}");
                found_nothing(&home, how, &run.out, &run.err);
            }
            let listed = home.run(["analytics", "runs"]);
            assert!(!listed.out.contains(TRACE), "{listed:?}");
        }
    }
}

#[test]
fn a_key_in_the_wrong_place_is_not_repeated_either() {
    let home = Home::new();
    // Typed as an argument for the program, in a prompt, in a system prompt.
    let settings = format!("--settings={{\"env\":{{\"ANTHROPIC_API_KEY\":\"{KEY}\"}}}}");
    for args in [
        &["query", "--dry-run", KEY, "--system", KEY, "--", &settings][..],
        &["query", "-vv", "--log-text", KEY, "--system", KEY, "--", &settings],
        &["query", "--model", KEY, "--timeout", KEY, "hi"],
        &["query", "--template", KEY, "hi"],
        &["query", "--file", KEY, "hi"],
        &["query", "--json-schema", KEY, "hi"],
    ] {
        let mut command = home.fake("noise", args.iter().copied());
        let run = done(plant(&mut command, "127.0.0.1:9", "ANTHROPIC_API_KEY"));
        found_nothing(&home, &format!("{args:?}"), &run.out, &run.err);
    }
    for (args, code) in [(&["--dry-run"][..], 0), (&["--dry-run", "--max-cost", "1"], 0), (&["--resume", "x"], 2)]
    {
        let mut command = home.cli(["query", "--backend", "api", "hi"]);
        let run = done(plant(command.args(args), "127.0.0.1:9", "ANTHROPIC_AUTH_TOKEN"));
        assert_eq!(run.code, Some(code), "{run:?}");
        assert!(!args.contains(&"--dry-run") || run.out.contains("Bearer ***"), "{run:?}");
        found_nothing(&home, "dry run", &run.out, &run.err);
    }
}

#[test]
fn everything_else_keeps_silent_too() {
    let home = Home::new();
    for args in [
        &["doctor"][..],
        &["doctor", "--format", "json", "-vv"],
        &["config", "get"],
        &["config", "path"],
        &["analytics", "summary"],
        &["analytics", "runs"],
        &["--list"],
        &["frobnicate"],
    ] {
        let mut command = home.fake("noise", args.iter().copied());
        let run = done(plant(&mut command, "127.0.0.1:9", "ANTHROPIC_API_KEY"));
        found_nothing(&home, &format!("{args:?}"), &run.out, &run.err);
    }
    let mut command = home.cli(["stream", "-", "-vv", "--log-text", "--stats"]);
    let run = fed(plant(&mut command, "127.0.0.1:9", "ANTHROPIC_API_KEY"), RUN.as_bytes());
    assert_eq!(run.code, Some(0));
    found_nothing(&home, "stream -", &run.out, &run.err);
    let refused = format!(
        "{{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,\"api_error_status\":401,\"result\":\"bad {KEY}\"}}\n"
    );
    let mut command = home.cli(["stream", "-", "-vv", "--log-text"]);
    let run = fed(plant(&mut command, "127.0.0.1:9", "ANTHROPIC_API_KEY"), refused.as_bytes());
    assert_eq!(
        (run.code, run.out.as_str()),
        (Some(4), refused.as_str()),
        "what is passed on is passed on as it came"
    );
    found_nothing(&home, "a refused stream -", "", &run.err);
}

#[test]
fn what_is_spooled_and_what_is_interrupted_holds_no_key() {
    let home = Home::new();
    home.write("data/claude-cli/ledger.db", "this is no ledger, however long one looks at it ".repeat(50));
    for (how, code) in [("noise", 0), ("blab", 1), ("blab-result", 4)] {
        let mut command = home.fake(how, ["query", "--log-text", KEY]);
        let run = done(plant(&mut command, "127.0.0.1:9", "ANTHROPIC_API_KEY"));
        assert_eq!(run.code, Some(code), "{run:?}");
        assert!(run.err.contains("ledger.db.spool"), "{run:?}");
        found_nothing(&home, how, &run.out, &run.err);
    }
    assert!(
        home.contains("not_delivered").is_none() && home.contains("\"auth\"").is_some(),
        "the spool was looked at"
    );
    let home = Home::new();
    let mut command = home.fake("running-children", ["stream", "-vv", "hi"]);
    plant(&mut command, "127.0.0.1:9", "ANTHROPIC_API_KEY").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    wait_until("the program's child", || home.path("child").exists());
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    let (out, err) = (drain(child.stdout.take().unwrap()), drain(child.stderr.take().unwrap()));
    found_nothing(&home, "interrupted", &out, &err);
}
