//! JSON strings: where one ends, and what it says.

use super::blocks::{BLOCK, Look, escapes, said, with_the_best_look};

/// Of a string's end: there are escapes before it.
pub(super) const ESCAPED: usize = 1 << (usize::BITS - 1);
/// No string's end.
pub(super) const MALFORMED: usize = usize::MAX;

/// Where the closing quote of a string is that begins at `from`; with a mark if it
/// holds escapes. All of it up to there is UTF-8. A plain number, as that is returned in a register: the parts of
/// a larger value would be written and read back in every member of every line.
#[inline(always)]
pub(super) fn end_of_string(bytes: &[u8], from: usize) -> usize {
    // Names, ids and most values are short.
    let mut at = from;
    for _ in 0..SHORT_LOOKS {
        let Some(short) = bytes[at..].first_chunk() else { return end_of_last_string(bytes, at) };
        let special = special_bytes(short);
        if special != 0 {
            let found = at + special.trailing_zeros() as usize;
            if bytes[found] == b'"' {
                return found;
            }
            break;
        }
        at += SHORT;
    }
    end_of_long_string(bytes, at)
}

/// The same near the end of a text, where the last bytes are looked at together
/// with some of those before.
#[inline(never)]
fn end_of_last_string(bytes: &[u8], from: usize) -> usize {
    if let Some(last) = bytes.last_chunk() {
        let special = special_bytes(last) >> (SHORT - (bytes.len() - from));
        let found = from + special.trailing_zeros() as usize;
        if special != 0 && bytes[found] == b'"' {
            return found;
        }
    }
    end_of_long_string(bytes, from)
}

/// So many bytes of a short string are looked at together, and so often: an id has
/// up to 36 of them.
const SHORT: usize = 16;
const SHORT_LOOKS: usize = 3;

/// A bit for each quote, backslash, control character, and what is not ASCII.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn special_bytes(block: &[u8; SHORT]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
    };
    let both = u128::from_le_bytes(*block);
    let (low, high) = (both as u64, (both >> 64) as u64);
    // SAFETY: these need SSE2, which every x86-64 has; they touch no memory.
    unsafe {
        let bytes = _mm_set_epi64x(high as i64, low as i64);
        let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
        let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
        // As signed numbers, those that are not ASCII are below zero.
        let odd = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quotes, backslashes), odd)) as u32
    }
}

/// A bit for each quote, backslash, control character, and what is not ASCII.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn special_bytes(block: &[u8; SHORT]) -> u32 {
    super::blocks::Words::special(block) as u32
}

with_the_best_look! {
    fn end_of_long_string(bytes: &[u8], from: usize) -> usize = walk
}

#[inline(always)]
fn walk<L: Look>(bytes: &[u8], from: usize) -> usize {
    let (mut at, mut open, mut mark, mut ascii) = (from, false, 0, true);
    loop {
        let padded;
        let block = match bytes[at..].first_chunk::<BLOCK>() {
            Some(block) => block,
            None => {
                padded = last_block(&bytes[at..]);
                &padded
            }
        };
        let masks = L::masks(block);
        let (mut escaped, mut is_open) = (0, false);
        if masks.backslashes != 0 || open {
            (escaped, _, is_open) = escapes(masks.backslashes, open);
        }
        let ends = masks.quotes & !escaped;
        // The bits below the first end, or all of them.
        let within = ends.wrapping_sub(1) & !ends;
        if masks.odd & within != 0 {
            if L::controls(block) & within != 0 {
                return MALFORMED;
            }
            ascii = false;
        }
        if (masks.backslashes | escaped) & within != 0 {
            mark = ESCAPED;
            let codes = escaped & within;
            if codes & !L::codes(block) != 0 || !are_sound(codes & L::equal(block, b'u'), at, bytes) {
                return MALFORMED;
            }
        }
        if ends != 0 {
            let end = at + ends.trailing_zeros() as usize;
            return if ascii || is_utf8(&bytes[from..end]) { end | mark } else { MALFORMED };
        }
        open = is_open;
        at += BLOCK;
        if at >= bytes.len() {
            return MALFORMED;
        }
    }
}

#[inline(never)]
fn is_utf8(bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}

/// The last bytes, with blanks behind them.
fn last_block(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// Whether four digits follow each `u` of these.
#[inline(always)]
fn are_sound(mut units: u64, block: usize, bytes: &[u8]) -> bool {
    while units != 0 {
        let at = block + units.trailing_zeros() as usize + 1;
        if !bytes.get(at..at + 4).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return false;
        }
        units &= units - 1;
    }
    true
}

with_the_best_look! {
    /// Writes what a sound string says, which is never longer than it is with its
    /// escapes, to the beginning of `to`; returns its length.
    pub(super) fn unescape(from: &[u8], to: &mut [u8]) -> usize = unescape_by
}

#[inline(always)]
fn unescape_by<L: Look>(from: &[u8], to: &mut [u8]) -> usize {
    let (mut base, mut read, mut written, mut open) = (0, 0, 0, false);
    while let Some(block) = from[base..].first_chunk::<BLOCK>() {
        let (escaped, mut starts, is_open) = escapes(L::equal(block, b'\\'), open);
        // An escape of the block before may reach into this one.
        let mut done = (read - base).min(BLOCK) as u32;
        if let Some(room) = to[written..].first_chunk_mut::<BLOCK>()
            && escaped & L::equal(block, b'u') == 0
        {
            let dropped = starts | !u64::MAX.checked_shl(done).unwrap_or(0);
            if L::squeeze(block, escaped, dropped, room) {
                written += BLOCK - dropped.count_ones() as usize;
                (base, open) = (base + BLOCK, is_open);
                read = read.max(base);
                continue;
            }
        }
        if open && read == base {
            // Its backslash was at the end of a block that was squeezed.
            let (more, length) = unescape_one(&from[base - 1..], &mut to[written..]);
            (read, written) = (base - 1 + length, written + more);
            done = (read - base) as u32;
        }
        open = is_open;
        starts &= u64::MAX.checked_shl(done).unwrap_or(0);
        while starts != 0 {
            let at = base + starts.trailing_zeros() as usize;
            written += copy(from, read..at, &mut to[written..]);
            let (more, length) = unescape_one(&from[at..], &mut to[written..]);
            (read, written) = (at + length, written + more);
            let done = (read - base).min(BLOCK) as u32;
            starts &= u64::MAX.checked_shl(done).unwrap_or(0);
        }
        base += BLOCK;
        if read < base {
            written += copy(from, read..base, &mut to[written..]);
            read = base;
        }
    }
    if open && read == base {
        read -= 1;
    }
    while read < from.len() {
        if from[read] == b'\\' {
            let (more, length) = unescape_one(&from[read..], &mut to[written..]);
            (read, written) = (read + length, written + more);
        } else {
            to[written] = from[read];
            (read, written) = (read + 1, written + 1);
        }
    }
    written
}

/// Copies a stretch of at most a block; returns its length. Where there is room, a
/// whole block is copied, and what is too much is written over later.
#[inline(always)]
fn copy(from: &[u8], stretch: std::ops::Range<usize>, to: &mut [u8]) -> usize {
    match (from[stretch.start..].first_chunk::<BLOCK>(), to.first_chunk_mut::<BLOCK>()) {
        (Some(block), Some(room)) => *room = *block,
        _ => to[..stretch.len()].copy_from_slice(&from[stretch.clone()]),
    }
    stretch.len()
}

/// Writes the character at an escape; returns its length and that of the escape.
#[inline(always)]
fn unescape_one(from: &[u8], to: &mut [u8]) -> (usize, usize) {
    let code = from.get(1).copied().unwrap_or(b'\\');
    if code == b'u' {
        let (character, length) = unicode_escape(from);
        return (character.encode_utf8(to).len(), length);
    }
    to[0] = said(code);
    (1, 2.min(from.len()))
}

/// The character at an escape of the form `\uXXXX`, or two of them, and how long
/// they are.
fn unicode_escape(bytes: &[u8]) -> (char, usize) {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6).filter(|text| text.starts_with(b"\\u"))?;
        u32::from_str_radix(std::str::from_utf8(&digits[2..]).ok()?, 16).ok()
    };
    let first = unit(0).unwrap_or(0xFFFD);
    if let (0xD800..=0xDBFF, Some(second @ 0xDC00..=0xDFFF)) = (first, unit(6)) {
        let joined = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return (char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stream::blocks::Words;
    #[cfg(target_arch = "x86_64")]
    use crate::stream::blocks::x86;

    /// A string's end, and what it says, as one way to look finds it.
    fn read<L: Look>(bytes: &[u8]) -> (usize, Vec<u8>) {
        let end = walk::<L>(bytes, 0);
        if end == MALFORMED {
            return (end, Vec::new());
        }
        let raw = &bytes[..end & !ESCAPED];
        let mut said = vec![0; raw.len()];
        let length = unescape_by::<L>(raw, &mut said);
        said.truncate(length);
        (end, said)
    }

    proptest! {
        #[test]
        fn every_way_to_look_reads_the_same(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "a", "0123456789", "é", "a stretch of text that is longer than half a block", "\\n", "\\t", "\\\"",
                "\\\\", "\\/", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "\\ud83d",
            ]), 0..60),
            spoiled in prop::option::weighted(0.1, (any::<prop::sample::Index>(), any::<u8>())),
        ) {
            let mut bytes = (pieces.concat() + "\"").into_bytes();
            if let Some((at, byte)) = spoiled {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let found = read::<Words>(&bytes);
            let quoted = [b"\"", &bytes[..]].concat();
            let plain = serde_json::Deserializer::from_slice(&quoted).into_iter::<&serde_json::value::RawValue>().next();
            prop_assert_eq!(found.0 != MALFORMED, plain.is_some_and(|read| read.is_ok()));
            #[cfg(target_arch = "x86_64")]
            {
                if x86::best() >= x86::AVX2 {
                    prop_assert_eq!(&read::<x86::Avx2>(&bytes), &found);
                }
                if x86::best() >= x86::AVX512 {
                    prop_assert_eq!(&read::<x86::Avx512>(&bytes), &found);
                }
            }
        }
    }
}
