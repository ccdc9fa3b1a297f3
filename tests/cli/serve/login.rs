//! Who is let in.

use crate::{
    harness::{Home, done},
    serve::{Answer, Serving},
};

const TOKEN: &str = "a-token-that-nobody-guesses";

fn with_token(home: &Home) -> Serving {
    let mut command = home.cli(["serve", "--listen", "127.0.0.1:0"]);
    Serving::of(command.env("CLAUDE_CLI_TOKEN", TOKEN))
}

fn post(serving: &Serving, path: &str, body: &str) -> Answer {
    let (addr, length) = (serving.addr, body.len());
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Length: {length}\r\n");
    serving.send(format!("{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}").as_bytes())
}

#[test]
fn others_are_only_let_in_with_a_token() {
    let home = Home::new();
    let refused = done(&mut home.cli(["serve", "--listen", "0.0.0.0:0"]));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("--token-file"), "{refused:?}");
    let weak = done(home.cli(["serve", "--listen", "0.0.0.0:0"]).env("CLAUDE_CLI_TOKEN", "secret"));
    assert_eq!(weak.code, Some(2), "{weak:?}");
    assert!(weak.err.contains("16") && !weak.err.contains("secret"), "{weak:?}");
}

#[test]
fn a_token_is_asked_for_everywhere_but_for_health() {
    let home = Home::new();
    let serving = with_token(&home);
    assert_eq!(serving.get("/healthz", &[]).status, 200);
    for path in ["/api/summary", "/api/live", "/metrics", "/page.js", "/nothing"] {
        let answer = serving.get(path, &[]);
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("bearer")), "{path}");
        assert_eq!(answer.refusal(), "unauthorized");
    }
    let wrong = [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic YTpi",
        &format!("Bearer {TOKEN}x"),
        &format!("Bearer {}", &TOKEN[1..]),
    ];
    for shown in wrong {
        let answer = serving.get("/api/summary", &[&format!("Authorization: {shown}")]);
        assert_eq!(answer.status, 401, "{shown}");
    }
    let right = format!("Authorization: Bearer {TOKEN}");
    assert_eq!(serving.get("/api/summary", &[&right]).status, 200);
    // Not in an address, where it would be kept by whoever passes it on.
    assert_eq!(serving.get(&format!("/api/summary?token={TOKEN}"), &[]).status, 401);
}

#[test]
fn a_browser_is_asked_once() {
    let home = Home::new();
    let serving = with_token(&home);
    let page = serving.get("/", &[]);
    assert_eq!(page.status, 401);
    assert!(page.body.contains("type=\"password\""), "{page:?}");
    let wrong = post(&serving, "/login", "token=wrong");
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    assert!(wrong.body.contains("role=\"alert\""));

    for answer in
        [post(&serving, "/login", &format!("token={TOKEN}")), serving.get(&format!("/login?token={TOKEN}"), &[])]
    {
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
        let cookie = answer.head.iter().find(|line| line.starts_with("set-cookie: ")).unwrap();
        assert!(cookie.contains("httponly") && cookie.contains("samesite=strict"), "{cookie}");
        assert!(!cookie.contains(TOKEN));
    }
    let answer = serving.send(
        format!("GET /login?token={TOKEN} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", serving.addr)
            .as_bytes(),
    );
    assert_eq!(answer.status, 303);
}

#[test]
fn a_cookie_stands_for_the_token_until_that_changes() {
    let home = Home::new();
    let cookie_of = |serving: &Serving| {
        use std::io::{BufRead, BufReader, Write};
        let mut stream = serving.connect();
        let request = format!("GET /login?token={TOKEN} HTTP/1.1\r\nHost: {}\r\n\r\n", serving.addr);
        stream.write_all(request.as_bytes()).unwrap();
        let line =
            BufReader::new(stream).lines().map_while(Result::ok).find(|line| line.starts_with("set-cookie:"));
        line.unwrap().split([' ', ';']).nth(1).unwrap().to_owned()
    };
    let serving = with_token(&home);
    let cookie = format!("Cookie: a=b; {}; c=d", cookie_of(&serving));
    assert_eq!(serving.get("/", &[&cookie]).status, 200);
    assert_eq!(serving.get("/api/summary", &[&cookie]).status, 200);
    assert_eq!(serving.get("/api/summary", &["Cookie: claude-cli=x"]).status, 401);
    assert_eq!(serving.get("/api/summary", &[&format!("Cookie: claude-cli={TOKEN}")]).status, 401);
    // It outlives the server, but not the token.
    drop(serving);
    assert_eq!(with_token(&home).get("/", &[&cookie]).status, 200);
    let file = home.write("token", "another-token-of-some-length\n");
    let serving = Serving::start(&home, ["--token-file", file.to_str().unwrap()]);
    assert_eq!(serving.get("/", &[&cookie]).status, 401);
    assert_eq!(serving.get("/", &["Authorization: Bearer another-token-of-some-length"]).status, 200);
}
