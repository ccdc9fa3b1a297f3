//! One request, as a client sees it.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;
use tracing::trace_span;

use crate::{Error, Result};

/// So long is waited for the next bytes of an answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of an answer that is no JSON, so many characters are told.
const TOLD: usize = 200;

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// The status of HTTP.
    pub status: u16,
    /// What follows the head, as it was sent.
    pub body: Vec<u8>,
}

/// Gets `path` from a server by HTTP/1.1, over a connection of its own: spans
/// tell how long connecting, sending and receiving take. There is none for the
/// wait in between, which is the server's.
///
/// # Errors
/// [`Error::Io`] if the connection fails or nothing comes for a minute, or the
/// answer is not HTTP.
pub fn fetch(addr: SocketAddr, path: &str) -> Result<Fetched> {
    let failed = |e| Error::io(format!("cannot get {path} from {addr}"), e);
    let mut stream = trace_span!("connect").in_scope(|| TcpStream::connect(addr)).map_err(failed)?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n");
    let send = || {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.as_bytes())
    };
    trace_span!("send").in_scope(send).map_err(failed)?;
    let mut answer = vec![0; 64 << 10];
    let first = stream.read(&mut answer).map_err(failed)?;
    answer.truncate(first);
    trace_span!("receive").in_scope(|| stream.read_to_end(&mut answer)).map_err(failed)?;
    parse(&answer).ok_or_else(|| failed(ErrorKind::InvalidData.into()))
}

fn parse(answer: &[u8]) -> Option<Fetched> {
    let end = memchr::memmem::find(answer, b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(Fetched { status, body: answer.get(end + 4..)?.to_vec() })
}

impl Fetched {
    /// What a refusal says, or the beginning of what else was sent.
    #[must_use]
    pub fn message(&self) -> String {
        let json: Option<Value> = serde_json::from_slice(&self.body).ok();
        let message = json.as_ref().and_then(|json| json["error"]["message"].as_str());
        message.map_or_else(|| String::from_utf8_lossy(&self.body).chars().take(TOLD).collect(), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_what_follows_its_head() {
        let refused = parse(b"HTTP/1.1 404 Not Found\r\na: b\r\n\r\n{\"error\":{\"message\":\"no\"}}").unwrap();
        assert_eq!((refused.status, refused.message().as_str()), (404, "no"));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n\r\nall\r\n\r\n").unwrap().message(), "all\r\n\r\n");
        for bad in [&b""[..], b"HTTP/1.1 200 OK\r\n", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 2\r\n\r\n"] {
            assert_eq!(parse(bad), None);
        }
    }
}
