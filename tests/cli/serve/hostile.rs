//! Those who mean no good, or do none.

use std::{
    io::{BufReader, Read, Write},
    net::Shutdown,
    time::{Duration, Instant},
};

use crate::{
    harness::{Home, SOON, wait_until},
    serve::{Answer, Serving},
};

fn still_well(serving: &mut Serving) {
    assert_eq!(serving.get("/healthz", &[]).status, 200);
    assert!(serving.child.try_wait().unwrap().is_none(), "the server ended");
}

#[test]
fn foreign_hosts_and_origins_are_refused() {
    let home = Home::new();
    let serving = Serving::start(&home, ["--host", "dash.example"]);
    let get = |headers: &[&str]| serving.get("/api/summary", headers);
    for host in ["evil.example", "localhost.evil.example", "evil.example:80"] {
        let answer = get(&[&format!("Host: {host}")]);
        assert_eq!((answer.status, answer.refusal().as_str()), (421, "foreign_host"), "{host}");
    }
    for host in ["localhost", "localhost:1", "127.0.0.1", "[::1]:4318", "DASH.example"] {
        assert_eq!(get(&[&format!("Host: {host}")]).status, 200, "{host}");
    }
    assert_eq!(get(&["Host: "]).status, 400);
    assert_eq!(get(&["Host: localhost", "Host: evil.example"]).status, 421);
    let absolute = format!(
        "GET http://evil.example/api/summary HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        serving.addr
    );
    assert_eq!(serving.send(absolute.as_bytes()).status, 421);

    let own = format!("Origin: http://{}", serving.addr);
    assert_eq!(get(&[&own]).status, 200);
    assert_eq!(get(&["Host: dash.example", "Origin: https://dash.example"]).status, 200);
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"] {
        let answer = get(&[&format!("Origin: {origin}")]);
        assert_eq!((answer.status, answer.refusal().as_str()), (403, "foreign_origin"), "{origin}");
    }
    assert_eq!(
        get(&["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"]).status,
        403
    );
    assert_eq!(
        get(&["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"]).status,
        403
    );
    assert_eq!(
        get(&["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"]).status,
        200
    );
    assert_eq!(get(&["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors"]).status, 200);
    // Whoever only asks whether it is well may call it what they like.
    assert_eq!(serving.get("/healthz", &["Host: evil.example", "Origin: null"]).status, 200);
}

#[test]
fn heads_that_never_end_are_cut_off() {
    let home = Home::new();
    let mut serving = Serving::start(&home, ["--header-timeout", "300ms"]);
    let started = Instant::now();
    let mut slow = Vec::new();
    for text in ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\nX: "] {
        let mut stream = serving.connect();
        stream.write_all(text.as_bytes()).unwrap();
        slow.push(stream);
    }
    // One goes on, a byte at a time.
    let mut drip = serving.connect();
    wait_until("the dripping connection to be closed", || {
        std::thread::sleep(Duration::from_millis(20));
        drip.write_all(b"G").is_err() || matches!(drip.peek(&mut [0]), Ok(0))
    });
    for mut stream in slow {
        let mut left = String::new();
        let ended = stream.read_to_string(&mut left);
        assert!(ended.is_ok() && (left.is_empty() || left.starts_with("HTTP/1.1 4")), "{ended:?} {left}");
    }
    assert!(started.elapsed() < SOON, "it took {:?}", started.elapsed());
    still_well(&mut serving);
}

#[test]
fn bodies_that_are_too_large_are_refused_unread() {
    let home = Home::new();
    let mut serving = Serving::start(&home, []);
    let head = |more: &str| format!("POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n");
    let answer = serving.send(head("Content-Length: 99999999999\r\n").as_bytes());
    assert_eq!((answer.status, answer.refusal().as_str()), (413, "too_large"));
    // In chunks, nothing tells how many there will be.
    let mut stream = serving.connect();
    stream.write_all(head("Transfer-Encoding: chunked\r\n").as_bytes()).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b'a'; 0x10000], b"\r\n"].concat();
    for _ in 0..1000 {
        if stream.write_all(&chunk).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    // The answer may be lost with what was not read.
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
    still_well(&mut serving);
}

#[test]
fn garbage_is_refused() {
    let home = Home::new();
    let mut serving = Serving::start(&home, []);
    let long_line = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(1 << 20));
    let long_head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "a".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: a\r\n".repeat(5000));
    let garbage: [&[u8]; 12] = [
        b"\0\0\0\0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        long_line.as_bytes(),
        long_head.as_bytes(),
        many.as_bytes(),
    ];
    for (n, request) in garbage.into_iter().enumerate() {
        let mut stream = serving.connect();
        let _ = stream.write_all(request);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || text.starts_with("HTTP/1.1 4"), "{n}: {text}");
    }
    still_well(&mut serving);
}

#[test]
fn paths_lead_nowhere_else() {
    let home = Home::new();
    home.write("data/claude-cli/secret", "planted");
    let serving = Serving::start(&home, []);
    for path in [
        "/../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/page.js/../../secret",
        "/page.js%00.html",
        "/api/summary/",
        "/api//summary",
        "/API/summary",
        "/%ff%fe",
    ] {
        let answer = serving.get(path, &[]);
        assert_eq!((answer.status, answer.refusal().as_str()), (404, "not_found"), "{path}");
    }
    let wrong = serving.send(b"DELETE /api/summary HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!((wrong.status, wrong.refusal().as_str()), (405, "wrong_method"));
}

#[test]
fn connections_beyond_the_limit_are_told_so() {
    let home = Home::new();
    let mut serving = Serving::start(&home, ["--max-connections", "8"]);
    let held: Vec<_> = (0..8).map(|_| serving.connect()).collect();
    let mut refused = 0;
    for _ in 0..20 {
        let answer = Answer::read(&mut BufReader::new(serving.connect()));
        assert!(answer.status == 503 || answer.status == 0, "{answer:?}");
        if answer.status == 503 {
            assert!(answer.header("retry-after").is_some());
            assert_eq!(answer.refusal(), "busy");
            refused += 1;
        }
    }
    assert!(refused > 0);
    drop(held);
    wait_until("places to be free again", || serving.get("/healthz", &[]).status == 200);
    still_well(&mut serving);
}

/// Opens so many connections that send half a head and then nothing.
fn besiege(serving: &mut Serving, connections: usize) {
    claude_cli::live::server::raise_file_limit();
    let mut held = Vec::with_capacity(connections);
    let mut refused = 0;
    for n in 0..connections {
        // Whatever is turned away at the door is as good as refused.
        let Ok(mut stream) = std::net::TcpStream::connect(serving.addr) else {
            refused += 1;
            continue;
        };
        let _ = stream.write_all(b"GET /api/summary HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
        held.push(stream);
        if n % 500 == 0 {
            assert!(serving.child.try_wait().unwrap().is_none(), "the server ended at {n}");
        }
    }
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", serving.child.id())).unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    let megabytes = pages * rustix::param::page_size() as u64 / 1_000_000;
    println!("{connections} connections: {megabytes} MB, {refused} not even connected");
    assert!(megabytes < 400, "{megabytes} MB");
    wait_until("the slow ones to be cut off", || serving.get("/healthz", &[]).status == 200);
    drop(held);
    still_well(serving);
}

#[test]
fn many_connections_at_once_are_survived() {
    let home = Home::new();
    let mut serving = Serving::start(&home, ["--max-connections", "300", "--header-timeout", "2s"]);
    besiege(&mut serving, 500);
}

#[test]
#[ignore = "ten thousand connections: run by `make soak`"]
fn ten_thousand_connections_are_survived() {
    for most in ["20000", "4096"] {
        let home = Home::new();
        let mut serving = Serving::start(&home, ["--max-connections", most, "--header-timeout", "15s"]);
        besiege(&mut serving, 10_000);
    }
}

#[test]
fn a_server_without_files_left_goes_on() {
    let home = Home::new();
    let binary = crate::harness::BINARY;
    let mut command = home.isolated("/bin/sh");
    // As many as it needs for itself, and a few.
    let script = format!("ulimit -n 90 && exec {binary} serve --listen 127.0.0.1:0 --header-timeout 1s");
    let mut serving = Serving::of(command.args(["-c", &script]));
    besiege(&mut serving, 200);
}
