//! 64 bytes of a JSON string looked at together.

/// So many bytes are looked at together: a bit for each fits a word.
pub(super) const BLOCK: usize = 64;

/// A bit for each byte of a block that is one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Masks {
    pub(super) quotes: u64,
    pub(super) backslashes: u64,
    /// Control characters, which a string may not hold as they are, and what is not
    /// ASCII, which has to be UTF-8.
    pub(super) odd: u64,
}

/// A way to look at a block.
pub(super) trait Look {
    /// A bit for each byte that is `byte`.
    fn equal(block: &[u8; BLOCK], byte: u8) -> u64;

    /// A bit for each byte below 0x20.
    fn controls(block: &[u8; BLOCK]) -> u64;

    /// A bit for each byte below 0x20 or above 0x7F.
    fn odd(block: &[u8; BLOCK]) -> u64;

    #[inline(always)]
    fn masks(block: &[u8; BLOCK]) -> Masks {
        Masks { quotes: Self::equal(block, b'"'), backslashes: Self::equal(block, b'\\'), odd: Self::odd(block) }
    }

    /// A bit for each byte that may follow a backslash.
    #[inline(always)]
    fn codes(block: &[u8; BLOCK]) -> u64 {
        b"\"\\/bfnrtu".iter().fold(0, |found, code| found | Self::equal(block, *code))
    }

    /// Writes what a block says in which the bytes at `escaped` follow a backslash,
    /// without those at `dropped`, to the beginning of `to`. `false` if that cannot
    /// be done in one go, and nothing was written.
    #[inline(always)]
    fn squeeze(_block: &[u8; BLOCK], _escaped: u64, _dropped: u64, _to: &mut [u8; BLOCK]) -> bool {
        false
    }
}

/// What each ASCII byte behind a backslash stands for; zero where it may not be
/// there. Four digits more say what `u` stands for.
const SAID: [u8; 128] = {
    let mut said = [0; 128];
    let codes = b"\"\\/bfnrtu";
    let characters = b"\"\\/\x08\x0C\n\r\tu";
    let mut at = 0;
    while at < codes.len() {
        said[codes[at] as usize] = characters[at];
        at += 1;
    }
    said
};

/// What a byte behind a backslash stands for.
#[inline(always)]
pub(super) fn said(code: u8) -> u8 {
    SAID.get(usize::from(code)).copied().unwrap_or_default()
}

/// Which bytes of a block follow a backslash that is none of an escape itself,
/// which backslashes begin an escape, and whether the last one does. `open` says
/// so of the block before. A row of backslashes is told apart by whether its
/// length is odd, with one subtraction for all rows (Langdale and Lemire, "Parsing
/// gigabytes of JSON per second", VLDB Journal 2019).
#[inline(always)]
pub(super) const fn escapes(backslashes: u64, open: bool) -> (u64, u64, bool) {
    const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
    let open = open as u64;
    let beginning = backslashes & !open;
    let after = ((beginning << 1) | ODD).wrapping_sub(beginning) ^ ODD;
    let escaped = after ^ (backslashes | open);
    let starts = after & backslashes;
    (escaped, starts, starts >> 63 == 1)
}

/// Eight bytes at a time, on any machine.
pub(super) struct Words;

impl Words {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = Self::ONES << 7;

    /// A bit for each quote, backslash, control character, and what is not ASCII, of
    /// a few words.
    #[cfg(not(target_arch = "x86_64"))]
    #[inline(always)]
    pub(super) fn special(block: &[u8]) -> u64 {
        let equal = |byte: u8| Self::zeros(block, |word| word ^ (Self::ONES * u64::from(byte)));
        equal(b'"') | equal(b'\\') | Self::zeros(block, Self::odd_as_zeros)
    }

    /// Zero for each byte below 0x20 or above 0x7F, and for no other.
    #[inline(always)]
    const fn odd_as_zeros(word: u64) -> u64 {
        let high = (word & Self::HIGHS) >> 7;
        (word & (Self::ONES * 0x60)) & !(high * 0x60)
    }

    /// A bit for each byte of which `word` makes zero, of at most eight words.
    #[inline(always)]
    fn zeros(block: &[u8], word: impl Fn(u64) -> u64) -> u64 {
        let (words, _) = block.as_chunks::<8>();
        let mut found = 0;
        for (at, bytes) in words.iter().enumerate() {
            let word = word(u64::from_le_bytes(*bytes));
            // Without a carry from one byte to the next, so that every bit is exact.
            let zeros = !(((word & !Self::HIGHS) + !Self::HIGHS) | word | !Self::HIGHS);
            // The high bits of eight bytes, gathered into one.
            found |= ((zeros >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * at);
        }
        found
    }
}

impl Look for Words {
    #[inline(always)]
    fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
        Self::zeros(block, |word| word ^ (Self::ONES * u64::from(byte)))
    }

    #[inline(always)]
    fn controls(block: &[u8; BLOCK]) -> u64 {
        Self::zeros(block, |word| word & (Self::ONES * 0xE0))
    }

    #[inline(always)]
    fn odd(block: &[u8; BLOCK]) -> u64 {
        Self::zeros(block, Self::odd_as_zeros)
    }
}

/// What processors of the family of x86-64 have for this.
#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use std::arch::x86_64::{
        __m256i, __m512i, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_min_epu8,
        _mm256_movemask_epi8, _mm256_set1_epi8, _mm512_cmpeq_epi8_mask, _mm512_cmplt_epi8_mask,
        _mm512_cmplt_epu8_mask, _mm512_loadu_si512, _mm512_mask_mov_epi8, _mm512_maskz_compress_epi8,
        _mm512_movepi8_mask, _mm512_permutex2var_epi8, _mm512_set1_epi8, _mm512_storeu_si512,
        _mm512_test_epi8_mask,
    };

    use std::sync::atomic::{AtomicU8, Ordering};

    use super::{BLOCK, Look, SAID};

    const WORDS: u8 = 1;
    pub(in super::super) const AVX2: u8 = 2;
    pub(in super::super) const AVX512: u8 = 3;

    /// The best way to look that this machine has: one number to load, as it is
    /// asked for with every long string.
    #[inline(always)]
    pub(in super::super) fn best() -> u8 {
        static BEST: AtomicU8 = AtomicU8::new(0);
        match BEST.load(Ordering::Relaxed) {
            0 => {
                let best = find_best();
                BEST.store(best, Ordering::Relaxed);
                best
            }
            best => best,
        }
    }

    #[cold]
    #[inline(never)]
    fn find_best() -> u8 {
        use std::arch::is_x86_feature_detected as has;
        let avx2 = has!("avx2") && has!("bmi1") && has!("bmi2") && has!("popcnt");
        if avx2 && has!("avx512bw") && has!("avx512vbmi") && has!("avx512vbmi2") {
            AVX512
        } else if avx2 {
            AVX2
        } else {
            WORDS
        }
    }

    /// To be used only where [`best`] is this or better.
    pub(in super::super) struct Avx2;

    impl Avx2 {
        #[inline(always)]
        fn halves(block: &[u8; BLOCK], look: impl Fn(__m256i) -> __m256i) -> u64 {
            // SAFETY: whoever uses this found AVX2; both halves are in the block.
            unsafe {
                let half = |at: usize| {
                    let bytes = _mm256_loadu_si256(block.as_ptr().add(at).cast());
                    u64::from(_mm256_movemask_epi8(look(bytes)) as u32)
                };
                half(0) | half(32) << 32
            }
        }
    }

    impl Look for Avx2 {
        #[inline(always)]
        fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
            // SAFETY: as above.
            Self::halves(block, |bytes| unsafe { _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte as i8)) })
        }

        #[inline(always)]
        fn controls(block: &[u8; BLOCK]) -> u64 {
            // SAFETY: as above.
            Self::halves(block, |bytes| unsafe {
                _mm256_cmpeq_epi8(bytes, _mm256_min_epu8(bytes, _mm256_set1_epi8(0x1F)))
            })
        }

        #[inline(always)]
        fn odd(block: &[u8; BLOCK]) -> u64 {
            // SAFETY: as above. As signed numbers, those above 0x7F are below zero.
            Self::halves(block, |bytes| unsafe { _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), bytes) })
        }
    }

    /// To be used only where [`best`] is this: it needs AVX-512 with BW, VBMI and VBMI2.
    pub(in super::super) struct Avx512;

    impl Avx512 {
        #[inline(always)]
        fn load(block: &[u8; BLOCK]) -> __m512i {
            // SAFETY: whoever uses this found AVX-512; the block is as long.
            unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
        }

        /// What each byte would stand for behind a backslash, if it is ASCII.
        #[inline(always)]
        fn said(block: __m512i) -> __m512i {
            let (low, high) = (SAID[..BLOCK].as_ptr(), SAID[BLOCK..].as_ptr());
            // SAFETY: as above; each half of the table is as long as a block.
            unsafe {
                let (low, high) = (_mm512_loadu_si512(low.cast()), _mm512_loadu_si512(high.cast()));
                _mm512_permutex2var_epi8(low, block, high)
            }
        }
    }

    impl Look for Avx512 {
        #[inline(always)]
        fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
            // SAFETY: as above.
            unsafe { _mm512_cmpeq_epi8_mask(Self::load(block), _mm512_set1_epi8(byte as i8)) }
        }

        #[inline(always)]
        fn controls(block: &[u8; BLOCK]) -> u64 {
            // SAFETY: as above.
            unsafe { _mm512_cmplt_epu8_mask(Self::load(block), _mm512_set1_epi8(0x20)) }
        }

        #[inline(always)]
        fn odd(block: &[u8; BLOCK]) -> u64 {
            // SAFETY: as above. As signed numbers, those above 0x7F are below zero.
            unsafe { _mm512_cmplt_epi8_mask(Self::load(block), _mm512_set1_epi8(0x20)) }
        }

        #[inline(always)]
        fn codes(block: &[u8; BLOCK]) -> u64 {
            let block = Self::load(block);
            let said = Self::said(block);
            // SAFETY: as above.
            unsafe { _mm512_test_epi8_mask(said, said) & !_mm512_movepi8_mask(block) }
        }

        #[inline(always)]
        fn squeeze(block: &[u8; BLOCK], escaped: u64, dropped: u64, to: &mut [u8; BLOCK]) -> bool {
            let block = Self::load(block);
            // SAFETY: as above; there is room for a block.
            unsafe {
                let translated = _mm512_mask_mov_epi8(block, escaped, Self::said(block));
                let squeezed = _mm512_maskz_compress_epi8(!dropped, translated);
                _mm512_storeu_si512(to.as_mut_ptr().cast(), squeezed);
            }
            true
        }
    }
}

/// Calls a function with the best way to look that this machine has.
macro_rules! with_the_best_look {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),*) -> $to:ty = $walk:ident) => {
        $(#[$doc])*
        #[inline(never)]
        $vis fn $name($($arg: $ty),*) -> $to {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
                fn avx2($($arg: $ty),*) -> $to {
                    $walk::<$crate::stream::blocks::x86::Avx2>($($arg),*)
                }

                #[target_feature(enable = "avx512bw,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
                fn avx512($($arg: $ty),*) -> $to {
                    $walk::<$crate::stream::blocks::x86::Avx512>($($arg),*)
                }

                match $crate::stream::blocks::x86::best() {
                    // SAFETY: what these need was found.
                    $crate::stream::blocks::x86::AVX512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::stream::blocks::x86::AVX2 => return unsafe { avx2($($arg),*) },
                    _ => {}
                }
            }
            $walk::<$crate::stream::blocks::Words>($($arg),*)
        }
    };
}
pub(super) use with_the_best_look;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one_by_one(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
        (0..BLOCK).fold(0, |found, at| found | u64::from(is(block[at])) << at)
    }

    fn agrees<L: Look>(block: &[u8; BLOCK]) {
        for byte in [b'"', b'\\', b'u', 0, 0x80, 0xFF] {
            assert_eq!(L::equal(block, byte), one_by_one(block, |b| b == byte), "{byte}");
        }
        assert_eq!(L::controls(block), one_by_one(block, |b| b < 0x20));
        assert_eq!(L::odd(block), one_by_one(block, |b| !(0x20..0x80).contains(&b)));
        assert_eq!(L::codes(block), one_by_one(block, |b| b"\"\\/bfnrtu".contains(&b)));
    }

    proptest! {
        #[test]
        fn every_way_to_look_sees_the_same(
            block in prop::array::uniform32(any::<u8>()),
            more in prop::collection::vec(prop::sample::select(b"\"\\u\x1F\x20n\xFF".to_vec()), 32),
        ) {
            let block: [u8; BLOCK] = [&block[..], &more[..]].concat().try_into().expect("64 bytes");
            agrees::<Words>(&block);
            #[cfg(target_arch = "x86_64")]
            {
                if x86::best() >= x86::AVX2 {
                    agrees::<x86::Avx2>(&block);
                }
                if x86::best() >= x86::AVX512 {
                    agrees::<x86::Avx512>(&block);
                }
            }
        }

        #[test]
        fn escapes_are_those_that_reading_finds(backslashes: u64, dense: bool, open: bool) {
            let backslashes = if dense { backslashes | backslashes >> 1 } else { backslashes };
            let (mut escaped, mut starts, mut is_open) = (0, 0, open);
            for at in 0..64 {
                if is_open {
                    escaped |= 1 << at;
                    is_open = false;
                } else if backslashes >> at & 1 == 1 {
                    starts |= 1 << at;
                    is_open = true;
                }
            }
            prop_assert_eq!(escapes(backslashes, open), (escaped, starts, is_open));
        }
    }
}
