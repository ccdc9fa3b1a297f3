//! The outer parts of a Protobuf message, one after the other.
//!
//! A message taken apart as a whole may take a hundred times the memory of its
//! bytes; a walk takes none.

/// The bytes are no Protobuf, from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged {left} bytes before the end of a message")]
pub struct Damaged {
    left: usize,
}

/// The fields of a message that are messages themselves, or texts: their
/// numbers and their bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) const fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// Calls `each` with the bytes of every field of this number.
    pub(super) fn each<E: From<Damaged>>(
        self,
        number: u64,
        mut each: impl FnMut(&'a [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for field in self {
            let (found, bytes) = field?;
            if found == number {
                each(bytes)?;
            }
        }
        Ok(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for at in 0..10 {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            // The tenth byte has room for one bit.
            if at == 9 && byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(count).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    /// The next field; its bytes are `None` if it is a number.
    fn field(&mut self) -> Option<(u64, Option<&'a [u8]>)> {
        let tag = self.varint()?;
        let number = tag >> 3;
        let bytes = match tag & 7 {
            _ if number == 0 => return None,
            0 => self.varint().map(|_| None)?,
            1 => self.take(8).map(|_| None)?,
            2 => {
                let length = self.varint()?;
                Some(self.take(length)?)
            }
            5 => self.take(4).map(|_| None)?,
            // Groups: no message of OTLP ever had any.
            _ => return None,
        };
        Some((number, bytes))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, &'a [u8]), Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            match self.field() {
                Some((number, Some(bytes))) => return Some(Ok((number, bytes))),
                Some((_, None)) => {}
                None => {
                    let left = std::mem::take(&mut self.rest).len();
                    return Some(Err(Damaged { left }));
                }
            }
        }
        None
    }
}
