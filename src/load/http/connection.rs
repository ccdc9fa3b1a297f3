//! A connection and the answers that come over it.

use std::{io, time::Instant};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use super::{body::Framing, endpoint::Endpoint};

/// The longest head of an answer, and the most fields in it.
const HEAD_LIMIT: usize = 64 << 10;
const FIELDS: usize = 64;
/// Room that is made for a read.
const READ_ROOM: usize = 8 << 10;

pub(super) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Why no answer came, or not all of it.
#[derive(Debug, thiserror::Error)]
pub(in crate::load) enum Broken {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the connection ended {0}")]
    Ended(&'static str),
    #[error("the answer is not HTTP: {0}")]
    Malformed(&'static str),
}

/// The head of an answer.
#[derive(Debug, Default)]
pub(in crate::load) struct Head {
    pub(in crate::load) status: u16,
    pub(in crate::load) request_id: Option<String>,
    pub(in crate::load) retry_after_ms: Option<u64>,
}

pub(in crate::load) struct Connection {
    io: Io,
    buffer: BytesMut,
    framing: Framing,
    /// The server says that this answer is the last one.
    closing: bool,
    /// When the last read came back: what is in the buffer was here by then.
    pub(in crate::load) read_at: Instant,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("closing", &self.closing).finish_non_exhaustive()
    }
}

impl Connection {
    pub(in crate::load) async fn open(endpoint: &Endpoint) -> io::Result<Self> {
        Ok(Self {
            io: endpoint.open().await?,
            buffer: BytesMut::new(),
            framing: Framing::Empty,
            closing: false,
            read_at: Instant::now(),
        })
    }

    /// Whether another request may be sent: the last answer was read to its end.
    pub(in crate::load) fn is_reusable(&self) -> bool {
        !self.closing && self.framing.is_over() && self.buffer.is_empty()
    }

    /// Sends a whole request.
    pub(in crate::load) async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        match &mut self.io {
            Io::Plain(stream) => stream.write_all(request).await,
            Io::Tls(stream) => {
                stream.write_all(request).await?;
                stream.flush().await
            }
        }
    }

    /// Reads more into the buffer; how much.
    async fn read(&mut self) -> io::Result<usize> {
        self.buffer.reserve(READ_ROOM);
        let read = match &mut self.io {
            Io::Plain(stream) => stream.read_buf(&mut self.buffer).await,
            Io::Tls(stream) => stream.read_buf(&mut self.buffer).await,
        };
        self.read_at = Instant::now();
        read
    }

    /// Reads the head of the next answer.
    pub(in crate::load) async fn head(&mut self) -> Result<Head, Broken> {
        loop {
            if !self.buffer.is_empty()
                && let Some((length, head, framing)) = self.parse_head()?
            {
                let _ = self.buffer.split_to(length);
                if (100..200).contains(&head.status) && head.status != 101 {
                    continue;
                }
                self.framing = framing;
                return Ok(head);
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(Broken::Malformed("its head does not end"));
            }
            if self.read().await? == 0 {
                let before = self.buffer.is_empty();
                return Err(Broken::Ended(if before { "before the answer" } else { "within the answer's head" }));
            }
        }
    }

    fn parse_head(&mut self) -> Result<Option<(usize, Head, Framing)>, Broken> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let length = match response.parse(&self.buffer) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Broken::Malformed("its head cannot be read")),
        };
        let mut head = Head { status: response.code.unwrap_or_default(), ..Head::default() };
        let mut closing = response.version == Some(0);
        let (mut size, mut chunked) = (None, false);
        for field in response.headers.iter() {
            let text = || std::str::from_utf8(field.value).ok().map(str::trim);
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            // By the length first: most fields are none of these.
            match field.name.len() {
                14 if is("content-length") => {
                    let number = text().and_then(|text| text.parse::<u64>().ok());
                    size = Some(number.ok_or(Broken::Malformed("its length is no number"))?);
                }
                17 if is("transfer-encoding") => {
                    chunked = text().is_some_and(|text| text.to_ascii_lowercase().ends_with("chunked"));
                }
                10 if is("connection") => {
                    let text = text().unwrap_or_default();
                    closing = text.eq_ignore_ascii_case("close")
                        || (closing && !text.eq_ignore_ascii_case("keep-alive"));
                }
                10 if is("request-id") => head.request_id = text().map(str::to_owned),
                11 if is("retry-after") && head.retry_after_ms.is_none() => {
                    head.retry_after_ms =
                        text().and_then(|text| text.parse::<u64>().ok()).map(|s| s.saturating_mul(1000));
                }
                14 if is("retry-after-ms") => head.retry_after_ms = text().and_then(|text| text.parse().ok()),
                _ => {}
            }
        }
        let empty = matches!(head.status, 100..200 | 204 | 304);
        let framing = match (empty, chunked, size) {
            (true, ..) => Framing::Empty,
            (_, true, _) => Framing::chunked(),
            (_, _, Some(size)) => Framing::Length(size),
            (_, _, None) => {
                closing = true;
                Framing::UntilClosed
            }
        };
        self.closing = closing;
        Ok(Some((length, head, framing)))
    }

    /// The next bytes of the body, as they are in the buffer or come; `None` at
    /// its end.
    pub(in crate::load) async fn data(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            if self.framing.is_over() {
                return Ok(None);
            }
            if let Some(bytes) = self.framing.take(&mut self.buffer)? {
                return Ok(Some(bytes));
            }
            if self.framing.is_over() {
                return Ok(None);
            }
            if self.read().await? == 0 {
                if matches!(self.framing, Framing::UntilClosed) {
                    self.framing = Framing::Empty;
                    return Ok(None);
                }
                return Err(Broken::Ended("within the answer"));
            }
        }
    }

    /// Reads the body to its end; its length.
    pub(in crate::load) async fn drain(&mut self) -> Result<u64, Broken> {
        let mut length = 0;
        while let Some(bytes) = self.data().await? {
            length += bytes.len() as u64;
        }
        Ok(length)
    }
}
