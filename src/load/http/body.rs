//! Where the body of an answer ends.

use bytes::{Bytes, BytesMut};

use super::connection::Broken;

/// The longest line that tells the size of a chunk.
const SIZE_LINE: usize = 1 << 10;

/// How a body is told from what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none, or it was read.
    Empty,
    /// So many bytes are left.
    Length(u64),
    /// In chunks.
    Chunked(Chunk),
    /// It ends with the connection.
    UntilClosed,
}

/// What comes next of a body in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// The line with the next one's size.
    Size,
    /// So many bytes of this one.
    Data(u64),
    /// The end of its line.
    End,
    /// Fields after the last one.
    Trailer,
}

impl Framing {
    pub(super) const fn chunked() -> Self {
        Self::Chunked(Chunk::Size)
    }

    pub(super) const fn is_over(self) -> bool {
        matches!(self, Self::Empty | Self::Length(0))
    }

    /// Takes what the buffer holds of the body next; `None` if that takes more
    /// bytes, or nothing of it is left.
    pub(super) fn take(&mut self, buffer: &mut BytesMut) -> Result<Option<Bytes>, Broken> {
        loop {
            match self {
                Self::Empty => return Ok(None),
                Self::UntilClosed => return Ok(some(buffer.split())),
                Self::Length(left) => {
                    let bytes = upto(buffer, *left);
                    *left -= bytes.len() as u64;
                    return Ok(some(bytes));
                }
                Self::Chunked(Chunk::Data(left)) => {
                    let bytes = upto(buffer, *left);
                    *left -= bytes.len() as u64;
                    if *left == 0 {
                        *self = Self::Chunked(Chunk::End);
                    }
                    return Ok(some(bytes));
                }
                Self::Chunked(at) => {
                    let Some(end) = memchr::memchr(b'\n', buffer) else {
                        if buffer.len() > SIZE_LINE {
                            return Err(Broken::Malformed("a chunk's size does not end"));
                        }
                        return Ok(None);
                    };
                    let line = buffer.split_to(end + 1);
                    let line = line.trim_ascii();
                    *self = match at {
                        Chunk::Size => match size(line)? {
                            0 => Self::Chunked(Chunk::Trailer),
                            size => Self::Chunked(Chunk::Data(size)),
                        },
                        Chunk::End if line.is_empty() => Self::Chunked(Chunk::Size),
                        Chunk::End => return Err(Broken::Malformed("a chunk is longer than its size")),
                        _ if line.is_empty() => Self::Empty,
                        _ => Self::Chunked(Chunk::Trailer),
                    };
                }
            }
        }
    }
}

fn some(bytes: BytesMut) -> Option<Bytes> {
    (!bytes.is_empty()).then(|| bytes.freeze())
}

fn upto(buffer: &mut BytesMut, most: u64) -> BytesMut {
    let length = buffer.len().min(usize::try_from(most).unwrap_or(usize::MAX));
    buffer.split_to(length)
}

/// The size of a chunk, in hexadecimal; what may follow it is passed over.
fn size(line: &[u8]) -> Result<u64, Broken> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or(Broken::Malformed("a chunk's size is no number"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a body that comes in such pieces.
    fn read(mut framing: Framing, pieces: &[&[u8]]) -> Result<(Vec<u8>, Framing, usize), Broken> {
        let (mut buffer, mut body) = (BytesMut::new(), Vec::new());
        for piece in pieces {
            buffer.extend_from_slice(piece);
            while let Some(bytes) = framing.take(&mut buffer)? {
                body.extend_from_slice(&bytes);
            }
        }
        Ok((body, framing, buffer.len()))
    }

    #[test]
    fn bodies_end_where_they_should() {
        let (body, framing, left) = read(Framing::Length(5), &[b"abc", b"deNEXT"]).unwrap();
        assert_eq!((&body[..], framing.is_over(), left), (&b"abcde"[..], true, 4));
        let chunks = b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nfield: 1\r\n\r\nNEXT";
        let (body, framing, left) = read(Framing::chunked(), &[chunks]).unwrap();
        assert_eq!((&body[..], framing.is_over(), left), (&b"abcde"[..], true, 4));
        for bad in [&b"xyz\r\n"[..], b"-1\r\n", b"1\r\nab\r\n", b"\r\n"] {
            assert!(read(Framing::chunked(), &[bad]).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn chunks_are_read_however_they_are_cut(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..8),
            cuts in proptest::collection::vec(1usize..40, 1..30),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend(format!("{:X}\r\n", chunk.len()).bytes());
                wire.extend(chunk);
                wire.extend(b"\r\n");
            }
            wire.extend(b"0\r\n\r\n");
            let (mut pieces, mut rest, mut n) = (Vec::new(), &wire[..], 0);
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(cuts[n % cuts.len()].min(rest.len()));
                pieces.push(piece);
                (rest, n) = (more, n + 1);
            }
            let (body, framing, left) = read(Framing::chunked(), &pieces).unwrap();
            prop_assert_eq!(body, chunks.concat());
            prop_assert!(framing.is_over() && left == 0);
        }
    }
}
