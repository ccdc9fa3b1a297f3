//! Compressing what is worth it.

/// Values below this size are kept as they are. Half of 512 bytes of text is
/// saved in about 20 µs; of 256 bytes it is some 80, as many as a quarter of what
/// is kept beside them (`benches/README.md`).
const WORTH_IT: usize = 512;
/// What a value may be when unpacked: a length beyond that is damage.
const LARGEST: usize = 1 << 30;

/// A value as it is stored.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    /// How long it is unpacked; `None` if it is as it was.
    pub(super) plain: Option<usize>,
}

/// Compresses a value, unless that saves less than an eighth of it.
pub(super) fn pack(value: &[u8]) -> Packed {
    let packed = (WORTH_IT..=LARGEST)
        .contains(&value.len())
        .then(|| zstd::bulk::compress(value, zstd::DEFAULT_COMPRESSION_LEVEL).ok())
        .flatten()
        .filter(|packed| packed.len() < value.len() - value.len() / 8);
    match packed {
        Some(bytes) => Packed { bytes, plain: Some(value.len()) },
        None => Packed { bytes: value.to_vec(), plain: None },
    }
}

/// The value; `None` if this is none.
pub(super) fn unpack(bytes: &[u8], plain: Option<usize>) -> Option<Vec<u8>> {
    match plain {
        None => Some(bytes.to_vec()),
        Some(length) if length <= LARGEST => {
            zstd::bulk::decompress(bytes, length).ok().filter(|value| value.len() == length)
        }
        Some(_) => None,
    }
}
