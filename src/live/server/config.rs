//! How a server is set up.

use std::{net::SocketAddr, time::Duration};

use jiff::tz::TimeZone;

use super::{DEFAULT_LISTEN, Token};
use crate::{Error, Result};

/// How a [`Server`](super::Server) is set up.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// What a client has to know; `None` lets everybody in who can reach it,
    /// and is taken on loopback only.
    pub token: Option<Token>,
    /// Names it may be called by, besides `localhost` and addresses.
    pub hosts: Vec<String>,
    /// The zone of days and hours, unless a request names another one.
    pub tz: TimeZone,
    /// What clients may take up.
    pub limits: Limits,
}

/// What the clients of a server may take up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; further ones are answered with 503. 4,096 by
    /// default, and never more than the process may open files.
    pub connections: usize,
    /// Streams of live states at a time; further ones are answered with 503.
    /// 2,048 by default.
    pub clients: usize,
    /// Bytes of a request's body; a longer one is answered with 413. 16 MiB by
    /// default.
    pub body: usize,
    /// The time for the head of a request, and that a connection may lie idle.
    /// 10 s by default.
    pub header_time: Duration,
    /// The time for a request and its answer. 30 s by default.
    pub request_time: Duration,
    /// The time in which a client takes in something of its answer. 30 s by
    /// default.
    pub write_time: Duration,
    /// A stream that had nothing to tell for so long is sent a comment, so that
    /// nobody in between takes it for dead. 15 s by default.
    pub heartbeat: Duration,
    /// The time for what is under way when the server stops. 5 s by default.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            clients: 2048,
            body: 16 << 20,
            header_time: Duration::from_secs(10),
            request_time: Duration::from_secs(30),
            write_time: Duration::from_secs(30),
            heartbeat: Duration::from_secs(15),
            grace: Duration::from_secs(5),
        }
    }
}

impl Default for ServerConfig {
    /// [`DEFAULT_LISTEN`], without a token.
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN.parse().into_iter().collect(),
            token: None,
            hosts: Vec::new(),
            tz: TimeZone::system(),
            limits: Limits::default(),
        }
    }
}

impl ServerConfig {
    /// # Errors
    /// [`Error::Invalid`] if others could reach it and no token is set.
    pub(super) fn check(&self) -> Result<()> {
        if self.listen.is_empty() {
            return Err(Error::Invalid("there is no address to listen on".to_owned()));
        }
        let reachable = self.listen.iter().find(|addr| !addr.ip().is_loopback());
        match (reachable, &self.token) {
            (Some(addr), None) => Err(Error::Invalid(format!(
                "{addr} can be reached from other machines: set a token (--token-file FILE, or CLAUDE_CLI_TOKEN), or \
                 listen on 127.0.0.1"
            ))),
            _ => Ok(()),
        }
    }
}
