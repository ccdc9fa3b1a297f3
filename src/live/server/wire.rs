//! A connection whose other end has to take in what it asked for.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};
use tracing::trace_span;

/// A socket that fails once nothing could be written to it for too long.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    write_time: Duration,
    deadline: Pin<Box<Sleep>>,
    blocked: bool,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, write_time: Duration) -> Self {
        Self { stream, write_time, deadline: Box::pin(sleep(write_time)), blocked: false }
    }

    pub(super) fn into_inner(self) -> TcpStream {
        self.stream
    }

    fn within_time<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.blocked = false;
            return written;
        }
        if !self.blocked {
            self.blocked = true;
            let until = Instant::now() + self.write_time;
            self.deadline.as_mut().reset(until);
        }
        self.deadline.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = trace_span!("write").in_scope(|| Pin::new(&mut self.stream).poll_write(cx, buf));
        self.within_time(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = trace_span!("write").in_scope(|| Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
        self.within_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
