//! The stream of live states, and the end of the server.

use std::io::{BufRead, BufReader, Read, Write};

use rustix::process::Signal;

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
