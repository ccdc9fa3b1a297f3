//! The stream of live states, and the end of the server.

use std::io::{BufRead, BufReader, Read, Write};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    harness::{Home, ends, signal},
    serve::{Answer, Serving},
};

fn ask(serving: &Serving, path: &str) -> BufReader<std::net::TcpStream> {
    let mut stream = serving.connect();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", serving.addr).as_bytes()).unwrap();
    BufReader::new(stream)
}

#[test]
fn a_stream_says_how_it_is_to_be_treated() {
    let home = Home::new();
    let serving = Serving::start(&home, []);
    let mut stream = ask(&serving, "/api/live");
    let (status, head) = Answer::read_head(&mut stream);
    assert_eq!(status, 200);
    for line in [
        "content-type: text/event-stream",
        "cache-control: no-store, no-transform",
        "x-accel-buffering: no",
        "x-content-type-options: nosniff",
    ] {
        assert!(head.iter().any(|given| given == line), "{line}: {head:?}");
    }
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    assert!(line.starts_with("retry: "), "{line}");
    let head = serving.send(b"HEAD /api/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(head.status, 200);
    assert_eq!(serving.get("/api/live?nonsense=1", &[]).refusal(), "bad_request");
}

/// The next event: its id, its kind and its data.
fn event(stream: &mut impl BufRead) -> (String, String, Value) {
    let (mut id, mut kind) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream ended");
        let line = line.trim_end();
        if let Some(text) = line.strip_prefix("id: ") {
            text.clone_into(&mut id);
        } else if let Some(text) = line.strip_prefix("event: ") {
            text.clone_into(&mut kind);
        } else if let Some(text) = line.strip_prefix("data: ") {
            return (id, kind, serde_json::from_str(text).unwrap());
        }
    }
}

fn apply(state: &mut Value, kind: &str, data: Value) {
    match kind {
        "snapshot" => *state = data,
        "patch" => json_patch::patch(state, &serde_json::from_value::<json_patch::Patch>(data).unwrap()).unwrap(),
        other => panic!("{other}: {data}"),
    }
}

/// Reads on until the state says that so many requests were made.
fn until_requests(stream: &mut impl BufRead, state: &mut Value, n: u64) -> String {
    loop {
        let (id, kind, data) = event(stream);
        apply(state, &kind, data);
        if state["totals"]["requests"] == n {
            return id;
        }
    }
}

fn query(home: &Home) {
    assert_eq!(home.run(["query", "--backend", "simulated", "hello"]).code, Some(0));
}

#[test]
fn what_another_process_commits_is_seen_and_no_gap_is_left() {
    let home = Home::new();
    let serving = Serving::start(&home, []);
    let path = "/api/live?range=today&tz=UTC&include-simulated";
    let mut state = Value::Null;
    let mut stream = ask(&serving, path);
    until_requests(&mut stream, &mut state, 0);
    query(&home);
    let id = until_requests(&mut stream, &mut state, 1);
    drop(stream);
    // What comes back is told only what it missed, by the header or by a parameter.
    let mut back: Vec<_> = [
        (format!("{path}&last_event_id={id}"), String::new()),
        (path.to_owned(), format!("Last-Event-ID: {id}\r\n")),
    ]
    .into_iter()
    .map(|(path, header)| {
        let mut stream = serving.connect();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{header}\r\n", serving.addr);
        stream.write_all(request.as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        assert_eq!(Answer::read_head(&mut stream).0, 200);
        stream
    })
    .collect();
    query(&home);
    for stream in &mut back {
        let (next, kind, data) = event(stream);
        assert_ne!(next, id, "{kind}: {data}");
        let mut state = state.clone();
        apply(&mut state, &kind, data);
        if state["totals"]["requests"] != 2 {
            until_requests(stream, &mut state, 2);
        }
    }
    // What was never sent here begins anew.
    let mut stream = ask(&serving, &format!("{path}&last_event_id=1-2-3"));
    assert_eq!(event(&mut stream).1, "snapshot");
}

#[test]
fn too_many_viewers_are_told_so() {
    let home = Home::new();
    let serving = Serving::start(&home, ["--max-clients", "2"]);
    let mut held: Vec<_> = (0..2).map(|_| ask(&serving, "/api/live")).collect();
    for stream in &mut held {
        assert_eq!(Answer::read_head(stream).0, 200);
    }
    let refused = serving.get("/api/live", &[]);
    assert_eq!((refused.status, refused.refusal().as_str()), (503, "busy"));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(serving.get("/healthz", &[]).status, 200);
}

#[test]
fn the_end_of_the_server_is_told() {
    for (by, count) in [(Signal::TERM, 3), (Signal::INT, 1)] {
        let home = Home::new();
        let mut serving = Serving::start(&home, []);
        let mut streams: Vec<_> = (0..count).map(|_| ask(&serving, "/api/live")).collect();
        for stream in &mut streams {
            assert_eq!(Answer::read_head(stream).0, 200);
        }
        signal(&serving.child, by);
        for mut stream in streams {
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            assert!(text.ends_with("event: closed\ndata: {\"reason\":\"the server stops\"}\n\n"), "{text}");
        }
        assert_eq!(ends(&mut serving.child), Some(0));
    }
}
