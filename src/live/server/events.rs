//! A stream of server-sent events, written straight to the socket.

use std::{
    io::{self, IoSlice},
    pin::pin,
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep, timeout},
};

use super::{Limits, Watched};
use crate::live::{Client, CloseReason, FrameKind};

/// The answer's head. A stream ends with its connection, so it needs no chunks;
/// `X-Accel-Buffering` and `no-transform` keep proxies from holding it back.
const HEAD: &str = "HTTP/1.1 200 OK\r\n\
    content-type: text/event-stream\r\n\
    cache-control: no-store, no-transform\r\n\
    connection: close\r\n\
    x-accel-buffering: no\r\n\
    x-content-type-options: nosniff\r\n\
    referrer-policy: no-referrer\r\n\
    cross-origin-resource-policy: same-origin\r\n\
    content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n\
    \r\n\
    retry: 2000\n\n";
const HEARTBEAT: &[u8] = b":\n\n";
/// The time for the last words when the server stops.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// So much of what a client sends meanwhile is read and dropped; it has nothing
/// to say.
const PRATTLE: usize = 64 << 10;

/// A client, and its right to be one.
#[derive(Debug)]
pub(super) struct Watching {
    pub(super) watched: Watched,
    pub(super) place: OwnedSemaphorePermit,
}

/// Writes frames until the client leaves, or is closed.
pub(super) async fn write(stream: TcpStream, watching: Watching, limits: Limits) {
    let Watching { mut watched, place: _place } = watching;
    keep_little(&stream);
    // What goes wrong is that the client is gone.
    let _ = frames(&stream, &mut watched.client, limits).await;
}

/// The system is to keep little for a client beyond what is on its way to it: a
/// slow one is to be sent the latest state, not to find old ones there.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn keep_little(stream: &TcpStream) {
    const UNSENT: u32 = 32 << 10;
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT);
}

/// Here the system keeps what it likes.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const fn keep_little(_: &TcpStream) {}

/// What there is to do.
enum Next {
    Frame,
    Heartbeat,
    Listen,
}

async fn frames(stream: &TcpStream, client: &mut Client, limits: Limits) -> io::Result<()> {
    let closed = client.closed();
    within(limits.write_time, send(stream, HEAD.as_bytes(), &[])).await?;
    let mut heartbeat = pin!(sleep(limits.heartbeat));
    let mut wrote = Instant::now();
    let mut head = String::new();
    let mut prattle = PRATTLE;
    loop {
        let mut next = None;
        let what = tokio::select! {
            biased;
            frame = client.next() => { next = frame; Next::Frame }
            readable = stream.readable() => { readable?; Next::Listen }
            () = &mut heartbeat => Next::Heartbeat,
        };
        match (what, next) {
            (Next::Frame, Some(frame)) => {
                frame.write_head(&mut head);
                let last = frame.kind() == FrameKind::Closed;
                let mut sending = pin!(send(stream, head.as_bytes(), frame.shared()));
                if last {
                    return within(LAST_WORDS, sending).await;
                }
                tokio::select! {
                    biased;
                    sent = &mut sending => sent?,
                    () = closed.cancelled() => match client.close_reason() {
                        // It may still come to the end of this event, and to the last one.
                        Some(CloseReason::HubClosed) => within(LAST_WORDS, sending).await?,
                        // It takes nothing in: there is nothing more that could be said.
                        _ => return Ok(()),
                    },
                }
                wrote = Instant::now();
            }
            (Next::Frame, None) => return Ok(()),
            (Next::Listen, _) => listen(stream, &mut prattle)?,
            (Next::Heartbeat, _) => {
                if wrote.elapsed() >= limits.heartbeat {
                    within(limits.write_time, send(stream, HEARTBEAT, &[])).await?;
                    wrote = Instant::now();
                }
                heartbeat.as_mut().reset(wrote + limits.heartbeat);
            }
        }
    }
}

async fn within(time: Duration, sending: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    timeout(time, sending).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Sends both parts, by one system call where there is room for them.
async fn send(stream: &TcpStream, head: &[u8], body: &[u8]) -> io::Result<()> {
    let mut parts = [IoSlice::new(head), IoSlice::new(body)];
    let mut parts = &mut parts[..];
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match stream.try_write_vectored(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => IoSlice::advance_slices(&mut parts, n),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Notices that the client is gone, or sends what it has no reason to.
fn listen(stream: &TcpStream, prattle: &mut usize) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        match stream.try_read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => *prattle = prattle.checked_sub(n).ok_or(io::ErrorKind::InvalidData)?,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(e) => return Err(e),
        }
    }
}
