//! Server-sent events, as far as the Messages API needs them: the `data` of
//! each message. The format is that of the WHATWG HTML standard, section 9.2.

use bytes::{Bytes, BytesMut};

/// Gathers lines into messages.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    data: Option<Data>,
}

#[derive(Debug)]
enum Data {
    /// One line, as nearly every message has: no copy.
    One(Bytes),
    Many(BytesMut),
}

impl Assembler {
    /// Takes a line; returns the data of the message it completes.
    pub(super) fn line(&mut self, line: &Bytes, first: bool) -> Option<Bytes> {
        let mut line = line.clone();
        if first && line.starts_with(b"\xEF\xBB\xBF") {
            line = line.slice(3..);
        }
        if line.is_empty() {
            return self.end();
        }
        let value = match memchr::memchr(b':', &line) {
            Some(colon) if &line[..colon] == b"data" => {
                let from = colon + 1 + usize::from(line.get(colon + 1) == Some(&b' '));
                line.slice(from..)
            }
            None if &line[..] == b"data" => Bytes::new(),
            // Comments, event names (the data repeats them), ids and retry times.
            _ => return None,
        };
        self.data = Some(match self.data.take() {
            None => Data::One(value),
            Some(data) => {
                let mut all = match data {
                    Data::One(first) => BytesMut::from(&first[..]),
                    Data::Many(all) => all,
                };
                all.extend_from_slice(b"\n");
                all.extend_from_slice(&value);
                Data::Many(all)
            }
        });
        None
    }

    /// Ends the message being gathered.
    pub(super) fn end(&mut self) -> Option<Bytes> {
        self.data.take().map(|data| match data {
            Data::One(bytes) => bytes,
            Data::Many(bytes) => bytes.freeze(),
        })
    }
}
