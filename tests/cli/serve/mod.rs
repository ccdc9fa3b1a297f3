//! `serve` as a process, asked over plain sockets.

mod answers;
mod hostile;
mod live;
mod login;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::harness::{Home, SOON};

/// A `claude-cli serve` that ends with the test.
pub(super) struct Serving {
    pub(super) child: Child,
    pub(super) addr: SocketAddr,
}

impl Serving {
    pub(super) fn start<'a>(home: &Home, args: impl IntoIterator<Item = &'a str>) -> Self {
        let mut command = home.cli(["serve", "--listen", "127.0.0.1:0"]);
        command.args(args);
        Self::of(&mut command)
    }

    pub(super) fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        let addr = url.trim().strip_prefix("http://").map(str::parse);
        let Some(Ok(addr)) = addr else { panic!("{url:?}: {:?}", child.wait_with_output()) };
        Self { child, addr }
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    /// Sends bytes, and reads one answer.
    pub(super) fn send(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A server that has seen enough may have closed its end.
        let _ = stream.write_all(request);
        Answer::read(&mut BufReader::new(stream))
    }

    /// `GET path` with further header lines.
    pub(super) fn get(&self, path: &str, headers: &[&str]) -> Answer {
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let host = if lines.to_ascii_lowercase().contains("host:") {
            String::new()
        } else {
            format!("Host: {}\r\n", self.addr)
        };
        self.send(format!("GET {path} HTTP/1.1\r\n{host}{lines}Connection: close\r\n\r\n").as_bytes())
    }

    pub(super) fn json(&self, path: &str) -> Value {
        let answer = self.get(path, &[]);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer, its head in lower case.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: Vec<String>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn read(stream: &mut impl BufRead) -> Self {
        let (status, head) = Self::read_head(stream);
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = Vec::new();
        match length {
            Some(length) => drop(stream.take(length).read_to_end(&mut body)),
            None => drop(stream.read_to_end(&mut body)),
        }
        Self { status, head, body: String::from_utf8(body).unwrap() }
    }

    pub(super) fn read_head(stream: &mut impl BufRead) -> (u16, Vec<String>) {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_ascii_lowercase());
        }
        let status = lines.first().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
        (status, lines)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The kind of a refusal, which says in words what to do.
    pub(super) fn refusal(&self) -> String {
        let json = self.json();
        assert!(json["error"]["message"].as_str().unwrap().len() > 10, "{self:?}");
        json["error"]["type"].as_str().unwrap().to_owned()
    }
}
